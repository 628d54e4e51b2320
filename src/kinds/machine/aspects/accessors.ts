/**
 * Who may access a machine. Pure. The machine does not show it; it is read by a call of its own (machines.md section
 * 5.3), and addresses are resolved by the members of the team.
 */
import { FACT, type MachineDecision, type Related } from "../observation.ts";
import { REASON } from "../reasons.ts";
import type { User } from "../related-api.ts";
import type { MachineSpec } from "../types.ts";
import { type Aspect, type Convergence, plannedChange, unlessBackingOff } from "./aspect.ts";

const FIELD = "accessors";

export const accessors: Aspect = {
  anyPower: true,
  missingFacts({ spec, related }) {
    if (spec.accessors && !related.accessors) return [FACT.accessors];
    const drift = accessorDrift(spec, related);
    return drift && drift.unknown.length > 0 && !drift.sure ? [FACT.users] : [];
  },
  drift({ spec, related }) {
    const drift = accessorDrift(spec, related);
    if (!drift) return [];
    const { missing, extra, unknown, sure } = drift;
    return [
      ...(missing.length + extra.length > 0
        ? [{ field: FIELD, from: idsOf(extra), to: idsOf(missing) }]
        : []),
      ...(sure && unknown.length > 0
        ? [{ field: `${FIELD}.emails`, from: undefined, to: unknown.join(", ") }]
        : []),
    ];
  },
  next: giveAccess,
  effect(step, { related: { accessors = [] } }) {
    if (step.do === "grant")
      return {
        entries: [plannedChange("Grant", { field: FIELD, from: undefined, to: step.of })],
        related: { accessors: [...accessors, step.user] },
      };
    if (step.do === "revoke")
      return {
        entries: [plannedChange("Revoke", { field: FIELD, from: step.of, to: undefined })],
        related: { accessors: accessors.filter(({ id }) => id !== step.of) },
      };
    return undefined;
  },
};

function giveAccess(convergence: Convergence): MachineDecision | undefined {
  const { observation, needs, userErrors } = convergence;
  if (!observation.spec.accessors) return undefined;
  const drift = accessorDrift(observation.spec, observation.related);
  if (!drift) {
    needs.push(FACT.accessors);
    return undefined;
  }
  for (const user of drift.missing) {
    const decision = unlessBackingOff(convergence, { do: "grant", of: user.id, user: user });
    if (decision) return decision;
  }
  for (const user of surelyExtra(drift)) {
    const decision = unlessBackingOff(convergence, { do: "revoke", of: user.id, user: user });
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

function idsOf(users: readonly User[]): string {
  return users.map(({ id }) => id).join(", ");
}

export interface AccessorDrift {
  missing: readonly User[];
  extra: readonly User[];
  /** Addresses of no user; `sure` once the members of the team are read. */
  unknown: readonly string[];
  sure: boolean;
}

/** Undefined where it is not managed, or the fact is missing. */
export function accessorDrift(spec: MachineSpec, { accessors, users }: Related): AccessorDrift | undefined {
  if (!spec.accessors || !accessors) return undefined;
  const { userIds = [], emails = [] } = spec.accessors;
  const listed = [...accessors, ...(users ?? [])];
  const desired = new Map<string, User>();
  for (const id of userIds) desired.set(id, listed.find((user) => user.id === id) ?? { id, email: "" });
  const unknown: string[] = [];
  for (const email of emails) {
    const user = listed.find((other) => other.email === email.toLowerCase());
    if (user) desired.set(user.id, user);
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

/** An address that is not resolved yet may be that of any user: no access is revoked before that is sure. */
export function surelyExtra({ extra, unknown, sure }: AccessorDrift): readonly User[] {
  return sure || unknown.length === 0 ? extra : [];
}
