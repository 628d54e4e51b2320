/**
 * What a machine has beside itself: its startup script, and the people who may access it. Pure. Neither is shown on the
 * machine; each has its own witness (other-resources.md, startup-scripts; machines.md section 5.3).
 */

import {
  type Convergence,
  FACT,
  type MachineDecision,
  type Related,
  unlessBackingOff,
} from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { User } from "./related-api.ts";
import type { MachineSpec } from "./types.ts";

export interface ScriptDrift {
  missing: string | undefined;
  extra: readonly string[];
}

/** Undefined where it is not managed, or not known. */
export function scriptDrift({ startupScriptId }: MachineSpec, { scripts }: Related): ScriptDrift | undefined {
  if (startupScriptId === undefined || !scripts) return undefined;
  const missing = startupScriptId !== "" && !scripts.includes(startupScriptId);
  return {
    missing: missing ? startupScriptId : undefined,
    extra: scripts.filter((id) => id !== startupScriptId),
  };
}

/** Others go first: a machine may not take more than one (not documented). */
export function script(convergence: Convergence): MachineDecision | undefined {
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

export interface AccessorDrift {
  missing: readonly User[];
  extra: readonly User[];
  /** Addresses that nobody is known by; `sure` once the team's members are known. */
  unknown: readonly string[];
  sure: boolean;
}

/** Undefined where it is not managed, or not known. */
export function accessorDrift(spec: MachineSpec, { accessors, users }: Related): AccessorDrift | undefined {
  if (!spec.accessors || !accessors) return undefined;
  const { userIds = [], emails = [] } = spec.accessors;
  const known = [...accessors, ...(users ?? [])];
  const desired = new Map<string, User>();
  for (const id of userIds) desired.set(id, known.find((person) => person.id === id) ?? { id, email: "" });
  const unknown: string[] = [];
  for (const email of emails) {
    const person = known.find((other) => other.email === email.toLowerCase());
    if (person) desired.set(person.id, person);
    else unknown.push(email);
  }
  const present = new Set(accessors.map(({ id }) => id));
  return {
    missing: [...desired.values()].filter(({ id }) => !present.has(id)),
    extra: accessors.filter(({ id }) => !desired.has(id)),
    unknown,
    sure: users !== undefined,
  };
}

/** Somebody may be meant whose address is not resolved yet: nobody is taken away before that is sure. */
export function surelyExtra({ extra, unknown, sure }: AccessorDrift): readonly User[] {
  return sure || unknown.length === 0 ? extra : [];
}

export function accessors(convergence: Convergence): MachineDecision | undefined {
  const { observation, needs, userErrors } = convergence;
  if (!observation.spec.accessors) return undefined;
  const drift = accessorDrift(observation.spec, observation.related);
  if (!drift) {
    needs.push(FACT.accessors);
    return undefined;
  }
  for (const person of drift.missing) {
    const decision = unlessBackingOff(convergence, { do: "grant", of: person.id, person });
    if (decision) return decision;
  }
  for (const person of surelyExtra(drift)) {
    const decision = unlessBackingOff(convergence, { do: "revoke", of: person.id, person });
    if (decision) return decision;
  }
  if (drift.unknown.length === 0) return undefined;
  if (!drift.sure) needs.push(FACT.users);
  else
    userErrors.push({
      reason: REASON.AccessorNotFound,
      message: `no member of the team has the e-mail address ${drift.unknown.join(", ")}: invite them to the team, or correct spec.accessors.emails`,
    });
  return undefined;
}
