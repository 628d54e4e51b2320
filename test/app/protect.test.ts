/**
 * Protection from deletion, under the whole operator: whatever deletes the object, its resource stays until its user says how
 * it ends. What the API server refuses before that is the chart's (test/security/protection.test.ts).
 */
import { describe, expect, it } from "vitest";
import type { MachineSpec } from "../../src/kinds/machine/types.ts";
import { LABEL } from "../../src/reconcile/management.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { dieEverywhere } from "../support/deaths.ts";
import {
  calls,
  checkTraffic,
  eventNotes,
  newWorld,
  onlyDeployment,
  onlyMachine,
  running,
} from "../support/scenario-world.ts";
import { keep, projectSecrets, ready as readyDeployment } from "../support/scenario-world-deployments.ts";
import { project } from "../support/third-kind.ts";
import { NAMESPACE } from "../support/virtual-objects.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const PROTECTED = { deletionProtection: true } as const;

checkTraffic();

const stalled = (world: VirtualWorld, name = "box") => world.condition(name, "Stalled");
const deletes = (world: VirtualWorld) => calls(world, "DELETE", /./);

/** A machine whose object is deleted though it is protected. */
async function deleted(spec: Partial<MachineSpec> = PROTECTED, world = running()): Promise<VirtualWorld> {
  world.apply("box", spec);
  await world.ready("box");
  world.delete("box");
  await world.until("it is refused", () => stalled(world)?.reason === "DeletionProtected");
  return world;
}

describe("a machine whose object is deleted", () => {
  it("stays, for as long as nobody says how it ends, and the object says both ways", async () => {
    const world = await deleted();
    await world.clock.advance(24 * 60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    expect(onlyMachine(world).state).toBe("ready");
    const message = stalled(world)?.message ?? "";
    expect(message).toContain(
      `kubectl patch psm/box -n default --type merge -p '{"spec":{"deletionProtection":false}}'`,
    );
    expect(message).toContain(
      `kubectl patch psm/box -n default --type merge -p '{"spec":{"deletionPolicy":"Orphan"}}'`,
    );
    expect(world.condition("box", "Ready")?.status).toBe("False");
  });

  it("goes once the protection is lifted", async () => {
    const world = await deleted();
    world.edit("box", { spec: { deletionProtection: false } });
    await world.gone("box");
    expect(world.machines()).toEqual([]);
  });

  it("is left by Orphan, and a new object adopts it as it is", async () => {
    const world = await deleted();
    const { id } = onlyMachine(world);
    world.edit("box", { spec: { deletionPolicy: "Orphan" } });
    await world.gone("box");
    world.sim.calls.clear();
    world.apply("box", { ...PROTECTED, adoptId: id });
    await world.ready("box");
    await world.clock.advance(30 * MINUTE);
    expect(world.sim.calls.list({}).filter(({ method }) => method !== "GET")).toEqual([]);
  });

  it("is stopped and started as declared meanwhile: a machine that is on costs more", async () => {
    const world = await deleted();
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.until("it is off", () => onlyMachine(world).state === "off");
    expect(stalled(world)?.reason).toBe("DeletionProtected");
    world.edit("box", { spec: { powerState: "Running" } });
    await world.until("it is on", () => onlyMachine(world).state === "ready");
    world.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "now" } } });
    await world.until("it restarts", () => calls(world, "PATCH", /restart$/).length === 1);
    await world.clock.advance(30 * MINUTE);
    expect(onlyMachine(world).state).toBe("ready");
    expect(deletes(world)).toEqual([]);
  });

  it("is not changed otherwise: what is declared of settings and hardware waits with it", async () => {
    const world = await deleted();
    world.sim.calls.clear();
    world.edit("box", { spec: { name: "renamed", diskSize: 100, resizePolicy: "StopAndResize" } });
    await world.clock.advance(30 * MINUTE);
    expect(calls(world, "PUT", /./)).toEqual([]);
  });

  it("keeps its API key: the Secret cannot go before it", async () => {
    const world = await deleted();
    world.deleteSecret();
    await world.clock.advance(30 * MINUTE);
    expect(world.getSecret()).toBeDefined();
    world.edit("box", { spec: { deletionProtection: false } });
    await world.gone("box");
    await world.until("the Secret goes as well", () => world.getSecret() === undefined);
  });

  it("lets its object go where it is gone itself: there is nothing to protect", async () => {
    const world = await deleted();
    world.sim.console.delete(onlyMachine(world).id);
    await world.gone("box");
  });

  it("is not said to be kept once its delete was sent: neither protection nor Orphan calls that back", async () => {
    const world = running();
    world.sim.world.setBehaviour({ deleteMs: 10 * MINUTE });
    world.apply("box");
    await world.ready("box");
    world.delete("box");
    await world.until("it is sent", () => deletes(world).length > 0);
    await world.clock.advance(5_000);
    world.edit("box", { spec: PROTECTED });
    const message = () => world.condition("box", "Ready")?.message ?? "";
    await world.until("it is said", () => /protection came too late: the delete was sent at/.test(message()));
    world.edit("box", { spec: { deletionPolicy: "Orphan" } });
    await world.until("it is said", () => /Orphan came too late/.test(message()));
    await world.gone("box");
    expect(world.machines()).toEqual([]);
    expect(eventNotes(world, "Orphaned", "box")).toEqual([]);
    expect(eventNotes(world, "OrphanTooLate", "box")).toHaveLength(1);
  });

  it("is kept where its delete has failed before it was protected", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.sim.console.failNext({ event: "deactivate" });
    world.delete("box");
    await world.until("it is sent", () => deletes(world).length > 0);
    world.edit("box", { spec: PROTECTED });
    await world.until("it is refused", () => stalled(world)?.reason === "DeletionProtected");
    await world.clock.advance(24 * 60 * MINUTE);
    expect(deletes(world)).toHaveLength(1);
    expect(onlyMachine(world).state).toBe("ready");
  });

  it("that was never made holds nobody up", async () => {
    const world = newWorld();
    world.apply("box", PROTECTED);
    world.delete("box");
    world.start();
    await world.gone("box");
    expect(world.machines()).toEqual([]);
  });
});

dieEverywhere(
  {
    "a deletion that is refused, and then left": {
      objects: 1,
      async run(world) {
        await deleted(PROTECTED, world);
        world.edit("box", { spec: { deletionPolicy: "Orphan" } });
        await world.gone("box");
      },
    },
  },
  (world) => expect(world.machines()).toHaveLength(1),
);

describe("who protects", () => {
  const LABELLED = { [LABEL.deletionProtection]: "true" };

  it("is the object, and where it says nothing its namespace, and then the operator", async () => {
    for (const by of ["namespace", "operator", "a label that is neither true nor false"] as const) {
      const world = newWorld();
      if (by === "namespace") world.kube.label(NAMESPACE, LABELLED);
      if (by.startsWith("a label")) world.kube.label(NAMESPACE, { [LABEL.deletionProtection]: "yes" });
      world.start(world.kube, by === "operator" ? ["--deletion-protection=true"] : []);
      await deleted({}, world);
      world.edit("box", { spec: { deletionProtection: false } });
      await world.gone("box");
    }
  });

  it("is the namespace from then on that it says so: a label set right before a deletion counts for it", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.kube.label(NAMESPACE, LABELLED);
    world.delete("box");
    await world.until("it is refused", () => stalled(world)?.reason === "DeletionProtected");
    await world.clock.advance(30 * MINUTE);
    expect(deletes(world)).toEqual([]);
  });

  it("is the namespace where it cannot be read again: nothing is deleted before it is", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.kube.label(NAMESPACE, LABELLED);
    world.kube.intercept = ({ path }) =>
      path.endsWith(`/namespaces/${NAMESPACE}`) ? { fail: "before" } : undefined;
    world.delete("box");
    await world.clock.advance(30 * MINUTE);
    expect(deletes(world)).toEqual([]);
    world.kube.intercept = () => undefined;
    await world.until("it is refused", () => stalled(world)?.reason === "DeletionProtected");
  });

  it("is nobody where the namespace says false, whatever the operator's default is", async () => {
    const world = running(["--deletion-protection=true"]);
    world.kube.label(NAMESPACE, { [LABEL.deletionProtection]: "false" });
    world.apply("box");
    await world.ready("box");
    world.delete("box");
    await world.gone("box");
  });
});

describe("a namespace that ends", () => {
  it("has nothing created in it, and keeps what is protected", async () => {
    const world = running();
    world.apply("kept", PROTECTED);
    await world.ready("kept");
    world.kube.label(NAMESPACE, {}, true);
    await world.clock.advance(MINUTE);
    world.apply("late");
    await world.until(
      "it is refused",
      () => world.condition("late", "Ready")?.reason === "NamespaceTerminating",
    );
    for (const name of ["late", "kept"]) world.delete(name);
    await world.gone("late");
    await world.until("it is refused", () => stalled(world, "kept")?.reason === "DeletionProtected");
    await world.clock.advance(60 * MINUTE);
    expect(onlyMachine(world).state).toBe("ready");
  });
});

describe("other kinds", () => {
  it("have it as well: a deployment and its project secrets", async () => {
    const world = await readyDeployment(PROTECTED);
    world.deployments.delete("web");
    await world.deployments.reports("web", "DeletionProtected");
    await world.clock.advance(60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    expect(world.deployed()).toHaveLength(1);
    world.deployments.edit("web", { spec: { deletionProtection: false } });
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });

  it("let go of what only hangs on them: project secrets of a deployment that is gone, or was never made", async () => {
    for (const end of ["gone", "refused"] as const) {
      const world = running();
      keep(world, "hub", { token: "value" });
      const fault = {
        match: { method: "POST", path: "/deployments$", times: "always" },
        do: { status: 400 },
      } as const;
      if (end === "refused") world.sim.faults.add(fault);
      const valueFrom = { secretKeyRef: { name: "hub", key: "token" } };
      world.deployments.apply("web", { ...PROTECTED, env: [{ name: "TOKEN", valueFrom }] });
      if (end === "gone") await world.deployments.ready("web");
      else await world.deployments.reports("web", "Refused");
      world.deployments.delete("web");
      if (end === "gone") {
        await world.deployments.reports("web", "DeletionProtected");
        world.sim.console.deployments.delete(onlyDeployment(world).id);
      }
      await world.deployments.gone("web");
      expect(projectSecrets(world)).toEqual([]);
    }
  });

  it("have it as well: a kind that is a table", async () => {
    const world = running([], { kinds: [project] });
    const projects = world.objects(project, { name: "research" });
    projects.apply("lab", PROTECTED);
    await projects.ready("lab");
    projects.delete("lab");
    await projects.reports("lab", "DeletionProtected");
    await world.clock.advance(60 * MINUTE);
    expect(deletes(world)).toEqual([]);
    projects.edit("lab", { spec: { deletionPolicy: "Orphan" } });
    await projects.gone("lab");
    expect(deletes(world)).toEqual([]);
  });
});
