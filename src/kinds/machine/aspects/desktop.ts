/**
 * The Secret with the access to the machine's desktop: where the spec names one, and where memory names one that has no
 * use any more. Pure.
 */

import { secretUnreadable } from "../../../reconcile/secret-rights.ts";
import type { Machine } from "../api.ts";
import {
  act,
  FACT,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
} from "../observation.ts";
import { REASON } from "../reasons.ts";
import { type Aspect, type Convergence, cleanUp, type Leftovers, unlessBackingOff } from "./aspect.ts";

/** The Secret of a former name, or of a machine that is gone. */
export const formerDesktop: Aspect = {
  leftovers: formerSecret,
  next: (convergence) => cleanUp(convergence, formerSecret),
  effect: (step) => (step.do === "removeDesktop" ? { memory: { desktopSecret: undefined } } : undefined),
};

export const desktop: Aspect = {
  next: write,
  effect: (step) => (step.do === "writeDesktop" ? { related: { desktop: "current" } } : undefined),
};

function formerSecret({ spec }: MachineObservation, memory: MachineMemory, machine?: Machine): Leftovers {
  const { desktopSecret: name } = memory;
  if (name === undefined || name === (machine && spec.desktopSecretRef?.name)) return { memory };
  return { memory, decision: act({ do: "removeDesktop", name }, memory) };
}

function write(convergence: Convergence): MachineDecision | undefined {
  const { observation, machine, power } = convergence;
  const desired = observation.spec.desktopSecretRef;
  // Only a machine that is on shows how to reach it.
  if (!desired || power !== "ready") return undefined;
  switch (observation.related.desktop) {
    case undefined:
      convergence.needs.push(FACT.desktop);
      return undefined;
    case "stale":
      return unlessBackingOff(convergence, { do: "writeDesktop" });
    case "current":
      convergence.memory = { ...convergence.memory, desktopSecret: desired.name };
      return undefined;
    case "none":
      convergence.userErrors.push({
        reason: REASON.NoDesktop,
        message: `the machine offers no desktop (agentType ${machine.agentType ?? "unknown"}): remove desktopSecretRef, or use a template with a desktop`,
      });
      return undefined;
    case "taken":
      convergence.userErrors.push({
        reason: REASON.DesktopSecretTaken,
        message: `the Secret ${desired.name} exists and is not this object's: choose another name in desktopSecretRef, or delete it`,
      });
      return undefined;
    case "forbidden":
      convergence.userErrors.push({
        reason: REASON.DesktopSecretForbidden,
        message: `${secretUnreadable(desired.name)}. Until then it does not write the desktop access into it; or choose a name that is listed, or remove desktopSecretRef`,
      });
      return undefined;
  }
}
