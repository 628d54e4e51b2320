/**
 * Keys that are missing, wrong or another team's, specs that the API refuses, and invalid answers: always reported in
 * the status, never a crash, never a second machine, and all recovers once the cause is corrected.
 */
import { test as base, describe, expect } from "vitest";
import type { FaultInput } from "../dev/simulator/faults.ts";
import { checkConformance, sharedTestEnv, TestEnv, test } from "./support/cluster.ts";
import { KillProxy } from "./support/kill-proxy.ts";
import { manifest } from "./support/manifest.ts";
import { STORMS } from "./support/storms.ts";

const NAME = "one";
/** Its resyncs are frequent, so that a corrected Secret is noticed. */
const OFTEN = ["--resync-interval=1s"];

/** A test whose namespace begins without a Secret. */
const keyless = base.extend("testEnv", async ({ onTestFailed }, { onCleanup }) => {
  const testEnv = await TestEnv.open({ key: null });
  onTestFailed(() => console.log(testEnv.report()));
  onCleanup(() => testEnv.close());
  return testEnv;
});

function creates(testEnv: TestEnv) {
  return testEnv.sim.calls.list({ method: "POST", path: "/v1/machines" });
}

/** Still the process that was started, without an error of its own. */
function expectAlive(testEnv: TestEnv): void {
  const [daemon] = testEnv.daemons;
  expect(daemon?.ending).toBeUndefined();
  expect(daemon?.logged().filter(({ level }) => level === "fatal")).toEqual([]);
}

describe.concurrent("API keys", () => {
  keyless(
    "without a Secret nothing is done, and the line that the message prints corrects it",
    async ({ testEnv }) => {
      await testEnv.daemon();
      await testEnv.apply(manifest(NAME));
      const { message } = await testEnv.reason(NAME, "Stalled", "CredentialsInvalid");
      await testEnv.eventOf(NAME, "Warning", "CredentialsInvalid");
      expect(testEnv.sim.calls.list()).toEqual([]);
      const [line = ""] = /kubectl .*/.exec(message) ?? [];
      expect(await testEnv.shell(`printf %s sim-key-alpha | ${line}`)).toMatchObject({ code: 0, err: "" });
      await testEnv.ready(NAME);
      expectAlive(testEnv);
    },
  );

  keyless(
    "a wrong key is reported, checked once and not once an object, and corrected by the Secret",
    async ({ testEnv }) => {
      await testEnv.secret("sim-key-of-nobody");
      // Long enough for any host: a request that was given up would be retried, and be counted.
      await testEnv.daemon({ flags: ["--key-recheck=1h", "--request-timeout=60s"] });
      const names = ["a", "b", "c", "d"];
      await testEnv.apply(...names.map((name) => manifest(name)));
      for (const name of names) {
        const { message } = await testEnv.reason(name, "Stalled", "CredentialsInvalid");
        expect(message).toContain(`${testEnv.namespace}/paperspace-credentials`);
        expect(message).not.toContain("sim-key");
      }
      await testEnv.eventOf("a", "Warning", "CredentialsInvalid");
      expect(testEnv.sim.calls.list().map(({ path }) => path)).toEqual(["/v1/auth/session"]);
      await testEnv.secret("sim-key-alpha");
      await Promise.all(names.map((name) => testEnv.ready(name)));
      expect(testEnv.everMade()).toHaveLength(4);
      expectAlive(testEnv);
    },
  );

  keyless(
    "a key under another field is reported by the name that is missing, not by those that are there, and the spec can name it",
    async ({ testEnv }) => {
      await testEnv.secret("sim-key-alpha", "paperspace-credentials", "token");
      await testEnv.daemon();
      await testEnv.apply(manifest(NAME));
      const { message } = await testEnv.reason(NAME, "Stalled", "CredentialsInvalid");
      expect(message).toContain('has no value under "apiKey"');
      expect(message).not.toContain("token");
      await testEnv.edit(NAME, {
        spec: { credentialsSecretRef: { name: "paperspace-credentials", key: "token" } },
      });
      await testEnv.ready(NAME);
    },
  );

  test("another team's key looks like an empty account, and is not taken for one", async ({ testEnv }) => {
    await testEnv.daemon({ flags: OFTEN });
    await testEnv.apply(manifest(NAME));
    const { status } = await testEnv.ready(NAME);
    await testEnv.secret("sim-key-beta");
    const { message } = await testEnv.reason(NAME, "Stalled", "CredentialsInvalid");
    expect(message).toMatch(/te-beta.*te-alpha/);
    await testEnv.eventOf(NAME, "Warning", "CredentialsInvalid");
    await testEnv.objectsOf.delete(testEnv.namespace, NAME);
    await testEnv.until("the deletion is seen", () => {
      const stalled = testEnv.condition(NAME, "Stalled");
      return testEnv.get(NAME)?.metadata.deletionTimestamp && stalled?.reason === "CredentialsInvalid";
    });
    expect(testEnv.machines().map(({ id }) => id)).toEqual([status?.id]);
    await testEnv.secret("sim-key-alpha-2");
    await testEnv.gone(NAME);
    expect(testEnv.machines()).toEqual([]);
    expect(testEnv.everMade()).toHaveLength(1);
    expectAlive(testEnv);
  });

  test("a key that is revoked while machines run stops all work, and a new one starts it again", async ({
    testEnv,
  }) => {
    await testEnv.daemon({ flags: OFTEN });
    await testEnv.apply(manifest(NAME));
    await testEnv.ready(NAME);
    testEnv.sim.console.revokeKey("sim-key-alpha");
    await testEnv.edit(NAME, { spec: { powerState: "Stopped" } });
    await testEnv.reason(NAME, "Stalled", "CredentialsInvalid");
    await testEnv.secret("sim-key-alpha-2");
    await testEnv.ready(NAME);
    expect(testEnv.everMade().map(({ state }) => state)).toEqual(["off"]);
    expectAlive(testEnv);
  });
});

describe("specs that the API refuses", () => {
  const shared = sharedTestEnv();

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
    "a %s that the API does not know is Stalled with its message, until the spec is corrected",
    async ([what, wrong, right, words]) => {
      const testEnv = shared();
      const name = what.replace(" ", "-");
      await testEnv.apply(manifest(name, wrong));
      expect((await testEnv.reason(name, "Stalled", "Refused")).message).toContain(words);
      await testEnv.eventOf(name, "Warning", "Refused");
      await testEnv.edit(name, { spec: right });
      const { status } = await testEnv.ready(name);
      const asked = creates(testEnv).filter(({ body }) =>
        (body as { name: string }).name.startsWith(`${name}-`),
      );
      expect(asked.map(({ status }) => (status ?? 0) < 300)).toEqual([false, true]);
      expect(testEnv.machines().filter(({ id }) => id === status?.id)).toHaveLength(1);
      expectAlive(testEnv);
    },
  );
});

describe("a create that is answered by", () => {
  const shared = sharedTestEnv();
  const nameOf = (storm: string) => storm.toLowerCase().replaceAll(" ", "-");
  /** The cloud names of one object: the beginning of its name, and a hash. */
  const cloudNames = (name: string) => new RegExp(`^${name.slice(0, 40)}-[0-9a-f]{20}$`);

  /** All at once: each waits until its result is certain. Only the applying is one after the other. */
  base("each of these fails once", async () => {
    const testEnv = shared();
    // While the account cannot be listed no object retries, so that no retry takes the fault of another object.
    const blind = testEnv.sim.faults.add({
      match: { method: "GET", path: "/machines$", times: "always" },
      do: { status: 503 },
    });
    for (const [storm, { fault }] of Object.entries(STORMS)) {
      const { id } = testEnv.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: fault });
      await testEnv.apply(manifest(nameOf(storm)));
      await testEnv.until(
        storm,
        () => testEnv.sim.faults.list().find((placed) => placed.id === id)?.struck === 1,
      );
    }
    await Promise.all(
      Object.keys(STORMS).map((storm) => testEnv.reason(nameOf(storm), "Reconciling", "ResolvingCreate")),
    );
    testEnv.sim.faults.remove(blind.id);
    expect(creates(testEnv)).toHaveLength(Object.keys(STORMS).length);
  });

  for (const [storm, { expected, made }] of Object.entries(STORMS))
    base(`${storm} is reported, and leads to exactly one machine`, async () => {
      const testEnv = shared();
      const name = nameOf(storm);
      // A block page does not go away with an early retry, so that the next one takes a minute unless it is requested.
      if (storm === "a block page") {
        await testEnv.reason(name, "Reconciling", "ApiUnavailable");
        await testEnv.requestReconcile(name);
      }
      const { status } = await testEnv.ready(name);
      const ours = testEnv.everMade().filter(({ settings }) => cloudNames(name).test(settings.name));
      expect(ours.map(({ id }) => id)).toEqual([status?.id]);
      const sent = creates(testEnv).filter(({ body }) =>
        cloudNames(name).test((body as { name: string }).name),
      );
      expect(sent).toHaveLength(made ? 1 : 2);
      const messages = testEnv.conditionHistory(name, "Reconciling").map(({ message }) => message);
      expect(messages).toContainEqual(expect.stringMatching(expected));
    });
});

describe.concurrent("while the API fails", () => {
  test("reads that fail in every way delay a create and a delete, and nothing is lost", async ({
    testEnv,
  }) => {
    const ill: FaultInput["do"][] = [{ status: 503 }, { truncate: true }, { cut: "before" }, { html: true }];
    for (const path of ["/auth/session$", "/machine-events", "/machines/", "/machines$"])
      for (const sick of ill) testEnv.sim.faults.add({ match: { method: "GET", path }, do: sick });
    await testEnv.daemon();
    await testEnv.apply(manifest(NAME));
    await testEnv.ready(NAME);
    for (const sick of [{ status: 500 }, { cut: "after" }, { truncate: true }] as const)
      testEnv.sim.faults.add({ match: { method: "DELETE" }, do: sick });
    await testEnv.delete(NAME);
    expect(testEnv.machines()).toEqual([]);
    expect(testEnv.everMade()).toHaveLength(1);
    expectAlive(testEnv);
  });

  test("power changes whose answers are lost are observed, and happen once", async ({ testEnv }) => {
    await testEnv.daemon();
    await testEnv.apply(manifest(NAME));
    await testEnv.ready(NAME);
    testEnv.sim.faults.add({ match: { method: "PATCH", path: "/stop$" }, do: { cut: "after" } });
    testEnv.sim.faults.add({
      match: { method: "PATCH", path: "/start$" },
      do: { status: 502, takesEffect: true },
    });
    await testEnv.edit(NAME, { spec: { powerState: "Stopped" } });
    await testEnv.ready(NAME);
    expect(testEnv.everMade().map(({ state }) => state)).toEqual(["off"]);
    await testEnv.edit(NAME, { spec: { powerState: "Running" } });
    await testEnv.ready(NAME);
    expect(testEnv.everMade().map(({ state }) => state)).toEqual(["ready"]);
  });

  test("invalid watch lines cause a new list: no object is missed, none is read partially", async ({
    testEnv,
  }) => {
    const proxy = await KillProxy.open({
      kubeconfig: testEnv.cluster.kubeconfig,
      paperspaceUrl: testEnv.sim.url,
    });
    const daemon = await testEnv.daemon({ kubeconfig: proxy.kubeconfig, paperspaceUrl: proxy.paperspaceUrl });
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
      await testEnv.apply(manifest(names[i] ?? ""));
      await testEnv.until(`line ${i} is spoilt`, () => done);
      await testEnv.ready(names[i] ?? "");
    }
    expect(testEnv.everMade()).toHaveLength(names.length);
    const failures = daemon.logged().filter(({ msg }) => msg === "list or watch failed");
    expect(failures.length).toBeGreaterThanOrEqual(names.length);
    await testEnv.kubectl("delete psm --all --timeout=60s");
    expect(testEnv.machines()).toEqual([]);
    proxy.close();
  });
});

checkConformance();
