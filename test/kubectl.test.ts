/**
 * The operator as its users meet it: kubectl lines typed as they would be, on a real API server, and what becomes of the
 * account. One operator serves the whole file.
 */
import { fileURLToPath } from "node:url";
import { test as base, expect } from "vitest";
import { DEMO_KEY } from "../dev/simulator/world/teams.ts";
import { checkConformance, sharedPlace, test } from "./support/cluster.ts";
import { ALL_KINDS } from "./support/crds.ts";
import { manifest } from "./support/manifest.ts";
import { SCOPED } from "./support/operator-rights.ts";

const EXAMPLES = fileURLToPath(new URL("../examples", import.meta.url));
const TEAM = "te-alpha";

/** Resyncs are what finds changes made elsewhere. */
const shared = sharedPlace({ flags: ["--resync-interval=2s"] });

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
    const place = shared();
    await place.kubectl(`apply -f ${EXAMPLES}`);
    await place.kubectl(`wait --for=condition=Ready ${ALL_KINDS} --all --timeout=60s`);
    const table = await place.kubectl("get psm");
    expect(table.split("\n")[0]?.trim().split(/\s+/)).toEqual(
      "NAME STATE READY TYPE REGION IP AGE".split(" "),
    );
    expect(rowOf(table, "notebook").slice(0, 5)).toEqual(["notebook", "ready", "True", "C5", "ny2"]);
    expect(rowOf(table, "spare").slice(0, 5)).toEqual(["spare", "off", "True", "C3", "ca1"]);
    const wide = rowOf(await place.kubectl("get psm trainer -o wide"), "trainer");
    const trainer = place.get("trainer")?.status;
    expect(wide).toEqual(expect.arrayContaining([trainer?.id, trainer?.publicIp, "0.76", "Available"]));
    for (const word of ["paperspace", "paperspacemachines", "paperspacemachine", "psm"])
      expect(await place.kubectl(`get ${word} -o name`)).toContain(
        "paperspacemachine.paperspace.com/notebook\n",
      );
    expect(place.machines().map(({ machineType, state }) => `${machineType} ${state}`)).toEqual(
      expect.arrayContaining(["C5 ready", "A4000 ready", "C3 off"]),
    );
    // Nothing was written into any of them. A Secret given as stringData never looks unchanged to kubectl.
    const again = (await place.kubectl(`apply -f ${EXAMPLES}`)).trimEnd().split("\n");
    expect(again.filter((line) => !line.startsWith("secret/") && !line.endsWith(" unchanged"))).toEqual([]);
    await place.kubectl(`delete -f ${EXAMPLES}`);
    expect(place.machines()).toEqual([]);
    const { deployments } = place.sim.console.state();
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

base("describe tells the story: conditions, and an Event for each turn", async () => {
  const place = shared();
  await place.apply(manifest("story"));
  const { status } = await place.ready("story");
  await place.eventOf("story", "Normal", "Available");
  const story = await place.kubectl("describe psm story");
  expect(story).toMatch(new RegExp(`Id:\\s+${status?.id}`));
  expect(story).toMatch(/Message:\s+the machine is on and ready\s[\s\S]*Type:\s+Ready/);
  expect(story).toMatch(/Normal\s+Created\s.*created ps/);
  expect(story).toMatch(/Normal\s+Available\s.*the machine is on/);
});

base("powerState stops the machine and starts it again, and Ready speaks of the newest spec", async () => {
  const place = shared();
  await place.apply(manifest("power"));
  const { status } = await place.ready("power");
  const machine = () => place.sim.console.machine(status?.id ?? "");
  await place.kubectl(`patch psm power --type=merge -p '{"spec":{"powerState":"Stopped"}}'`);
  await place.kubectl("wait --for=condition=Ready psm/power --timeout=60s");
  expect(machine().state).toBe("off");
  expect(rowOf(await place.kubectl("get psm power -o wide"), "power")).toEqual(
    expect.arrayContaining(["off", "True", "Stopped"]),
  );
  await place.kubectl(`patch psm power --type=merge -p '{"spec":{"powerState":"Running"}}'`);
  await place.kubectl("wait --for=condition=Ready psm/power --timeout=60s");
  expect(machine().state).toBe("ready");
  await place.kubectl("wait --for=jsonpath='{.status.state}'=ready psm/power --timeout=60s");
  expect(writesOn(status?.id).map(({ path }) => path.split("/").at(-1))).toEqual(["stop", "start"]);
});

base("a setting changed in the console is put back, one that is not in the spec stays", async () => {
  const place = shared();
  await place.apply(manifest("drift", { autoShutdown: { enabled: true, timeoutHours: 8 } }));
  const { status } = await place.ready("drift");
  const id = status?.id ?? "";
  place.sim.console.update(id, {
    autoShutdownTimeout: 24,
    autoSnapshotEnabled: true,
    autoSnapshotFrequency: "daily",
  });
  await place.until("it is put back", () => place.sim.console.machine(id).settings.autoShutdownTimeout === 8);
  await place.ready("drift");
  expect(place.sim.console.machine(id).settings).toMatchObject({
    autoShutdownEnabled: true,
    autoSnapshotEnabled: true,
  });
  expect(writesOn(id).map(({ method, body }) => [method, body])).toEqual([
    ["PUT", { autoShutdownTimeout: 8 }],
  ]);
});

base("a display name in the spec is given, and kept", async () => {
  const place = shared();
  await place.apply(manifest("named", { name: "Ada's workstation" }));
  const { status } = await place.ready("named");
  const id = status?.id ?? "";
  expect(place.sim.console.machine(id).settings.name).toBe("Ada's workstation");
  place.sim.console.update(id, { name: "mine!" });
  await place.until(
    "it has its name again",
    () => place.sim.console.machine(id).settings.name === "Ada's workstation",
  );
  await place.ready("named");
  expect(place.get("named")?.status?.name).toBe("Ada's workstation");
});

base("deletionPolicy Orphan lets the object go and leaves the machine as it is", async () => {
  const place = shared();
  await place.apply(manifest("orphan", { deletionPolicy: "Orphan" }));
  const { status } = await place.ready("orphan");
  await place.kubectl("delete psm orphan --timeout=60s");
  expect(place.sim.console.machine(status?.id ?? "").state).toBe("ready");
  expect(writesOn(status?.id)).toEqual([]);
});

base("paused: nothing is created until the annotation is taken off", async () => {
  const place = shared();
  await place.apply(manifest("paused", {}, { annotations: { "paperspace.com/paused": "true" } }));
  await place.kubectl("wait --for=condition=Paused psm/paused --timeout=60s");
  expect(createsOf("paused")).toEqual([]);
  await place.kubectl("annotate psm paused paperspace.com/paused-");
  await place.kubectl("wait --for=condition=Ready psm/paused --timeout=60s");
  expect(createsOf("paused")).toHaveLength(1);
  // Asked anew: what is seen here may be a moment behind kubectl.
  const { status } = await place.objectsOf.get(place.namespace, "paused");
  expect(status?.conditions?.map(({ type }) => type)).not.toContain("Paused");
});

base("paused: neither power nor settings nor deletion reach the machine until it is taken off", async () => {
  const place = shared();
  await place.apply(manifest("halted"));
  const { status } = await place.ready("halted");
  await place.kubectl("annotate psm halted paperspace.com/paused=true");
  await place.kubectl(
    `patch psm halted --type=merge -p '{"spec":{"powerState":"Stopped","autoShutdown":{"enabled":true}}}'`,
  );
  await place.until("the pause is seen", () => place.condition("halted", "Paused")?.status === "True");
  await place.kubectl("delete psm halted --wait=false");
  await place.reason("halted", "Stalled", "Paused");
  expect(writesOn(status?.id)).toEqual([]);
  expect(place.sim.console.machine(status?.id ?? "").state).toBe("ready");
  await place.kubectl("annotate psm halted paperspace.com/paused-");
  await place.gone("halted");
  expect(writesOn(status?.id).map(({ method }) => method)).toEqual(["DELETE"]);
  expect(place.machines().map(({ id }) => id)).not.toContain(status?.id);
});

base("adoptId takes a machine over and does not touch it", async () => {
  const place = shared();
  const machine = place.sim.console.create(TEAM, { name: "made by hand", machineType: "A4000" }, "ready");
  await place.apply(manifest("adopted", { adoptId: machine.id, templateId: undefined, diskSize: undefined }));
  const { status } = await place.ready("adopted");
  expect(status).toMatchObject({ id: machine.id, name: "made by hand", state: "ready" });
  expect(writesOn(machine.id)).toEqual([]);
  expect(createsOf("adopted")).toEqual([]);
  await place.eventOf("adopted", "Normal", "Adopted");
});

base("describe tells a newcomer why a machine did not start and what to do, without the logs", async () => {
  const place = shared();
  place.sim.console.failNext({ event: "start", error: "GPU has fallen off the bus" });
  await place.apply(manifest("failing"));
  await place.reason("failing", "Reconciling", "CreateFailed");
  await place.eventOf("failing", "Warning", "CreateFailed");
  const said = await place.kubectl("describe psm failing");
  const conditions = said.slice(said.indexOf("Conditions:"), said.indexOf("Last Events:"));
  expect(conditions).toMatch(/Reason: +CreateFailed/);
  expect(conditions).toContain("GPU has fallen off the bus");
  expect(conditions).toContain("It is tried again by itself within a minute");
  expect(conditions).toContain(
    "ask for another machineType or region, or delete this object and apply it again",
  );
  const history = said.slice(said.indexOf("Last Events:"), said.indexOf("\nEvents:"));
  expect(history).toMatch(/Error: +GPU has fallen off the bus/);
  expect(said.slice(said.indexOf("\nEvents:"))).toMatch(/Warning +CreateFailed .*GPU has fallen off the bus/);
  await place.kubectl("delete psm failing --timeout=60s");
});

base("adoptId of a machine that is not there, or that differs, says so and touches nothing", async () => {
  const place = shared();
  const machine = place.sim.console.create(
    TEAM,
    { name: "another", machineType: "C5", region: "ams1" },
    "ready",
  );
  const adopt = (id: string) => ({ adoptId: id, templateId: undefined, diskSize: undefined });
  await place.apply(manifest("lost", adopt("psnowhere")), manifest("unlike", adopt(machine.id)));
  expect((await place.reason("lost", "Stalled", "AdoptNotFound")).message).toContain("psnowhere");
  expect((await place.reason("unlike", "Stalled", "AdoptMismatch")).message).toContain("region");
  expect(writesOn(machine.id)).toEqual([]);
  await place.kubectl(`patch psm unlike --type=merge -p '{"spec":{"machineType":"C5","region":"ams1"}}'`);
  await place.ready("unlike");
  await place.kubectl("delete psm lost --timeout=60s");
  expect(place.get("unlike")?.status?.id).toBe(machine.id);
});

test.skipIf(SCOPED)(
  "a deleted namespace takes its machines with it, where the operator's own key serves it",
  async ({ place }) => {
    await place.daemon({ flags: ["--api-key-namespaces=*"], env: { PAPERSPACE_API_KEY: DEMO_KEY } });
    await place.apply(manifest("one"), manifest("two"));
    await Promise.all([place.ready("one"), place.ready("two")]);
    await place.kubectl(`delete namespace ${place.namespace} --timeout=60s`);
    expect(place.get("one")).toBeUndefined();
    expect(place.machines()).toEqual([]);
  },
);

test.skipIf(SCOPED)(
  "a deleted namespace takes its machines with it, though its Secret is deleted at the same time",
  async ({ place }) => {
    await place.daemon();
    await place.apply(manifest("one"), manifest("two"));
    await Promise.all([place.ready("one"), place.ready("two")]);
    await place.kubectl(`delete namespace ${place.namespace} --timeout=90s`);
    expect(place.get("one")).toBeUndefined();
    expect(place.machines()).toEqual([]);
  },
);

checkConformance();
