/**
 * docs/migration.md, played from end to end: machines that were made in the console come under management without one of
 * them being touched, and a mistake in the end costs none.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { MachineSpec } from "../../src/kinds/machine/types.ts";
import { LABEL } from "../../src/reconcile/management.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, newWorld } from "../support/scenario-world.ts";
import { MACHINES, type VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;
const NAMESPACE = "default";
/** As in the page. */
const MACHINES_IN_ALL = 20;
const page = readFileSync(new URL("../../docs/migration.md", import.meta.url), "utf8");

checkTraffic();

const NAMES = Array.from({ length: MACHINES_IN_ALL }, (_, i) => `box-${i + 1}`);
const writes = (world: VirtualWorld) => world.sim.calls.list({}).filter(({ method }) => method !== "GET");
const plan = (world: VirtualWorld, name: string) => world.get(name)?.status?.plan;
const dryRun = (world: VirtualWorld, value: string | null) => {
  for (const name of NAMES) world.edit(name, { metadata: { annotations: { [ANNOTATION.dryRun]: value } } });
};
const all = (done: (name: string) => boolean) => NAMES.every(done);

/** Of some machines of the console what the first manifest says is not quite so. */
function manifestOf(i: number, id: string): Partial<MachineSpec> {
  const spec = { adoptId: id, machineType: "A4000", region: "ny2" } as const;
  if (i === 3) return { ...spec, name: "trainer" };
  return i === 7 ? { ...spec, machineType: "A5000" } : spec;
}

function consoleMade(world: VirtualWorld): string[] {
  const settings = { machineType: "A4000", region: "ny2", diskSize: 50 };
  return NAMES.map((name) => world.sim.console.create(TEAM, { ...settings, name }, "ready").id);
}

describe("twenty machines of the console", () => {
  it("are observed, compared, managed and protected, and one that is deleted by mistake is saved", async () => {
    const world = newWorld();
    world.kube.label(NAMESPACE, { [LABEL.managementPolicy]: "Observe" });
    world.start();
    const ids = consoleMade(world);
    world.sim.calls.clear();

    // 1. Observe.
    for (const [i, name] of NAMES.entries()) world.apply(name, manifestOf(i, ids[i] ?? ""));
    await world.until("all are reported", () =>
      all((name) => world.condition(name, "Ready")?.status === "True"),
    );
    expect(NAMES.filter((name) => world.condition(name, "Synced")?.status === "False")).toEqual([
      "box-4",
      "box-8",
    ]);

    // 2. Compare.
    dryRun(world, "true");
    await world.until("all have a plan", () => all((name) => plan(world, name) !== undefined));
    expect(plan(world, "box-4")).toMatchObject([{ action: "Update", field: "name" }]);
    world.edit("box-4", { spec: { name: null } });
    world.edit("box-8", { spec: { machineType: "A4000" } });
    await world.until("all plans are empty", () => all((name) => plan(world, name)?.length === 0));
    expect(writes(world)).toEqual([]);

    // 3. Manage.
    dryRun(world, null);
    world.kube.label(NAMESPACE, { [LABEL.managementPolicy]: null, [LABEL.deletionProtection]: "true" });
    await world.until("all are owned", () => all((name) => world.get(name)?.status?.id !== undefined));
    await world.until("all are Ready", () =>
      all((name) => world.condition(name, "Ready")?.status === "True"),
    );
    await world.clock.advance(60 * MINUTE);
    expect(NAMES.map((name) => world.get(name)?.status?.id)).toEqual(ids);
    expect(writes(world)).toEqual([]);

    // 4. Protected, and deleted by mistake.
    world.delete("box-1");
    await world.until(
      "it is refused",
      () => world.condition("box-1", "Stalled")?.reason === "DeletionProtected",
    );
    await world.clock.advance(3 * 60 * MINUTE);
    expect(calls(world, "DELETE", /./)).toEqual([]);

    // 5. Saved.
    world.edit("box-1", { spec: { deletionPolicy: "Orphan" } });
    await world.gone("box-1");
    world.apply("box-1", manifestOf(0, ids[0] ?? ""));
    await world.until("it is owned again", () => world.get("box-1")?.status?.id === ids[0]);
    await world.ready("box-1");
    await world.clock.advance(60 * MINUTE);
    expect(writes(world)).toEqual([]);
    expect(world.machines().map(({ id, state }) => [id, state])).toEqual(ids.map((id) => [id, "ready"]));
    expect(world.kube.storage.list(MACHINES)).toHaveLength(MACHINES_IN_ALL);
  });

  it("are so in the order of the page, with the fields, labels and annotations that it gives", () => {
    const steps = [
      "managementPolicy: Observe",
      `${LABEL.managementPolicy}=Observe`,
      `${ANNOTATION.dryRun}=true`,
      `${ANNOTATION.dryRun}-`,
      `${LABEL.deletionProtection}=true`,
      `${LABEL.managementPolicy}-`,
      "DeletionProtected",
      '{"spec":{"deletionPolicy":"Orphan"}}',
    ];
    const at = steps.map((step) => page.indexOf(step));
    expect(at.every((place) => place >= 0)).toBe(true);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
  });
});
