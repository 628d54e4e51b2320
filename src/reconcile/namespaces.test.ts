import { describe, expect, it } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { KubeError } from "../kube/errors.ts";
import { namespaceResource } from "../kube/resource.ts";
import { LABEL, type NamespaceFact } from "./management.ts";
import { Namespaces } from "./namespaces.ts";

const TTL_MS = 30_000;

/** A namespace of which each read is answered by hand, in whatever order. */
function setUp() {
  const clock = new VirtualClock();
  const answers: ((policy: string) => void)[] = [];
  const changed: string[] = [];
  const namespaces = new Namespaces({
    clock,
    ttlMs: TTL_MS,
    changed: (name) => changed.push(name),
    namespaces: {
      get: (_, name) => {
        const { promise, resolve } = Promise.withResolvers<{ metadata: object }>();
        answers.push((policy) =>
          resolve({ metadata: { name, labels: { [LABEL.managementPolicy]: policy } } }),
        );
        return promise as never;
      },
    },
  });
  return { clock, namespaces, answers, changed };
}
const says = (managementPolicy: string): NamespaceFact => ({
  state: "read",
  managementPolicy,
  terminating: false,
});

it("reads a namespace once for all of its objects, and again for a write that must know what was said meanwhile", async () => {
  const { clock, namespaces, answers, changed } = setUp();
  const first = [namespaces.read("ml"), namespaces.read("ml")];
  answers[0]?.("Manage");
  expect(await Promise.all(first)).toEqual([says("Manage"), says("Manage")]);
  await clock.advance(1_000);
  const beganAt = clock.monotonic();
  const again = [namespaces.read("ml", beganAt), namespaces.read("ml", beganAt), namespaces.read("ml")];
  expect(namespaces.known("ml")).toEqual(says("Manage"));
  answers[1]?.("Observe");
  expect(await Promise.all(again)).toEqual([says("Observe"), says("Observe"), says("Observe")]);
  expect(namespaces.known("ml")).toEqual(says("Observe"));
  expect([answers.length, changed]).toEqual([2, ["ml"]]);
});

it("does not go back to what an older read says that is answered later", async () => {
  const { clock, namespaces, answers } = setUp();
  const older = namespaces.read("ml");
  await clock.advance(1_000);
  const newer = namespaces.read("ml", clock.monotonic());
  answers[1]?.("Observe");
  await newer;
  answers[0]?.("Manage");
  await older;
  expect(namespaces.known("ml")).toEqual(says("Observe"));
});

function overCluster() {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock });
  const changes: string[] = [];
  const namespaces = new Namespaces({
    namespaces: namespaceResource(kube),
    clock,
    ttlMs: TTL_MS,
    changed: (namespace) => void changes.push(namespace),
  });
  return { clock, kube, changes, namespaces };
}

describe("a namespace that cannot be read", () => {
  it("is not known before it was read, and a right that is missing is an answer", async () => {
    const { clock, kube, namespaces } = overCluster();
    expect(namespaces.known("team-a").state).toBe("unreadable");
    await namespaces.read("team-a");
    expect(namespaces.known("team-a").state).toBe("read");
    kube.intercept = () => {
      throw new KubeError({ code: "KUBE_FORBIDDEN", message: "no" });
    };
    await clock.advance(TTL_MS);
    expect((await namespaces.read("team-a")).state).toBe("unreadable");
    expect(namespaces.known("team-a").state).toBe("unreadable");
  });

  it("stays as it was read last while it cannot be read just now, and is tried by the next pass", async () => {
    const { clock, kube, changes, namespaces } = overCluster();
    kube.label("team-a", { [LABEL.deletionProtection]: "true" });
    await namespaces.read("team-a");
    await clock.advance(TTL_MS);
    kube.intercept = () => ({ fail: "before" });
    await expect(namespaces.read("team-a")).rejects.toThrow("connection reset");
    expect(namespaces.known("team-a")).toMatchObject({ deletionProtection: "true" });
    kube.intercept = () => undefined;
    expect(await namespaces.read("team-a")).toMatchObject({ deletionProtection: "true" });
    expect(changes).toEqual([]);
  });
});
