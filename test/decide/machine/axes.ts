/** The axes of what can be known about one machine, by what they are about. */

import type {
  Capacity,
  DesktopFact,
  MachineView,
  Refusal,
  Sighting,
} from "../../../src/kinds/machine/observation.ts";
import type { Address, Person } from "../../../src/kinds/machine/related-api.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import type { Identity } from "../../../src/reconcile/identity.ts";
import type { AccountFact, Resolution } from "../../../src/reconcile/ownership.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import type { Failed } from "../../../src/reconcile/step-backoff.ts";
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
  type Scene,
  STATES,
  TEAM,
} from "./situations.ts";

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
  { state: "invalid", message: "no key" },
  { state: "unreachable", message: "503" },
];

/** What more may speak against a write. */
const OBSTACLES: readonly Partial<MachineView>[] = [
  {},
  { finalizer: false },
  { halted: { reason: "Paused", message: "paused" } },
  { deletionPolicy: "Orphan" },
  { claimedBy: "default/other" },
  { trouble: { kind: "Retry", reason: "ApiUnavailable", message: "503" } },
];

/** All that decideOwnership reads. */
export const OWNERSHIP: readonly Axis[] = [
  axis(IDENTITIES, ({ view }, identity) => {
    view.identity = identity;
  }),
  axis(RESOLUTIONS, ({ view }, resolution) => {
    view.attempt = resolution && ATTEMPT;
    view.resolution = resolution;
  }),
  axis(ACCOUNTS, ({ view }, account) => {
    view.account = account;
  }),
  axis(OBSTACLES, ({ view }, obstacle) => {
    const none = { finalizer: true, deletionPolicy: "Delete", halted: undefined } as const;
    Object.assign(view, none, { claimedBy: undefined, trouble: undefined }, obstacle);
  }),
];

export const DELETING = axis([false, true], ({ view }, deleting) => {
  view.deleting = deleting;
});
export const HALTED = axis([undefined, { reason: "DryRun", message: "dry run" }], ({ view }, halted) => {
  view.halted = halted;
});

export function inFlightAxis(all: readonly InFlight[] = inFlight()): Axis {
  return axis(all, ({ view, memory }, { operation, event }) => {
    memory.operation = operation;
    view.event = event;
  });
}

const ABSENCES: readonly Sighting[] = [
  { state: "unknown" },
  { state: "absent", certain: false },
  { state: "absent", certain: true },
];

export function states(...names: readonly string[]): Axis {
  return axis(names, (scene, state) => {
    scene.machine.state = state;
    scene.view.sighting = { state: "present", machine: scene.machine };
  });
}

export const EVERY_STATE = states(...STATES);
export const UNSEEN = axis(ABSENCES, ({ view }, sighting) => {
  view.sighting = sighting;
});
export const WISH = axis(["Running", "Stopped"] as const, ({ spec }, wish) => {
  spec.powerState = wish;
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
export const REQUESTED = axis(REQUESTS, ({ view }, requests) => {
  view.requests = requests;
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
export const ASKED = axis([undefined, "a1", "a2"], ({ view }, asked) => {
  view.asked = asked;
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
export const CAPACITY = axis(CAPACITIES, ({ around }, capacity) => {
  around.capacity = capacity;
});
export const STANDING = axis([undefined, true, false], ({ around }, good) => {
  around.standing = good === undefined ? undefined : { good, messages: [] };
});
/** Capacity in good standing, and the other standings with what is free: they are looked at before it. */
export const CHANCES: Axis = [
  ...both(STANDING.slice(1, 2), CAPACITY),
  ...both(STANDING, CAPACITY.slice(1, 2)),
];
export const QUOTA = axis([undefined, 1, 10], ({ around }, count) => {
  around.machines = count === undefined ? undefined : { count, most: 10 };
});

export const SETTINGS = axis([false, true], ({ spec }, differ) => {
  spec.name = differ ? "another" : undefined;
});

const KNOWN_SCRIPTS = [undefined, [], ["s1"], ["s2"], ["s1", "s2"]];
const SCRIPTED: readonly { wanted?: string; known?: readonly string[] }[] = [
  {},
  ...["", "s1"].flatMap((wanted) => KNOWN_SCRIPTS.map((known) => ({ wanted, ...(known && { known }) }))),
];
/** Not managed; none or one wanted, against every way in which that can be so. */
export const SCRIPTS = axis(SCRIPTED, ({ spec, around }, { wanted, known }) => {
  spec.startupScriptId = wanted;
  around.scripts = known;
});

const WANTED_PEOPLE: readonly MachineSpec["accessors"][] = [
  {},
  { userIds: [ADA.id] },
  { emails: ["Ada@Example.org"] },
  { userIds: [ADA.id], emails: [BOB.email] },
  { emails: ["nobody@example.org"] },
];
const ACCESSORS: readonly (readonly Person[] | undefined)[] = [undefined, [], [ADA], [ADA, EVE], [EVE]];
interface People {
  wanted?: MachineSpec["accessors"];
  accessors?: readonly Person[] | undefined;
  users?: readonly Person[] | undefined;
}
const EVERYBODY: readonly People[] = [
  {},
  ...WANTED_PEOPLE.flatMap((wanted) =>
    ACCESSORS.flatMap((accessors) => [undefined, [ADA, BOB]].map((users) => ({ wanted, accessors, users }))),
  ),
];
/** Not managed; else whom the spec names, by id, by address, or nobody knows whom. */
export const PEOPLE = axis(EVERYBODY, ({ spec, around }, { wanted, accessors, users }) => {
  spec.accessors = wanted;
  around.accessors = accessors;
  around.users = users;
});

const EVERY_STEP = [
  ...["update", "resize", "start", "stop", "restart", "delete", "releaseAddress"],
  ...["assign/s1", "unassign/s1", "unassign/s2", "writeDesktop", "removeDesktop", "handle"],
  ...[ADA, BOB, EVE].flatMap(({ id }) => [`grant/${id}`, `revoke/${id}`]),
];
const REFUSED: Failed = { kind: "Terminal", reason: "Refused", message: "refused", recheckMs: MINUTE };
const FAILED: Failed = { kind: "Retry", reason: "ApiUnavailable", message: "503", atLeastMs: 1_000 };

function held(failed: Failed, ...steps: readonly string[]): Readonly<Record<string, Failed>> {
  return Object.fromEntries(steps.map((name) => [name, failed]));
}

const HELD = [
  {},
  held(REFUSED, ...EVERY_STEP),
  held(FAILED, ...EVERY_STEP),
  held(REFUSED, "update", "unassign/s2"),
  { ...held(REFUSED, `grant/${ADA.id}`), ...held(FAILED, "update") },
  { ...held(REFUSED, "assign/s1"), ...held(FAILED, `revoke/${EVE.id}`) },
];
/** Nothing is held back; all is, for good or for a while; or some of it is. */
export const HOLDS = axis(HELD, ({ view }, steps) => {
  view.held = steps;
});

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
  axis(DESKTOPS, ({ around }, desktop) => {
    around.desktop = desktop;
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
/** What the machine uses, what it claimed, who has that now, and what is to become of it. */
export const ADDRESS: readonly Axis[] = [
  axis(PUBLIC, ({ machine }, used) => {
    Object.assign(machine, used);
  }),
  axis([undefined, IP], ({ memory }, ip) => {
    memory.staticIp = ip;
  }),
  axis(ADDRESSES, ({ around }, addresses) => {
    around.addresses = addresses;
  }),
  axis(["Keep", "Release"] as const, ({ spec }, policy) => {
    spec.publicIpReleasePolicy = policy;
  }),
];
export const ON_EXTERNAL_DELETION = axis(["Stall", "Recreate"] as const, ({ spec }, policy) => {
  spec.onExternalDeletion = policy;
});

/** All combinations of two axes, as one. */
function both(some: Axis, others: Axis): Axis {
  return some.flatMap((put) =>
    others.map((also) => (scene: Scene) => {
      put(scene);
      also(scene);
    }),
  );
}
