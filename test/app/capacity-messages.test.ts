/**
 * The messages of docs/capacity.md, each as the operator reports it in virtual time: users look there for what they read.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { placed, TWO } from "../support/placed.ts";
import { checkTraffic, newWorld, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const HOUR = 60 * 60_000;
const page = readFileSync(new URL("../../docs/capacity.md", import.meta.url), "utf8");
const SHORT = { machineType: "A100-80G", region: "ny2" };

/** Reason and message of each row, in their order. */
const rows = (page.split("| Reason | Message (of Ready) |")[1]?.split("\n\n")[0] ?? "")
  .split("\n")
  .slice(2)
  .map((row) => row.split("|").map((cell) => cell.trim()))
  .map(([, reason = "", message = ""]) => [reason.replaceAll("`", ""), message] as const);

function allShort({ sim: { world } }: VirtualWorld): void {
  world.setCapacity(SHORT.machineType, SHORT.region, 0);
  for (const { machineType, regions } of TWO)
    for (const region of regions) world.setCapacity(machineType, region, 0);
}

/** The situation of each row. */
const SITUATIONS: readonly (() => Promise<VirtualWorld> | VirtualWorld)[] = [
  () => waiting(SHORT),
  () => waiting(placed()),
  () => waiting(SHORT),
  () => waiting({ ...SHORT, capacity: { waitAtMost: "2h", onTimeout: "Fail" } }),
  () => withoutHints(SHORT),
  () => withoutHints(placed({ giveUpAfter: "1m" })),
  () => withoutHints(placed({ giveUpAfter: "1m" })),
  () => {
    const world = newWorld();
    for (const { machineType, regions } of TWO)
      for (const region of regions)
        world.sim.console.create("te-alpha", { name: "other", machineType, region, diskSize: 50 }, "ready");
    world.start();
    world.apply("box", placed({ maxHourlyRate: "0.01" }));
    return world;
  },
  () => {
    const world = running();
    world.apply("box", placed({}, { templateId: "tnone" }));
    return world;
  },
];

function waiting(spec: Parameters<VirtualWorld["apply"]>[1]): VirtualWorld {
  const world = running();
  allShort(world);
  world.apply("box", spec);
  return world;
}

/** Hardware is short, and only a machine that stays off shows it. */
function withoutHints(spec: Parameters<VirtualWorld["apply"]>[1]): VirtualWorld {
  const world = newWorld();
  world.sim.world.setBehaviour({ availabilityEndpoint: "absent" });
  world.sim.world.setCapacity(SHORT.machineType, SHORT.region, 0);
  world.sim.world.setCapacity("H100", "ny2", 0);
  world.start();
  world.apply("box", spec);
  return world;
}

describe("the page", () => {
  it.each(rows.map(([reason, message], i) => [reason, message, i] as const))(
    "%s: %s",
    async (reason, message, i) => {
      const world = await SITUATIONS[i]?.();
      const parts = message.split("…").map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
      const pattern = new RegExp(`^${parts.join(".+")}$`);
      await world?.until(
        message,
        () => {
          const ready = world.condition("box", "Ready");
          return ready?.reason === reason && pattern.test(ready.message);
        },
        4 * HOUR,
      );
    },
  );

  it("has a situation here for each row", () => {
    expect(rows.length).toBe(SITUATIONS.length);
  });
});
