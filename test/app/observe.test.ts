/**
 * What is only observed, under the whole operator: everything is read and reported, and nothing is written, by whichever it is
 * required: the object, its namespace or the operator.
 */
import { describe, expect, it } from "vitest";
import type { MachineSpec } from "../../src/kinds/machine/types.ts";
import { KubeError } from "../../src/kube/errors.ts";
import { LABEL } from "../../src/reconcile/management.ts";
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, newWorld, onlyMachine, running } from "../support/scenario-world.ts";
import { PROJECT } from "../support/scenario-world-deployments.ts";
import { project } from "../support/third-kind.ts";
import { NAMESPACE } from "../support/virtual-objects.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;
const OBSERVE = { managementPolicy: "Observe" } as const;

checkTraffic();

const writes = (world: VirtualWorld) => world.sim.calls.list({}).filter(({ method }) => method !== "GET");
/** Of objects and Secrets, beyond their status. */
const objectWrites = (world: VirtualWorld) =>
  world.kube.calls.filter(
    ({ method, path }) =>
      method !== "GET" && /\/(paperspace\w+|secrets)\//.test(path) && !/\/status$/.test(path),
  );
const observed = (world: VirtualWorld, name = "box") => world.condition(name, "Observed");
const status = (world: VirtualWorld, name = "box") => world.get(name)?.status;

function expectUntouched(world: VirtualWorld): void {
  expect(writes(world)).toEqual([]);
  expect(objectWrites(world)).toEqual([]);
}

/** A machine that the console made, and an object that observes it. */
async function observing(
  spec: Partial<MachineSpec> = {},
  state: "off" | "ready" = "ready",
  world = running(),
): Promise<VirtualWorld> {
  const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2", diskSize: 50 }, state);
  world.sim.calls.clear();
  world.apply("box", { adoptId: id, ...OBSERVE, ...spec });
  await world.until("it is reported", () => world.condition("box", "Synced") !== undefined);
  await world.clock.advance(30 * MINUTE);
  return world;
}

describe("a machine that is observed", () => {
  it("is reported as it is, with no finalizer, no annotation and no id: nothing says that it is this object's", async () => {
    const world = await observing();
    expectUntouched(world);
    expect(world.condition("box", "Ready")).toMatchObject({ status: "True", reason: "Available" });
    expect(world.condition("box", "Synced")?.status).toBe("True");
    expect(world.condition("box", "Running")?.status).toBe("True");
    expect(observed(world)).toMatchObject({ status: "True", reason: "ObservedOnly" });
    expect(status(world)).toMatchObject({ state: "ready", machineType: "A4000", observedGeneration: 1 });
    expect(status(world)?.usageRate).toBeGreaterThan(0);
    expect(status(world)?.id).toBeUndefined();
    expect(world.get("box")?.metadata.finalizers ?? []).not.toContain(FINALIZER);
  });

  it("shows what differs in Synced, and nobody puts it back", async () => {
    const differing = { name: "renamed", machineType: "A5000", diskSize: 100, region: "ca1" };
    const world = await observing(differing);
    expectUntouched(world);
    const synced = world.condition("box", "Synced");
    expect(synced).toMatchObject({ status: "False", reason: "Drifted" });
    expect(synced?.message).toMatch(/name: .*machineType: "A4000" → "A5000".*diskSize: 50 → 100.*region: /);
    expect(world.condition("box", "Ready")?.status).toBe("True");
  });

  it("is not ready while it is off, and is neither started nor called stalled for it", async () => {
    const world = await observing({}, "off");
    expectUntouched(world);
    expect(world.condition("box", "Ready")).toMatchObject({ status: "False", reason: "Stopped" });
    expect(world.condition("box", "Synced")?.message).toContain('powerState: "off" → "Running"');
    for (const type of ["Stalled", "Reconciling"]) expect(world.condition("box", type)).toBeUndefined();
  });

  it("follows what others do to it, at the price of shared reads", async () => {
    const world = await observing();
    world.sim.console.stop(onlyMachine(world).id);
    await world.until("it shows", () => status(world)?.state === "off", 30 * MINUTE);
    world.sim.calls.clear();
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "GET", /\/machines/).length).toBeLessThan(10);
    expectUntouched(world);
  });

  it("answers no request by annotation", async () => {
    const world = await observing({}, "off");
    world.edit("box", { metadata: { annotations: { [ANNOTATION.startRequestedAt]: "now" } } });
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
  });

  it("goes with its object alone, which nothing keeps", async () => {
    const world = await observing();
    world.delete("box");
    await world.clock.advance(30 * MINUTE);
    expect(world.get("box")).toBeUndefined();
    expectUntouched(world);
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("shows under dry-run what managing it would change, and managing it then is exactly that", async () => {
    const world = await observing({ name: "renamed" });
    world.edit("box", { metadata: { annotations: { [ANNOTATION.dryRun]: "true" } } });
    await world.until("the plan is there", () => status(world)?.plan !== undefined);
    expect(status(world)?.plan).toMatchObject([{ action: "Update", field: "name", to: '"renamed"' }]);
    expectUntouched(world);
    world.edit("box", {
      spec: { managementPolicy: "Manage" },
      metadata: { annotations: { [ANNOTATION.dryRun]: null } },
    });
    await world.ready("box");
    expect(status(world)?.id).toBe(onlyMachine(world).id);
    expect(onlyMachine(world).settings.name).toBe("renamed");
    expect(observed(world)).toBeUndefined();
  });

  it("has an empty plan where it is as declared: the commit that manages it changes nothing", async () => {
    const world = await observing();
    world.edit("box", { metadata: { annotations: { [ANNOTATION.dryRun]: "true" } } });
    await world.until("the plan is there", () => status(world)?.plan !== undefined);
    expect(status(world)?.plan).toEqual([]);
    world.edit("box", {
      spec: { managementPolicy: "Manage" },
      metadata: { annotations: { [ANNOTATION.dryRun]: null } },
    });
    await world.ready("box");
    await world.clock.advance(30 * MINUTE);
    expect(writes(world)).toEqual([]);
  });

  it("is reported as gone, or as never there, and none is made in its place", async () => {
    const world = running();
    world.apply("none", { ...OBSERVE, adoptId: "psnothere1" });
    await world.until("it is not found", () => world.condition("none", "Ready")?.reason === "AdoptNotFound");
    world.apply("nothing", { ...OBSERVE });
    await world.until(
      "it is reported",
      () => world.condition("nothing", "Ready")?.reason === "NothingToObserve",
    );
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
  });

  it("is not shown with the operator's own key: a shared account has machines of others", async () => {
    const world = newWorld();
    world.deleteSecret();
    world.start(world.kube, ["--api-key-namespaces=*"], { PAPERSPACE_API_KEY: "sim-key-alpha" });
    const { id } = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
    world.apply("box", { adoptId: id, ...OBSERVE });
    await world.until(
      "it is refused",
      () => world.condition("box", "Ready")?.reason === "AdoptionNotAllowed",
    );
    expect(status(world)?.state).toBeUndefined();
  });

  it("may be owned by another object, and says so before it is to be managed", async () => {
    const world = running();
    world.apply("owner");
    await world.ready("owner");
    world.apply("box", { ...OBSERVE, adoptId: status(world, "owner")?.id ?? "" });
    await world.until("it is reported", () => world.condition("box", "Ready")?.status === "True");
    expect(world.condition("box", "Ready")?.message).toContain("It is owned by default/owner");
    world.edit("box", { spec: { managementPolicy: "Manage" } });
    await world.until("it is refused", () => world.condition("box", "Ready")?.reason === "AlreadyOwned");
  });
});

describe("who demands it", () => {
  it("is whichever is strictest: object, namespace or operator", async () => {
    for (const demand of ["object", "namespace", "operator", "a label with a typing error"] as const) {
      const world = newWorld();
      if (demand === "namespace") world.kube.label(NAMESPACE, { [LABEL.managementPolicy]: "Observe" });
      if (demand.startsWith("a label")) world.kube.label(NAMESPACE, { [LABEL.managementPolicy]: "observe" });
      world.start(world.kube, demand === "operator" ? ["--management-policy=Observe"] : []);
      const policy = demand === "object" ? "Observe" : "Manage";
      await observing({ name: "renamed", managementPolicy: policy }, "ready", world);
      expectUntouched(world);
      expect(observed(world)?.reason, demand).toBe("ObservedOnly");
    }
  });

  it("may change at any time: what is declared after the label leads to no write, and all objects show it", async () => {
    const world = running();
    for (const name of ["one", "two"]) {
      world.apply(name);
      await world.ready(name);
    }
    world.kube.label(NAMESPACE, { [LABEL.managementPolicy]: "Observe" });
    world.sim.calls.clear();
    for (const name of ["one", "two"]) world.edit(name, { spec: { powerState: "Stopped" } });
    await world.until(
      "both show it",
      () => ["one", "two"].every((name) => observed(world, name)),
      15 * MINUTE,
    );
    await world.clock.advance(30 * MINUTE);
    expect(writes(world)).toEqual([]);
    world.kube.label(NAMESPACE, { [LABEL.managementPolicy]: null });
    await world.until("both are off", () => world.machines().every(({ state }) => state === "off"));
  });

  it("is assumed where the namespace may not be read: evidence that is missing writes nothing", async () => {
    const world = newWorld();
    let isAllowed = false;
    world.kube.intercept = ({ path }) => {
      if (isAllowed || path !== `/api/v1/namespaces/${NAMESPACE}`) return undefined;
      throw forbidden();
    };
    world.start();
    world.apply("box");
    await world.until(
      "it is reported",
      () => world.condition("box", "Ready")?.reason === "NamespaceUnreadable",
    );
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
    isAllowed = true;
    await world.ready("box");
  });
});

describe("an object that owns its machine, and is only observed from then on", () => {
  async function owning(spec: Partial<MachineSpec> = {}): Promise<VirtualWorld> {
    const world = running();
    world.apply("box", spec);
    await world.ready("box");
    world.edit("box", { spec: OBSERVE });
    await world.until("it is observed", () => observed(world) !== undefined);
    world.sim.calls.clear();
    world.kube.calls.length = 0;
    return world;
  }

  it("keeps what it owns, and goes on where it was once it is managed again", async () => {
    const world = await owning();
    const { id } = onlyMachine(world);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
    expect(status(world)?.id).toBe(id);
    world.edit("box", { spec: { managementPolicy: "Manage" } });
    await world.until("it is off", () => onlyMachine(world).state === "off");
  });

  it("does not end: its deletion waits, and says how it ends with the machine and how without", async () => {
    const world = await owning();
    world.delete("box");
    await world.until("it says so", () => world.condition("box", "Stalled")?.reason === "ObservedOnly");
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
    expect(world.condition("box", "Stalled")?.message).toMatch(/managed again.*"deletionPolicy":"Orphan"/);
    world.edit("box", { spec: { managementPolicy: "Manage" } });
    await world.gone("box");
    expect(world.machines()).toEqual([]);
  });

  it("does not offer to leave a machine whose delete was sent before: that is on its way", async () => {
    const world = running();
    world.sim.world.setBehaviour({ deleteMs: 10 * MINUTE });
    world.apply("box");
    await world.ready("box");
    world.delete("box");
    await world.until("it is sent", () => status(world)?.operation?.intent === "Delete");
    world.edit("box", { spec: OBSERVE });
    await world.until("it is observed", () => world.condition("box", "Stalled")?.reason === "ObservedOnly");
    const message = () => world.condition("box", "Stalled")?.message;
    expect(message()).toMatch(/the delete of its machine was sent at .*, and cannot be called back/);
    expect(message()).not.toContain("Orphan");
    await world.until("it is gone", () => world.machines().length === 0);
    world.edit("box", { spec: { managementPolicy: "Manage" } });
    await world.gone("box");
  });

  it("leaves its machine where deletionPolicy is Orphan", async () => {
    const world = await owning({ deletionPolicy: "Orphan" });
    world.delete("box");
    await world.gone("box");
    expect(writes(world)).toEqual([]);
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("makes no other machine where its own is gone, whatever onExternalDeletion says", async () => {
    const world = await owning({ onExternalDeletion: "Recreate" });
    world.sim.console.delete(onlyMachine(world).id);
    await world.until("it is gone", () => world.condition("box", "Ready")?.reason === "ExternallyDeleted");
    await world.clock.advance(60 * MINUTE);
    expectUntouched(world);
  });
});

describe("other kinds", () => {
  it("have it as well: a deployment is reported by its own configuration, and its drift stays", async () => {
    const world = running();
    const { id } = world.sim.console.deployments.create(
      PROJECT,
      { name: "web", resources: { machineType: "C4", ports: [8080], replicas: 1 } },
      { settled: true },
    );
    world.deployments.apply("seen", {
      ...OBSERVE,
      adoptId: id,
      projectId: PROJECT,
      name: "web",
      replicas: 3,
    });
    await world.until("it is ready", () => world.deployments.condition("seen", "Ready")?.status === "True");
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
    expect(world.deployments.condition("seen", "Healthy")?.status).toBe("True");
    expect(world.deployments.condition("seen", "Synced")).toMatchObject({ status: "False" });
    expect(world.deployments.condition("seen", "Synced")?.message).toContain("replicas");
    expect(world.deployments.get("seen")?.status).toMatchObject({ name: "web", readyReplicas: 1 });
    expect(world.deployments.get("seen")?.status?.id).toBeUndefined();
  });

  it("have it as well: a kind that is a table", async () => {
    const world = running([], { kinds: [project] });
    const projects = world.objects(project, { name: "research" });
    projects.apply("lab", { ...OBSERVE, adoptId: "p-alpha" });
    await world.until("it is reported", () => projects.condition("lab", "Ready")?.status === "True");
    expect(projects.condition("lab", "Synced")).toMatchObject({ status: "False", reason: "Drifted" });
    await world.clock.advance(30 * MINUTE);
    expectUntouched(world);
  });
});

function forbidden(): Error {
  return new KubeError({ code: "KUBE_FORBIDDEN", message: "namespaces is forbidden" });
}
