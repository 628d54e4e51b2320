import { expect, test } from "vitest";
import { FakeKube, type FakeType } from "../../test/support/fake-kube.ts";
import { KUBE_CONTRACT } from "../../test/support/kube-contract.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { isNotFound } from "./errors.ts";
import type { KubeObject } from "./objects.ts";
import { leases, Resource, secrets } from "./resource.ts";

const THINGS: FakeType = {
  group: "test.dev",
  version: "v1",
  plural: "things",
  kind: "Thing",
  namespaced: true,
};

// The fake replaces a real API server in thousands of property runs; the same statements are tested against both.
for (const [sentence, holds] of Object.entries(KUBE_CONTRACT)) {
  test(`the fake API server behaves as a real one: ${sentence}`, async () => {
    const kube = new FakeKube({ clock: new VirtualClock(), types: [THINGS] });
    await holds({ things: new Resource<KubeObject>(kube, THINGS), leases: leases(kube), namespace: "ns" });
  });
}

test("paths: core and named groups, one namespace and all, subresources; names are escaped", async () => {
  const kube = new FakeKube({ clock: new VirtualClock(), types: [THINGS] });
  const things = new Resource<KubeObject>(kube, THINGS);
  await secrets(kube).list({ namespace: "ns", limit: 1 });
  await things.list();
  await things.get("ns", "x y").catch(() => {});
  await things.patchStatus("ns", "x", {}).catch(() => {});
  expect(kube.calls.map(({ method, path }) => `${method} ${path}`)).toEqual([
    "GET /api/v1/namespaces/ns/secrets",
    "GET /apis/test.dev/v1/things",
    "GET /apis/test.dev/v1/namespaces/ns/things/x%20y",
    "PATCH /apis/test.dev/v1/namespaces/ns/things/x/status",
  ]);
  expect(kube.calls[0]?.query).toEqual({ limit: 1 });
});

test.each(["", ".", "..", "../../kube-system/secrets/x", "x/status", "a%2Fb"])(
  "no request is sent for %j, which a path cannot hold as one segment",
  async (name) => {
    const kube = new FakeKube({ clock: new VirtualClock(), types: [THINGS] });
    const things = new Resource<KubeObject>(kube, THINGS);
    const calls = [
      () => things.get("ns", name),
      () => things.mergePatch("ns", name, {}),
      () => things.patchStatus("ns", name, {}),
      () => things.delete("ns", name),
      ...(name === ""
        ? []
        : [() => things.get(name, "x"), () => things.create(name, { metadata: { name: "x" } })]),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: "KUBE_BAD_REQUEST" });
    expect(kube.calls).toEqual([]);
  },
);

test("a kind that is not installed is KUBE_NOT_FOUND, for lists and watches alike", async () => {
  const kube = new FakeKube({ clock: new VirtualClock() });
  const things = new Resource<KubeObject>(kube, THINGS);
  await expect(things.list()).rejects.toSatisfy(isNotFound);
  await expect(things.watch()).rejects.toSatisfy(isNotFound);
});
