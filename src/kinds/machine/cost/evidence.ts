/**
 * What is known of a machine that has a say in its cost: how it was at the last look, and what its events say of its power.
 * Pure.
 */
import { millis } from "../../../reconcile/conditions.ts";
import { readRate } from "../../cost-meter.ts";
import type { Machine, MachineEvent } from "../api.ts";
import { eventFact, powerOf } from "../operation.ts";
import type { CostFacts, Look, MachineCost, Rates } from "./facts.ts";

export function lookOf(machine: Machine, { lookedAt = 0, addressRate }: CostFacts): Look {
  const power = powerOf(machine.state);
  const usageRate = readRate(machine.usageRate);
  const storageRate = readRate(machine.storageRate);
  const createdAt = millis(machine.dtCreated);
  const hasAddress = machine.publicIpType === "static" && Boolean(machine.publicIp);
  return {
    at: lookedAt,
    // Its services run, and only what is off is not billed (machines.md section 7).
    ...((power === "ready" || power === "serviceready") && { power: "Running" }),
    ...(power === "off" && { power: "Stopped" }),
    rates: {
      ...(machine.machineType && { machineType: machine.machineType }),
      ...(usageRate && { usageRate }),
      ...(storageRate && { storageRate }),
      ...(hasAddress && addressRate && { addressRate }),
    },
    isAddressUnpriced: hasAddress && addressRate === undefined,
    ...(createdAt !== undefined && { createdAt }),
  };
}

/** With what a look shows; one that is fresh or off may show no rates, which says nothing (machines.md section 7). */
export function shownRates(known: Rates, { rates }: Look): Rates {
  const { addressRate: _given, ...kept } = known;
  return { ...kept, ...rates };
}

export function sameRates(a: Rates, b: Rates): boolean {
  return a.usageRate === b.usageRate && a.storageRate === b.storageRate && a.addressRate === b.addressRate;
}

/** Whether the machine was at this look as its cost has it; undefined where the look or the cost leaves it open. */
export function agrees({ meter }: MachineCost, look: Look): boolean | undefined {
  if (look.power === undefined || meter.power === "Unclear") return undefined;
  return meter.power === look.power && sameRates(meter, shownRates(meter, look));
}

/** Of what a cost goes on from: a look that disagrees with it is explained once that has changed. */
export function costKey({ since, meter }: Pick<MachineCost, "since" | "meter">): string {
  return JSON.stringify([since, meter]);
}

/** What an event does to the charges. `upgrade`: rates may differ after it; `round`: a session may be rounded at it. */
type Effect = "start" | "stop" | "restart" | "upgrade" | "rerate" | "round" | "end";

/** machines.md section 8; all others change nothing. */
const EFFECT: ReadonlyMap<string, Effect> = new Map([
  ["start", "start"],
  ["stop", "stop"],
  ["vm-shutdown-force", "stop"],
  ["restart", "restart"],
  ["vm-upgrade", "upgrade"],
  ["bill-upgrade", "rerate"],
  ["bill-sessions", "round"],
  ["deactivate", "end"],
]);

export interface BillingEvent {
  effect: Effect;
  isDone: boolean;
  /** Server times in milliseconds. */
  from: number;
  to: number;
}

/** One that is under way for so long is not waited for: it may have no end. */
const ENDLESS_MS = 3_600_000;

/** Those that ended after `through`, in the order in which they did; and whether one is under way. */
export function billingEvents(
  history: readonly MachineEvent[],
  through: number,
  now: number,
): { events: BillingEvent[]; isUnderWay: boolean } {
  const events: BillingEvent[] = [];
  let isUnderWay = false;
  for (const event of history) {
    const effect = EFFECT.get(event.name);
    const from = millis(event.dtCreated);
    if (effect === undefined || from === undefined) continue;
    const { state } = eventFact(event);
    if (state === "pending" && from > through - ENDLESS_MS && now - from < ENDLESS_MS) isUnderWay = true;
    if (state !== "done" && state !== "failed") continue;
    // Without a date of its end, it is over by now.
    const to = Math.max(from, millis(event.dtFinished) ?? now);
    if (to > through) events.push({ effect, isDone: state === "done", from, to });
  }
  return { events: events.sort((a, b) => a.to - b.to || a.from - b.from), isUnderWay };
}

/** The dates of a machine and of its create may differ by so much. */
const SAME_MS = 5_000;

/** Whether the machine was made after this time, and its history begins with that: nothing is missing since. */
export function beginsAfter(history: readonly MachineEvent[], time: number): boolean {
  return history.some(
    ({ name, dtCreated }) => name === "create" && (millis(dtCreated) ?? 0) >= time - SAME_MS,
  );
}
