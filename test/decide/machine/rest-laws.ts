/**
 * What must hold of every choice to rest, and of what is remembered, whatever is known; in the manner of
 * laws.ts.
 */

import { accessorDrift, scriptDrift } from "../../../src/kinds/machine/belongings.ts";
import { hardwareDrift, settingsDrift } from "../../../src/kinds/machine/diff.ts";
import { AWAIT_CAPACITY, FACT, type MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import { OBSERVE } from "../../../src/reconcile/decision.ts";
import {
  asksOf,
  isOpen,
  isReady,
  isRefused,
  isSettled,
  isStillClaimed,
  machineOf,
  shutItselfDown,
  stateOf,
} from "./facts.ts";
import { type Law, law, WRITES } from "./laws.ts";

export const REST_LAWS: readonly Law[] = [
  law(
    ["none"],
    "who knows nothing knows who will tell, or nobody would ever queue the key again",
    (observation, step, decision) => {
      const { kind } = step.outcome;
      return kind !== "Unknown" || observation.resource.state === "unknown" || asksOf(decision).length > 0;
    },
  ),
  law(
    ["none"],
    "what is asked for is not known yet, and can be looked up",
    (observation, _step, decision) => {
      return asksOf(decision).every((ask) => isOpen(observation, ask));
    },
  ),
  law(
    ["none"],
    "what is declared and not known is asked for, whatever else is waited for",
    (observation, _step, decision) => {
      const { spec, related, memory } = observation;
      const idle = !memory.operation || [OBSERVE, AWAIT_CAPACITY].includes(memory.operation.intent);
      if (!isOursAndLiving(observation) || !idle || !isSettled(observation)) return true;
      const needs = asksOf(decision);
      if (spec.startupScriptId !== undefined && !related.scripts && !needs.includes(FACT.scripts))
        return false;
      return !spec.accessors || related.accessors !== undefined || needs.includes(FACT.accessors);
    },
  ),
  law(["none"], "nobody is told to come back at once without anything being done", (_view, { outcome }) => {
    switch (outcome.kind) {
      case "RequeueAfter":
        return outcome.afterMs > 0;
      case "Retry":
        return outcome.atLeastMs === undefined || outcome.atLeastMs > 0;
      case "Terminal":
      case "Halted":
        return outcome.recheckMs > 0;
      default:
        return true;
    }
  }),
  law(
    ["none"],
    "Halted is said only while halted, Released only of what was let go",
    (observation, { outcome }) => {
      if (outcome.kind === "Released") return observation.deleting && !observation.finalizer;
      return outcome.kind !== "Halted" || observation.halted !== undefined;
    },
  ),
  law(["none"], "Done is said only of what is owned, seen and to live", (observation, { outcome }) => {
    return outcome.kind !== "Done" || (isOursAndLiving(observation) && machineOf(observation) !== undefined);
  }),
  law(
    ["none"],
    "Done is said only when nothing that is known differs from the spec",
    (observation, { outcome }) => {
      return outcome.kind !== "Done" || isAsDeclared(observation);
    },
  ),
  law(
    ["none"],
    "Done is said only when no fact is missing, and nothing is left over",
    (observation, step, decision) => {
      const { spec, related, memory } = observation;
      if (step.outcome.kind !== "Done") return true;
      const reachable = isReady(observation) && spec.desktopSecretRef !== undefined;
      const knows =
        (spec.startupScriptId === undefined || related.scripts !== undefined) &&
        (!spec.accessors || related.accessors !== undefined) &&
        (!reachable || related.desktop === "current");
      const { desktopSecret } = memory;
      const tidy = desktopSecret === undefined || desktopSecret === spec.desktopSecretRef?.name;
      return knows && tidy && asksOf(decision).length === 0 && decision.memory.operation === undefined;
    },
  ),
  law(
    [...WRITES, "none", "disown", "release"],
    "a claimed address is forgotten only under Keep, or when it is known to be gone or another's",
    (observation, _step, { memory }) => {
      const { staticIp } = observation.memory;
      if (staticIp === undefined || memory.staticIp === staticIp) return true;
      const { publicIpType, publicIp } = machineOf(observation) ?? {};
      if (publicIpType === "static") return memory.staticIp === publicIp;
      if (observation.spec.publicIpReleasePolicy === "Keep") return true;
      const { addresses } = observation.related;
      return addresses !== undefined && !isStillClaimed(addresses, staticIp);
    },
  ),
  law(
    [...WRITES, "none"],
    "the Secret with a desktop is not forgotten before it is taken away",
    (observation, _step, { memory }) => {
      const { desktopSecret } = observation.memory;
      return desktopSecret === undefined || memory.desktopSecret === desktopSecret;
    },
  ),
  law(
    ["none"],
    "a refused resize is complained of only while it is that very one, and not asked for anew",
    (observation, { outcome }) => {
      const failed =
        observation.event.state === "failed" && observation.memory.operation?.intent === "Resize";
      const told = outcome.kind === "Terminal" && outcome.reason === REASON.ResizeRefused;
      return !told || failed || isRefused(observation);
    },
  ),
  law(
    ["none"],
    "a static address that is in use is remembered, for it outlives the machine",
    (observation, { outcome }, { memory }) => {
      const { publicIpType, publicIp } = machineOf(observation) ?? {};
      return (
        outcome.kind !== "Done" || publicIpType !== "static" || !publicIp || memory.staticIp === publicIp
      );
    },
  ),
];

function isOursAndLiving({ identity, deleting, halted, readError, resource }: MachineObservation): boolean {
  return identity.state === "ours" && !deleting && !halted && !readError && resource.state === "present";
}

function isAsDeclared(observation: MachineObservation): boolean {
  const { spec, related, requests } = observation;
  const machine = machineOf(observation);
  if (!machine) return false;
  const hardware = hardwareDrift(spec, machine);
  const script = scriptDrift(spec, related);
  const people = accessorDrift(spec, related);
  return (
    settingsDrift(spec, machine).changes.length + hardware.changes.length === 0 &&
    !hardware.tooLarge &&
    (!script || (script.missing === undefined && script.extra.length === 0)) &&
    (!people || people.missing.length + people.extra.length + people.unknown.length === 0) &&
    Object.keys(requests).length === 0 &&
    stateOf(observation) === (spec.powerState === "Stopped" || shutItselfDown(observation) ? "off" : "ready")
  );
}
