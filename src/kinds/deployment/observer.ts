/**
 * Turns what is known into views: of the deployment, its runs, and what its configuration needs. It asks for a look where
 * too little is known; it never writes and never decides.
 */

import { idOf } from "../../reconcile/identity.ts";
import type { Decision, Subject } from "../../reconcile/kind.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import { referenceOf } from "../../reconcile/ownership-facts.ts";
import type { PaperspaceAccount } from "../account.ts";
import { troubleOf } from "../failure.ts";
import { Watch, type WatchParts, type WatchSettings } from "../observer.ts";
import {
  ASK,
  type DeploymentLimits,
  type DeploymentMemory,
  type DeploymentStep,
  type DeploymentView,
} from "./observation.ts";
import { ProjectKnowledge } from "./project-cache.ts";
import { REASON } from "./reasons.ts";
import type { References } from "./references.ts";
import { deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

/** All in milliseconds. */
export interface DeploymentSettings extends WatchSettings {
  limits: DeploymentLimits;
}

export interface ObserverParts extends WatchParts {
  settings: DeploymentSettings;
  references: References;
  /** Another object that has, or is just making, a deployment of this name in this project. */
  rivalOf(key: string, projectId: string, name: string): DeploymentView["rival"];
}

export type Deployments = Subject<PaperspaceDeployment, PaperspaceAccount>;

export class Observer extends Watch<PaperspaceDeployment, DeploymentView, ProjectKnowledge> {
  readonly #parts: ObserverParts;

  constructor(parts: ObserverParts) {
    super(parts, ({ team, api }, projectId) => new ProjectKnowledge({ ...parts, team, projectId }, api));
    this.#parts = parts;
  }

  view(facts: OwnershipFacts, subject: Deployments): DeploymentView {
    const { clock, settings, references, rivalOf } = this.#parts;
    const { key, object } = subject;
    const { metadata, spec } = object;
    const name = nameOf(object);
    const rival = rivalOf(key, spec.projectId, name);
    const view: DeploymentView = {
      ...facts,
      spec,
      generation: metadata.generation ?? 0,
      reference: referenceOf(object, deploymentDefinition),
      uid: metadata.uid ?? "",
      ...(metadata.deletionTimestamp && { deletedAt: metadata.deletionTimestamp }),
      name,
      wanted: { state: "unknown" },
      sighting: { state: "unknown" },
      ...(rival && { rival }),
      troubles: {},
      memory: memoryOf(object, facts),
      now: clock.now(),
      limits: settings.limits,
    };
    const project = this.knownFor(facts, subject);
    if (!project) return view;
    const id = idOf(facts.identity);
    if (!facts.deleting) view.wanted = references.wanted(key, object, name);
    this.#around(view, project, id, key);
    const sighting = this.look(view, key, project);
    view.sighting = sighting.state === "present" ? { state: "present", deployment: sighting.item } : sighting;
    return view;
  }

  follow(
    { key, object, account, record }: Deployments,
    decision: Decision<DeploymentStep, DeploymentMemory>,
  ): void {
    const { asks = [] } = decision;
    if (!account || asks.length === 0) return;
    const { projectId } = object.spec;
    const { inventory, runs, specs, secrets } = this.of(account, object);
    if (asks.includes(ASK.siblings)) inventory.wantList(key);
    if (asks.includes(ASK.projectSecrets)) secrets.ask(projectId, key);
    if (!record) return;
    if (asks.includes(ASK.runs)) runs.ask(record.id, key);
    if (asks.includes(ASK.specs)) specs.ask(record.id, key);
  }

  protected override partOf({ spec }: PaperspaceDeployment): string {
    return spec.projectId;
  }

  protected override lookAnew(
    project: ProjectKnowledge,
    id: string | undefined,
    { key, object }: Deployments,
  ): void {
    this.#parts.references.lookAnew(object);
    project.lookAnew(id, key);
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
    if (list && ageMs !== undefined) {
      const sameMs = clock.monotonic() - (inventory.seen(id)?.sameSince ?? Number.POSITIVE_INFINITY);
      view.runs = { list, ageMs, isNewer: ageMs <= sameMs };
    }
    const known = specs.fresh(id);
    if (known) view.specs = known;
  }

  protected override maxAgeMs(view: DeploymentView): number {
    const { operation, history } = view.memory;
    const [head] = history;
    if (operation || !head || head.outcome === "Healthy" || head.outcome === "Disabled")
      return super.maxAgeMs(view);
    return this.untilDue(view, { requestedAt: head.sentAt, deadline: head.sentAt });
  }
}

/** The name in Paperspace that is declared. */
export function nameOf({ metadata, spec }: PaperspaceDeployment): string {
  return spec.name ?? metadata.name;
}

/** What was sent to a deployment that is owned no more says nothing of the next one; its secrets are still there. */
function memoryOf(
  { status = { observedGeneration: -1 } }: PaperspaceDeployment,
  { identity, attempt }: OwnershipFacts,
): DeploymentMemory {
  const { operation, history = [], rolledBack, secrets = [] } = status;
  if (identity.state !== "ours" && !attempt) return { history: [], secrets };
  return { history, secrets, ...(operation && { operation }), ...(rolledBack && { rolledBack }) };
}
