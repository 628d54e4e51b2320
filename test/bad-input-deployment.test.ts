/**
 * Deployments whose spec, Secrets, keys or answers are wrong: always reported in the status, with messages that can be
 * acted on, never a crash, never a second deployment, and all recovers once the cause is corrected.
 */
import { afterAll, test as base, beforeAll, beforeEach, describe, expect } from "vitest";
import type { FaultInput } from "../dev/simulator/faults.ts";
import { type Simulator, startSimulator } from "../dev/simulator/simulator.ts";
import { deploymentDefinition, type PaperspaceDeployment } from "../src/kinds/deployment/types.ts";
import {
  checkConformance,
  deploymentTestEnv,
  sharedTestEnv,
  type TestEnv,
  deploymentTest as test,
} from "./support/cluster.ts";
import { deployed } from "./support/manifest.ts";
import { STORMS } from "./support/storms.ts";

const NAME = "one";
/** Its resyncs are frequent, so that corrections are noticed. */
const OFTEN = ["--resync-interval=1s", "--slow-retry=1s"];

type Deployments = TestEnv<PaperspaceDeployment>;

/** A test whose namespace begins without a Secret. */
const keyless = base.extend("testEnv", async ({ onTestFailed }, { onCleanup }) => {
  const testEnv = await deploymentTestEnv({ key: null });
  onTestFailed(() => console.log(testEnv.report()));
  onCleanup(() => testEnv.close());
  return testEnv;
});

/** The calls for this name. */
function upserts(testEnv: Deployments, name: string) {
  return testEnv.sim.calls
    .list({ method: "POST", path: "/v1/deployments" })
    .filter(({ body }) => (body as { config?: { name?: string } })?.config?.name === name);
}

function named(testEnv: Deployments, name: string) {
  return testEnv.everDeployed().filter((deployment) => deployment.name === name);
}

/** Still the process that was started, without an error of its own. */
function expectAlive(testEnv: Deployments): void {
  const [daemon] = testEnv.daemons;
  expect(daemon?.ending).toBeUndefined();
  expect(daemon?.logged().filter(({ level }) => level === "fatal")).toEqual([]);
}

describe.concurrent("API keys", () => {
  keyless(
    "without a Secret nothing is done, and the line that the message prints corrects it",
    async ({ testEnv }) => {
      await testEnv.daemon();
      await testEnv.apply(deployed(NAME));
      const { message } = await testEnv.reason(NAME, "Stalled", "CredentialsInvalid");
      expect(testEnv.sim.calls.list()).toEqual([]);
      const [line = ""] = /kubectl .*/.exec(message) ?? [];
      expect(await testEnv.shell(`printf %s sim-key-alpha | ${line}`)).toMatchObject({ code: 0, err: "" });
      await testEnv.ready(NAME);
    },
  );

  test("a key that is revoked stops all work while the deployment runs on, and a new one starts it again", async ({
    testEnv,
  }) => {
    await testEnv.daemon({ flags: OFTEN });
    await testEnv.apply(deployed(NAME));
    await testEnv.ready(NAME);
    testEnv.sim.console.revokeKey("sim-key-alpha");
    await testEnv.edit(NAME, { spec: { image: "nginx:1.28" } });
    await testEnv.reason(NAME, "Stalled", "CredentialsInvalid");
    expect(named(testEnv, NAME)[0]?.specs).toHaveLength(1);
    await testEnv.secret("sim-key-alpha-2");
    await testEnv.ready(NAME);
    expect(testEnv.everDeployed().map(({ specs }) => specs.at(-1)?.data.image)).toEqual(["nginx:1.28"]);
    expectAlive(testEnv);
  });

  test("another team's key looks like a project that is not there, and nothing is taken for gone", async ({
    testEnv,
  }) => {
    await testEnv.daemon({ flags: OFTEN });
    await testEnv.apply(deployed(NAME));
    const { status } = await testEnv.ready(NAME);
    await testEnv.secret("sim-key-beta");
    const { message } = await testEnv.reason(NAME, "Stalled", "CredentialsInvalid");
    expect(message).toMatch(/te-beta.*te-alpha/);
    await testEnv.secret("sim-key-alpha-2");
    expect((await testEnv.ready(NAME)).status?.id).toBe(status?.id);
    expect(testEnv.everDeployed()).toHaveLength(1);
  });
});

describe("what the spec names and is not there", () => {
  const shared = sharedTestEnv<PaperspaceDeployment>({ kind: deploymentDefinition, flags: OFTEN });

  const REFERENCES: Record<string, object> = {
    env: { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "later", key: "k" } } }] },
    "basic-auth": { basicAuthSecretRef: { name: "later", key: "k" } },
    s3: {
      integrations: [
        { type: "s3", name: "w", url: "s3://b/w", secretAccessKeyRef: { name: "later", key: "k" } },
      ],
    },
  };

  base("each reference to a missing Secret is reported, and one Secret corrects them all", async () => {
    const testEnv = shared();
    const names = Object.keys(REFERENCES);
    await testEnv.apply(...Object.entries(REFERENCES).map(([name, spec]) => deployed(name, { ...spec })));
    for (const name of names) {
      const { message } = await testEnv.reason(name, "Stalled", "SecretNotFound");
      expect(message).toContain('there is no Secret "later" in this namespace: make it, or correct the name');
      expect(message).not.toContain("sim-key");
    }
    await testEnv.kubectl("create secret generic later --from-literal=k=s3cr3t");
    for (const name of names) await testEnv.ready(name);
    expect(names.map((name) => named(testEnv, name).length)).toEqual([1, 1, 1]);
    expect(JSON.stringify(testEnv.everDeployed().map(({ specs }) => specs))).not.toContain("s3cr3t");
  });

  base("a ConfigMap is waited for, then its key, and an empty value is reported as missing", async () => {
    const testEnv = shared();
    const env = [{ name: "MODE", valueFrom: { configMapKeyRef: { name: "modes", key: "mode" } } }];
    await testEnv.apply(deployed("mode", { env }));
    const stalledWith = (words: string) =>
      testEnv.until(words, () => testEnv.condition("mode", "Stalled")?.message.includes(words));
    await stalledWith('env.MODE: there is no ConfigMap "modes" in this namespace');
    await testEnv.kubectl("create configmap modes --from-literal=other=1");
    await stalledWith('the ConfigMap "modes" has no key "mode"');
    const data = (mode: string) =>
      testEnv.kubectl(`patch configmap modes --type=merge -p '{"data":{"mode":"${mode}"}}'`);
    await data("");
    await testEnv.reason("mode", "Stalled", "ValueInvalid");
    await stalledWith('key "mode" of the ConfigMap "modes" is empty, and Paperspace takes no empty value');
    await data("fast");
    await testEnv.ready("mode");
    expect(named(testEnv, "mode")[0]?.specs.at(-1)?.data.env).toEqual([{ name: "MODE", value: "fast" }]);
    expect(upserts(testEnv, "mode")).toHaveLength(1);
  });

  base("a project that is not there is named, with the line that shows which are", async () => {
    const testEnv = shared();
    await testEnv.apply(deployed("lost", { projectId: "p-nowhere" }));
    const { message } = await testEnv.reason("lost", "Stalled", "ProjectNotFound");
    expect(message).toContain("there is no project p-nowhere in this team");
    expect(message).toContain("kubectl paperspace list projects");
    await testEnv.eventOf("lost", "Warning", "ProjectNotFound");
    await testEnv.edit("lost", { spec: { projectId: "p-alpha" } });
    await testEnv.ready("lost");
    await testEnv.apply(deployed("lost-for-good", { projectId: "p-nowhere" }));
    await testEnv.reason("lost-for-good", "Stalled", "ProjectNotFound");
    await testEnv.delete("lost-for-good");
  });

  base(
    "a change that the API refuses leaves what runs alone, and is reported, until it is corrected",
    async () => {
      const testEnv = shared();
      await testEnv.apply(deployed("changed"));
      await testEnv.ready("changed");
      const issues = [{ path: "/config/resources/ports/0", message: "port 22 is reserved" }];
      const body = { message: "Port 22 is reserved", code: "BAD_REQUEST", issues };
      const refusal = { match: { method: "POST", path: "/deployments$", times: "always" as const } };
      const { id } = testEnv.sim.faults.add({ ...refusal, do: { status: 400, body } });
      await testEnv.edit("changed", { spec: { ports: [22] } });
      expect((await testEnv.reason("changed", "Stalled", "Refused")).message).toContain(
        "Port 22 is reserved",
      );
      expect(testEnv.condition("changed", "Synced")).toMatchObject({ status: "False", reason: "Drifted" });
      testEnv.sim.faults.remove(id);
      await testEnv.edit("changed", { spec: { ports: [80] } });
      await testEnv.ready("changed");
      expect(named(testEnv, "changed")[0]?.specs).toHaveLength(1);
    },
  );

  base(
    "a registry that does not exist is reported by Paperspace, and the right one corrects it",
    async () => {
      const testEnv = shared();
      await testEnv.apply(deployed("private", { containerRegistry: "nowhere" }));
      const { message } = await testEnv.reason("private", "Stalled", "ConfigurationRejected");
      expect(message).toContain("Container registry nowhere not found");
      await testEnv.edit("private", { spec: { containerRegistry: null } });
      await testEnv.ready("private");
    },
  );

  base(
    "of two objects of one name the first has the deployment, the second reports the owner, and gets one later",
    async () => {
      const testEnv = shared();
      await testEnv.apply(deployed("first", { name: "twin" }));
      const { status } = await testEnv.ready("first");
      await testEnv.apply(deployed("second", { name: "twin" }));
      const { message } = await testEnv.reason("second", "Stalled", "AlreadyExists");
      expect(message).toContain(`${testEnv.namespace}/first has a deployment named "twin"`);
      expect(named(testEnv, "twin").map(({ id }) => id)).toEqual([status?.id]);
      await testEnv.delete("first");
      const { status: late } = await testEnv.ready("second");
      expect(late?.id).not.toBe(status?.id);
      expect(testEnv.deployments().filter(({ name }) => name === "twin")).toHaveLength(1);
      expectAlive(testEnv);
    },
  );

  base("two objects of one name that are applied at once make one deployment", async () => {
    const testEnv = shared();
    await testEnv.apply(deployed("left", { name: "both" }), deployed("right", { name: "both" }));
    const names = ["left", "right"];
    const is = (name: string, type: string) => testEnv.condition(name, type);
    const winner = await testEnv.until("one is Ready", () =>
      names.find((name) => is(name, "Ready")?.status === "True"),
    );
    const [other = ""] = names.filter((name) => name !== winner);
    await testEnv.reason(other, "Stalled", "AlreadyExists");
    expect(named(testEnv, "both")).toHaveLength(1);
    expect(named(testEnv, "both")[0]?.specs).toHaveLength(1);
    await testEnv.delete(other);
    expect(testEnv.deployments().filter(({ name }) => name === "both")).toHaveLength(1);
  });
});

/** What breaks the vendor's schema on purpose is sent to a simulator whose traffic is not checked. */
describe("what the API server accepts, and Paperspace does not", () => {
  let sim: Simulator;
  let testEnv: Deployments;
  beforeAll(async () => {
    sim = await startSimulator({ speed: 100, vendorOpenapi: false });
    testEnv = await deploymentTestEnv({ sim });
    await testEnv.daemon();
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(testEnv.report())));
  afterAll(async () => {
    await testEnv.close();
    await sim.stop();
  });

  base.for([
    [
      "bucket",
      "it has no path",
      { type: "s3", name: "w", url: "s3://bucket" },
      { type: "s3", name: "w", url: "s3://b/w" },
    ],
    [
      "space",
      "its endpoint is elsewhere",
      { type: "spaces", name: "w", endpoint: "https://example.com" },
      { type: "spaces", name: "w", endpoint: "https://b.nyc3.digitaloceanspaces.com" },
    ],
    [
      "repository",
      "its URL is none",
      { type: "git-lfs", name: "w", url: "not a url" },
      { type: "git-lfs", name: "w", url: "https://github.com/acme/w" },
    ],
  ] as const)(
    "a %s that the API refuses (%s) is reported with its message, until it is corrected",
    async ([name, , wrong, right]) => {
      await testEnv.apply(deployed(name, { integrations: [wrong] }));
      const { message } = await testEnv.reason(name, "Stalled", "Refused");
      expect(message).toContain("integrations");
      await testEnv.eventOf(name, "Warning", "Refused");
      await testEnv.edit(name, { spec: { integrations: [right] } });
      await testEnv.ready(name);
      expect(named(testEnv, name)).toHaveLength(1);
    },
  );
});

describe("a create that is answered by", () => {
  const shared = sharedTestEnv<PaperspaceDeployment>({ kind: deploymentDefinition });
  const nameOf = (storm: string) => storm.toLowerCase().replaceAll(" ", "-");

  const pause = (name: string, paused: "true" | null) =>
    shared().edit(name, { metadata: { annotations: { "paperspace.com/paused": paused } } });

  /** All at once: each waits until its result is certain. Only the applying is one after the other. */
  base("each of these fails once", async () => {
    const testEnv = shared();
    for (const [storm, { fault, expected }] of Object.entries(STORMS)) {
      const name = nameOf(storm);
      testEnv.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: fault });
      await testEnv.apply(deployed(name));
      await testEnv.until(storm, () =>
        testEnv.conditionHistory(name, "Reconciling").some(({ message }) => expected.test(message)),
      );
      // So that no retry takes the fault of another object.
      await pause(name, "true");
      await testEnv.until(
        "the pause is observed",
        () => testEnv.condition(name, "Paused")?.status === "True",
      );
    }
    expect(testEnv.sim.faults.list().map(({ struck }) => struck)).toEqual(Object.keys(STORMS).map(() => 1));
    for (const storm of Object.keys(STORMS)) await pause(nameOf(storm), null);
  });

  for (const [storm, { expected, made }] of Object.entries(STORMS))
    base(`${storm} is reported, and leads to exactly one deployment`, async () => {
      const testEnv = shared();
      const name = nameOf(storm);
      // A block page does not go away with an early retry, so that the next one takes a minute unless it is requested.
      if (storm === "a block page") {
        await testEnv.reason(name, "Reconciling", "ApiUnavailable");
        await testEnv.requestReconcile(name);
      }
      const { status } = await testEnv.ready(name);
      expect(named(testEnv, name).map(({ id }) => id)).toEqual([status?.id]);
      expect(named(testEnv, name)[0]?.specs).toHaveLength(1);
      expect(upserts(testEnv, name)).toHaveLength(made ? 1 : 2);
      const messages = testEnv.conditionHistory(name, "Reconciling").map(({ message }) => message);
      expect(messages).toContainEqual(expect.stringMatching(expected));
    });
});

describe.concurrent("while the API fails", () => {
  test("a change whose answer takes longer than it would wait to be sent again is sent once", async ({
    testEnv,
  }) => {
    await testEnv.daemon({ flags: ["--resend-after=3s", "--request-timeout=30s"] });
    await testEnv.apply(deployed(NAME));
    await testEnv.ready(NAME);
    const slow = { match: { method: "POST", path: "/deployments$" }, do: { answerDelayMs: 4_000 } };
    testEnv.sim.faults.add(slow);
    await testEnv.edit(NAME, { spec: { image: "nginx:1.28" } });
    await testEnv.ready(NAME);
    expect(testEnv.everDeployed().map(({ specs }) => specs.map(({ data }) => data.image))).toEqual([
      ["nginx:1.27", "nginx:1.28"],
    ]);
  });

  test("reads that fail in every way delay a create, a change and a delete, and nothing is lost", async ({
    testEnv,
  }) => {
    // Each kind of read in two ways. A block page over one deployment or its runs is retried after a minute only.
    const ill: [string, FaultInput["do"][]][] = [
      ["/auth/session$", [{ status: 503 }, { html: true }]],
      ["/projects/[^/]+/deployments$", [{ truncate: true }, { html: true }]],
      ["/deployments/[^/]+$", [{ cut: "before" }, { status: 502 }]],
      ["/runs$", [{ status: 502 }, { truncate: true }]],
    ];
    for (const [path, sicknesses] of ill)
      for (const sick of sicknesses) testEnv.sim.faults.add({ match: { method: "GET", path }, do: sick });
    await testEnv.daemon();
    await testEnv.apply(deployed(NAME));
    await testEnv.ready(NAME);
    for (const sick of [{ cut: "after" }, { truncate: true }, { status: 502, takesEffect: true }] as const) {
      testEnv.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: sick });
      const image = `nginx:${JSON.stringify(sick).length}`;
      await testEnv.edit(NAME, { spec: { image } });
      await testEnv.ready(NAME);
      expect(testEnv.deployments()[0]?.specs.at(-1)?.data.image).toBe(image);
    }
    for (const sick of [{ status: 500 }, { cut: "after" }, { truncate: true }] as const)
      testEnv.sim.faults.add({ match: { method: "DELETE" }, do: sick });
    await testEnv.delete(NAME);
    expect(testEnv.deployments()).toEqual([]);
    expect(testEnv.everDeployed()).toHaveLength(1);
    expect(testEnv.everDeployed()[0]?.specs).toHaveLength(4);
    expectAlive(testEnv);
  });
});

checkConformance();
