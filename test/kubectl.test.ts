/**
 * The operator as users work with it: kubectl lines on a real API server, and their effects on the account. One
 * operator serves the whole file.
 */
import { fileURLToPath } from "node:url";
import { test as base, expect } from "vitest";
import { DEMO_KEY } from "../dev/simulator/world/teams.ts";
import { checkConformance, sharedTestEnv, test } from "./support/cluster.ts";
import { ALL_KINDS } from "./support/crds.ts";
import { manifest } from "./support/manifest.ts";
import { SCOPED } from "./support/operator-rights.ts";

const EXAMPLES = fileURLToPath(new URL("../examples", import.meta.url));
const TEAM = "te-alpha";

/** Resyncs are what finds changes made elsewhere. */
const shared = sharedTestEnv({ flags: ["--resync-interval=2s"] });

function rowOf(table: string, name: string): string[] {
  const [head = "", ...rows] = table.trimEnd().split("\n");
  expect(head).toMatch(/^NAME /);
  return (rows.find((row) => row.startsWith(`${name} `)) ?? "").trim().split(/\s{2,}/);
}

/** Calls that change something, about this machine. */
function writesOn(id: string | undefined) {
  return shared()
    .sim.calls.list({ path: new RegExp(`/machines/${id}`) })
    .filter(({ method }) => method !== "GET");
}

function createsOf(name: string) {
  const isOurs = (body: unknown) => String((body as { name?: string })?.name).startsWith(`${name}-`);
  return shared()
    .sim.calls.list({ method: "POST", path: "/v1/machines" })
    .filter(({ body }) => isOurs(body));
}

base(
  "the examples become machines and deployments, are listed with what matters, and go away again",
  async () => {
    const testEnv = shared();
    await testEnv.kubectl(`apply -f ${EXAMPLES}`);
    await testEnv.kubectl(`wait --for=condition=Ready ${ALL_KINDS} --all --timeout=60s`);
    const table = await testEnv.kubectl("get psm");
    expect(table.split("\n")[0]?.trim().split(/\s+/)).toEqual(
      "NAME STATE READY TYPE REGION IP AGE".split(" "),
    );
    expect(rowOf(table, "notebook").slice(0, 5)).toEqual(["notebook", "ready", "True", "C5", "ny2"]);
    expect(rowOf(table, "spare").slice(0, 5)).toEqual(["spare", "off", "True", "C3", "ca1"]);
    const wide = rowOf(await testEnv.kubectl("get psm trainer -o wide"), "trainer");
    const trainer = testEnv.get("trainer")?.status;
    expect(wide).toEqual(expect.arrayContaining([trainer?.id, trainer?.publicIp, "0.76", "Available"]));
    for (const word of ["paperspace", "paperspacemachines", "paperspacemachine", "psm"])
      expect(await testEnv.kubectl(`get ${word} -o name`)).toContain(
        "paperspacemachine.paperspace.com/notebook\n",
      );
    expect(testEnv.machines().map(({ machineType, state }) => `${machineType} ${state}`)).toEqual(
      expect.arrayContaining(["C5 ready", "A4000 ready", "C3 off"]),
    );
    // Nothing was written into any of them. A Secret given as stringData never looks unchanged to kubectl.
    const again = (await testEnv.kubectl(`apply -f ${EXAMPLES}`)).trimEnd().split("\n");
    expect(again.filter((line) => !line.startsWith("secret/") && !line.endsWith(" unchanged"))).toEqual([]);
    await testEnv.kubectl(`delete -f ${EXAMPLES}`);
    expect(testEnv.machines()).toEqual([]);
    const { deployments } = testEnv.sim.console.state();
    expect(deployments.filter(({ dtDeleted }) => dtDeleted === null)).toEqual([]);
  },
);

base("explain shows what a field does, and what it may be", async () => {
  const text = (await shared().kubectl("explain psm.spec.powerState")).replaceAll(/\s+/g, " ");
  expect(text).toContain("Running Stopped");
  expect(text).toContain("Whether the machine shall run.");
  expect((await shared().kubectl("explain psm.status.state")).replaceAll(/\s+/g, " ")).toContain(
    "State as Paperspace reports it",
  );
});

base("describe shows the history: conditions, and an Event for each change", async () => {
  const testEnv = shared();
  await testEnv.apply(manifest("history"));
  const { status } = await testEnv.ready("history");
  await testEnv.eventOf("history", "Normal", "Available");
  const description = await testEnv.kubectl("describe psm history");
  expect(description).toMatch(new RegExp(`Id:\\s+${status?.id}`));
  expect(description).toMatch(/Message:\s+the machine is on and ready\s[\s\S]*Type:\s+Ready/);
  expect(description).toMatch(/Normal\s+Created\s.*created ps/);
  expect(description).toMatch(/Normal\s+Available\s.*the machine is on/);
});

base("powerState stops the machine and starts it again, and Ready is about the newest spec", async () => {
  const testEnv = shared();
  await testEnv.apply(manifest("power"));
  const { status } = await testEnv.ready("power");
  const machine = () => testEnv.sim.console.machine(status?.id ?? "");
  await testEnv.kubectl(`patch psm power --type=merge -p '{"spec":{"powerState":"Stopped"}}'`);
  await testEnv.kubectl("wait --for=condition=Ready psm/power --timeout=60s");
  expect(machine().state).toBe("off");
  expect(rowOf(await testEnv.kubectl("get psm power -o wide"), "power")).toEqual(
    expect.arrayContaining(["off", "True", "Stopped"]),
  );
  await testEnv.kubectl(`patch psm power --type=merge -p '{"spec":{"powerState":"Running"}}'`);
  await testEnv.kubectl("wait --for=condition=Ready psm/power --timeout=60s");
  expect(machine().state).toBe("ready");
  await testEnv.kubectl("wait --for=jsonpath='{.status.state}'=ready psm/power --timeout=60s");
  expect(writesOn(status?.id).map(({ path }) => path.split("/").at(-1))).toEqual(["stop", "start"]);
});

base("a setting changed in the console is corrected, one that is not in the spec stays", async () => {
  const testEnv = shared();
  await testEnv.apply(manifest("drift", { autoShutdown: { enabled: true, timeoutHours: 8 } }));
  const { status } = await testEnv.ready("drift");
  const id = status?.id ?? "";
  testEnv.sim.console.update(id, {
    autoShutdownTimeout: 24,
    autoSnapshotEnabled: true,
    autoSnapshotFrequency: "daily",
  });
  await testEnv.until(
    "it is put back",
    () => testEnv.sim.console.machine(id).settings.autoShutdownTimeout === 8,
  );
  await testEnv.ready("drift");
  expect(testEnv.sim.console.machine(id).settings).toMatchObject({
    autoShutdownEnabled: true,
    autoSnapshotEnabled: true,
  });
  expect(writesOn(id).map(({ method, body }) => [method, body])).toEqual([
    ["PUT", { autoShutdownTimeout: 8 }],
  ]);
});

base("a display name in the spec is given, and kept", async () => {
  const testEnv = shared();
  await testEnv.apply(manifest("named", { name: "Ada's workstation" }));
  const { status } = await testEnv.ready("named");
  const id = status?.id ?? "";
  expect(testEnv.sim.console.machine(id).settings.name).toBe("Ada's workstation");
  testEnv.sim.console.update(id, { name: "mine!" });
  await testEnv.until(
    "it has its name again",
    () => testEnv.sim.console.machine(id).settings.name === "Ada's workstation",
  );
  await testEnv.ready("named");
  expect(testEnv.get("named")?.status?.name).toBe("Ada's workstation");
});

base("deletionPolicy Orphan releases the object and leaves the machine as it is", async () => {
  const testEnv = shared();
  await testEnv.apply(manifest("orphan", { deletionPolicy: "Orphan" }));
  const { status } = await testEnv.ready("orphan");
  await testEnv.kubectl("delete psm orphan --timeout=60s");
  expect(testEnv.sim.console.machine(status?.id ?? "").state).toBe("ready");
  expect(writesOn(status?.id)).toEqual([]);
});

base("paused: nothing is created until the annotation is removed", async () => {
  const testEnv = shared();
  await testEnv.apply(manifest("paused", {}, { annotations: { "paperspace.com/paused": "true" } }));
  await testEnv.kubectl("wait --for=condition=Paused psm/paused --timeout=60s");
  expect(createsOf("paused")).toEqual([]);
  await testEnv.kubectl("annotate psm paused paperspace.com/paused-");
  await testEnv.kubectl("wait --for=condition=Ready psm/paused --timeout=60s");
  expect(createsOf("paused")).toHaveLength(1);
  // Read again: the watch may be a moment behind kubectl.
  const { status } = await testEnv.objectsOf.get(testEnv.namespace, "paused");
  expect(status?.conditions?.map(({ type }) => type)).not.toContain("Paused");
});

base("paused: neither power nor settings nor deletion reach the machine until it is removed", async () => {
  const testEnv = shared();
  await testEnv.apply(manifest("halted"));
  const { status } = await testEnv.ready("halted");
  await testEnv.kubectl("annotate psm halted paperspace.com/paused=true");
  await testEnv.kubectl(
    `patch psm halted --type=merge -p '{"spec":{"powerState":"Stopped","autoShutdown":{"enabled":true}}}'`,
  );
  await testEnv.until(
    "the pause is observed",
    () => testEnv.condition("halted", "Paused")?.status === "True",
  );
  await testEnv.kubectl("delete psm halted --wait=false");
  await testEnv.reason("halted", "Stalled", "Paused");
  expect(writesOn(status?.id)).toEqual([]);
  expect(testEnv.sim.console.machine(status?.id ?? "").state).toBe("ready");
  await testEnv.kubectl("annotate psm halted paperspace.com/paused-");
  await testEnv.gone("halted");
  expect(writesOn(status?.id).map(({ method }) => method)).toEqual(["DELETE"]);
  expect(testEnv.machines().map(({ id }) => id)).not.toContain(status?.id);
});

base("adoptId takes a machine over and does not touch it", async () => {
  const testEnv = shared();
  const machine = testEnv.sim.console.create(TEAM, { name: "made by hand", machineType: "A4000" }, "ready");
  await testEnv.apply(
    manifest("adopted", { adoptId: machine.id, templateId: undefined, diskSize: undefined }),
  );
  const { status } = await testEnv.ready("adopted");
  expect(status).toMatchObject({ id: machine.id, name: "made by hand", state: "ready" });
  expect(writesOn(machine.id)).toEqual([]);
  expect(createsOf("adopted")).toEqual([]);
  await testEnv.eventOf("adopted", "Normal", "Adopted");
});

base("describe shows a new user why a machine did not start and what to do, without the logs", async () => {
  const testEnv = shared();
  testEnv.sim.console.failNext({ event: "start", error: "GPU has fallen off the bus" });
  await testEnv.apply(manifest("failing"));
  await testEnv.reason("failing", "Reconciling", "CreateFailed");
  await testEnv.eventOf("failing", "Warning", "CreateFailed");
  const output = await testEnv.kubectl("describe psm failing");
  const conditions = output.slice(output.indexOf("Conditions:"), output.indexOf("Last Events:"));
  expect(conditions).toMatch(/Reason: +CreateFailed/);
  expect(conditions).toContain("GPU has fallen off the bus");
  expect(conditions).toContain("It is tried again by itself, more rarely each time");
  expect(conditions).toContain(
    "ask for another machineType or region, or delete this object and apply it again",
  );
  const history = output.slice(output.indexOf("Last Events:"), output.indexOf("\nEvents:"));
  expect(history).toMatch(/Error: +GPU has fallen off the bus/);
  expect(output.slice(output.indexOf("\nEvents:"))).toMatch(
    /Warning +CreateFailed .*GPU has fallen off the bus/,
  );
  await testEnv.kubectl("delete psm failing --timeout=60s");
});

base("adoptId of a machine that is not there, or that differs, is reported and changes nothing", async () => {
  const testEnv = shared();
  const machine = testEnv.sim.console.create(
    TEAM,
    { name: "another", machineType: "C5", region: "ams1" },
    "ready",
  );
  const adopt = (id: string) => ({ adoptId: id, templateId: undefined, diskSize: undefined });
  await testEnv.apply(manifest("lost", adopt("psnowhere")), manifest("unlike", adopt(machine.id)));
  expect((await testEnv.reason("lost", "Stalled", "AdoptNotFound")).message).toContain("psnowhere");
  expect((await testEnv.reason("unlike", "Stalled", "AdoptMismatch")).message).toContain("region");
  expect(writesOn(machine.id)).toEqual([]);
  await testEnv.kubectl(`patch psm unlike --type=merge -p '{"spec":{"machineType":"C5","region":"ams1"}}'`);
  await testEnv.ready("unlike");
  await testEnv.kubectl("delete psm lost --timeout=60s");
  expect(testEnv.get("unlike")?.status?.id).toBe(machine.id);
});

test.skipIf(SCOPED)(
  "a deleted namespace deletes its machines, where the operator's own key serves it",
  async ({ testEnv }) => {
    await testEnv.daemon({ flags: ["--api-key-namespaces=*"], env: { PAPERSPACE_API_KEY: DEMO_KEY } });
    await testEnv.apply(manifest("one"), manifest("two"));
    await Promise.all([testEnv.ready("one"), testEnv.ready("two")]);
    await testEnv.kubectl(`delete namespace ${testEnv.namespace} --timeout=60s`);
    expect(testEnv.get("one")).toBeUndefined();
    expect(testEnv.machines()).toEqual([]);
  },
);

test.skipIf(SCOPED)(
  "a deleted namespace deletes its machines, though its Secret is deleted at the same time",
  async ({ testEnv }) => {
    await testEnv.daemon();
    await testEnv.apply(manifest("one"), manifest("two"));
    await Promise.all([testEnv.ready("one"), testEnv.ready("two")]);
    await testEnv.kubectl(`delete namespace ${testEnv.namespace} --timeout=90s`);
    expect(testEnv.get("one")).toBeUndefined();
    expect(testEnv.machines()).toEqual([]);
  },
);

checkConformance();
