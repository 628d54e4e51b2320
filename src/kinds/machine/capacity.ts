/**
 * Whether it makes sense to ask for hardware just now: the account's standing, its quota, and what is free of a machine
 * type. All of it are hints; where the API does not say, the attempt decides. Pure.
 */
import { isLate, lacking, rest, stalled, standing, wait, without } from "../../reconcile/decision.ts";
import type { Outcome } from "../../reconcile/outcome.ts";
import type { Machine } from "./api.ts";
import { ASK, AWAIT_CAPACITY, type Choice, type MachineMemory, type MachineView } from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { MachineSpec } from "./types.ts";

interface Need {
  /** Machine type that is going to be on; undefined where none is. */
  type: string | undefined;
  creates: boolean;
}

/** What is still to be asked, or why it would be in vain. */
export function preflight(view: MachineView, { type, creates }: Need): { asks: string[]; outcome?: Outcome } {
  const { around, recheckMs } = view;
  const asks: string[] = [];
  if (!around.standing) asks.push(ASK.standing);
  if (creates && !around.machines) asks.push(ASK.machines);
  if (type !== undefined && !around.capacity[type]) asks.push(ASK.capacity(type));
  const refuse = (reason: string, message: string) => ({
    asks: [],
    outcome: { kind: "Terminal", reason, message, recheckMs } as const,
  });
  if (around.standing?.good === false) {
    const said = around.standing.messages.join("; ") || "without a reason";
    return refuse(
      REASON.AccountNotInGoodStanding,
      `Paperspace lets this account start nothing that costs money: ${said}. Settle it in the Paperspace console`,
    );
  }
  const { machines } = around;
  if (creates && machines && machines.count >= machines.most)
    return refuse(
      REASON.QuotaExceeded,
      `the team has ${machines.count} machines and may have ${machines.most}: delete one, or ask Paperspace for a higher quota`,
    );
  return { asks };
}

/** What the machine comes up with; a fresh one may not say it yet (machines.md section 7). */
export function typeOf(spec: MachineSpec, { machineType }: Machine): string {
  return machineType || spec.machineType;
}

/** `go`, once nothing speaks against it any more. */
export function whenFree(
  view: MachineView,
  type: string,
  memory: MachineMemory,
  go: (memory: MachineMemory) => Choice,
): Choice {
  const { asks, outcome } = preflight(view, { type, creates: false });
  if (asks.length > 0) return lacking(view.around, memory, asks);
  if (outcome) return rest(outcome, memory);
  if (view.around.capacity[type]?.hint === "short") return capacityShort(view, type, memory);
  return go(without(memory));
}

/** Waits, and has it written down since when. It goes on by itself, also past the deadline. */
export function capacityShort(view: MachineView, type: string, memory: MachineMemory): Choice {
  const { limits, spec, now } = view;
  const operation = standing(view, AWAIT_CAPACITY, limits.capacityMs);
  const waiting = { ...memory, operation };
  const capacity = view.around.capacity[type];
  const again = Math.max(limits.lookMs, capacity?.hint === "short" ? capacity.retryMs : 0);
  const message = `no ${type} is free in ${spec.region} just now, says Paperspace. It is asked again until one is`;
  if (!isLate(operation, now)) return wait(waiting, REASON.WaitingForCapacity, message, again);
  const late = `${message}; it has been so since ${operation.requestedAt}. Another machineType or region may be free`;
  return stalled(waiting, REASON.CapacityUnavailable, late, again);
}
