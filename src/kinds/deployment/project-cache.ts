/**
 * What is known of one project: its deployments from one list for all objects, their runs and former specs, and the
 * names of the project's secrets. It only reads, and only puts keys into the queue.
 */
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { PaperspaceApi } from "../../paperspace/transport.ts";
import { Inventory } from "../inventory.ts";
import { Lookup } from "../lookup.ts";
import { AccountCache, type CloudObserverOptions, type ObserverSettings } from "../observer.ts";
import { type Deployment, DeploymentApi, type Run, type StoredSpec, taken } from "./api.ts";

export interface ProjectCacheOptions extends Omit<CloudObserverOptions, "settings"> {
  settings: Pick<ObserverSettings, "resyncMs" | "gatherMs" | "rechecks">;
  team: string;
  projectId: string;
}

const MINUTE_MS = 60_000;
/** Runs of what is at rest are read ever more rarely: first after half a resync, in the end after so many. */
const SLOW_TURNS = 6;
/** Former specs that are searched for one to go back to; a few at the newest end are ours. */
const SPECS = 120;

export class ProjectCache extends AccountCache<Deployment> {
  readonly runs: Lookup<readonly Run[]>;
  /** Specs that Paperspace keeps of a deployment, newest first. */
  readonly specs: Lookup<readonly StoredSpec[]>;
  /** The first specs of a deployment: they tell who made it. Empty where none is shown. */
  readonly origins: Lookup<readonly StoredSpec[]>;
  /** Names of the project's secrets, by project id. */
  readonly secrets: Lookup<readonly string[]>;
  readonly #parts: ProjectCacheOptions;
  #api: DeploymentApi;
  /** Monotonic times from which on runs of a deployment at rest may be read for the first time. */
  readonly #firstRuns = new Map<string, number>();

  constructor(parts: ProjectCacheOptions, api: PaperspaceApi) {
    const { clock, enqueue, settings, projectId, team } = parts;
    const { resyncMs, gatherMs } = settings;
    const name = `deployments of team ${team}, project ${projectId}`;
    const sourceOf = (any: PaperspaceApi) => {
      const calls = new DeploymentApi(any);
      return { list: () => calls.list(projectId), get: (id: string) => calls.get(id) };
    };
    const inventory = { name, clock, logger: parts.logger, settings: { resyncMs, gatherMs }, enqueue };
    super(new Inventory<Deployment>(inventory, sourceOf(api)), sourceOf);
    this.#parts = parts;
    this.#api = new DeploymentApi(api);
    const lookup = <T>(read: (id: string) => Promise<T>, maxAgeMs: (value: T, repeats: number) => number) =>
      new Lookup<T>({ clock, enqueue, read, maxAgeMs });
    this.runs = lookup<readonly Run[]>(
      (id) => this.#api.runs(id),
      (_runs, repeats) =>
        this.#spread(Math.min(SLOW_TURNS * resyncMs, (resyncMs / 2) * 2 ** Math.min(repeats, 10))),
    );
    this.specs = lookup(
      (id) => taken(this.#api.history(id, "desc", SPECS), SPECS),
      () => MINUTE_MS,
    );
    this.origins = lookup(
      (id) => firstSpecs(this.#api, id),
      ([origin]) => (origin ? resyncMs : 0),
    );
    this.secrets = lookup(
      () => this.#api.secrets(projectId),
      () => MINUTE_MS,
    );
  }

  override use(api: PaperspaceApi): void {
    super.use(api);
    this.#api = new DeploymentApi(api);
  }

  /** The API says that there is no such project. */
  get isMissing(): boolean {
    const { listError } = this.inventory;
    return listError instanceof PaperspaceError && listError.code === "PS_NOT_FOUND";
  }

  /**
   * Runs as far as they are known; what is old is read again. After a start nothing is known of a whole fleet at rest:
   * those first reads are spread as well.
   */
  runsOf(id: string, key: string): readonly Run[] | undefined {
    const known = this.runs.get(id, key);
    if (known) return known;
    const now = this.#parts.clock.monotonic();
    const due =
      this.#firstRuns.get(id) ??
      now + SLOW_TURNS * this.#parts.settings.resyncMs * this.#parts.clock.random();
    this.#firstRuns.set(id, due);
    if (now >= due) this.runs.fetch(id, key);
    return undefined;
  }

  /** Whatever is known is old, because the user says so. */
  lookAnew(id: string | undefined, key: string): void {
    this.secrets.invalidate(this.#parts.projectId);
    this.inventory.refreshList(key);
    if (id === undefined) return;
    this.runs.invalidate(id);
    this.specs.invalidate(id);
    this.#firstRuns.set(id, 0);
    this.inventory.refresh(id);
  }

  override forget(key: string): void {
    const id = this.inventory.unsubscribe(key);
    if (id === undefined) return;
    for (const lookup of [this.runs, this.specs, this.origins]) lookup.invalidate(id);
    this.#firstRuns.delete(id);
  }

  #spread(ms: number): number {
    return ms * (0.8 + 0.4 * this.#parts.clock.random());
  }
}

/** As many as tell who made it: its first, and whether the next one is the same once more. */
export function firstSpecs(api: DeploymentApi, id: string): Promise<readonly StoredSpec[]> {
  return taken(api.history(id, "asc", 2), 2);
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
