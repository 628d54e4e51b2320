/**
 * What reads still give for some seconds after a write (observed-in-the-field 6): keeping an old view, and letting through
 * what does not lag. Nothing of a machine but its stale view changes here.
 */

import type { MachineRecord } from "./records.ts";
import { machineView } from "./views.ts";
import type { World } from "./world.ts";

/** Keeps what is read now readable for `ms`, whatever changes meanwhile. */
export function freeze(world: World, machine: MachineRecord, ms: number): void {
  const now = world.clock.monotonic();
  if (ms <= 0) return;
  const view = machine.stale && now < machine.stale.until ? machine.stale.view : machineView(world, machine);
  machine.stale = { view, until: now + ms / world.speed };
}

/** Changes settings, which only lag behind where staleSettingsMs specifies it, and never takes the state along. */
export function changeSettings(world: World, machine: MachineRecord, change: () => void): void {
  const { staleSettingsMs } = world.behaviour;
  freeze(world, machine, staleSettingsMs);
  change();
  machine.dtModified = world.iso();
  if (!machine.stale || staleSettingsMs > 0) return;
  machine.stale.view = { ...machineView(world, machine), state: machine.stale.view.state };
}
