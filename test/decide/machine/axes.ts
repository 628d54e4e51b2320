/** The axes of what can be observed of one machine, by what they are about. */

import type {
  Capacity,
  DesktopFact,
  MachineObservation,
  Refusal,
} from "../../../src/kinds/machine/observation.ts";
import type { Address, User } from "../../../src/kinds/machine/related-api.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import type { Identity } from "../../../src/reconcile/identity.ts";
import type { Failed } from "../../../src/reconcile/outcome.ts";
import type { AccountFact, Resolution } from "../../../src/reconcile/ownership.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { both } from "../engine/product.ts";
import { RESTRICTIONS, TOGETHER, UNRESTRICTED } from "../engine/restriction-laws.ts";
import {
  ADA,
  ATTEMPT,
  type Axis,
  axis,
  BOB,
  EVE,
  GIB,
  ID,
  type InFlight,
  IP,
  inFlight,
  MINUTE,
  NOW,
  RECORD,
  STATES,
  TEAM,
} from "./situations.ts";
import { SPEC } from "./spec.ts";

const IDENTITIES: readonly Identity[] = [
  { state: "none" },
  { state: "ours", record: RECORD, restore: false },
  { state: "ours", record: RECORD, restore: true },
  { state: "ours", record: RECORD, restore: false, contradicted: "adoptId names another" },
  { state: "adopt", id: ID },
  { state: "conflict", message: "a copy" },
];

export const RESOLUTIONS: readonly (Resolution | undefined)[] = [
  undefined,
  { state: "open", message: "searching", lookAfterMs: 3_000 },
  { state: "found", ids: [ID] },
  { state: "found", ids: [ID, "ps2"] },
  { state: "surelyNone" },
];

const ACCOUNTS: readonly AccountFact[] = [
  { state: "valid", team: TEAM },
  { state: "valid", team: "another-team" },
  { state: "pending" },
  { state: "invalid", message: "no key" },
  { state: "unreachable", message: "503" },
];

/** What more may speak against a write. */
const OBSTACLES: readonly Partial<MachineObservation>[] = [
  {},
  { finalizer: false },
  { halted: { reason: "Paused", message: "paused" } },
  ...RESTRICTIONS,
  { deletionPolicy: "Orphan" },
  { ownedBy: "default/other" },
  { madeBy: "default/other" },
  { readError: { kind: "Retry", reason: "ApiUnavailable", message: "503" } },
];

/** All that decideOwnership reads. */
export const OWNERSHIP: readonly Axis[] = [
  axis(IDENTITIES, ({ observation }, identity) => {
    observation.identity = identity;
  }),
  axis(RESOLUTIONS, ({ observation }, resolution) => {
    observation.attempt = resolution && ATTEMPT;
    observation.resolution = resolution;
  }),
  axis(ACCOUNTS, ({ observation }, account) => {
    observation.account = account;
  }),
  axis(OBSTACLES, ({ observation }, obstacle) => {
    const none = { ...UNRESTRICTED, finalizer: true, deletionPolicy: "Delete" } as const;
    Object.assign(
      observation,
      none,
      { ownedBy: undefined, madeBy: undefined, readError: undefined },
      obstacle,
    );
  }),
];

/**
 * What was declared when the machine was adopted, which was off: the same, other hardware, another power
 * state, or little. It reads the spec, so it comes after the hardware and the wish.
 */
export const ADOPTED_OFF = axis(
  ["never", "as declared", "other hardware", "other power", "hardware released"] as const,
  ({ memory, observation: { spec } }, was) => {
    const { machineType, diskSize } = spec;
    const hardware = { machineType, ...(diskSize !== undefined && { diskSize }) };
    const powerState = spec.powerState;
    const held = {
      never: undefined,
      "as declared": { powerState, hardware },
      "other hardware": { powerState, hardware: { ...hardware, machineType: "P4000" } },
      "other power": { powerState: powerState === "Running" ? "Stopped" : "Running", hardware },
      "hardware released": { powerState },
    } as const;
    if (held[was]) memory.adoptedOff = held[was];
    else delete memory.adoptedOff;
  },
);

export const DELETING = axis([false, true], ({ observation }, deleting) => {
  observation.deleting = deleting;
});
export const RESTRICTED = axis(TOGETHER, ({ observation }, restrictions) => {
  Object.assign(observation, UNRESTRICTED, restrictions);
});
export const HALTED = axis(
  [undefined, { reason: "DryRun", message: "dry run" }],
  ({ observation }, halted) => {
    observation.halted = halted;
  },
);

export function inFlightAxis(all: readonly InFlight[] = inFlight()): Axis {
  return axis(all, ({ observation, memory }, { operation, event }) => {
    memory.operation = operation;
    observation.event = event;
  });
}

const ABSENCES: readonly MachineObservation["resource"][] = [
  { state: "unknown" },
  { state: "absent", certain: false },
  { state: "absent", certain: false, lookAfterMs: 6_000, doubt: { message: "no list", isBlocked: true } },
  { state: "absent", certain: true },
  { state: "absent", certain: true, isStale: true },
];

export function states(...names: readonly string[]): Axis {
  return axis(names, ({ observation, machine }, state) => {
    machine.state = state;
    observation.resource = { state: "present", machine };
  });
}

export const EVERY_STATE = states(...STATES);
export const UNSEEN = axis(ABSENCES, ({ observation }, resource) => {
  observation.resource = resource;
});
export const WISH = axis(["Running", "Stopped"] as const, ({ spec }, powerState) => {
  spec.powerState = powerState;
});
export const POWER = axis([undefined, "Running"] as const, ({ memory }, power) => {
  memory.power = power;
});
export const AUTO_SHUTDOWN = axis([false, true], ({ machine }, on) => {
  machine.autoShutdownEnabled = on;
});
/** Whether a machine that is off counts as one that shut itself down. */
export const SELF_SHUT_DOWN = axis([false, true], ({ machine, memory }, on) => {
  machine.autoShutdownEnabled = on;
  memory.power = on ? "Running" : undefined;
});
const REQUESTS: readonly Requests[] = [
  {},
  { start: "s1" },
  { restart: "r1" },
  { restart: "r1", start: "s1" },
  { restart: "r2" },
];
export const REQUESTED = axis(REQUESTS, ({ observation }, requests) => {
  observation.requests = requests;
});

const DIFFERENCES = [
  "none",
  "type",
  "disk",
  "type and disk",
  "disk too large",
  "type, disk too large",
  "not shown",
] as const;
export type Difference = (typeof DIFFERENCES)[number];

/** How the hardware differs from the spec. */
export function hardware(differences: readonly Difference[] = DIFFERENCES): Axis {
  return axis(differences, ({ spec, machine }, difference) => {
    spec.machineType = difference.startsWith("type") ? "H100" : "A4000";
    spec.diskSize = difference.endsWith("disk") ? 100 : 50;
    const fresh = difference === "not shown";
    machine.machineType = fresh ? "" : "A4000";
    machine.storageTotal = fresh ? 0 : (difference.endsWith("too large") ? 250 : 50) * GIB;
  });
}

export function policy(...policies: readonly MachineSpec["resizePolicy"][]): Axis {
  return axis(policies, ({ spec }, resizePolicy) => {
    spec.resizePolicy = resizePolicy;
  });
}

const REFUSALS = {
  no: undefined,
  fresh: {},
  old: { at: toTime(NOW - 11 * MINUTE) },
  "another type": { machineType: "V100" },
  "another disk": { diskSize: 2000 },
  "asked before": { asked: "a1" },
  "of its snapshot": { snapshot: "Failed" },
  "of its snapshot, long ago": { snapshot: "Failed", at: toTime(NOW - 11 * MINUTE) },
  unconfirmed: { snapshot: "Unconfirmed", at: toTime(NOW - 11 * MINUTE) },
} as const satisfies Record<string, Partial<Refusal> | undefined>;

/** The resize that was refused last. It reads the spec, so it comes after the hardware. */
export function refused(...how: readonly (keyof typeof REFUSALS)[]): Axis {
  return axis(how, ({ spec: { machineType, diskSize = 0 }, memory }, which) => {
    const refusal = { machineType, diskSize, message: "refused", at: toTime(NOW - MINUTE) };
    memory.resizeRefusal = REFUSALS[which] && { ...refusal, ...REFUSALS[which] };
  });
}
export const EVERY_REFUSAL = refused("no", "fresh", "old", "another type", "another disk", "asked before");

/** Value of reconcile-requested-at. */
export const ASKED = axis([undefined, "a1", "a2"], ({ observation }, asked) => {
  observation.asked = asked;
});

const FREE: Capacity = { hint: "free" };
const SHORT: Capacity = { hint: "short", retryMs: 15_000 };
const UNKNOWN: Capacity = { hint: "unknown" };
const CAPACITIES: readonly Readonly<Record<string, Capacity>>[] = [
  {},
  { A4000: FREE, H100: FREE },
  { A4000: SHORT, H100: SHORT },
  { A4000: UNKNOWN, H100: UNKNOWN },
  { A4000: FREE, H100: SHORT },
  { A4000: SHORT, H100: FREE },
];
export const CAPACITY = axis(CAPACITIES, ({ related }, capacity) => {
  related.capacity = capacity;
});
export const STANDING = axis([undefined, true, false], ({ related }, good) => {
  related.standing = good === undefined ? undefined : { good, messages: [] };
});
/** Capacity in good standing, and the other standings with what is free: they are checked before it. */
export const CHANCES: Axis = [
  ...both(STANDING.slice(1, 2), CAPACITY),
  ...both(STANDING, CAPACITY.slice(1, 2)),
];
export const QUOTA = axis([undefined, 1, 10], ({ related }, count) => {
  related.machines = count === undefined ? undefined : { count, most: 10 };
});

export const SETTINGS = axis([false, true], ({ spec }, differ) => {
  spec.name = differ ? "another" : undefined;
});

const KNOWN_SCRIPTS = [undefined, [], ["s1"], ["s2"], ["s1", "s2"]];
const SCRIPTED: readonly { desired?: string; found?: readonly string[] }[] = [
  {},
  ...["", "s1"].flatMap((desired) => KNOWN_SCRIPTS.map((found) => ({ desired, ...(found && { found }) }))),
];
/** Not managed; none or one wanted, against every way in which that can be so. */
export const SCRIPTS = axis(SCRIPTED, ({ spec, related }, { desired, found }) => {
  spec.startupScriptId = desired;
  related.scripts = found;
});

const DESIRED_ACCESSORS: readonly MachineSpec["accessors"][] = [
  {},
  { userIds: [ADA.id] },
  { emails: ["Ada@Example.org"] },
  { userIds: [ADA.id], emails: [BOB.email] },
  { emails: ["nobody@example.org"] },
];
const ACCESSORS: readonly (readonly User[] | undefined)[] = [undefined, [], [ADA], [ADA, EVE], [EVE]];
interface AccessorFacts {
  desired?: MachineSpec["accessors"];
  accessors?: readonly User[] | undefined;
  users?: readonly User[] | undefined;
}
const ACCESSOR_FACTS: readonly AccessorFacts[] = [
  {},
  ...DESIRED_ACCESSORS.flatMap((desired) =>
    ACCESSORS.flatMap((accessors) => [undefined, [ADA, BOB]].map((users) => ({ desired, accessors, users }))),
  ),
];
/** Not managed; else whom the spec names, by id, by address, or by an address of no known user. */
export const PEOPLE = axis(ACCESSOR_FACTS, ({ spec, related }, { desired, accessors, users }) => {
  spec.accessors = desired;
  related.accessors = accessors;
  related.users = users;
});

/** Fields of settings, and what differs in them beside the name. */
const FIELDS = ["name", "autoShutdown", "restorePoint"] as const;
const SEVERAL: Partial<MachineSpec> = {
  name: "another",
  autoShutdown: { enabled: true, timeoutHours: 8 },
  restorePoint: { enabled: true, frequency: "shutdown", snapshotId: "sn1" },
};
/** Which of several settings differ from what is declared. */
export const SEVERAL_SETTINGS = axis(subsets(FIELDS), ({ spec }, differing) => {
  for (const field of FIELDS)
    Object.assign(spec, { [field]: (differing.includes(field) ? SEVERAL : SPEC)[field] });
});

const EVERY_STEP = [
  ...["update", ...FIELDS.map((field) => `update/${field}`)],
  ...["resize", "snapshot", "start", "stop", "restart", "delete", "releaseAddress"],
  ...["assign/s1", "unassign/s1", "unassign/s2", "writeDesktop", "removeDesktop", "handle"],
  ...[ADA, BOB, EVE].flatMap(({ id }) => [`grant/${id}`, `revoke/${id}`]),
];
const REFUSED: Failed = { kind: "Terminal", reason: "Refused", message: "refused", recheckMs: MINUTE };
const FAILED: Failed = { kind: "Retry", reason: "ApiUnavailable", message: "503", atLeastMs: 1_000 };

function backingOff(failed: Failed, ...steps: readonly string[]): Readonly<Record<string, Failed>> {
  return Object.fromEntries(steps.map((name) => [name, failed]));
}

const HELD = [
  {},
  backingOff(REFUSED, ...EVERY_STEP),
  backingOff(FAILED, ...EVERY_STEP),
  backingOff(REFUSED, "update/name", "unassign/s2"),
  { ...backingOff(REFUSED, `grant/${ADA.id}`), ...backingOff(FAILED, "update/name") },
  { ...backingOff(REFUSED, "assign/s1"), ...backingOff(FAILED, `revoke/${EVE.id}`) },
];
const SETTINGS_HELD = [REFUSED, FAILED].flatMap((together) =>
  [REFUSED, FAILED].flatMap((alone) =>
    subsets(FIELDS).flatMap((fields) => {
      const each = backingOff(alone, ...fields.map((field) => `update/${field}`));
      return [each, { ...each, ...backingOff(together, "update") }];
    }),
  ),
);
/** The update of all settings, and of some by themselves. */
export const HELD_SETTINGS = axis(SETTINGS_HELD, ({ observation }, steps) => {
  observation.backingOff = steps;
});
/** Nothing is held back; all is, for good or for a while; or some of it is. */
export const HOLDS = axis(HELD, ({ observation }, steps) => {
  observation.backingOff = steps;
});

function subsets<T>(all: readonly T[]): T[][] {
  const sets: T[][] = [[]];
  for (const one of all) sets.push(...sets.map((set) => [...set, one]));
  return sets;
}

const DESKTOPS: readonly (DesktopFact | undefined)[] = [
  undefined,
  "current",
  "stale",
  "none",
  "taken",
  "forbidden",
];
export const DESKTOP: readonly Axis[] = [
  axis([undefined, { name: "mine" }], ({ spec }, ref) => {
    spec.desktopSecretRef = ref;
  }),
  axis([undefined, "mine", "former"], ({ memory }, name) => {
    memory.desktopSecret = name;
  }),
  axis(DESKTOPS, ({ related }, desktop) => {
    related.desktop = desktop;
  }),
];

const OTHER_IP = "203.0.113.8";
const PUBLIC = [
  { publicIpType: "static", publicIp: IP },
  { publicIpType: "static", publicIp: OTHER_IP },
  { publicIpType: "dynamic", publicIp: OTHER_IP },
  { publicIpType: "none", publicIp: null },
  // As a fresh machine shows it.
  { publicIpType: "", publicIp: null },
  { publicIpType: null, publicIp: IP },
];
const ADDRESSES: readonly (readonly Address[] | undefined)[] = [
  undefined,
  [],
  ...[null, ID, "ps2"].map((machineId) => [
    { ip: OTHER_IP, machineId: "ps3" },
    { ip: IP, machineId },
  ]),
];
/** These states, with each address that a machine may show. One that is not seen shows none. */
export function addressed(of: Axis): Axis {
  const used = axis(PUBLIC, ({ machine }, address) => {
    Object.assign(machine, address);
  });
  return both(of, used);
}

/** What it claimed, who has that now, and what is to become of it. */
export const ADDRESS: readonly Axis[] = [
  axis([undefined, IP], ({ memory }, ip) => {
    memory.staticIp = ip;
  }),
  axis(ADDRESSES, ({ related }, addresses) => {
    related.addresses = addresses;
  }),
  axis(["Keep", "Release"] as const, ({ spec }, policy) => {
    spec.publicIpReleasePolicy = policy;
  }),
];
export const ON_EXTERNAL_DELETION = axis(["Stall", "Recreate"] as const, ({ spec }, policy) => {
  spec.onExternalDeletion = policy;
});
