/**
 * The life of a machine with a placement at a vendor that answers otherwise than documented, while the hardware that it wants
 * most is short. Whether it moves on depends on what can be read; whatever is read, there are never two, nothing that ran
 * is deleted, and nothing is left in the end.
 */
import type { Behaviour } from "../../dev/simulator/world/behaviour.ts";
import { type MutatedLife, worldOf } from "./mutated-life.ts";
import { expectNeverTwo, placed } from "./placed.ts";
import { readyOf } from "./ready-watch.ts";
import { PlacementJudge } from "./scenario/placements.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TEAM = "te-alpha";

/** How a shortage shows. */
const SHORTAGES: readonly Partial<Behaviour>[] = [
  { availabilityEndpoint: "absent", capacityShortage: "off" },
  { availabilityHint: "always", capacityShortage: "off" },
  { availabilityHint: "always", capacityShortage: "eventError" },
  { availabilityHint: "always", capacityShortage: "refuse" },
];

/** How many machines made way for the next candidate. */
export async function placementLife(life: MutatedLife): Promise<number> {
  const world = worldOf(life);
  const { seed = 1, answerLost } = life;
  try {
    const there = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
    const made = () => [...world.sim.world.machines.values()].filter(({ id }) => id !== there.id);
    const judge = new PlacementJudge(world.sim);
    const check = () => {
      judge.check([world.get("box")].flatMap((object) => object ?? []));
      expectNeverTwo(made());
    };
    const until = async (what: string, done: () => boolean) => {
      const isDone = () => {
        check();
        return done();
      };
      await world.until(what, isDone, 4 * HOUR);
    };
    world.sim.world.setBehaviour(SHORTAGES[seed % SHORTAGES.length] ?? {});
    world.sim.world.setCapacity("H100", "ny2", 0);
    if (answerLost)
      world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
    world.start();
    world.apply(
      "box",
      placed({ giveUpAfter: "1m" }, { publicIpType: "static", publicIpReleasePolicy: "Release" }),
    );
    for (let passed = 0; passed < 90 * MINUTE; passed += MINUTE) {
      await world.clock.advance(MINUTE);
      check();
    }
    world.sim.mutations.clear();
    world.sim.world.setBehaviour({ availabilityHint: "true", capacityShortage: "off" });
    world.sim.world.setCapacity("H100", "ny2", null);
    await until("it is ready", () => readyOf(world.get("box"))?.status === "True");
    world.delete("box");
    await until("it is gone", () => world.get("box") === undefined);
    if (made().some(({ dtDeleted }) => dtDeleted === null)) throw new Error("what it made is kept");
    const { staticAddresses } = world.sim.console.team(TEAM);
    if (staticAddresses.length > 0) throw new Error("a static address is kept");
    return made().length - 1;
  } finally {
    await world.end();
  }
}
