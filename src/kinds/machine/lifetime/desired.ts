/** What is known of the lifetime of a machine at one moment. Types only. */
import type { MachineStatus } from "../types.ts";

export type LifetimeMemory = NonNullable<MachineStatus["lifetime"]>;

export interface ObservedLifetime {
  /** As it is to be remembered. */
  memory: LifetimeMemory;
  /** The machine is to be deleted now. */
  isDue: boolean;
  /** It is off because stopAfter is over, since this time. */
  stoppedAt?: string;
  /** Its deletion is near, or over and held. */
  warning?: string;
  /** Next time at which something of this changes, in milliseconds. */
  until?: number;
}
