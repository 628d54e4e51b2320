/** What a scenario is, and what it is given. */
import type { Measurement } from "./figures.ts";
import type { OperatorKind } from "./operator.ts";
import type { Rig, RigOptions } from "./rig.ts";

export interface Scenario {
  readonly name: string;
  /** One sentence, for the table. */
  readonly summary: string;
  /** What a size counts, such as "machines". */
  readonly unit: string;
  /** Those that are measured by default. */
  readonly sizes: readonly number[];
  /** The size in which a test only sees that it runs. */
  readonly small: number;
  /** Whether another operator can go through it: it needs nothing that only this one has. */
  readonly forPeers?: boolean;
  run(bench: Bench, size: number): Promise<Measurement>;
}

/** What one run of a scenario is given. */
export interface Bench {
  /** The operator that is measured. */
  readonly operator: OperatorKind;
  /** Whether it only has to run: what is awaited is short then. */
  readonly isSmall: boolean;
  readonly signal: AbortSignal;
  /** An environment of its own, which ends with the run. */
  open(options?: RigOptions): Promise<Rig>;
}
