/**
 * The startup script of a machine. Pure. The machine does not show it; the script lists the machines that it is assigned
 * to (other-resources.md, startup-scripts).
 */
import { FACT, type MachineDecision, type Related } from "../observation.ts";
import type { MachineSpec } from "../types.ts";
import { type Aspect, type Convergence, plannedChange, unlessBackingOff } from "./aspect.ts";

const FIELD = "startupScriptId";

export const startupScript: Aspect = {
  anyPower: true,
  missingFacts: ({ spec, related }) =>
    spec.startupScriptId !== undefined && !related.scripts ? [FACT.scripts] : [],
  drift({ spec, related }) {
    const drift = scriptDrift(spec, related);
    if (!drift || (drift.missing === undefined && drift.extra.length === 0)) return [];
    return [{ field: FIELD, from: related.scripts?.join(", "), to: spec.startupScriptId }];
  },
  next: assign,
  effect(step, { related: { scripts = [] } }) {
    if (step.do === "assign")
      return {
        entries: [plannedChange("Assign", { field: FIELD, from: undefined, to: step.of })],
        related: { scripts: [...scripts, step.of] },
      };
    if (step.do === "unassign")
      return {
        entries: [plannedChange("Unassign", { field: FIELD, from: step.of, to: undefined })],
        related: { scripts: scripts.filter((id) => id !== step.of) },
      };
    return undefined;
  },
};

/** Others go first: a machine may not take more than one (not documented). */
function assign(convergence: Convergence): MachineDecision | undefined {
  const { observation, needs } = convergence;
  if (observation.spec.startupScriptId === undefined) return undefined;
  const drift = scriptDrift(observation.spec, observation.related);
  if (!drift) {
    needs.push(FACT.scripts);
    return undefined;
  }
  const [extra] = drift.extra;
  if (extra !== undefined) return unlessBackingOff(convergence, { do: "unassign", of: extra });
  return drift.missing === undefined
    ? undefined
    : unlessBackingOff(convergence, { do: "assign", of: drift.missing });
}

export interface ScriptDrift {
  missing: string | undefined;
  extra: readonly string[];
}

/** Undefined where it is not managed, or the fact is missing. */
export function scriptDrift({ startupScriptId }: MachineSpec, { scripts }: Related): ScriptDrift | undefined {
  if (startupScriptId === undefined || !scripts) return undefined;
  const missing = startupScriptId !== "" && !scripts.includes(startupScriptId);
  return {
    missing: missing ? startupScriptId : undefined,
    extra: scripts.filter((id) => id !== startupScriptId),
  };
}
