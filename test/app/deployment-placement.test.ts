/**
 * The placement of a deployment, run with the whole operator over a cluster and an account in memory, in virtual time: which
 * machine type is taken, when the next one is tried, and when none is. The checks use the simulator's own state.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { placedOn, TYPES } from "../support/placed.ts";
import {
  checkTraffic,
  onlyDeployment as deployment,
  eventNotes,
  running,
} from "../support/scenario-world.ts";
import {
  annotate,
  BAD_IMAGE,
  condition,
  edit,
  MINUTE,
  message,
  reason,
  showing,
  status,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const REGION = "ny2";
const SOON = { giveUpAfter: "5m" };
const typesSent = (world: VirtualWorld) =>
  deployment(world).specs.map(({ data }) => data.resources.machineType);
const lacking = (world: VirtualWorld, ...types: string[]) => {
  for (const type of types) world.sim.world.setCapacity(type, REGION, 0);
};
const placement = (world: VirtualWorld) => status(world)?.placement;
const tried = (world: VirtualWorld) =>
  placement(world)?.tried?.map(({ candidate, outcome }) => `${candidate.machineType} ${outcome}`);
const shows = (world: VirtualWorld, word: string) =>
  world.until(`it reports ${word}`, () => reason(world) === word);

describe("the candidates", () => {
  it("are taken in their order, and what is chosen is in status before the create is sent", async () => {
    const world = running();
    world.deployments.apply("web", placedOn());
    await world.deployments.ready("web");
    expect(typesSent(world)).toEqual(["C4"]);
    expect(placement(world)).toEqual({ chosen: { machineType: "C4" } });
    expect(status(world)?.machineType).toBe("C4");
  });

  it("without hardware are left after the time that the user gives, and the one deployment is changed to the next", async () => {
    const world = running();
    lacking(world, "C4", "A4000");
    world.deployments.apply("web", placedOn(TYPES, SOON));
    await shows(world, "WaitingForCapacity");
    expect(message(world)).toContain("all instances wait for hardware on C4. A4000 is tried next");
    expect(placement(world)).toMatchObject({ chosen: { machineType: "C4" }, next: { machineType: "A4000" } });
    await world.deployments.ready("web");
    expect(typesSent(world)).toEqual(["C4", "A4000", "H100"]);
    expect([...world.sim.world.deployments.values()]).toHaveLength(1);
    expect(tried(world)).toEqual(["C4 NoHardware", "A4000 NoHardware"]);
    expect(placement(world)).not.toHaveProperty("next");
    expect(eventNotes(world, "MovingOn")).toHaveLength(2);
    // One template, whatever it ran on: nothing was healthy before, and nothing failed.
    expect(status(world)?.history).toMatchObject([{ machineType: "H100", outcome: "Healthy" }]);
    expect(status(world)?.history).toHaveLength(1);
  });

  it("none of which has hardware are tried again ever more rarely, with the truth reported, and end as soon as one has", async () => {
    const world = running();
    lacking(world, ...TYPES);
    world.sim.world.setBehaviour({ instancePendingMs: 60_000 });
    world.deployments.apply("web", placedOn(TYPES, SOON));
    await world.until("it is reported", () => reason(world, "Stalled") === "CapacityUnavailable");
    await world.clock.advance(3 * 60 * MINUTE);
    expect(upserts(world).length).toBeGreaterThan(6);
    expect(upserts(world).length).toBeLessThan(14);
    expect(reason(world, "Stalled")).toBe("CapacityUnavailable");
    expect(message(world)).toContain("other candidates may have some");
    for (const type of TYPES) world.sim.world.setCapacity(type, REGION, null);
    await world.deployments.ready("web");
    expect(condition(world, "Stalled")).toBeUndefined();
  });

  it("that are refused are left at once for the next one: the team may not have such machines", async () => {
    const world = running();
    const body = { message: "C4 is not enabled for this team", code: "BAD_REQUEST" };
    world.sim.faults.add({
      match: { method: "POST", path: "/deployments$", times: 1 },
      do: { status: 400, body },
    });
    world.deployments.apply("web", placedOn());
    await world.deployments.ready("web");
    expect(typesSent(world)).toEqual(["A4000"]);
    expect(tried(world)).toEqual(["C4 Refused"]);
  });

  it("that are refused in place of one without hardware leave that one waiting for less, not for more", async () => {
    const world = running();
    lacking(world, "C4");
    world.deployments.apply("web", placedOn(TYPES, SOON));
    await shows(world, "WaitingForCapacity");
    const body = { message: "A4000 is not enabled for this team", code: "BAD_REQUEST" };
    world.sim.faults.add({
      match: { method: "POST", path: "/deployments$", times: 1 },
      do: { status: 400, body },
    });
    await world.deployments.ready("web");
    expect(typesSent(world)).toEqual(["C4", "H100"]);
    expect(tried(world)).toEqual(["C4 NoHardware", "A4000 Refused", "C4 NoHardware"]);
  });

  it("all of which are refused are reported with what was answered, and are not sent again and again", async () => {
    const world = running();
    world.sim.faults.add({
      match: { method: "POST", path: "/deployments$", times: "always" },
      do: { status: 400, body: { message: "image is on our list", code: "BAD_REQUEST" } },
    });
    world.deployments.apply("web", placedOn());
    await world.until("it is reported", () => reason(world, "Stalled") === "Refused");
    expect(message(world)).toContain("C4: ");
    expect(message(world)).toContain("image is on our list");
    await world.clock.advance(9 * MINUTE);
    expect(upserts(world)).toHaveLength(3);
  });

  it("all of which are refused keep a corrected spec waiting for nothing", async () => {
    const world = running();
    const body = { message: "image is on our list", code: "BAD_REQUEST" };
    world.sim.faults.add({
      match: { method: "POST", path: "/deployments$", times: 3 },
      do: { status: 400, body },
    });
    world.deployments.apply("web", placedOn());
    await world.until("it is reported", () => reason(world, "Stalled") === "Refused");
    const reportedAt = world.clock.now();
    world.deployments.edit("web", { spec: { image: "nginx:1.28" } });
    await world.deployments.ready("web");
    expect(world.clock.now() - reportedAt).toBeLessThan(5 * MINUTE);
    expect(typesSent(world)).toHaveLength(1);
  });
});

describe("no other candidate is tried", () => {
  it("where the container fails: another machine type does not mend an image", async () => {
    const world = running();
    world.deployments.apply("web", { ...placedOn(TYPES, SOON), image: BAD_IMAGE });
    await world.deployments.reports("web", "ProgressDeadlineExceeded");
    await world.clock.advance(120 * MINUTE);
    expect(typesSent(world)).toEqual(["C4"]);
  });

  it("where the instances do not show what they wait for: what is missing moves nothing", async () => {
    const world = running();
    lacking(world, "C4");
    showing(world, /\/runs$/, (runs: { instances: { state: string }[] }[]) =>
      runs.map((run) => ({
        ...run,
        instances: run.instances.map((one) => ({ ...one, state: "initializing" })),
      })),
    );
    world.deployments.apply("web", placedOn(TYPES, SOON));
    await world.deployments.reports("web", "ProgressDeadlineExceeded");
    await world.clock.advance(120 * MINUTE);
    expect(typesSent(world)).toEqual(["C4"]);
  });

  it("once it was healthy, whatever becomes of its hardware, until the user changes the spec", async () => {
    const world = running();
    world.deployments.apply("web", placedOn(TYPES, SOON));
    await world.deployments.ready("web");
    lacking(world, "C4");
    world.sim.console.deployments.crash(deployment(world).id, { startsOver: false });
    edit(world, { replicas: 3 });
    await world.clock.advance(120 * MINUTE);
    expect(new Set(typesSent(world))).toEqual(new Set(["C4"]));
    edit(world, { placement: { candidates: [{ machineType: "H100" }] } });
    await world.deployments.ready("web");
    expect(typesSent(world).at(-1)).toBe("H100");
  });

  it("while the configuration before it serves: that one would be cut off", async () => {
    const world = running();
    world.deployments.apply("web", placedOn(TYPES, SOON));
    await world.deployments.ready("web");
    lacking(world, "C4");
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.reports("web", "ProgressDeadlineExceeded");
    await world.clock.advance(120 * MINUTE);
    expect(typesSent(world)).toEqual(["C4", "C4"]);
  });

  it("where hardware was had just before: what came up after the next one was chosen stays", async () => {
    const world = running();
    lacking(world, "C4");
    world.deployments.apply("web", placedOn(TYPES, SOON));
    await shows(world, "WaitingForCapacity");
    // The first write of the move fails, and by the time of the second the instance serves.
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$", times: 3 }, do: { status: 503 } });
    await world.until("it is chosen", () => placement(world)?.chosen?.machineType === "A4000");
    world.sim.world.setCapacity("C4", REGION, null);
    await world.deployments.ready("web");
    await world.clock.advance(30 * MINUTE);
    expect(typesSent(world)).toEqual(["C4"]);
    expect(placement(world)?.chosen).toEqual({ machineType: "C4" });
  });
});

describe("a rollback and a placement", () => {
  const BACK = { rollback: "OnFailure", progressDeadlineSeconds: 600 } as const;

  it("do not fight: what only lacks hardware is not rolled back, and what is rolled back to is not moved", async () => {
    const world = running();
    world.deployments.apply("web", { ...placedOn(["C4", "A4000"], SOON), ...BACK });
    await world.deployments.ready("web");
    // Nothing serves, so that the new configuration may move.
    edit(world, { replicas: 0 });
    await world.deployments.ready("web");
    lacking(world, "C4", "A4000");
    edit(world, { replicas: 1, image: BAD_IMAGE });
    await world.until("it is reported", () => reason(world, "Stalled") === "CapacityUnavailable");
    await world.clock.advance(60 * MINUTE);
    expect(status(world)?.rolledBack).toBeUndefined();
    for (const type of TYPES) world.sim.world.setCapacity(type, REGION, null);
    // Now it comes up, and fails by itself.
    await world.deployments.reports("web", "RolledBack");
    await world.until("it serves", () => condition(world, "Healthy")?.status === "True");
    const sent = upserts(world).length;
    lacking(world, "C4", "A4000");
    await world.clock.advance(120 * MINUTE);
    expect(upserts(world)).toHaveLength(sent);
  });

  it("do not take another machine type alone for another configuration: it is not gone back from", async () => {
    const world = running();
    world.deployments.apply("web", { ...placedOn(["C4"], SOON), ...BACK });
    await world.deployments.ready("web");
    lacking(world, "H100");
    edit(world, { placement: { candidates: [{ machineType: "H100" }] } });
    await world.clock.advance(120 * MINUTE);
    expect(typesSent(world)).toEqual(["C4", "H100"]);
    expect(status(world)?.rolledBack).toBeUndefined();
  });
});

describe("under dry-run", () => {
  it("the plan shows the candidate that would be made, and the move", async () => {
    const world = running();
    const annotations = { [ANNOTATION.dryRun]: "true" };
    world.deployments.apply("web", placedOn(TYPES, SOON), { annotations });
    await world.until("there is a plan", () => (status(world)?.plan ?? []).length > 0);
    expect(status(world)?.plan).toContainEqual({ action: "Create", field: "machineType", to: '"c4"' });
    lacking(world, "C4");
    annotate(world, { [ANNOTATION.dryRun]: null });
    await shows(world, "WaitingForCapacity");
    annotate(world, { [ANNOTATION.dryRun]: "true" });
    await world.clock.advance(30 * MINUTE);
    expect(typesSent(world)).toEqual(["C4"]);
    expect(status(world)?.plan).toEqual([
      { action: "Deploy", field: "machineType", from: '"c4"', to: '"a4000"' },
    ]);
  });
});
