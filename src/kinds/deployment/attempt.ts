/**
 * How the create of a deployment is found again. An upsert goes by project and name, and does not show whether it
 * created one: the very first spec of a deployment does (deployments.md section 2). It only reads.
 */
import { type Clock, momentOf } from "../../base/clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { AuthorizedContext } from "../../reconcile/kind.ts";
import type { Resolution } from "../../reconcile/ownership.ts";
import { referenceOf } from "../../reconcile/ownership-facts.ts";
import { adoptOrder, type CreateAttempt, parseAdopt } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import type { AttemptAges } from "../attempt-ages.ts";
import { announcedAt, LIST, resolveByName, unsettledMs } from "../resolution.ts";
import type { DeploymentApi, StoredSpec } from "./api.ts";
import type { NameReservations } from "./name-reservations.ts";
import type { DeploymentObservation, Desired } from "./observation.ts";
import { taken } from "./prerequisites.ts";
import { firstSpecsIfAny, type ProjectCache } from "./project-cache.ts";
import { originOf } from "./provenance.ts";
import type { References } from "./references.ts";
import { cloudNameOf, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

type Context = AuthorizedContext<PaperspaceDeployment, PaperspaceAccount>;

export interface AttemptOptions {
  clock: Clock;
  /** In milliseconds. `settleMs`: from an attempt's time on, when it can certainly have no effect any more. */
  settings: { settleMs: number; limits: { lookMs: number } };
  references: References;
  reservations: NameReservations;
  attempts: AttemptAges;
  cacheOf(account: PaperspaceAccount, projectId: string): ProjectCache;
}

/** The name turned out to be taken, right before or after an upsert. */
export class NameTaken extends Error {}

/**
 * A deployment with the attempt's name is this object's where its very first spec is what the attempt sent. Otherwise another
 * actor was faster, and it stays theirs.
 */
export function resolveAttempt(
  context: Context,
  attempt: CreateAttempt,
  options: AttemptOptions,
): Resolution {
  const { clock, settings, references, reservations, attempts } = options;
  const { key, object, account } = context;
  const { lookMs } = settings.limits;
  const open = (message: string, needs: readonly string[] = []): Resolution => ({
    state: "open",
    message,
    lookAfterMs: lookMs,
    needs,
  });
  const { projectId, name } = nameIn(attempt.name);
  const conflict = reservations.conflictingOwner(key, projectId, name);
  if (conflict && !conflict.owns && !reservations.reserve(key, projectId, name))
    return open(`${conflict.key} is making a deployment named "${name}" just now`);
  const { inventory, origins } = options.cacheOf(account, projectId);
  const announced = announcedAt(attempt, attempts.knownSince(key, attempt));
  const search = { settleMs: settings.settleMs, lookMs, now: momentOf(clock), announced };
  const found = resolveByName(inventory, attempt, search, name);
  if (found.state !== "found") return found;
  const [id, ...more] = found.ids;
  if (id === undefined || more.length > 0) return found;
  const specs = origins.get(id);
  const needs = [`${ORIGIN}${id}`];
  const { mark } = attempt;
  const { secrets } = object.status?.history?.find(({ hash }) => hash === mark) ?? {};
  const desired = references.desired(object, cloudNameOf(object));
  const origin = reservations.ownerOf(id, key) ? "foreign" : originOf(specs, { mark, secrets }, desired);
  const settled = unsettledMs(search) === 0;
  if (origin === "foreign" && settled) return { state: "surelyNone" };
  const why = settled ? undecided(specs, origins.error(id), desired) : undefined;
  if (origin === "ours" || (why !== undefined && parseAdopt(object.metadata) === id)) {
    reservations.reserve(key, projectId, name);
    return found;
  }
  const there = `project ${projectId} has a deployment named "${name}" (${id})`;
  if (why === undefined) return open(`${there}; whether this object made it is being looked up`, needs);
  // Neither recorded nor ignored: it could be another actor's, or a deployment that would be leaked.
  const command = adoptOrder(referenceOf(object, deploymentDefinition), id, object.metadata.uid ?? "");
  return open(
    `${there}, and whether this object made it cannot be determined: ${why}. Nothing is done until it can, or until that deployment is gone or has another name. If it is this object's: ${command}`,
    needs,
  );
}

/** Begins the reads that an open resolution needs; `key` is queued after each. */
export function fetchForAttempt(
  key: string,
  attempt: CreateAttempt,
  needs: readonly string[],
  cacheOf: (projectId: string) => ProjectCache,
): void {
  const { inventory, origins } = cacheOf(nameIn(attempt.name).projectId);
  for (const need of needs) {
    if (need === LIST) inventory.refreshList(key);
    else if (need.startsWith(ORIGIN)) origins.fetchIfStale(need.slice(ORIGIN.length), key);
  }
}

/** What an open resolution needs of one deployment, before its id: its first specs. */
const ORIGIN = "origin/";

/** Throws NameTaken where what the upsert was answered with is another actor's. */
export async function verifyCreated(
  api: DeploymentApi,
  id: string,
  observation: DeploymentObservation,
): Promise<void> {
  const { desired } = observation;
  const specs = await firstSpecsIfAny(api, id);
  const mark = desired.state === "known" ? desired.hash : undefined;
  const origin = originOf(specs, { mark }, desired);
  if (origin === "ours") return;
  // It exists, and may be another actor's, since lists lag behind: it is resolved by its name once more can be read.
  if (origin === "unknown") {
    const message = `the upsert was answered with ${id}, whose first configuration cannot be read just now`;
    throw new PaperspaceError("PS_UNEXPECTED", message, { effect: "unknown" });
  }
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
