/**
 * Keys that are missing, wrong or another team's, specs that the API refuses, and answers that are none: always said in
 * the status, never a crash, never a second machine, and all is well again once the cause is mended.
 */
import { test as base, describe, expect } from "vitest";
import type { FaultInput } from "../dev/simulator/faults.ts";
import { checkConformance, Place, sharedPlace, test } from "./support/cluster.ts";
import { KillProxy } from "./support/kill-proxy.ts";
import { manifest } from "./support/manifest.ts";
import { STORMS } from "./support/storms.ts";

const NAME = "one";
/** Its passes come around often, so that a Secret that was mended is seen. */
const OFTEN = ["--resync-interval=1s"];

/** A test whose namespace begins without a Secret. */
const keyless = base.extend("place", async ({ onTestFailed }, { onCleanup }) => {
  const place = await Place.open({ key: null });
  onTestFailed(() => console.log(place.report()));
  onCleanup(() => place.close());
  return place;
});

function creates(place: Place) {
  return place.sim.calls.list({ method: "POST", path: "/v1/machines" });
}

/** Still the process that was started, and not one complaint of its own. */
function expectAlive(place: Place): void {
  const [daemon] = place.daemons;
  expect(daemon?.ending).toBeUndefined();
  expect(daemon?.logged().filter(({ level }) => level === "fatal")).toEqual([]);
}

describe.concurrent("API keys", () => {
  keyless(
    "without a Secret nothing is done, and the line that the message prints mends it",
    async ({ place }) => {
      await place.daemon();
      await place.apply(manifest(NAME));
      const { message } = await place.reason(NAME, "Stalled", "CredentialsInvalid");
      await place.eventOf(NAME, "Warning", "CredentialsInvalid");
      expect(place.sim.calls.list()).toEqual([]);
      const line = /kubectl .*<key>/.exec(message)?.[0].replace("<key>", "sim-key-alpha") ?? "";
      expect(await place.shell(line)).toMatchObject({ code: 0, err: "" });
      await place.ready(NAME);
      expectAlive(place);
    },
  );

  keyless(
    "a wrong key is said, asked about once and not once an object, and mended by the Secret",
    async ({ place }) => {
      await place.secret("sim-key-of-nobody");
      // Long enough for any host: a request that was given up would be sent again, and be counted.
      await place.daemon({ flags: ["--key-recheck=1h", "--request-timeout=60s"] });
      const names = ["a", "b", "c", "d"];
      await place.apply(...names.map((name) => manifest(name)));
      for (const name of names) {
        const { message } = await place.reason(name, "Stalled", "CredentialsInvalid");
        expect(message).toContain(`${place.namespace}/paperspace-credentials`);
        expect(message).not.toContain("sim-key");
      }
      await place.eventOf("a", "Warning", "CredentialsInvalid");
      expect(place.sim.calls.list().map(({ path }) => path)).toEqual(["/v1/auth/session"]);
      await place.secret("sim-key-alpha");
      await Promise.all(names.map((name) => place.ready(name)));
      expect(place.everMade()).toHaveLength(4);
      expectAlive(place);
    },
  );

  keyless(
    "a key under another field is told by what the Secret holds, and the spec can name it",
    async ({ place }) => {
      await place.secret("sim-key-alpha", "paperspace-credentials", "token");
      await place.daemon();
      await place.apply(manifest(NAME));
      const { message } = await place.reason(NAME, "Stalled", "CredentialsInvalid");
      expect(message).toContain("token");
      await place.edit(NAME, {
        spec: { credentialsSecretRef: { name: "paperspace-credentials", key: "token" } },
      });
      await place.ready(NAME);
    },
  );

  test("another team's key looks like an empty account, and is not taken for one", async ({ place }) => {
    await place.daemon({ flags: OFTEN });
    await place.apply(manifest(NAME));
    const { status } = await place.ready(NAME);
    await place.secret("sim-key-beta");
    const { message } = await place.reason(NAME, "Stalled", "CredentialsInvalid");
    expect(message).toMatch(/te-beta.*te-alpha/);
    await place.eventOf(NAME, "Warning", "CredentialsInvalid");
    await place.objectsOf.delete(place.namespace, NAME);
    await place.until("the deletion is seen", () => {
      const stalled = place.condition(NAME, "Stalled");
      return place.get(NAME)?.metadata.deletionTimestamp && stalled?.reason === "CredentialsInvalid";
    });
    expect(place.machines().map(({ id }) => id)).toEqual([status?.id]);
    await place.secret("sim-key-alpha-2");
    await place.gone(NAME);
    expect(place.machines()).toEqual([]);
    expect(place.everMade()).toHaveLength(1);
    expectAlive(place);
  });

  test("a key that is revoked while machines run stops all work, and a new one starts it again", async ({
    place,
  }) => {
    await place.daemon({ flags: OFTEN });
    await place.apply(manifest(NAME));
    await place.ready(NAME);
    place.sim.console.revokeKey("sim-key-alpha");
    await place.edit(NAME, { spec: { powerState: "Stopped" } });
    await place.reason(NAME, "Stalled", "CredentialsInvalid");
    await place.secret("sim-key-alpha-2");
    await place.ready(NAME);
    expect(place.everMade().map(({ state }) => state)).toEqual(["off"]);
    expectAlive(place);
  });
});

describe("specs that the API refuses", () => {
  const shared = sharedPlace();

  base.for([
    [
      "machine type",
      { machineType: "B1000" },
      { machineType: "A4000" },
      "Machine type B1000 is not available",
    ],
    ["template", { templateId: "tnowhere" }, { templateId: "t0nspur5" }, "Template tnowhere not found"],
    ["region", { region: "moon1" }, { region: "ny2" }, "Region moon1 does not exist"],
  ] as const)(
    "a %s that the API does not know is Stalled with its words, until the spec is corrected",
    async ([what, wrong, right, words]) => {
      const place = shared();
      const name = what.replace(" ", "-");
      await place.apply(manifest(name, wrong));
      expect((await place.reason(name, "Stalled", "Refused")).message).toContain(words);
      await place.eventOf(name, "Warning", "Refused");
      await place.edit(name, { spec: right });
      const { status } = await place.ready(name);
      const asked = creates(place).filter(({ body }) =>
        (body as { name: string }).name.startsWith(`${name}-`),
      );
      expect(asked.map(({ status }) => (status ?? 0) < 300)).toEqual([false, true]);
      expect(place.machines().filter(({ id }) => id === status?.id)).toHaveLength(1);
      expectAlive(place);
    },
  );
});

describe("a create that is answered by", () => {
  const shared = sharedPlace();
  const nameOf = (storm: string) => storm.toLowerCase().replaceAll(" ", "-");
  /** The cloud names of one object: the beginning of its name, and a hash. */
  const cloudNames = (name: string) => new RegExp(`^${name.slice(0, 48)}-[0-9a-f]{12}$`);

  /** All at once: each waits until it is sure what came of it. Only the applying is one after the other. */
  base("each of these is struck once", async () => {
    const place = shared();
    // While the account cannot be listed nobody finds out, and so nobody tries again and is struck in another's stead.
    const blind = place.sim.faults.add({
      match: { method: "GET", path: "/machines$", times: "always" },
      do: { status: 503 },
    });
    for (const [storm, { fault }] of Object.entries(STORMS)) {
      const { id } = place.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: fault });
      await place.apply(manifest(nameOf(storm)));
      await place.until(
        storm,
        () => place.sim.faults.list().find((placed) => placed.id === id)?.struck === 1,
      );
    }
    await Promise.all(
      Object.keys(STORMS).map((storm) => place.reason(nameOf(storm), "Reconciling", "ResolvingCreate")),
    );
    place.sim.faults.remove(blind.id);
    expect(creates(place)).toHaveLength(Object.keys(STORMS).length);
  });

  for (const [storm, { says, made }] of Object.entries(STORMS))
    base(`${storm} is said, and leads to exactly one machine`, async () => {
      const place = shared();
      const name = nameOf(storm);
      const { status } = await place.ready(name);
      const ours = place.everMade().filter(({ settings }) => cloudNames(name).test(settings.name));
      expect(ours.map(({ id }) => id)).toEqual([status?.id]);
      const sent = creates(place).filter(({ body }) =>
        cloudNames(name).test((body as { name: string }).name),
      );
      expect(sent).toHaveLength(made ? 1 : 2);
      const told = place.said(name, "Reconciling").map(({ message }) => message);
      expect(told).toContainEqual(expect.stringMatching(says));
    });
});

describe.concurrent("while the API is ill", () => {
  test("reads that fail in every way delay a create and a delete, and nothing is lost", async ({ place }) => {
    const ill: FaultInput["do"][] = [{ status: 503 }, { truncate: true }, { cut: "before" }, { html: true }];
    for (const path of ["/auth/session$", "/machine-events", "/machines/", "/machines$"])
      for (const sick of ill) place.sim.faults.add({ match: { method: "GET", path }, do: sick });
    await place.daemon();
    await place.apply(manifest(NAME));
    await place.ready(NAME);
    for (const sick of [{ status: 500 }, { cut: "after" }, { truncate: true }] as const)
      place.sim.faults.add({ match: { method: "DELETE" }, do: sick });
    await place.kubectl(`delete psm ${NAME} --timeout=60s`);
    expect(place.machines()).toEqual([]);
    expect(place.everMade()).toHaveLength(1);
    expectAlive(place);
  });

  test("power changes whose answers are lost are found out about, and come about once", async ({ place }) => {
    await place.daemon();
    await place.apply(manifest(NAME));
    await place.ready(NAME);
    place.sim.faults.add({ match: { method: "PATCH", path: "/stop$" }, do: { cut: "after" } });
    place.sim.faults.add({
      match: { method: "PATCH", path: "/start$" },
      do: { status: 502, takesEffect: true },
    });
    await place.edit(NAME, { spec: { powerState: "Stopped" } });
    await place.ready(NAME);
    expect(place.everMade().map(({ state }) => state)).toEqual(["off"]);
    await place.edit(NAME, { spec: { powerState: "Running" } });
    await place.ready(NAME);
    expect(place.everMade().map(({ state }) => state)).toEqual(["ready"]);
  });

  test("watch lines that are none are read again: no object is missed, none is seen half", async ({
    place,
  }) => {
    const proxy = await KillProxy.open({
      kubeconfig: place.cluster.kubeconfig,
      paperspaceUrl: place.sim.url,
    });
    const daemon = await place.daemon({ kubeconfig: proxy.kubeconfig, paperspaceUrl: proxy.paperspaceUrl });
    const nonsense = [
      (line: string) => line.slice(0, line.length / 2),
      () => "<html>502 Bad Gateway</html>",
      () => '{"type":"ADDED"}',
      (line: string) => line.replace('"ADDED"', '"RENAMED"'),
    ];
    const names = nonsense.map((_, i) => `n${i}`);
    for (const [i, spoilt] of nonsense.entries()) {
      let done = false;
      proxy.spoil = (line) => {
        if (done || !line.includes(`"name":"n${i}"`)) return line;
        done = true;
        return spoilt(line);
      };
      await place.apply(manifest(names[i] ?? ""));
      await place.until(`line ${i} is spoilt`, () => done);
      await place.ready(names[i] ?? "");
    }
    expect(place.everMade()).toHaveLength(names.length);
    const failures = daemon.logged().filter(({ msg }) => msg === "list or watch failed");
    expect(failures.length).toBeGreaterThanOrEqual(names.length);
    await place.kubectl("delete psm --all --timeout=60s");
    expect(place.machines()).toEqual([]);
    proxy.close();
  });
});

checkConformance();
