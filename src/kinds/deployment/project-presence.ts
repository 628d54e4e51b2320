/**
 * Whether a project is there, which is asked only while the API answers that it has no list of deployments: without such a
 * list, only the end of the project shows that what was in it is gone (docs/design.md, Deletion). It only reads, and only
 * puts keys into the queue; what the reads mean is judged in ../absence.ts.
 */
import { Type } from "../../base/json-schema.ts";
import { nullable, resource } from "../../paperspace/answers.ts";
import type { PaperspaceApi } from "../../paperspace/transport.ts";
import { apiPath } from "../../paperspace/transport.ts";
import { STALE_FRACTION } from "../../reconcile/decision.ts";
import { type AbsenceEvidence, type AbsenceTerms, lookPaceMs } from "../absence.ts";
import { isListDue, shownWith } from "../absence-reads.ts";
import type { PaperspaceAccount } from "../account.ts";
import { about, OLDEST_FIRST, reading } from "../calls.ts";
import { Inventory, type InventoryParts } from "../inventory.ts";
import type { Item, Source } from "../source.ts";

/** other-resources.md, projects. */
const projectSchema = resource(
  {
    id: Type.String({ minLength: 1 }),
    name: Type.String({ default: "" }),
    dtDeleted: nullable(Type.String()),
  },
  ["id"],
);

interface Project extends Item {
  dtDeleted?: string | null;
}

export interface ProjectPresenceOptions extends Pick<InventoryParts, "clock" | "logger" | "settings"> {
  team: string;
  projectId: string;
  /** Puts a key into the work queue. */
  enqueue(key: string): void;
}

/** When it is read again: right now, ever more rarely, or not at all, since what is known suffices. */
export type PresenceDue = "now" | "paced" | "never";

export type PresenceTerms = Pick<AbsenceTerms, "now" | "lookMs" | "slowMs">;

export class ProjectPresence {
  readonly #options: ProjectPresenceOptions;
  /** Of all projects that a list shows, only this one is cached. */
  readonly #inventory: Inventory<Project>;

  constructor(options: ProjectPresenceOptions, api: PaperspaceApi) {
    this.#options = options;
    this.#inventory = new Inventory({ ...options, name: `projects of team ${options.team}` }, sourceOf(api));
  }

  /** A valid credential of the team. */
  use({ api, fingerprint }: PaperspaceAccount): void {
    this.#inventory.use(sourceOf(api), fingerprint);
  }

  /** What this credential has shown of the absence of the project; undefined where it is there, or was not read yet. */
  absence(credential: string): AbsenceEvidence | undefined {
    const { projectId } = this.#options;
    const cached = this.#inventory.get(projectId);
    if (!cached || cached.item) return undefined;
    const shown = shownWith(credential, this.#inventory, projectId);
    return { ...shown, noun: `project ${projectId}`, contradiction: undefined };
  }

  /** Begins the reads that are due, a list only while the project is absent; `key` is queued after each. */
  refresh(key: string, credential: string, due: PresenceDue, terms: PresenceTerms): void {
    const { projectId } = this.#options;
    const inventory = this.#inventory;
    inventory.subscribe(key, projectId, credential);
    const shown = shownWith(credential, inventory, projectId);
    const cached = inventory.get(projectId);
    const { now } = terms;
    const since = shown.misses?.since ?? cached?.sameSince ?? now;
    const maxAgeMs = { now: 0, paced: lookPaceMs(terms, since), never: Number.POSITIVE_INFINITY }[due];
    const isDue = !cached || now - cached.beganAt >= maxAgeMs * STALE_FRACTION;
    if (isDue && inventory.retryInMs(projectId) === 0) inventory.refresh(projectId);
    if (isListDue(shown, maxAgeMs, now)) inventory.refreshList(key, credential);
  }

  /** The object does not depend on it any more. */
  forget(key: string): void {
    this.#inventory.unsubscribe(key);
  }

  stop(): void {
    this.#inventory.stop();
  }
}

function sourceOf(api: PaperspaceApi): Source<Project> {
  return {
    list: (group) => api.pages({ path: "/projects", query: OLDEST_FIRST, item: projectSchema, group }),
    get: (id, group) =>
      about(id, api.request(reading(apiPath`/projects/${id}`, projectSchema, { group })), (body) => body),
    isGone: ({ dtDeleted }) => Boolean(dtDeleted),
  };
}
