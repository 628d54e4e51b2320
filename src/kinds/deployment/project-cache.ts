/**
 * The caches of one project: its deployments from one list for all objects, and the facts around them, each declared
 * once. It only reads, and only puts keys into the queue.
 */
import type { Clock } from "../../base/clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { PaperspaceApi } from "../../paperspace/transport.ts";
import { STALE_FRACTION } from "../../reconcile/decision.ts";
import type { AbsenceEvidence } from "../absence.ts";
import type { PaperspaceAccount } from "../account.ts";
import { AccountCache } from "../account-caches.ts";
import {
  CachedFact,
  type Fact,
  type FactDecision,
  type FactDeclaration,
  type FactSubject,
  Facts,
} from "../facts.ts";
import { type Rechecks, readErrorOf } from "../failure.ts";
import { Inventory } from "../inventory.ts";
import { Lookup, UNUSED_TURNS } from "../lookup.ts";
import { type GatheringRoom, heapBytes, type MemoryBudget } from "../memory-budget.ts";
import type { CloudObserverOptions, ObserverSettings } from "../observer.ts";
import type { ListFrom } from "../source.ts";
import { type Deployment, DeploymentApi, firstItems, type Run, type StoredSpec } from "./api.ts";
import { LargeConfigs } from "./large-configs.ts";
import type { DeploymentObservation, ObservedFacts } from "./observation.ts";
import { type PresenceDue, type PresenceTerms, ProjectPresence } from "./project-presence.ts";
import { foldedName } from "./types.ts";

export interface ProjectCacheOptions extends Omit<CloudObserverOptions, "settings"> {
  settings: Pick<ObserverSettings, "resyncMs" | "gatherMs" | "rechecks">;
  team: string;
  projectId: string;
  /** For the configurations of all projects. */
  configBudget: MemoryBudget;
}

/** What the facts of one object depend on. */
export interface DeploymentSubject extends FactSubject {
  /** Undefined before there is a deployment. */
  id: string | undefined;
  /** The name in Paperspace that is declared. */
  name: string;
  /** Ids of the specs of which one is to be gone back to. */
  backTo?: readonly string[];
}

type Runs = NonNullable<DeploymentObservation["runs"]>;
type Siblings = NonNullable<DeploymentObservation["siblings"]>;

const MINUTE_MS = 60_000;
/** Where no instance is to run, runs are read ever more rarely: first after half a resync, in the end after so many. */
const SLOW_TURNS = 6;
/** Part of a resync after which runs are read that were not read yet: the passes at a start are past, and next ones spread. */
const FIRST_READ = 0.1;
/** Former specs that are kept; a few at the newest end are ours. */
const SPECS = 120;
/** And of fewer, where they take this many bytes. */
const SPEC_BYTES = 4 * 1024 * 1024;
/** Former specs that are searched for one to go back to: each number of an autoscaler makes one. */
const MOST_SPECS = 20 * SPECS;

/** The list of them, by the name that decisions need them by. */
function factTable(options: ProjectCacheOptions, inventory: Inventory<Deployment>, api: () => DeploymentApi) {
  const { clock, projectId, settings, configBudget: budget } = options;
  const { resyncMs } = settings;
  const oneMinute = () => MINUTE_MS;
  const spread = (ms: number) => ms * (0.8 + 0.4 * clock.random());
  const cached = <T, D = T>(declaration: FactDeclaration<DeploymentSubject, T, D>) =>
    new CachedFact<DeploymentSubject, T, D>({ ...options, resyncMs }, declaration);
  return {
    runs: cached<readonly Run[], Runs>({
      id: ({ id }) => id,
      read: (id, group) => api().for(group).runs(id),
      // Each object has a pass in a resync, at a time of its own: what is Ready is read in each of them.
      staleTimeMs: (runs, repeats) =>
        runs.length > 0
          ? STALE_FRACTION * resyncMs
          : spread(Math.min(SLOW_TURNS * resyncMs, (resyncMs / 2) * 2 ** Math.min(repeats, 10))),
      whenStale: "show",
      firstReadMs: () => FIRST_READ * resyncMs * clock.random(),
      select(list, { id = "" }, ageMs) {
        const sameMs = clock.monotonic() - (inventory.get(id)?.sameSince ?? Number.POSITIVE_INFINITY);
        return { list, ageMs, isNewer: ageMs <= sameMs };
      },
    }),
    specs: cached<readonly StoredSpec[]>({
      id: specsKey,
      read: (key, group) => {
        const [id = "", ...backTo] = key.split(" ");
        const specs = api().for(group).history(id, "desc", SPECS);
        return budget.gather(group, (room) => newestSpecs(specs, backTo, room));
      },
      staleTimeMs: oneMinute,
      whenStale: "hide",
      budget,
    }),
    projectSecrets: cached<readonly string[]>({
      id: () => projectId,
      read: () => api().secrets(projectId),
      staleTimeMs: oneMinute,
      whenStale: "hide",
    }),
    siblings: namesakes(options, inventory),
  };
}

export class ProjectCache extends AccountCache<Deployment> {
  /** The first specs of a deployment, by which its maker is recognised. Empty where none is shown. */
  readonly origins: Lookup<readonly StoredSpec[]>;
  readonly #projectId: string;
  readonly #presence: ProjectPresence;
  readonly #table: ReturnType<typeof factTable>;
  readonly #facts: Facts<DeploymentSubject, ObservedFacts>;
  readonly #configs: LargeConfigs;
  readonly #clock: Clock;
  /** By id of a deployment: monotonic time since which its runs are of use. */
  readonly #runsUsedSince = new Map<string, number>();
  readonly #rechecks: Rechecks;
  #api: DeploymentApi;

  constructor(options: ProjectCacheOptions, api: PaperspaceApi) {
    const { clock, enqueue, logger, settings, projectId, team, configBudget: budget } = options;
    const { resyncMs, rechecks } = settings;
    const name = `deployments of team ${team}, project ${projectId}`;
    const sourceOf = (any: PaperspaceApi) => {
      const calls = new DeploymentApi(any);
      return {
        list: (group: string, from?: ListFrom) => calls.for(group).list(projectId, from),
        get: (id: string, group: string) => calls.for(group).get(id),
      };
    };
    const configs = new LargeConfigs(budget);
    const held = (item: Deployment, group: string) => configs.apart(item, group);
    const parts = { name, clock, logger, settings, enqueue, sameName: foldedName, isDoubtful, held };
    const unsubscribed = (_key: string, id?: string) => id !== undefined && configs.forget(id);
    const inventory = new Inventory<Deployment>(parts, sourceOf(api), { unsubscribed });
    super(inventory, sourceOf);
    this.#configs = configs;
    this.#projectId = projectId;
    this.#presence = new ProjectPresence(options, api);
    this.#clock = clock;
    this.#rechecks = rechecks;
    this.#api = new DeploymentApi(api);
    this.#table = factTable(options, inventory, () => this.#api);
    this.#facts = new Facts(this.#table, {
      clock,
      readErrorOf: (error) => readErrorOf(error, rechecks),
    });
    this.origins = new Lookup({
      clock,
      enqueue,
      read: (id, group) => firstSpecs(this.#api.for(group), id),
      staleTimeMs: ([origin]) => (origin ? resyncMs : 0),
      gcTimeMs: UNUSED_TURNS * resyncMs,
      budget,
    });
  }

  override use(account: PaperspaceAccount): void {
    super.use(account);
    this.#presence.use(account);
    this.#api = new DeploymentApi(account.api);
  }

  /**
   * The API answers that there is no such project; `dueInMs`: when that is to be read again, which grows from the recheck
   * to the slow pace with the time for which it has been so.
   */
  missing(): { dueInMs: number } | undefined {
    const { error, since, at } = this.inventory.listFailure ?? { since: 0, at: 0 };
    if (!isNotFound(error)) return undefined;
    const { recheckMs, slowMs } = this.#rechecks;
    const pace = Math.min(Math.max(at - since, recheckMs), slowMs);
    return { dueInMs: at + pace - this.#clock.monotonic() };
  }

  /** What shows that the project is absent, where that is why this credential lists no deployments. */
  absence(credential: string): AbsenceEvidence | undefined {
    return this.#hasNoList(credential) ? this.#presence.absence(credential) : undefined;
  }

  /**
   * Begins the reads that `absence` needs; `due` is undefined where the object does not depend on it. While the project has
   * a list that costs no call.
   */
  trackPresence(key: string, credential: string, due: PresenceDue | undefined, terms: PresenceTerms): void {
    if (due === undefined || !this.#hasNoList(credential)) this.#presence.forget(key);
    else this.#presence.refresh(key, credential, due, terms);
  }

  #hasNoList(credential: string): boolean {
    return isNotFound(this.inventory.listed(credential).listFailure?.error);
  }

  /** Names of the project's secrets, by project id. */
  get secrets(): Lookup<readonly string[]> {
    return this.#table.projectSecrets.cache;
  }

  /** Specs that Paperspace keeps of a deployment, newest first. */
  get specs(): Lookup<readonly StoredSpec[]> {
    return this.#table.specs.cache;
  }

  /** Milliseconds since the read of them began; undefined where they never were read. */
  specsAgeMs(subject: DeploymentSubject): number | undefined {
    return this.specs.ageMs(specsKey(subject) ?? "");
  }

  /** Milliseconds since the names of the project's secrets were read; infinite where they never were. */
  get secretsAgeMs(): number {
    return this.secrets.ageMs(this.#projectId) ?? Number.POSITIVE_INFINITY;
  }

  /** Milliseconds since the runs of this deployment were read, or since they were first of use. */
  runsAgeMs(id: string): number {
    const now = this.#clock.monotonic();
    const since = this.#runsUsedSince.get(id) ?? now;
    this.#runsUsedSince.set(id, since);
    return this.#table.runs.cache.ageMs(id) ?? now - since;
  }

  /** The greatest age of runs that a Ready rests on; undefined where none does. */
  oldestRunsMs(): number | undefined {
    const ids = [...this.#runsUsedSince.keys()].filter((id) => this.#table.runs.cache.get(id)?.length !== 0);
    return ids.reduce<number | undefined>(
      (oldest, id) => Math.max(oldest ?? 0, this.runsAgeMs(id)),
      undefined,
    );
  }

  /** What is cached of the facts, and why the last reads failed. Begins no read. */
  facts(subject: DeploymentSubject): ObservedFacts & Pick<DeploymentObservation, "readErrors"> {
    return { ...this.#facts.data(subject), readErrors: this.#facts.readErrors(subject) };
  }

  /** Begins the reads that the decision needs, and those that are due; the subject's key is queued after each. */
  track(subject: DeploymentSubject, decision: FactDecision): void {
    this.#facts.track(subject, decision);
  }

  /** At the user's request: invalidates all of them for this object, and reads again what was shown. */
  reload(subject: DeploymentSubject): void {
    if (subject.id !== undefined) this.#runsUsedSince.set(subject.id, this.#clock.monotonic());
    this.#facts.reload(subject);
  }

  /** With its configuration; undefined where that is to be read again, being too large to be held. */
  whole(deployment: Deployment): Deployment | undefined {
    return this.#configs.whole(deployment);
  }

  override stop(): void {
    super.stop();
    this.#presence.stop();
    this.#configs.stop();
    this.specs.reset();
    this.origins.reset();
  }

  override forget(key: string): void {
    this.#facts.forget(key);
    this.#presence.forget(key);
    const id = this.inventory.unsubscribe(key);
    if (id === undefined) return;
    this.#facts.invalidate(id);
    this.origins.invalidate(id);
    this.#runsUsedSince.delete(id);
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof PaperspaceError && error.code === "PS_NOT_FOUND";
}

/** Deployments of the declared name, of the lists that the inventory makes. */
function namesakes(
  { clock }: ProjectCacheOptions,
  inventory: Inventory<Deployment>,
): Fact<DeploymentSubject, Siblings> {
  return {
    data({ name }) {
      const { lists } = inventory;
      const { newest } = lists;
      if (newest === undefined) return undefined;
      return { ids: lists.newestIdsNamed(name), ageMs: clock.monotonic() - newest };
    },
    error() {
      const { listError } = inventory;
      return listError === undefined ? undefined : { error: listError, retryInMs: 0 };
    },
    fetch: ({ key }) => inventory.refreshList(key),
    reload: ({ key }) => inventory.reloadList(key),
  };
}

function specsKey({ id, backTo = [] }: DeploymentSubject): string | undefined {
  return id && [id, ...backTo].join(" ");
}

/** The newest, and the one of `backTo` that comes first, if that is an older one. */
async function newestSpecs(
  specs: AsyncIterable<StoredSpec>,
  backTo: readonly string[],
  room: GatheringRoom,
): Promise<readonly StoredSpec[]> {
  const newest: StoredSpec[] = [];
  let isFound = backTo.length === 0;
  let read = 0;
  let bytes = 0;
  let isFull = false;
  for await (const spec of specs) {
    const isSought = !isFound && backTo.includes(spec.id);
    if (!isFull || isSought) {
      const size = heapBytes(spec);
      room.add(size);
      bytes += size;
      newest.push(spec);
    }
    isFound ||= isSought;
    isFull = newest.length >= SPECS || bytes >= SPEC_BYTES;
    if (++read >= MOST_SPECS || (isFound && isFull)) break;
  }
  return newest;
}

/** As many as show who created it: its first, and whether the next one is the same once more. */
export function firstSpecs(api: DeploymentApi, id: string): Promise<readonly StoredSpec[]> {
  return firstItems(api.history(id, "asc", 2), 2);
}

/** The same right after an upsert: what cannot be read then is as good as not there, for the write is done. */
export async function firstSpecsIfAny(api: DeploymentApi, id: string): Promise<readonly StoredSpec[]> {
  try {
    return await firstSpecs(api, id);
  } catch (error) {
    if (!(error instanceof PaperspaceError)) throw error;
    return [];
  }
}

/**
 * Its spec is missing in the list, or is another than was read last: a change, or a list that lags behind. One that a read
 * by id has shown in the same way is believed.
 */
function isDoubtful({ latestSpec: listed }: Deployment, cached: Deployment | undefined): boolean {
  const { latestSpec: known } = cached ?? {};
  if (!listed) return !cached || listed !== known;
  return !!known && (listed.id !== known.id || (!listed.data && !!known.data));
}
