/**
 * What a machine has beside itself: its startup script, and the people who may access it. Pure. Neither is shown on the
 * machine; each has its own witness (other-resources.md, startup-scripts; machines.md section 5.3).
 */

import { type Around, ASK, type Choice, type Round, unlessHeld } from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { Person } from "./related-api.ts";
import type { MachineSpec } from "./types.ts";

export interface ScriptDrift {
  missing: string | undefined;
  extra: readonly string[];
}

/** Undefined where it is not managed, or not known. */
export function scriptDrift({ startupScriptId }: MachineSpec, { scripts }: Around): ScriptDrift | undefined {
  if (startupScriptId === undefined || !scripts) return undefined;
  const missing = startupScriptId !== "" && !scripts.includes(startupScriptId);
  return {
    missing: missing ? startupScriptId : undefined,
    extra: scripts.filter((id) => id !== startupScriptId),
  };
}

/** Others go first: a machine may not take more than one (not documented). */
export function script(round: Round): Choice | undefined {
  const { view, asks } = round;
  if (view.spec.startupScriptId === undefined) return undefined;
  const drift = scriptDrift(view.spec, view.around);
  if (!drift) {
    asks.push(ASK.scripts);
    return undefined;
  }
  const [extra] = drift.extra;
  if (extra !== undefined) return unlessHeld(round, { do: "unassign", of: extra });
  return drift.missing === undefined ? undefined : unlessHeld(round, { do: "assign", of: drift.missing });
}

export interface PeopleDrift {
  missing: readonly Person[];
  extra: readonly Person[];
  /** Addresses that nobody is known by; `sure` once the team's members are known. */
  unknown: readonly string[];
  sure: boolean;
}

/** Undefined where it is not managed, or not known. */
export function peopleDrift(spec: MachineSpec, { accessors, users }: Around): PeopleDrift | undefined {
  if (!spec.accessors || !accessors) return undefined;
  const { userIds = [], emails = [] } = spec.accessors;
  const known = [...accessors, ...(users ?? [])];
  const wanted = new Map<string, Person>();
  for (const id of userIds) wanted.set(id, known.find((person) => person.id === id) ?? { id, email: "" });
  const unknown: string[] = [];
  for (const email of emails) {
    const person = known.find((other) => other.email === email.toLowerCase());
    if (person) wanted.set(person.id, person);
    else unknown.push(email);
  }
  const present = new Set(accessors.map(({ id }) => id));
  return {
    missing: [...wanted.values()].filter(({ id }) => !present.has(id)),
    extra: accessors.filter(({ id }) => !wanted.has(id)),
    unknown,
    sure: users !== undefined,
  };
}

/** Somebody may be meant whose address is not resolved yet: nobody is taken away before that is sure. */
export function surelyExtra({ extra, unknown, sure }: PeopleDrift): readonly Person[] {
  return sure || unknown.length === 0 ? extra : [];
}

export function people(round: Round): Choice | undefined {
  const { view, asks, complaints } = round;
  if (!view.spec.accessors) return undefined;
  const drift = peopleDrift(view.spec, view.around);
  if (!drift) {
    asks.push(ASK.accessors);
    return undefined;
  }
  for (const person of drift.missing) {
    const choice = unlessHeld(round, { do: "grant", of: person.id, person });
    if (choice) return choice;
  }
  for (const person of surelyExtra(drift)) {
    const choice = unlessHeld(round, { do: "revoke", of: person.id, person });
    if (choice) return choice;
  }
  if (drift.unknown.length === 0) return undefined;
  if (!drift.sure) asks.push(ASK.users);
  else
    complaints.push({
      reason: REASON.AccessorNotFound,
      message: `no member of the team has the e-mail address ${drift.unknown.join(", ")}: invite them to the team, or correct spec.accessors.emails`,
    });
  return undefined;
}
