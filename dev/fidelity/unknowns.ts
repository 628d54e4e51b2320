/**
 * What no source says about the API, and how far reads can answer it: the list of docs/fidelity.md and of `npm run
 * probe`. Only data lives here; what an answer is taken from is in probe.ts.
 */

export interface Unknown {
  id: string;
  question: string;
  /** Sheet and section that leave it open. */
  source: string;
  /** The switches of the simulator that stand for it. */
  switches?: readonly string[];
  /** Whether reads can answer it, at least where the account has what it takes. */
  byReads: boolean;
}

const MACHINES = "machines.md 2";
const PROBES = "errors-and-limits.md 9";

export const UNKNOWNS: readonly Unknown[] = [
  {
    id: "page-size",
    question: "How many items has a page without `limit`?",
    source: MACHINES,
    switches: ["defaultPageSize"],
    byReads: true,
  },
  {
    id: "limit-out-of-range",
    question: "Is a `limit` outside 1 to 120 refused or brought in?",
    source: MACHINES,
    switches: ["limitOutOfRange"],
    byReads: true,
  },
  {
    id: "next-page-when-last",
    question: 'Is the cursor of a last page missing, null or ""?',
    source: MACHINES,
    switches: ["nextPageWhenLast"],
    byReads: true,
  },
  {
    id: "name-filter",
    question: "Does the `name` filter match exactly, by prefix or anywhere, and does letter case matter?",
    source: MACHINES,
    switches: ["nameFilter"],
    byReads: true,
  },
  {
    id: "unknown-query",
    question: "Is a query parameter that no document names refused?",
    source: PROBES,
    switches: ["unknownQuery"],
    byReads: true,
  },
  {
    id: "order",
    question: "Is the first item of `order=asc` by dtCreated the oldest, and the same with each call?",
    source: MACHINES,
    byReads: true,
  },
  {
    id: "trailing-slash",
    question: "Is a list served under its path with a slash behind?",
    source: "observed-in-the-field.md 19",
    switches: ["trailingSlash"],
    byReads: true,
  },
  {
    id: "deleted-listed",
    question: "Do lists hold deleted machines?",
    source: MACHINES,
    switches: ["listDeleted"],
    byReads: true,
  },
  {
    id: "deleted-readable",
    question: "Is a deleted machine 404, or shown with dtDeleted? (one that an event names and no list has)",
    source: PROBES,
    switches: ["deletedMachines", "eventsOfDeleted"],
    byReads: true,
  },
  {
    id: "event-names",
    question: "Which names have events, of a delete, a resize, an automatic stop?",
    source: "machines.md 8",
    switches: ["autoShutdownEvent", "billingEvents"],
    byReads: true,
  },
  {
    id: "event-states",
    question: "Which states have events?",
    source: "machines.md 8",
    byReads: true,
  },
  {
    id: "event-retention",
    question: "How old is the oldest event?",
    source: "machines.md 8",
    switches: ["eventRetentionMs"],
    byReads: true,
  },
  {
    id: "machine-states",
    question: "Which states have machines?",
    source: "machines.md 7",
    byReads: true,
  },
  {
    id: "disk-sizes",
    question: "Which sizes have disks, and are they GB or GiB of their label?",
    source: "machines.md 3",
    byReads: true,
  },
  {
    id: "regions",
    question: "How are regions spelled in answers?",
    source: "observed-in-the-field.md 12",
    byReads: true,
  },
  {
    id: "machine-types",
    question: "Which machine types does the catalogue have?",
    source: "machines.md 3",
    byReads: true,
  },
  {
    id: "accelerators",
    question: "Which form have accelerators?",
    source: "machines.md 9 rows 12 and 13",
    byReads: true,
  },
  {
    id: "live-dt-deleted",
    question: "Is dtDeleted of a network, drive or template that exists null, missing or {}?",
    source: "other-resources.md, conventions",
    switches: ["liveDtDeleted"],
    byReads: true,
  },
  {
    id: "availability",
    question: "Is GET /machine-availability there?",
    source: "machines.md 5.5",
    switches: ["availabilityEndpoint", "availabilityHint"],
    byReads: true,
  },
  {
    id: "account-standing",
    question: "Is GET /billing/account-standing there?",
    source: "other-resources.md, billing",
    switches: ["accountStandingEndpoint"],
    byReads: true,
  },
  {
    id: "session-with-bad-key",
    question: "How is GET /auth/session answered with a wrong key?",
    source: "observed-in-the-field.md 5",
    switches: ["sessionWithBadKey"],
    byReads: true,
  },
  {
    id: "templates-without-key",
    question: "Are the vendor's templates listed without a key?",
    source: "errors-and-limits.md 1",
    switches: ["osTemplatesAuth"],
    byReads: true,
  },
  {
    id: "unknown-path",
    question: "How are unknown paths and unknown ids answered?",
    source: "errors-and-limits.md 3",
    byReads: true,
  },
  {
    id: "error-body",
    question: "Which fields has the body of a validation error?",
    source: "errors-and-limits.md 2",
    switches: ["errorField"],
    byReads: true,
  },
  {
    id: "rate-limit-headers",
    question: "Do answers have headers about the rate limit?",
    source: "errors-and-limits.md 4",
    switches: ["retryAfterHeader"],
    byReads: true,
  },
  {
    id: "document",
    question: "Is the OpenAPI document served, and which paths has it that ours lacks?",
    source: "errors-and-limits.md 1",
    byReads: true,
  },
  {
    id: "stored-form",
    question: "Which label and which form have the stored configurations of deployments?",
    source: "deployments.md 10.3, traps",
    switches: ["storedApiVersion", "storedHealthChecks", "oldApiVersions"],
    byReads: true,
  },
  {
    id: "latest-spec-in-lists",
    question: "Do lists of deployments show latestSpec and its data?",
    source: "deployments.md 6",
    byReads: true,
  },
  {
    id: "instance-states",
    question: "Which states have instances of deployments?",
    source: "deployments.md 8",
    switches: ["finishedInstances"],
    byReads: true,
  },
  {
    id: "metric-values",
    question: "Which form have the values of metrics, and are there any?",
    source: "deployments.md 9",
    switches: ["metricValues", "metricPoints"],
    byReads: true,
  },
  {
    id: "start-on-running",
    question: "How are a start of a running machine and a stop of one that is off answered?",
    source: PROBES,
    switches: ["startWhenOn", "stopWhenOff", "stopWhileStopping", "restartWhenOff"],
    byReads: false,
  },
  {
    id: "update-while-running",
    question: "Is a resize of a running machine refused, and in which state is the machine afterwards?",
    source: PROBES,
    switches: ["updateWhileRunning", "upgradeEndsIn"],
    byReads: false,
  },
  {
    id: "codes",
    question: "Which codes have a wrong state, a quota and a lack of capacity?",
    source: "errors-and-limits.md 3",
    switches: ["wrongStateCode", "quotaCode", "capacityCode", "badStandingCode"],
    byReads: false,
  },
  {
    id: "list-lag",
    question: "How long after a create do GET and lists lack a machine?",
    source: "errors-and-limits.md 7",
    switches: ["getAfterCreateMissMs", "listAfterCreateMissMs", "eventListDelayMs"],
    byReads: false,
  },
  {
    id: "unknown-deployment-id",
    question: "What does an upsert do with a deploymentId that nothing has?",
    source: "deployments.md 2",
    switches: ["unknownDeploymentId"],
    byReads: false,
  },
  {
    id: "identical-config",
    question: "Does an unchanged configuration make a new spec?",
    source: "deployments.md 2",
    switches: ["identicalConfig", "newRun"],
    byReads: false,
  },
];
