/** Seeded choices: the same seed draws the same. */
import { seeded } from "../../../dev/simulator/world/random.ts";

export class Dice {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  of<T>(...values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)] as T;
  }

  chance(p: number): boolean {
    return this.random() < p;
  }
}
