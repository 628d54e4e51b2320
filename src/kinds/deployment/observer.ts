/**
 * Turns what is known into views: of the deployment, its runs, and what its configuration needs. It asks for a look where
 * too little is known; it never writes and never decides.
 */

import type { Decision } from "../../reconcile/decision.ts";
import { idOf } from "../../reconcile/identity.ts";
import type { AuthorizedContext, ReconcileContext } from "../../reconcile/kind.ts";
import type { OwnershipFacts, Resolution } from "../../reconcile/ownership.ts";
import { referenceOf } from "../../reconcile/ownership-facts.ts";
import type { CreateAttempt } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { readErrorOf } from "../failure.ts";
import { CloudObserver, type CloudObserverOptions, type ObserverSettings } from "../observer.ts";
import { resolveAttempt } from "./attempt.ts";
import { NameReservations } from "./name-reservations.ts";
import {
  type DeploymentLimits,
  type DeploymentMemory,
  type DeploymentObservation,
  type DeploymentStep,
  FACT,
} from "./observation.ts";
import { ProjectCache } from "./project-cache.ts";
import { REASON } from "./reasons.ts";
import type { References } from "./references.ts";
import { cloudNameOf, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

/** All in milliseconds. */
export interface DeploymentSettings extends ObserverSettings {
  limits: DeploymentLimits;
}

export interface DeploymentObserverOptions extends CloudObserverOptions {
  settings: DeploymentSettings;
  references: References;
  /** All objects of the kind in the cluster. */
  objects(): readonly PaperspaceDeployment[];
}

export type DeploymentContext = ReconcileContext<PaperspaceDeployment, PaperspaceAccount>;

export class DeploymentObserver extends CloudObserver<
  PaperspaceDeployment,
  DeploymentObservation,
  ProjectCache
> {
  readonly reservations: NameReservations;
  readonly #parts: DeploymentObserverOptions;

  constructor(parts: DeploymentObserverOptions) {
    super(parts, ({ team, api }, projectId) => new ProjectCache({ ...parts, team, projectId }, api));
    this.#parts = parts;
    this.reservations = new NameReservations(() => parts.objects());
  }

  observe(facts: OwnershipFacts, context: DeploymentContext): DeploymentObservation {
    const { clock, settings, references } = this.#parts;
    const { key, object } = context;
    const { metadata, spec } = object;
    const name = cloudNameOf(object);
    const conflict = this.reservations.conflictingOwner(key, spec.projectId, name);
    const observation: DeploymentObservation = {
      ...facts,
      spec,
      generation: metadata.generation ?? 0,
      reference: referenceOf(object, deploymentDefinition),
      uid: metadata.uid ?? "",
      name,
      desired: { state: "unknown" },
      resource: { state: "unknown" },
      ...(conflict && { conflict }),
      readErrors: {},
      memory: memoryOf(object, facts),
      now: clock.now(),
      limits: settings.limits,
    };
    const project = this.cacheFor(facts, context);
    if (!project) return observation;
    const id = idOf(facts.identity);
    if (!facts.deleting) observation.desired = references.desired(key, object, name);
    this.#related(observation, project, id, key);
    const resource = this.locate(observation, key, project);
    observation.resource =
      resource.state === "present" ? { state: "present", deployment: resource.item } : resource;
    return observation;
  }

  override resolve(
    context: AuthorizedContext<PaperspaceDeployment, PaperspaceAccount>,
    attempt: CreateAttempt,
  ): Resolution {
    const cacheOf = (account: PaperspaceAccount, projectId: string) => this.at(account, projectId);
    return resolveAttempt(context, attempt, { ...this.#parts, reservations: this.reservations, cacheOf });
  }

  override track(
    { key, object, account, record }: DeploymentContext,
    { identity, attempt }: DeploymentObservation,
    decision: Decision<DeploymentStep, DeploymentMemory>,
  ): void {
    // Created, or given up: an object that is creating one has an attempt.
    if (identity.state === "ours" || !attempt) this.reservations.release(key);
    const { needs = [] } = decision;
    if (!account || needs.length === 0) return;
    const { projectId } = object.spec;
    const { inventory, runs, specs, secrets } = this.of(account, object);
    if (needs.includes(FACT.siblings)) inventory.refreshList(key);
    if (needs.includes(FACT.projectSecrets)) secrets.fetch(projectId, key);
    if (!record) return;
    if (needs.includes(FACT.runs)) runs.fetch(record.id, key);
    if (needs.includes(FACT.specs)) specs.fetch(record.id, key);
  }

  override forget(key: string): void {
    super.forget(key);
    this.reservations.release(key);
  }

  protected override partOf({ spec }: PaperspaceDeployment): string {
    return spec.projectId;
  }

  protected override invalidate(
    project: ProjectCache,
    id: string | undefined,
    { key, object }: DeploymentContext,
  ): void {
    this.#parts.references.lookAnew(object);
    project.lookAnew(id, key);
  }

  /** What lies around the deployment. */
  #related(
    observation: DeploymentObservation,
    project: ProjectCache,
    id: string | undefined,
    key: string,
  ): void {
    const { clock, settings } = this.#parts;
    const { projectId } = observation.spec;
    const { inventory, runs, specs, secrets } = project;
    const { lists, listError } = inventory;
    if (lists.newest > 0)
      observation.siblings = {
        ids: lists.named(observation.name, lists.newest),
        ageMs: clock.now() - lists.newest,
      };
    const projectSecrets = secrets.getFresh(projectId);
    if (projectSecrets) observation.projectSecrets = projectSecrets;
    observation.secretsDue = (secrets.ageMs(projectId) ?? Number.POSITIVE_INFINITY) >= settings.resyncMs;
    const readErrors: Record<string, NonNullable<DeploymentObservation["readError"]>> = {};
    const note = (ask: string, error: unknown) => {
      if (error !== undefined) readErrors[ask] = readErrorOf(error, settings.rechecks);
    };
    note(FACT.siblings, listError);
    note(FACT.projectSecrets, secrets.readError(projectId));
    observation.readErrors = readErrors;
    if (project.isMissing)
      observation.blocked = {
        reason: REASON.ProjectNotFound,
        message: `there is no project ${projectId} in this team: correct projectId (kubectl paperspace list projects shows them)`,
      };
    if (id === undefined) return;
    note(FACT.runs, runs.readError(id));
    note(FACT.specs, specs.readError(id));
    const list = project.runsOf(id, key);
    const ageMs = runs.ageMs(id);
    if (list && ageMs !== undefined) {
      const sameMs = clock.monotonic() - (inventory.get(id)?.sameSince ?? Number.POSITIVE_INFINITY);
      observation.runs = { list, ageMs, isNewer: ageMs <= sameMs };
    }
    const known = specs.getFresh(id);
    if (known) observation.specs = known;
  }

  protected override maxAgeMs(observation: DeploymentObservation): number {
    const { operation, history } = observation.memory;
    const [head] = history;
    if (operation || !head || head.outcome === "Healthy" || head.outcome === "Disabled")
      return super.maxAgeMs(observation);
    return this.untilDue(observation, { requestedAt: head.sentAt, deadline: head.sentAt });
  }
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
