/**
 * Every point on which the sources are silent or at odds, as a switch with a default: what other clients observed comes
 * first, then the legacy API, then the gentler reading. Only data lives here: what a switch does is in the code that
 * reads it. The sheets cited are the project's fact sheets of the Paperspace API.
 */

import { DEPLOYMENT_CHOICES, DEPLOYMENT_CODES, DEPLOYMENT_TIMES } from "./behaviour-deployments.ts";
import { type ErrorCode, STATUS_OF_CODE } from "./errors.ts";

/** Milliseconds at speed 1; calibrated by machines.md section 7 where it has figures. */
const TIMES = {
  /** A new event stays `new` for so long, then it is `in progress`. 0: it is never seen as new. */
  eventQueueMs: 1_000,
  /** From create to the hardware facts and the private address (machines.md section 7: placeholders at first). */
  detailsMs: 10_000,
  /** From create to the create event done: 37.2 s in the legacy sample. */
  createMs: 37_200,
  /** The start event of a create appears so long before the create event is done: 0.1 s in the sample. */
  startLeadMs: 100,
  /** From the start event to the dynamic address; more than startMs makes an address that comes late. */
  addressMs: 15_000,
  /** From the start event to `serviceready`. */
  serviceReadyMs: 23_000,
  /** From the start event to its end: 29.8 s in the legacy sample. */
  startMs: 29_800,
  /** From the end of the start event to `ready`. */
  readyLagMs: 0,
  /** "About a minute"; one client allows 8 (observed-in-the-field 14). */
  stopMs: 60_000,
  /** From a restart to its end: a stop and a start without the wait between (not documented). */
  restartMs: 75_000,
  /** From an update of machineType or diskSize to the end of its event. */
  upgradeMs: 60_000,
  /** From a move to another network to the end of its event, with networkChange `migrateEvent` (not documented). */
  migrateMs: 5_000,
  /** 30 s as usual: a client's live test gives up after 45 to 50 s (observed-in-the-field 10). */
  deleteMs: 30_000,
  /** From a snapshot, an initial or automatic one too, to the end of its event (not documented). */
  snapshotCreateMs: 20_000,
  /** From the delete of a snapshot to the end of its event (not documented). */
  snapshotDeleteMs: 5_000,
  /** From a restore to the end of its event (not documented). */
  snapshotRestoreMs: 30_000,
  /** From a custom template to the end of its event (not documented). */
  templateCreateMs: 60_000,
  /** From a start that finds no capacity to the end of its event. */
  noCapacityMs: 5_000,
  /** After an accepted start, stop, restart or delete the machine still reads as before (observed-in-the-field 6). */
  staleStateMs: 3_000,
  /** The same after an update of settings (not documented). */
  staleSettingsMs: 0,
  /**
   * GET by id answers as for an unknown id for so long after the create, of whatever kind of resource
   * (errors-and-limits.md section 7: seen with the old API).
   */
  getAfterCreateMissMs: 0,
  /** Lists leave a new resource of whatever kind out for so long (errors-and-limits.md section 7: "assume possible"). */
  listAfterCreateMissMs: 0,
  /** Event lists leave a new event out for so long (machines.md section 8: delay not documented). */
  eventListDelayMs: 0,
  /** GET of an event by id answers 404 for so long (machines.md section 8: not documented). */
  eventGetDelayMs: 0,
  /** Events older than this are gone; 0 keeps them (machines.md section 8: retention not documented). */
  eventRetentionMs: 0,
  ...DEPLOYMENT_TIMES,
};

const NUMBERS = {
  /** Every duration is stretched or shortened by up to this share of it, drawn from the seed. 0: none. */
  jitter: 0,
  /** Page size without `limit` (machines.md section 2: not documented). */
  defaultPageSize: 20,
};

const FLAGS = {
  /** Without startOnCreate a machine starts, as by the legacy default (machines.md section 3). */
  startOnCreateDefault: true,
  /** Lists hold deleted machines too, with dtDeleted set (machines.md section 2: not documented). */
  listDeleted: false,
  /** A 429 has Retry-After (errors-and-limits.md section 4: no headers documented). */
  retryAfterHeader: false,
  /** Every stop is followed by a `bill-sessions` event, a name of the documents' own sample. */
  billingEvents: false,
};

/** Codes of business rules (errors-and-limits.md section 3: "not documented anywhere"). */
const CODES = {
  wrongStateCode: "CONFLICT",
  quotaCode: "PRECONDITION_FAILED",
  capacityCode: "PRECONDITION_FAILED",
  badStandingCode: "PRECONDITION_FAILED",
  invalidTemplateCode: "NOT_FOUND",
  invalidMachineTypeCode: "BAD_REQUEST",
  invalidDiskSizeCode: "BAD_REQUEST",
  invalidRegionCode: "BAD_REQUEST",
  invalidNetworkCode: "NOT_FOUND",
  invalidUserCode: "NOT_FOUND",
  /** A machine named in a body: of a snapshot, a template, an assignment. */
  invalidMachineCode: "NOT_FOUND",
  invalidScriptCode: "NOT_FOUND",
  /** A restore point that is no snapshot of the machine. */
  invalidSnapshotCode: "NOT_FOUND",
  ...DEPLOYMENT_CODES,
} satisfies Record<string, ErrorCode>;

/** What may be chosen; the first is the default. */
export const CHOICES = {
  // Reading

  /**
   * What a machine without its facts reads right after create (machines.md section 7). `schema`: "" and 0 where v1
   * declares non-null; `legacy`: null, as the old API did, which breaks the vendor's schema.
   */
  createPlaceholders: ["schema", "legacy"],
  /** A static address is there in the create answer (observed-in-the-field 7), or comes with the first start. */
  staticAddressAt: ["create", "start"],
  /** Auto shutdown fields that were never set: 168 h and not forced (machines.md section 7), or null. */
  autoShutdownDefaults: ["legacy", "null"],
  /** GET of a deleted machine: 404 (observed-in-the-field 10), or the machine with dtDeleted set. */
  deletedMachines: ["notFound", "dtDeleted"],
  /** Whether the events of a deleted machine stay readable (not documented). */
  eventsOfDeleted: ["kept", "gone"],
  /**
   * GET of a deleted network, script, template or project: as of an unknown one, or with dtDeleted set (not
   * documented).
   */
  deletedResources: ["gone", "dtDeleted"],
  /**
   * dtDeleted of a network or template that exists: null, missing, or the empty object of the documents' samples, which
   * is not what they declare (other-resources.md, conventions).
   */
  liveDtDeleted: ["null", "absent", "object"],
  /** Desktop of a machine that is not on: an empty object, or refused (machines.md section 5.4). */
  desktopWhenOff: ["empty", "error"],
  /** GET /machine-availability (machines.md section 5.5: not in every document; 404 means unknown). */
  availabilityEndpoint: ["present", "absent"],
  /** What it answers: how it is, or always that hardware is there, or that there is none ("a hint, not a reservation"). */
  availabilityHint: ["true", "always", "never"],
  /** GET /billing/account-standing (other-resources.md: in the CLI's schema only, "may be withdrawn"). */
  accountStandingEndpoint: ["present", "absent"],

  // Lists

  /** `limit` outside 1 to 120: 400, or the nearest bound (machines.md section 2: not documented). */
  limitOutOfRange: ["error", "clamp"],
  /** The cursor of a last page: missing, null or "" (machines.md section 2: treat alike). */
  nextPageWhenLast: ["absent", "null", "empty"],
  /**
   * `keyset`: a page goes on after the last item seen. `offset`: it goes on at a position, so that machines made or
   * deleted meanwhile shift items over the edge, twice or never seen (machines.md section 2: not documented).
   */
  pageStability: ["keyset", "offset"],
  /**
   * How the `name` filter compares: a client finds a script by the old prefix of its name (observed-in-the-field 18;
   * machines.md section 2: not documented).
   */
  nameFilter: ["prefix", "exact", "contains"],
  /** A query parameter that no document names: passed over, or 400 (not documented). */
  unknownQuery: ["ignore", "error"],

  // Access and errors

  /** `/machines/`: the same path (observed-in-the-field 19: a client relies on it), or one more unknown path. */
  trailingSlash: ["same", "notFound"],

  /** Where validation faults are listed in an error body (errors-and-limits.md section 2: sources at odds). */
  errorField: ["details", "issues", "none"],
  /** GET /auth/session with a wrong key or none: 200 and null (observed-in-the-field 5), or the usual 401. */
  sessionWithBadKey: ["null", "unauthorized"],
  /** GET /os-templates without a key (errors-and-limits.md section 1: no authorization listed). */
  osTemplatesAuth: ["open", "required"],
  /** Another team's machine, event or other resource by id (errors-and-limits.md section 3 allows both readings). */
  foreignMachines: ["notFound", "forbidden"],
  /** Another team's members and secrets. */
  foreignTeams: ["forbidden", "notFound"],
  /** PATCH start, stop, restart with a JSON content type and no body (observed-in-the-field 4: refused). */
  emptyJsonBody: ["refuse", "accept"],

  // Creating

  /** Letter case of machineType in requests (machines.md section 9, row 22). Answers always carry the label. */
  machineTypeCase: ["exact", "insensitive"],
  /** An unknown region; `NY2` and `East Coast (NY2)` are always understood (observed-in-the-field 12). */
  unknownRegion: ["error", "accept"],
  /** A network id that the team does not have (not documented). */
  unknownNetwork: ["error", "accept"],
  /** A network of another region than the machine's (not documented). */
  networkOfOtherRegion: ["error", "accept"],
  /** A machine from a template whose event is not done yet (not documented). */
  unfinishedTemplate: ["error", "accept"],
  /**
   * No machine of the type free in the region. `off`: no error is reported, but the machine stays off
   * (observed-in-the-field 8); `eventError`: the start event fails; `refuse`: answered with capacityCode.
   */
  capacityShortage: ["off", "eventError", "refuse"],

  // Actions, all of machines.md section 7

  /** start on a machine that is on: answered with an event already done (legacy no-op), or refused. */
  startWhenOn: ["doneEvent", "error"],
  /**
   * start on one that starts, restarts or is provisioned: refused, with the text "This machine is currently starting."
   * that a client matches literally (observed-in-the-field 1), or a done event.
   */
  startWhileStarting: ["error", "doneEvent"],
  /** stop on a machine that is off: done event (legacy no-op), or refused. */
  stopWhenOff: ["doneEvent", "error"],
  /** stop on one that is stopping: refused (by analogy with observed-in-the-field 1), or a done event. */
  stopWhileStopping: ["error", "doneEvent"],
  /** stop on one that starts or restarts: refused, or carried out while the start is cancelled. */
  stopWhileStarting: ["error", "accept"],
  /** restart on one that restarts: requests another restart (legacy), or refused. */
  restartWhileRestarting: ["another", "error"],
  /** restart on a machine that is off: refused, or treated as a start. */
  restartWhenOff: ["error", "start"],
  /** New machineType or diskSize while the machine is on: refused, or it is taken down and changed. */
  updateWhileRunning: ["error", "accept"],
  /** State after an upgrade: off, or what it was before ("off or ready, not documented which"). */
  upgradeEndsIn: ["off", "previous"],
  /** Moving to another network: at once without an event, or through a vm-migrate event (weak inference). */
  networkChange: ["settings", "migrateEvent"],
  /** DELETE of a machine that is not off: accepted (observed-in-the-field 10), or it wants the machine off first. */
  deleteWhenOn: ["accept", "error"],
  /** State shown while a running machine is being deleted (not documented). */
  stateWhileDeleting: ["stopping", "unchanged"],
  /** A second DELETE while the first is at work: the same event again, 404, or refused (not documented). */
  deleteWhileDeleting: ["sameEvent", "notFound", "error"],
  /** The event of an auto shutdown (inference), or that there is none. */
  autoShutdownEvent: ["vm-shutdown-force", "stop", "none"],
  /** The desktop's password: the same for good, or another one at every start (machines.md section 5.4: silent). */
  desktopPasswordRenewed: ["never", "start"],

  // Accessors (machines.md section 5.3)

  /** Adding an accessor that is there: answered with it, or refused with CONFLICT. */
  readdAccessor: ["same", "error"],
  /** Removed accessors: no longer there, or listed with dtDeleted ("soft delete is visible"). */
  removedAccessors: ["gone", "dtDeleted"],

  // Networks, addresses, scripts (other-resources.md)

  /** DELETE of a network that machines are in: refused, or they are in none afterwards (not documented). */
  deleteUsedNetwork: ["refuse", "accept"],
  /** Machines that are being deleted do not hold their network (observed-in-the-field 17), or hold it to their end. */
  networkOfDeleting: ["free", "held"],
  /** An address of another region than the machine's (not documented). */
  addressOfOtherRegion: ["error", "accept"],
  /**
   * DELETE of an address that a machine has: accepted, the machine loses it (observed-in-the-field 11: a client releases
   * it before it deletes the machine), or refused.
   */
  releaseUsedAddress: ["accept", "refuse"],
  /** What publicIpType becomes when a static address is taken from a machine (not documented). */
  typeAfterUnassign: ["none", "dynamic"],
  /** "Whether a machine can hold several scripts: not documented." `replace`: assigning one takes the others away. */
  scriptsPerMachine: ["several", "replace"],
  /** Unassigning a script that the machine does not have: answered with the script, or refused (not documented). */
  scriptNotAssigned: ["same", "error"],
  /** DELETE of a script that machines have: they lose it, or it is refused (not documented). */
  deleteUsedScript: ["accept", "refuse"],

  // Snapshots and templates (other-resources.md)

  /** A deleted machine's snapshots go with it (legacy), or stay in the account. */
  snapshotsOfDeleted: ["gone", "kept"],
  /** State that a machine must be in to be put back to a snapshot ("not documented"). */
  restoreNeeds: ["any", "off"],
  /** DELETE of the snapshot that a restore point uses: the machine loses it, or it is refused (not documented). */
  deleteRestorePoint: ["accept", "refuse"],
  /** State that a machine must be in to become a template (not documented). */
  templateNeeds: ["any", "off"],
  /** machineId of a template's event (machines.md section 5.2: "null is possible, e.g. for template events"). */
  templateEventMachine: ["machine", "null"],

  /** secretAccessKey of a storage provider in answers ("whether it is masked is not documented"). */
  storageSecretShown: ["masked", "plain"],

  // Projects and secrets (other-resources.md)

  /** DELETE of a project that has deployments: refused, or they go with it ("not documented"). */
  deleteUsedProject: ["refuse", "accept"],
  /** POST of a secret whose name is taken: refused with CONFLICT, or it has the new value (not documented). */
  secretNameTaken: ["refuse", "overwrite"],
  /** DELETE of a secret that deployments name: they name nothing then, or it is refused (not documented). */
  deleteUsedSecret: ["accept", "refuse"],

  ...DEPLOYMENT_CHOICES,
} as const;

type Codes = { [K in keyof typeof CODES]: ErrorCode };
type Choices = { -readonly [K in keyof typeof CHOICES]: (typeof CHOICES)[K][number] };

export type Behaviour = typeof TIMES & typeof NUMBERS & typeof FLAGS & Codes & Choices;

export const DEFAULT_BEHAVIOUR: Readonly<Behaviour> = Object.freeze({
  ...TIMES,
  ...NUMBERS,
  ...FLAGS,
  ...CODES,
  ...(Object.fromEntries(Object.entries(CHOICES).map(([name, [first]]) => [name, first])) as Choices),
});

/** `base` with `changes` laid over it. Throws a TypeError that names a bad switch and what it takes. */
export function behaviourWith(base: Readonly<Behaviour>, changes: Partial<Behaviour> = {}): Behaviour {
  for (const [name, value] of Object.entries(changes)) {
    const allowed = allowedFor(name);
    const fits =
      typeof allowed === "string"
        ? typeof value === allowed
        : (allowed as readonly unknown[]).includes(value);
    const expected = typeof allowed === "string" ? `a ${allowed}` : `one of ${allowed.join(", ")}`;
    if (!fits) throw new TypeError(`behaviour: ${name} must be ${expected}; it is ${JSON.stringify(value)}`);
  }
  return { ...base, ...changes };
}

/** The names a switch may take, or the type of a plain value. */
function allowedFor(name: string): readonly string[] | "number" | "boolean" {
  if (Object.hasOwn(CHOICES, name)) return CHOICES[name as keyof Choices];
  if (Object.hasOwn(CODES, name)) return Object.keys(STATUS_OF_CODE);
  if (Object.hasOwn(FLAGS, name)) return "boolean";
  if (Object.hasOwn(TIMES, name) || Object.hasOwn(NUMBERS, name)) return "number";
  throw new TypeError(`behaviour: there is no switch ${name}`);
}
