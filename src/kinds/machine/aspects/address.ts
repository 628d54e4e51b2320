/**
 * The static address of a machine: it outlives the machine, and costs money until it is released. Which kind of address
 * the machine has is a setting. Pure.
 */
import { needFacts } from "../../../reconcile/decision.ts";
import type { Machine } from "../api.ts";
import { act, FACT, type MachineMemory, type MachineObservation } from "../observation.ts";
import { isRemoved } from "../placement/shell.ts";
import { type Aspect, cleanUp, type Leftovers } from "./aspect.ts";

export const staticAddress: Aspect = {
  remember: rememberAddress,
  leftovers: leftAddress,
  next: (convergence) => cleanUp(convergence, leftAddress),
  effect: (step) => (step.do === "releaseAddress" ? { memory: { staticIp: undefined } } : undefined),
};

export function rememberAddress(
  memory: MachineMemory,
  { publicIp, publicIpType }: Pick<Machine, "publicIp" | "publicIpType">,
): MachineMemory {
  return publicIpType === "static" && publicIp ? { ...memory, staticIp: publicIp } : memory;
}

/** Of a machine that is to be deleted and was never at rest: where the answer is lost, nothing else would tell of it. */
export function withAddress(
  memory: MachineMemory,
  { resource }: Pick<MachineObservation, "resource">,
): MachineMemory {
  return resource.state === "present" ? rememberAddress(memory, resource.machine) : memory;
}

function leftAddress(observation: MachineObservation, memory: MachineMemory, machine?: Machine): Leftovers {
  const { staticIp, ...others } = memory;
  if (staticIp === undefined || (machine && mayUse(machine, staticIp))) return { memory };
  const isReleased = observation.spec.publicIpReleasePolicy === "Release" || isRemoved(observation);
  if (!isReleased) return { memory: others };
  const { addresses } = observation.related;
  if (!addresses) return { memory, decision: needFacts(observation.related, memory, [FACT.addresses]) };
  // Only what no other machine has by now is released.
  const own = observation.identity.state === "ours" ? observation.identity.record.id : undefined;
  const ours = addresses.some(
    ({ ip, machineId }) => ip === staticIp && (machineId === null || machineId === own),
  );
  return ours
    ? { memory, decision: act({ do: "releaseAddress", ip: staticIp }, memory) }
    : { memory: others };
}

/** Null and "" are not values yet (machines.md section 7). */
function mayUse({ publicIpType, publicIp }: Machine, staticIp: string): boolean {
  return !publicIpType || publicIpType === "static" || publicIp === staticIp;
}
