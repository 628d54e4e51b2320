/** Shortages of hardware in random scenarios of machines: hints that lie, and what a user gets to run while no operator looks. */
import type { MachineRecord } from "../../../dev/simulator/world/records.ts";
import type { PaperspaceMachine } from "../../../src/kinds/machine/types.ts";
import type { Dice } from "./dice.ts";
import type { Driver } from "./driver.ts";
import { REGION, TYPES } from "./placements.ts";

const MINUTE = 60_000;
/** Of events: less than the time after which nothing is late any more. */
const LATE_MS = 200_000;

export class Shortages {
  readonly #driver: Driver<PaperspaceMachine>;
  /** Throws where what must always hold does not. */
  readonly #check: () => void;

  constructor(driver: Driver<PaperspaceMachine>, check: () => void) {
    this.#driver = driver;
    this.#check = check;
  }

  /** Mostly there is one type that can be had. */
  begin(dice: Dice): void {
    for (const type of TYPES) this.#set(type, 0);
    if (dice.chance(0.8)) this.#set(dice.of(...TYPES), null);
    this.#hint(dice.of("true", "always", "always", "never"));
  }

  /** For as long as it takes to give candidates up, which no hint warns of. */
  async last(): Promise<void> {
    this.#hint("always");
    for (let minute = 0; minute < 20; minute++) {
      await this.#driver.pass(MINUTE);
      this.#check();
    }
  }

  /** No machine that is made now comes up. */
  async getNone(): Promise<void> {
    for (const type of TYPES) this.#set(type, 0);
    this.#hint("always");
    await this.#driver.pass(2 * MINUTE);
  }

  /**
   * While the operator is down a user gets this machine to run, and it is off again when the next operator looks: its
   * events come late, and its date may be as before. Then another type is free for long.
   */
  async useUnseen(machine: MachineRecord, dice: Dice): Promise<void> {
    if (machine.state !== "off") return;
    const { console, world } = this.#driver.sim;
    const { dtModified, machineType } = machine;
    const { eventListDelayMs } = world.behaviour;
    world.setBehaviour({ eventListDelayMs: LATE_MS });
    await this.#driver.replaceOperator(async () => {
      this.#set(machineType, null);
      console.start(machine.id);
      await this.#driver.pass(1.5 * MINUTE);
      this.#set(machineType, 0);
      console.stop(machine.id);
      await this.#driver.pass(1.5 * MINUTE);
      if (dice.chance(0.7)) machine.dtModified = dtModified;
    });
    this.#set(dice.of(...TYPES.filter((type) => type !== machineType)), null);
    await this.last();
    world.setBehaviour({ eventListDelayMs });
  }

  #set(type: string, machines: number | null): void {
    this.#driver.sim.world.setCapacity(type, REGION, machines);
  }

  #hint(availabilityHint: "true" | "always" | "never"): void {
    this.#driver.sim.world.setBehaviour({ availabilityHint });
  }
}
