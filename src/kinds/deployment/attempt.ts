/**
 * How the create of a deployment is found again. An upsert goes by project and name, and does not show whether it
 * created one: the very first spec of a deployment does (deployments.md section 2). It only reads.
 */
import { type Clock, type Moment, momentOf } from "../../base/clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { AuthorizedContext } from "../../reconcile/kind.ts";
import type { Resolution } from "../../reconcile/ownership.ts";
import { INTENT_CREATE, referenceOf } from "../../reconcile/ownership-facts.ts";
import { adoptOrder, type CreateAttempt, parseAdopt } from "../../reconcile/record.ts";
import { type AbsenceEvidence, type AbsenceTerms, judgeAbsence } from "../absence.ts";
import type { PaperspaceAccount } from "../account.ts";
import type { AttemptAges } from "../attempt-ages.ts";
import {
  announcedAt,
  LIST,
  type ResolutionSettings,
  resolveByName,
  searchPaceMs,
  unsettledMs,
} from "../resolution.ts";
import type { DeploymentApi, StoredSpec } from "./api.ts";
import type { NameReservations } from "./name-reservations.ts";
import type { DeploymentObservation, Desired } from "./observation.ts";
import { taken } from "./prerequisites.ts";
import { firstSpecsIfAny, type ProjectCache } from "./project-cache.ts";
import { isSecretOf } from "./project-secrets.ts";
import { type Origin, originOf } from "./provenance.ts";
import type { References } from "./references.ts";
import { cloudNameOf, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

type Context = AuthorizedContext<PaperspaceDeployment, PaperspaceAccount>;

export interface AttemptOptions {
  clock: Clock;
  /** In milliseconds. `settleMs`: from an attempt's time on, when it can certainly have no effect any more. */
  settings: { settleMs: number; limits: { lookMs: number; slowMs: number } };
  references: References;
  reservations: NameReservations;
  attempts: AttemptAges;
  /** In which the absence of a project is judged. */
  terms: AbsenceTerms;
  cacheOf(account: PaperspaceAccount, projectId: string): ProjectCache;
}

/** The name turned out to be taken, right before or after an upsert. */
export class NameTaken extends Error {}

/** The upsert was answered with `deploymentId`; whose deployment that is does not show yet. */
export class UnprovedCreate extends PaperspaceError {
  readonly deploymentId: string;

  constructor(deploymentId: string) {
    const message = `the upsert was answered with ${deploymentId}, and its first configuration does not show just now whether this object made it`;
    super("PS_UNEXPECTED", message, { effect: "unknown" });
    this.deploymentId = deploymentId;
  }
}

/**
 * What bears the attempt's name, or what the upsert was answered with, is this object's where its first specs prove it.
 * Otherwise another actor was faster, and it stays theirs.
 */
export function resolveAttempt(
  context: Context,
  attempt: CreateAttempt,
  options: AttemptOptions,
): Resolution {
  const { clock, settings, reservations, attempts } = options;
  const { key, object, account } = context;
  const { settleMs } = settings;
  const { lookMs, slowMs } = settings.limits;
  const announced = announcedAt(attempt, attempts.knownSince(key, attempt));
  const search = { settleMs, lookMs, slowMs, now: momentOf(clock), announced };
  const open = (message: string, needs: readonly string[] = []): Resolution => ({
    state: "open",
    message,
    lookAfterMs: searchPaceMs(search, search.now.monotonic),
    needs,
  });
  const { projectId, name } = nameIn(attempt.name);
  const conflict = reservations.conflictingOwner(key, projectId, name);
  if (conflict && !conflict.owns && !reservations.reserve(key, projectId, name))
    return open(`${conflict.owner} is making a deployment named "${name}" just now`);
  const cache = options.cacheOf(account, projectId);
  const listed = resolveByName(cache.inventory, account.fingerprint, attempt, search, name);
  const named = goneWith(cache.absence(account.fingerprint), options.terms, search) ?? listed;
  const answered = answeredWith(object, attempt);
  const ids = answered !== undefined ? [answered] : named.state === "found" ? named.ids : [];
  const [id, ...more] = ids;
  if (id === undefined || more.length > 0) return named;
  const { origin, needs, why } = evidence(id, cache, context, attempt, { ...options, search });
  if (origin === "foreign" && unsettledMs(search) === 0) return { state: "surelyNone" };
  if (origin === "ours" || (why !== undefined && parseAdopt(object.metadata) === id)) {
    reservations.reserve(key, projectId, name);
    return { state: "found", ids: [id] };
  }
  // It was deleted meanwhile: no history shows that, and lists do.
  if (origin === "unknown" && named.state === "surelyNone") return named;
  const there = `project ${projectId} has a deployment named "${name}" (${id})`;
  if (why === undefined) return open(`${there}; whether this object made it is being looked up`, needs);
  // Neither recorded nor ignored: it could be another actor's, or a deployment that would be leaked.
  const command = adoptOrder(referenceOf(object, deploymentDefinition), id, object.metadata.uid ?? "");
  return open(
    `${there}, and whether this object made it cannot be determined: ${why}. Nothing is done until it can, or until that deployment is gone or has another name. If it is this object's: ${command}`,
    needs,
  );
}

/** What was created in a project that is certainly gone, and that was still gone once the create was settled, is gone. */
function goneWith(
  project: AbsenceEvidence | undefined,
  terms: AbsenceTerms,
  { settleMs, announced }: ResolutionSettings,
): Resolution | undefined {
  if (!project?.newestList || !judgeAbsence(project, terms).certain) return undefined;
  const isSettled = unsettledMs({ settleMs, announced, now: project.newestList.began }) === 0;
  return isSettled ? { state: "surelyNone" } : undefined;
}

/** `why`: why nothing can be proved, once that is settled. */
interface Evidence {
  origin: Origin;
  needs: readonly string[];
  why?: string;
}

/** What the first specs of a deployment prove. */
function evidence(
  id: string,
  { origins }: ProjectCache,
  { key, object }: Context,
  attempt: CreateAttempt,
  { references, reservations, search }: AttemptOptions & { search: ResolutionSettings },
): Evidence {
  if (reservations.ownerOf(id, key, attempt)) return { origin: "foreign", needs: [] };
  const specs = origins.get(id);
  const isSettled = unsettledMs(search) === 0;
  // Read so late that it shows whatever the attempt did.
  const isCurrent = unsettledMs({ ...search, now: before(search.now, origins.ageMs(id)) }) === 0;
  const desired = references.desired(object, cloudNameOf(object));
  const { mark } = attempt;
  const secrets = object.status?.history?.find(({ hash }) => hash === mark)?.secrets;
  const isOwnSecret = isSecretOf(object.metadata.uid ?? "");
  const answered = answeredWith(object, attempt) === id ? (isCurrent ? "settled" : "lately") : undefined;
  const origin = originOf(specs, { mark, secrets, isOwnSecret, answered }, desired);
  const needs = [`${ORIGIN}${id}`];
  if (origin !== "unknown" || !isSettled) return { origin, needs };
  const error = origins.error(id);
  if (!isCurrent && error === undefined) return { origin, needs: [`${ORIGIN_NOW}${id}`] };
  const why = undecided(specs, error, desired);
  return { origin, needs, ...(why !== undefined && { why }) };
}

function before({ wall, monotonic }: Moment, ms = Number.POSITIVE_INFINITY): Moment {
  return { wall: wall - ms, monotonic: monotonic - ms };
}

/** Id of the deployment that the upsert of this attempt was answered with. Only the operator writes status. */
function answeredWith({ status }: PaperspaceDeployment, { name }: CreateAttempt): string | undefined {
  const { operation } = status ?? {};
  return operation?.intent === INTENT_CREATE && operation.name === name ? operation.target : undefined;
}

/** Begins the reads that an open resolution needs; `key` is queued after each. */
export function fetchForAttempt(
  key: string,
  { fingerprint }: PaperspaceAccount,
  attempt: CreateAttempt,
  needs: readonly string[],
  cacheOf: (projectId: string) => ProjectCache,
): void {
  const { inventory, origins } = cacheOf(nameIn(attempt.name).projectId);
  for (const need of needs) {
    if (need === LIST) inventory.refreshList(key, fingerprint);
    else if (need.startsWith(ORIGIN)) origins.fetchIfStale(need.slice(ORIGIN.length), key);
    else if (need.startsWith(ORIGIN_NOW)) origins.fetch(need.slice(ORIGIN_NOW.length), key);
  }
}

/** What an open resolution needs of one deployment, before its id: its first specs. */
const ORIGIN = "origin/";
/** The same, however recently they were read: a history may lag behind what it was sent. */
const ORIGIN_NOW = "origin-now/";

/**
 * Throws NameTaken where what the upsert was answered with is another actor's, and UnprovedCreate where it may be, since
 * lists lag behind: it is resolved once more can be read.
 */
export async function verifyCreated(
  api: DeploymentApi,
  id: string,
  observation: DeploymentObservation,
): Promise<void> {
  const { desired } = observation;
  const specs = await firstSpecsIfAny(api, id);
  const mark = desired.state === "known" ? desired.hash : undefined;
  const attempted = { mark, isOwnSecret: isSecretOf(observation.uid), answered: "lately" } as const;
  const origin = originOf(specs, attempted, desired);
  if (origin === "ours") return;
  if (origin === "unknown") throw new UnprovedCreate(id);
  throw new NameTaken(
    `somebody else made it at the same moment, and this object's configuration has replaced the first one (spec ${specs[0]?.id}): ${taken(observation, [id])}`,
  );
}

/** Why it cannot be decided who created a deployment; undefined while it is still being read. */
function undecided(
  specs: readonly StoredSpec[] | undefined,
  readError: unknown,
  desired: Desired,
): string | undefined {
  if (!specs) return readError instanceof Error ? readError.message : undefined;
  if (desired.state === "missing") return desired.message;
  return desired.state === "unknown" ? desired.readError?.message : "its first configuration cannot be read";
}

/** An attempt's name is "project/name"; no project id has a slash in it. */
function nameIn(attempt: string): { projectId: string; name: string } {
  const slash = attempt.indexOf("/");
  return { projectId: attempt.slice(0, slash), name: attempt.slice(slash + 1) };
}
