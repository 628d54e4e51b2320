/**
 * What the operator does under each switch of the simulator, whichever value it has: the third column of
 * docs/fidelity.md. The type makes this complete; the default and the source come from behaviour.ts itself.
 */

import type { Behaviour } from "../simulator/world/behaviour.ts";

const WAITS =
  "waits for the event, then for the state, up to the deadline of the operation; nothing rests on the time";
const EVENTUALLY =
  "waits: absence needs a 404 and complete lists, both begun after the settling time of the create";
const RETRY =
  "a 409 or 412 is retried with back-off after another read (`Declined`); any other 4xx is `Refused`";
const REFUSED =
  "`Refused`, at the slow pace, until the spec changes; a 409 or 412 is retried with back-off (`Declined`)";
const SHOWN = "only shown";
const UNUSED = "not used by the operator";
const STATE_FIRST =
  "reads the state before it sends, and after a refusal; the answer decides nothing by itself";
const DRIFT = "no drift: what the API fills in, or writes in another way, is compared as equal";
const ROLLOUT = "waits within `progressDeadlineSeconds`; health is counted from the instances";

export const OPERATOR_UNDER: Readonly<Record<keyof Behaviour, string>> = {
  eventQueueMs: WAITS,
  detailsMs: "what is missing or a placeholder is not compared and not shown",
  createMs: WAITS,
  startLeadMs: WAITS,
  addressMs: "an address may come at any time; Ready does not wait for it",
  serviceReadyMs: "`serviceready` counts as on its way",
  startMs: WAITS,
  readyLagMs: "the event is done, the state is not `ready` yet: waits for the state",
  stopMs: WAITS,
  restartMs: WAITS,
  upgradeMs: WAITS,
  migrateMs: WAITS,
  deleteMs: "waits for the 404 and for a complete list without the id",
  snapshotCreateMs: SHOWN,
  snapshotDeleteMs: SHOWN,
  snapshotRestoreMs: SHOWN,
  templateCreateMs: UNUSED,
  noCapacityMs: WAITS,
  staleStateMs:
    "an observation that began before the answer of the write is dropped; then the event decides, then the state",
  staleSettingsMs: "the answer of the update counts; what is read older than it is no drift",
  getAfterCreateMissMs: EVENTUALLY,
  listAfterCreateMissMs: EVENTUALLY,
  eventListDelayMs: "an event that is awaited is fetched by id; until it is there the operation is open",
  eventGetDelayMs: "the event is looked for in the list; without one the state counts after `--resend-after`",
  eventRetentionMs:
    "where the event has gone, the state counts at once; what was charged in the time whose events are gone is `unknown` in `status.cost`",
  appliedMs: ROLLOUT,
  instancePendingMs: ROLLOUT,
  instanceStaggerMs: ROLLOUT,
  instanceStartMs: ROLLOUT,
  instanceReadyMs: ROLLOUT,
  healthyLagMs: "waits; a mark that belongs to an older spec proves nothing about the latest one",
  instanceRestartMs: ROLLOUT,
  instanceStopMs: "instances that end do not count",
  deploymentDeleteMs: "waits for the 404 and for a complete list without the id",
  staleSpecMs: "a spec that is known to be older than its own is a stale read, and no drift",
  jitter: WAITS,
  defaultPageSize: "always sends `limit`",
  startOnCreateDefault: "always sends `startOnCreate`",
  listDeleted: "one with dtDeleted counts as deleted",
  retryAfterHeader: "waits as long as the header says, and backs off without it",
  billingEvents:
    "events of other names are shown, and decide nothing; after `bill-*` a session may be rounded, which is `unknown` in `status.cost`",
  wrongStateCode:
    "a start, stop, restart or delete that is refused with 400, 404, 409 or 412 is retried after a look (`Declined`)",
  quotaCode: "asks the session before a create; a refusal is never taken for a lost create",
  capacityCode:
    "asks for free hardware first; after a refusal it looks again and waits where hardware is short",
  badStandingCode: "asks the account's standing before anything that costs money",
  invalidTemplateCode: REFUSED,
  invalidMachineTypeCode: `${REFUSED}; of a resize \`ResizeRefused\``,
  invalidDiskSizeCode: `${REFUSED}; of a resize \`ResizeRefused\``,
  invalidRegionCode: REFUSED,
  invalidNetworkCode: REFUSED,
  invalidUserCode: REFUSED,
  invalidMachineCode: RETRY,
  invalidScriptCode: REFUSED,
  invalidSnapshotCode: REFUSED,
  invalidProjectCode: REFUSED,
  unknownDeploymentCode:
    "the deployment is read before each upsert; one that is gone is a matter of absence, never of a new create",
  otherProjectCode: "`Refused`; the project of a deployment is recorded and never changed",
  deploymentNameTakenCode: "`AlreadyExists`, with the command to adopt it",
  createPlaceholders: '"", 0 and null alike are facts that are not there yet',
  staticAddressAt: "an address may come early or late",
  autoShutdownDefaults: "compares only what the spec declares; null, false and absent are equal",
  deletedMachines: "a 404 and dtDeleted mean the same",
  eventsOfDeleted: "the end of a machine is not read from events",
  deletedResources: "a 404, a null and dtDeleted mean the same",
  liveDtDeleted: "only a text is a date",
  desktopWhenOff: "reads the desktop only while the machine is on",
  availabilityEndpoint: "without it hardware counts as free, and the attempt decides",
  availabilityHint:
    "where it says that hardware is there and there is none, the object moves on, or tries again ever more rarely; where it says that there is none, it is waited for",
  accountStandingEndpoint: "without it the account counts as in good standing, and the attempt decides",
  limitOutOfRange: "never sends a limit outside 1 to 120",
  nextPageWhenLast: 'missing, null and "" end a list alike',
  pageStability: "lists ascend by date of creation; a repeated item counts once, and absence needs two lists",
  nameFilter: "compares names exactly after any filter",
  unknownQuery: "sends only documented parameters",
  trailingSlash:
    "sends none; an answer must bear the id that was asked for, so a list is never taken for a machine",
  errorField: "reads code and message, and needs neither `details` nor `issues`",
  sessionWithBadKey: "`CredentialsInvalid` either way",
  osTemplatesAuth: "always sends the key",
  foreignMachines: "only a 404 by a key of the recorded team counts as absence; a 403 never does",
  foreignTeams: UNUSED,
  emptyJsonBody: "always sends `{}`",
  machineTypeCase: "sends the label as declared",
  unknownRegion: "sends the region as declared; compares short code and long name as equal",
  unknownNetwork: REFUSED,
  networkOfOtherRegion: REFUSED,
  unfinishedTemplate: RETRY,
  capacityShortage: "`off` after a start, a failed event and a refusal all end in `WaitingForCapacity`",
  startWhenOn: STATE_FIRST,
  startWhileStarting: "looks again and waits; never goes by the text",
  stopWhenOff: STATE_FIRST,
  stopWhileStopping: STATE_FIRST,
  stopWhileStarting: "waits until the machine is up, or stops it at once where that is accepted",
  restartWhileRestarting: "sends one restart for each request, however it is answered",
  restartWhenOff: "starts a machine that is off instead",
  updateWhileRunning: "changes type and disk only of a machine that is off",
  upgradeEndsIn: "reads the state afterwards and starts it where that is declared",
  networkChange: "waits for an event where there is one, else for the setting",
  deleteWhenOn: "deletes at once, and stops the machine first only where that is refused",
  stateWhileDeleting: "the state of a machine that is being deleted decides nothing",
  deleteWhileDeleting: "waits for the 404, however a second delete is answered",
  autoShutdownEvent: "shown; that the machine is off without a request is what counts",
  desktopPasswordRenewed: "reads the access again at each start",
  readdAccessor: "reads who has access before it grants any",
  removedAccessors: "one with dtDeleted has no access",
  deleteUsedNetwork: UNUSED,
  networkOfDeleting: UNUSED,
  addressOfOtherRegion: UNUSED,
  releaseUsedAddress: "releases an address only after no machine has it, so that neither case arises",
  typeAfterUnassign: "compares publicIpType only where the spec declares it",
  scriptsPerMachine: "unassigns each other script, and counts one that is not assigned any more as done",
  scriptNotAssigned: "done either way",
  deleteUsedScript: UNUSED,
  snapshotsOfDeleted: UNUSED,
  restoreNeeds: UNUSED,
  deleteRestorePoint: "the setting is compared, and refused where the snapshot is gone",
  templateNeeds: UNUSED,
  templateEventMachine: "an event without a machine belongs to none",
  storageSecretShown: UNUSED,
  deleteUsedProject: UNUSED,
  secretNameTaken:
    "names of its secrets have a mark of the object and of the value; one that is there is not written again",
  deleteUsedSecret:
    "removes a secret only when no configuration names it; a refusal is an Event, never a condition",
  unknownDeploymentId: "reads the deployment before each upsert",
  identicalConfig: "sends no configuration that is there already",
  oldApiVersions: "sends v1 only",
  partialGitHeaders: "sends all six keys or none",
  storedDefaults: DRIFT,
  storedHealthChecks: DRIFT,
  storedApiVersion: DRIFT,
  basicAuthKeyShown: "a key that is not shown is not compared",
  newRun: "goes by the runs of the latest spec and by their instances",
  finishedInstances: "instances that have ended do not count",
  disabledHealthy: "a deployment that is switched off is as declared without instances",
  missingSecret: "stores its secrets before it sends the configuration that names them",
  missingRegistry: "reports the spec's error or the instances', with the registry's name",
  metricValues: "only the kubectl plugin reads metrics: what is no number is a gap",
  metricPoints: "only the kubectl plugin reads metrics: it says that there are none",
};
