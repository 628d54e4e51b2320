/**
 * Turns what is known into views: of the deployment, its runs, and what its configuration needs. It keeps the knowledge
 * of each team and asks for a look where too little is known; it never writes and never decides.
 */
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import { untilLook } from "../../reconcile/choice.ts";
import type { Decision, Subject } from "../../reconcile/kind.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import { ANNOTATION } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { troubleOf } from "../failure.ts";
import type { Seen } from "../inventory.ts";
import type { Deployment } from "./api.ts";
import { ProjectKnowledge, type ProjectSettings } from "./knowledge.ts";
import { REASON } from "./reasons.ts";
import type { References } from "./references.ts";
import { deploymentDefinition, type PaperspaceDeployment } from "./types.ts";
import {
  ASK,
  type DeploymentLimits,
  type DeploymentMemory,
  type DeploymentStep,
  type DeploymentView,
  type Sighting,
} from "./view.ts";

/** All in milliseconds. */
export interface DeploymentSettings extends ProjectSettings {
  /** From an attempt's time on, when it can surely have no effect any more. */
  settleMs: number;
  limits: DeploymentLimits;
}

export interface ObserverParts {
  clock: Clock;
  logger: Logger;
  settings: DeploymentSettings;
  references: References;
  enqueue(key: string): void;
  /** Another object that has, or is just making, a deployment of this name in this project. */
  rivalOf(key: string, projectId: string, name: string): DeploymentView["rival"];
}

export type Deployments = Subject<PaperspaceDeployment, PaperspaceAccount>;

/** What a pass waits for must be due when the pass comes, though the look before it took a moment, too. */
const DUE = 0.9;

export class Observer {
  readonly #parts: ObserverParts;
  /** By team, then project. */
  readonly #teams = new Map<string, Map<string, ProjectKnowledge>>();
  /** Values of reconcile-requested-at that were acted on, by key. */
  readonly #asked = new Map<string, string>();

  constructor(parts: ObserverParts) {
    this.#parts = parts;
  }

  view(facts: OwnershipFacts, subject: Deployments): DeploymentView {
    const { clock, settings, references, rivalOf } = this.#parts;
    const { key, object, account } = subject;
    const { metadata, spec } = object;
    const name = nameOf(object);
    const rival = rivalOf(key, spec.projectId, name);
    const view: DeploymentView = {
      ...facts,
      spec,
      generation: metadata.generation ?? 0,
      reference: `${deploymentDefinition.shortName}/${metadata.name} -n ${metadata.namespace ?? "default"}`,
      uid: metadata.uid ?? "",
      name,
      wanted: { state: "unknown" },
      sighting: { state: "unknown" },
      ...(rival && { rival }),
      troubles: {},
      memory: memoryOf(object),
      now: clock.now(),
      limits: settings.limits,
    };
    const id = idOf(facts);
    const team = facts.identity.state === "ours" ? facts.identity.record.team : account?.team;
    if (!account || account.team !== team) return view;
    const project = this.project(account, spec.projectId);
    if (this.#askedAnew(subject)) {
      references.lookAnew(object);
      project.lookAnew(id, key);
    }
    if (!facts.deleting) view.wanted = references.wanted(key, object, name);
    this.#around(view, project, id, key);
    if (id !== undefined) this.#look(view, project, id, key);
    return view;
  }

  follow(
    { key, object, account, record }: Deployments,
    decision: Decision<DeploymentStep, DeploymentMemory>,
  ): void {
    const { asks = [] } = decision;
    if (!account || asks.length === 0) return;
    const { projectId } = object.spec;
    const { inventory, runs, specs, secrets } = this.project(account, projectId);
    if (asks.includes(ASK.siblings)) inventory.wantList(key);
    if (asks.includes(ASK.projectSecrets)) secrets.ask(projectId, key);
    if (!record) return;
    if (asks.includes(ASK.runs)) runs.ask(record.id, key);
    if (asks.includes(ASK.specs)) specs.ask(record.id, key);
  }

  /** What is known of one project of the account's team. */
  project(account: PaperspaceAccount, projectId: string): ProjectKnowledge {
    const { clock, logger, settings, enqueue } = this.#parts;
    const projects = this.#teams.get(account.team) ?? new Map<string, ProjectKnowledge>();
    this.#teams.set(account.team, projects);
    const known = projects.get(projectId);
    if (known) {
      known.use(account.api);
      return known;
    }
    const { team, api } = account;
    const made = new ProjectKnowledge({ team, projectId, clock, logger, settings, enqueue }, api);
    projects.set(projectId, made);
    return made;
  }

  /** The object is gone from the cluster. */
  forget(key: string): void {
    for (const project of this.#projects()) project.forget(key);
    this.#asked.delete(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    for (const project of this.#projects()) project.stop();
    this.#teams.clear();
  }

  *#projects(): Generator<ProjectKnowledge> {
    for (const projects of this.#teams.values()) yield* projects.values();
  }

  /** What lies around the deployment. */
  #around(view: DeploymentView, project: ProjectKnowledge, id: string | undefined, key: string): void {
    const { clock, settings } = this.#parts;
    const { projectId } = view.spec;
    const { inventory, runs, specs, secrets } = project;
    const { lists, listTrouble } = inventory;
    if (lists.newest > 0)
      view.siblings = { ids: lists.named(view.name, lists.newest), ageMs: clock.now() - lists.newest };
    const projectSecrets = secrets.fresh(projectId);
    if (projectSecrets) view.projectSecrets = projectSecrets;
    view.secretsDue = (secrets.ageMs(projectId) ?? Number.POSITIVE_INFINITY) >= settings.resyncMs;
    const troubles: Record<string, NonNullable<DeploymentView["trouble"]>> = {};
    const note = (ask: string, error: unknown) => {
      if (error !== undefined) troubles[ask] = troubleOf(error, settings.rechecks);
    };
    note(ASK.siblings, listTrouble);
    note(ASK.projectSecrets, secrets.trouble(projectId));
    view.troubles = troubles;
    if (project.isMissing)
      view.blocked = {
        reason: REASON.ProjectNotFound,
        message: `there is no project ${projectId} in this team: correct projectId (kubectl paperspace list projects shows them)`,
      };
    if (id === undefined) return;
    note(ASK.runs, runs.trouble(id));
    note(ASK.specs, specs.trouble(id));
    const list = project.runsOf(id, key);
    const ageMs = runs.ageMs(id);
    if (list && ageMs !== undefined) view.runs = { list, ageMs };
    const known = specs.fresh(id);
    if (known) view.specs = known;
  }

  /** Asks for a look where too little is known, and says what is known. */
  #look(view: DeploymentView, { inventory }: ProjectKnowledge, id: string, key: string): void {
    const { clock, settings } = this.#parts;
    inventory.follow(key, id);
    const seen = inventory.seen(id);
    const trouble = inventory.trouble(id);
    if (trouble !== undefined) {
      view.trouble = troubleOf(trouble, settings.rechecks);
      // Nothing is decided before a look succeeds, so that one is needed now, not at the next regular list.
      inventory.want(id);
    }
    if (!seen) {
      inventory.want(id);
      return;
    }
    view.sighting = sightingOf(seen, view, settings.limits.absenceGraceMs);
    if (clock.monotonic() - seen.beganAt >= this.#maxAge(view)) inventory.want(id);
  }

  /** How old the knowledge of a deployment may be before it is looked at again. */
  #maxAge(view: DeploymentView): number {
    const { settings } = this.#parts;
    const { sighting, memory, limits } = view;
    if (sighting.state === "absent") return sighting.certain ? settings.resyncMs : limits.lookMs;
    if (memory.operation) return untilLook(view, memory.operation) * DUE;
    const [head] = memory.history;
    if (!head || head.outcome === "Healthy" || head.outcome === "Disabled") return 2 * settings.resyncMs;
    const times = { requestedAt: head.sentAt, deadline: head.sentAt };
    return untilLook(view, times) * DUE;
  }

  /** Whether the user asks for a look right now (annotation reconcile-requested-at), told once for each value. */
  #askedAnew({ key, object }: Deployments): boolean {
    const asked = object.metadata.annotations?.[ANNOTATION.reconcileRequestedAt];
    if (asked === undefined || asked === this.#asked.get(key)) return false;
    this.#asked.set(key, asked);
    return true;
  }
}

/** The name in Paperspace that is declared. */
export function nameOf({ metadata, spec }: PaperspaceDeployment): string {
  return spec.name ?? metadata.name;
}

export function memoryOf({ status = { observedGeneration: -1 } }: PaperspaceDeployment): DeploymentMemory {
  const { operation, history = [], rolledBack, secrets = [] } = status;
  return { history, secrets, ...(operation && { operation }), ...(rolledBack && { rolledBack }) };
}

function idOf({ identity }: OwnershipFacts): string | undefined {
  if (identity.state === "ours") return identity.record.id;
  return identity.state === "adopt" ? identity.id : undefined;
}

/** A 404 by id is believed once our deletion was accepted, or after it has lasted for the grace time. */
function sightingOf(seen: Seen<Deployment>, { memory }: DeploymentView, graceMs: number): Sighting {
  if (seen.item) return { state: "present", deployment: seen.item };
  const lasted = seen.beganAt - (seen.absentSince ?? seen.beganAt);
  return { state: "absent", certain: memory.operation?.intent === "Delete" || lasted >= graceMs };
}
