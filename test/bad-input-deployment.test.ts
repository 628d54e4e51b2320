/**
 * Deployments whose spec, Secrets, keys or answers are wrong: always said in the status, in words that can be acted on,
 * never a crash, never a second deployment, and all is well again once the cause is mended.
 */
import { afterAll, test as base, beforeAll, beforeEach, describe, expect } from "vitest";
import type { FaultInput } from "../dev/simulator/faults.ts";
import { type Simulator, startSimulator } from "../dev/simulator/simulator.ts";
import { deploymentDefinition, type PaperspaceDeployment } from "../src/kinds/deployment/types.ts";
import {
  checkConformance,
  deploymentPlace,
  type Place,
  sharedPlace,
  deploymentTest as test,
} from "./support/cluster.ts";
import { deployed } from "./support/manifest.ts";
import { STORMS } from "./support/storms.ts";

const NAME = "one";
/** Its passes come around often, so that what was mended is seen. */
const OFTEN = ["--resync-interval=1s", "--slow-retry=1s"];

type Deployments = Place<PaperspaceDeployment>;

/** A test whose namespace begins without a Secret. */
const keyless = base.extend("place", async ({ onTestFailed }, { onCleanup }) => {
  const place = await deploymentPlace({ key: null });
  onTestFailed(() => console.log(place.report()));
  onCleanup(() => place.close());
  return place;
});

/** What was asked for under this name. */
function upserts(place: Deployments, name: string) {
  return place.sim.calls
    .list({ method: "POST", path: "/v1/deployments" })
    .filter(({ body }) => (body as { config?: { name?: string } })?.config?.name === name);
}

function named(place: Deployments, name: string) {
  return place.everDeployed().filter((deployment) => deployment.name === name);
}

/** Still the process that was started, and not one complaint of its own. */
function expectAlive(place: Deployments): void {
  const [daemon] = place.daemons;
  expect(daemon?.ending).toBeUndefined();
  expect(daemon?.logged().filter(({ level }) => level === "fatal")).toEqual([]);
}

describe.concurrent("API keys", () => {
  keyless(
    "without a Secret nothing is done, and the line that the message prints mends it",
    async ({ place }) => {
      await place.daemon();
      await place.apply(deployed(NAME));
      const { message } = await place.reason(NAME, "Stalled", "CredentialsInvalid");
      expect(place.sim.calls.list()).toEqual([]);
      const line = /kubectl .*<key>/.exec(message)?.[0].replace("<key>", "sim-key-alpha") ?? "";
      expect(await place.shell(line)).toMatchObject({ code: 0, err: "" });
      await place.ready(NAME);
    },
  );

  test("a key that is revoked stops all work while the deployment runs on, and a new one starts it again", async ({
    place,
  }) => {
    await place.daemon({ flags: OFTEN });
    await place.apply(deployed(NAME));
    await place.ready(NAME);
    place.sim.console.revokeKey("sim-key-alpha");
    await place.edit(NAME, { spec: { image: "nginx:1.28" } });
    await place.reason(NAME, "Stalled", "CredentialsInvalid");
    expect(named(place, NAME)[0]?.specs).toHaveLength(1);
    await place.secret("sim-key-alpha-2");
    await place.ready(NAME);
    expect(place.everDeployed().map(({ specs }) => specs.at(-1)?.data.image)).toEqual(["nginx:1.28"]);
    expectAlive(place);
  });

  test("another team's key looks like a project that is not there, and nothing is taken for gone", async ({
    place,
  }) => {
    await place.daemon({ flags: OFTEN });
    await place.apply(deployed(NAME));
    const { status } = await place.ready(NAME);
    await place.secret("sim-key-beta");
    const { message } = await place.reason(NAME, "Stalled", "CredentialsInvalid");
    expect(message).toMatch(/te-beta.*te-alpha/);
    await place.secret("sim-key-alpha-2");
    expect((await place.ready(NAME)).status?.id).toBe(status?.id);
    expect(place.everDeployed()).toHaveLength(1);
  });
});

describe("what the spec names and is not there", () => {
  const shared = sharedPlace<PaperspaceDeployment>({ kind: deploymentDefinition, flags: OFTEN });

  const REFERENCES: Record<string, object> = {
    env: { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "later", key: "k" } } }] },
    "basic-auth": { basicAuthSecretRef: { name: "later", key: "k" } },
    s3: {
      integrations: [
        { type: "s3", name: "w", url: "s3://b/w", secretAccessKeyRef: { name: "later", key: "k" } },
      ],
    },
  };

  base("each reference to a Secret that is missing says so, and one Secret mends them all", async () => {
    const place = shared();
    const names = Object.keys(REFERENCES);
    await place.apply(...Object.entries(REFERENCES).map(([name, spec]) => deployed(name, { ...spec })));
    for (const name of names) {
      const { message } = await place.reason(name, "Stalled", "SecretNotFound");
      expect(message).toContain('there is no Secret "later" in this namespace: make it, or correct the name');
      expect(message).not.toContain("sim-key");
    }
    await place.kubectl("create secret generic later --from-literal=k=s3cr3t");
    for (const name of names) await place.ready(name);
    expect(names.map((name) => named(place, name).length)).toEqual([1, 1, 1]);
    expect(JSON.stringify(place.everDeployed().map(({ specs }) => specs))).not.toContain("s3cr3t");
  });

  base("a ConfigMap is waited for, then its key, and an empty value is said to be none", async () => {
    const place = shared();
    const env = [{ name: "MODE", valueFrom: { configMapKeyRef: { name: "modes", key: "mode" } } }];
    await place.apply(deployed("mode", { env }));
    const says = (words: string) =>
      place.until(words, () => place.condition("mode", "Stalled")?.message.includes(words));
    await says('env.MODE: there is no ConfigMap "modes" in this namespace');
    await place.kubectl("create configmap modes --from-literal=other=1");
    await says('the ConfigMap "modes" has no key "mode" (it has: other)');
    const data = (mode: string) =>
      place.kubectl(`patch configmap modes --type=merge -p '{"data":{"mode":"${mode}"}}'`);
    await data("");
    await place.reason("mode", "Stalled", "ValueInvalid");
    await says('key "mode" of the ConfigMap "modes" is empty, and Paperspace takes no empty value');
    await data("fast");
    await place.ready("mode");
    expect(named(place, "mode")[0]?.specs.at(-1)?.data.env).toEqual([{ name: "MODE", value: "fast" }]);
    expect(upserts(place, "mode")).toHaveLength(1);
  });

  base("a project that is not there is named, with the line that shows which are", async () => {
    const place = shared();
    await place.apply(deployed("lost", { projectId: "p-nowhere" }));
    const { message } = await place.reason("lost", "Stalled", "ProjectNotFound");
    expect(message).toContain("there is no project p-nowhere in this team");
    expect(message).toContain("kubectl paperspace list projects");
    await place.eventOf("lost", "Warning", "ProjectNotFound");
    await place.edit("lost", { spec: { projectId: "p-alpha" } });
    await place.ready("lost");
    await place.apply(deployed("lost-for-good", { projectId: "p-nowhere" }));
    await place.reason("lost-for-good", "Stalled", "ProjectNotFound");
    await place.kubectl("delete psd lost-for-good --timeout=60s");
  });

  base(
    "a change that the API refuses leaves what runs alone, and says so, until it is corrected",
    async () => {
      const place = shared();
      await place.apply(deployed("changed"));
      await place.ready("changed");
      const issues = [{ path: "/config/resources/ports/0", message: "port 22 is reserved" }];
      const body = { message: "Port 22 is reserved", code: "BAD_REQUEST", issues };
      const refusal = { match: { method: "POST", path: "/deployments$", times: "always" as const } };
      const { id } = place.sim.faults.add({ ...refusal, do: { status: 400, body } });
      await place.edit("changed", { spec: { ports: [22] } });
      expect((await place.reason("changed", "Stalled", "Refused")).message).toContain("Port 22 is reserved");
      expect(place.condition("changed", "Synced")).toMatchObject({ status: "False", reason: "Drifted" });
      place.sim.faults.remove(id);
      await place.edit("changed", { spec: { ports: [80] } });
      await place.ready("changed");
      expect(named(place, "changed")[0]?.specs).toHaveLength(1);
    },
  );

  base("a registry that nobody stored is told by Paperspace, and the right one mends it", async () => {
    const place = shared();
    await place.apply(deployed("private", { containerRegistry: "nowhere" }));
    const { message } = await place.reason("private", "Stalled", "ConfigurationRejected");
    expect(message).toContain("Container registry nowhere not found");
    await place.edit("private", { spec: { containerRegistry: null } });
    await place.ready("private");
  });

  base(
    "of two objects of one name the first has the deployment, the second says whose it is, and gets one later",
    async () => {
      const place = shared();
      await place.apply(deployed("first", { name: "twin" }));
      const { status } = await place.ready("first");
      await place.apply(deployed("second", { name: "twin" }));
      const { message } = await place.reason("second", "Stalled", "AlreadyExists");
      expect(message).toContain(`${place.namespace}/first has a deployment named "twin"`);
      expect(named(place, "twin").map(({ id }) => id)).toEqual([status?.id]);
      await place.kubectl("delete psd first --timeout=60s");
      const { status: late } = await place.ready("second");
      expect(late?.id).not.toBe(status?.id);
      expect(place.deployments().filter(({ name }) => name === "twin")).toHaveLength(1);
      expectAlive(place);
    },
  );

  base("two objects of one name that are applied at once make one deployment", async () => {
    const place = shared();
    await place.apply(deployed("left", { name: "both" }), deployed("right", { name: "both" }));
    const names = ["left", "right"];
    const is = (name: string, type: string) => place.condition(name, type);
    const winner = await place.until("one is Ready", () =>
      names.find((name) => is(name, "Ready")?.status === "True"),
    );
    const [other = ""] = names.filter((name) => name !== winner);
    await place.reason(other, "Stalled", "AlreadyExists");
    expect(named(place, "both")).toHaveLength(1);
    expect(named(place, "both")[0]?.specs).toHaveLength(1);
    await place.kubectl(`delete psd ${other} --timeout=60s`);
    expect(place.deployments().filter(({ name }) => name === "both")).toHaveLength(1);
  });
});

/** What breaks the vendor's schema on purpose is asked of a simulator whose traffic is not held against it. */
describe("what the API server lets in, and Paperspace does not", () => {
  let sim: Simulator;
  let place: Deployments;
  beforeAll(async () => {
    sim = await startSimulator({ speed: 100, vendorOpenapi: false });
    place = await deploymentPlace({ sim });
    await place.daemon();
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(place.report())));
  afterAll(async () => {
    await place.close();
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
    "a %s that the API refuses (%s) is said in its words, until it is corrected",
    async ([name, , wrong, right]) => {
      await place.apply(deployed(name, { integrations: [wrong] }));
      const { message } = await place.reason(name, "Stalled", "Refused");
      expect(message).toContain("integrations");
      await place.eventOf(name, "Warning", "Refused");
      await place.edit(name, { spec: { integrations: [right] } });
      await place.ready(name);
      expect(named(place, name)).toHaveLength(1);
    },
  );
});

describe("a create that is answered by", () => {
  const shared = sharedPlace<PaperspaceDeployment>({ kind: deploymentDefinition });
  const nameOf = (storm: string) => storm.toLowerCase().replaceAll(" ", "-");

  const pause = (name: string, paused: "true" | null) =>
    shared().edit(name, { metadata: { annotations: { "paperspace.com/paused": paused } } });

  /** All at once: each waits until it is sure what came of it. Only the applying is one after the other. */
  base("each of these is struck once", async () => {
    const place = shared();
    for (const [storm, { fault, says }] of Object.entries(STORMS)) {
      const name = nameOf(storm);
      place.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: fault });
      await place.apply(deployed(name));
      await place.until(storm, () =>
        place.said(name, "Reconciling").some(({ message }) => says.test(message)),
      );
      // So that nobody tries again and is struck in another's stead.
      await pause(name, "true");
      await place.until("the pause is seen", () => place.condition(name, "Paused")?.status === "True");
    }
    expect(place.sim.faults.list().map(({ struck }) => struck)).toEqual(Object.keys(STORMS).map(() => 1));
    for (const storm of Object.keys(STORMS)) await pause(nameOf(storm), null);
  });

  for (const [storm, { says, made }] of Object.entries(STORMS))
    base(`${storm} is said, and leads to exactly one deployment`, async () => {
      const place = shared();
      const name = nameOf(storm);
      const { status } = await place.ready(name);
      expect(named(place, name).map(({ id }) => id)).toEqual([status?.id]);
      expect(named(place, name)[0]?.specs).toHaveLength(1);
      expect(upserts(place, name)).toHaveLength(made ? 1 : 2);
      const told = place.said(name, "Reconciling").map(({ message }) => message);
      expect(told).toContainEqual(expect.stringMatching(says));
    });
});

describe.concurrent("while the API is ill", () => {
  test("a change whose answer takes longer than it would wait to be sent again is sent once", async ({
    place,
  }) => {
    await place.daemon({ flags: ["--resend-after=3s", "--request-timeout=30s"] });
    await place.apply(deployed(NAME));
    await place.ready(NAME);
    const slow = { match: { method: "POST", path: "/deployments$" }, do: { answerDelayMs: 4_000 } };
    place.sim.faults.add(slow);
    await place.edit(NAME, { spec: { image: "nginx:1.28" } });
    await place.ready(NAME);
    expect(place.everDeployed().map(({ specs }) => specs.map(({ data }) => data.image))).toEqual([
      ["nginx:1.27", "nginx:1.28"],
    ]);
  });

  test("reads that fail in every way delay a create, a change and a delete, and nothing is lost", async ({
    place,
  }) => {
    // Each kind of read in two ways. A block page over the runs is asked for again after a minute only.
    const ill: [string, FaultInput["do"][]][] = [
      ["/auth/session$", [{ status: 503 }, { html: true }]],
      ["/projects/[^/]+/deployments$", [{ truncate: true }, { html: true }]],
      ["/deployments/[^/]+$", [{ cut: "before" }, { html: true }]],
      ["/runs$", [{ status: 502 }, { truncate: true }]],
    ];
    for (const [path, sicknesses] of ill)
      for (const sick of sicknesses) place.sim.faults.add({ match: { method: "GET", path }, do: sick });
    await place.daemon();
    await place.apply(deployed(NAME));
    await place.ready(NAME);
    for (const sick of [{ cut: "after" }, { truncate: true }, { status: 502, takesEffect: true }] as const) {
      place.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: sick });
      const image = `nginx:${JSON.stringify(sick).length}`;
      await place.edit(NAME, { spec: { image } });
      await place.ready(NAME);
      expect(place.deployments()[0]?.specs.at(-1)?.data.image).toBe(image);
    }
    for (const sick of [{ status: 500 }, { cut: "after" }, { truncate: true }] as const)
      place.sim.faults.add({ match: { method: "DELETE" }, do: sick });
    await place.kubectl(`delete psd ${NAME} --timeout=60s`);
    expect(place.deployments()).toEqual([]);
    expect(place.everDeployed()).toHaveLength(1);
    expect(place.everDeployed()[0]?.specs).toHaveLength(4);
    expectAlive(place);
  });
});

checkConformance();
