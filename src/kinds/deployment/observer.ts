/**
 * Observes a deployment from the caches: the deployment itself, the facts around it, and its configuration; and begins
 * the reads that its decision needs. It never writes and never decides.
 */
import type { Decision } from "../../reconcile/decision.ts";
import { idOf } from "../../reconcile/identity.ts";
import type { AuthorizedContext, ReconcileContext } from "../../reconcile/kind.ts";
import type { CacheSizes } from "../../reconcile/metrics.ts";
import type { OwnershipFacts, Resolution } from "../../reconcile/ownership.ts";
import { referenceOf } from "../../reconcile/ownership-facts.ts";
import type { CreateAttempt } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { MemoryBudget } from "../memory-budget.ts";
import { CloudObserver, type CloudObserverOptions, type ObserverSettings } from "../observer.ts";
import type { Deployment, StoredSpec } from "./api.ts";
import { fetchForAttempt, resolveAttempt } from "./attempt.ts";
import { leavesIn } from "./compare.ts";
import { movedSecrets } from "./leftovers.ts";
import { NameReservations } from "./name-reservations.ts";
import type {
  DeploymentLimits,
  DeploymentMemory,
  DeploymentObservation,
  DeploymentStep,
} from "./observation.ts";
import { withoutShared } from "./permitted-references.ts";
import { type PlacementMemory, placedSpec, shownCandidate, withPlacement } from "./placement/candidates.ts";
import { withChoice } from "./placement/ladder.ts";
import { type DeploymentSubject, ProjectCache } from "./project-cache.ts";
import type { PresenceDue } from "./project-presence.ts";
import { ownerMark, ownerMarkIn, secretsNamedIn } from "./project-secrets.ts";
import { REASON } from "./reasons.ts";
import type { References } from "./references.ts";
import { specsBackTo } from "./rollback.ts";
import { rolloutTimes } from "./rollout.ts";
import { mayReadLate, showTimes } from "./sent-specs.ts";
import { cloudNameOf, deploymentDefinition, type PaperspaceDeployment, projectOf } from "./types.ts";

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

/** What is held of large configurations, and of former ones, of all objects. */
const CONFIG_BYTES = 8 * 1024 * 1024;
/** Resyncs without a read of the runs after which nothing is said about them any more. */
const MISSED_TURNS = 2;

export type DeploymentContext = ReconcileContext<PaperspaceDeployment, PaperspaceAccount>;

export class DeploymentObserver extends CloudObserver<
  PaperspaceDeployment,
  DeploymentObservation,
  ProjectCache
> {
  readonly reservations: NameReservations;
  readonly #parts: DeploymentObserverOptions;

  constructor(parts: DeploymentObserverOptions) {
    const configBudget = new MemoryBudget(CONFIG_BYTES);
    super(
      parts,
      ({ team, api }, projectId) => new ProjectCache({ ...parts, team, projectId, configBudget }, api),
    );
    this.#parts = parts;
    this.reservations = new NameReservations(() => parts.objects());
  }

  observe(facts: OwnershipFacts, context: DeploymentContext): DeploymentObservation {
    const { clock, settings, references } = this.#parts;
    const { key, object } = context;
    const { metadata, spec } = object;
    const name = cloudNameOf(object);
    const projectId = projectOf(object);
    const conflict = this.reservations.conflictingOwner(key, projectId, name);
    const observation: DeploymentObservation = {
      ...facts,
      spec: placedSpec(spec, undefined),
      generation: metadata.generation ?? 0,
      reference: referenceOf(object, deploymentDefinition),
      uid: metadata.uid ?? "",
      projectId,
      name,
      desired: { state: "unknown" },
      resource: { state: "unknown" },
      ...(conflict && { conflict }),
      readErrors: {},
      memory: memoryOf(object, facts, projectId),
      now: clock.now(),
      limits: settings.limits,
    };
    const project = this.cacheFor(facts, context);
    if (!project) return withPlacement(observation, observation.memory);
    if (!facts.deleting) observation.desired = withoutShared(references.desired(object, name), facts);
    Object.assign(observation, project.facts(subjectOf(observation, context)));
    observation.secretsDue = project.secretsAgeMs >= settings.resyncMs;
    const missing = project.missing();
    if (missing)
      observation.blocked = {
        ...missing,
        reason: REASON.ProjectNotFound,
        message: `there is no project ${projectId} in this team: correct projectId (kubectl paperspace list projects shows them)`,
      };
    const container = project.absence(context.account?.fingerprint ?? "");
    const resource = this.locate(observation, context, project, container);
    observation.resource = resource.state === "present" ? shown(resource.item, facts, project) : resource;
    place(observation);
    if (isShownEmptyOnce(observation, project)) observation.shownEmptyOnce = true;
    const id = idOf(observation.identity);
    const specsAgeMs = project.specsAgeMs(subjectOf(observation, context));
    if (specsAgeMs !== undefined) observation.specsAgeMs = specsAgeMs;
    observation.isUnobserved = id !== undefined && project.runsAgeMs(id) >= MISSED_TURNS * settings.resyncMs;
    const inherited = this.#inherited(observation);
    if (inherited.length > 0) observation.inherited = inherited;
    return observation;
  }

  override resolve(
    context: AuthorizedContext<PaperspaceDeployment, PaperspaceAccount>,
    attempt: CreateAttempt,
  ): Resolution {
    const cacheOf = (account: PaperspaceAccount, projectId: string) => this.at(account, projectId);
    const { attempts, reservations } = this;
    const terms = this.absenceTerms();
    return resolveAttempt(context, attempt, { ...this.#parts, attempts, reservations, cacheOf, terms });
  }

  override track(
    context: DeploymentContext,
    observation: DeploymentObservation,
    decision: Decision<DeploymentStep, DeploymentMemory>,
  ): void {
    const { identity, attempt, deleting } = observation;
    // Created, or given up: an object that is creating one has an attempt.
    if (identity.state === "ours" || !attempt) this.reservations.release(context.key);
    super.track(context, observation, decision);
    const project = this.cacheFor(observation, context);
    if (!project) return;
    // What a create sent is recognised by its configuration, also where the object is deleted meanwhile.
    if (!deleting || attempt) this.#parts.references.fetchStale(context.key, context.object);
    this.#readDropped(observation, project);
    project.track(subjectOf(observation, context), decision);
    const { fingerprint = "" } = context.account ?? {};
    const due = presenceDue(observation, decision);
    project.trackPresence(context.key, fingerprint, due, this.absenceTerms());
  }

  override cacheSizes(): CacheSizes {
    return { ...super.cacheSizes(), references: this.#parts.references.size };
  }

  oldestReadMs(): number | undefined {
    const ages = this.all().flatMap((project) => project.oldestRunsMs() ?? []);
    return ages.length > 0 ? Math.max(...ages) : undefined;
  }

  override reset(): void {
    super.reset();
    this.#parts.references.reset();
  }

  override forget(key: string): void {
    super.forget(key);
    this.reservations.release(key);
    this.#parts.references.forget(key);
  }

  /** Its configuration is not held any more, and this pass was without it. */
  #readDropped({ identity, resource }: DeploymentObservation, { inventory }: ProjectCache): void {
    const id = idOf(identity);
    if (id !== undefined && resource.state === "unknown" && inventory.get(id)?.item) inventory.refresh(id);
  }

  /** Of a deployment to which this object has sent nothing yet: it was adopted, or the status is lost. */
  #inherited({ resource, memory, specs = [], identity }: DeploymentObservation): string[] {
    if (identity.state !== "ours" || memory.history.length > 0 || resource.state !== "present") return [];
    const { latestSpec } = resource.deployment;
    const named = [...(latestSpec ? [latestSpec] : []), ...specs].flatMap(secretsOfSpec);
    const placed = new Set(named.filter((name) => ownerMarkIn(name) && !memory.secrets.includes(name)));
    if (placed.size === 0) return [];
    const others = this.#parts.objects().filter(({ metadata }) => metadata.uid !== identity.record.uid);
    const marks = new Set(others.map(({ metadata: { uid = "" } }) => ownerMark(uid)));
    return [...placed].filter((name) => !marks.has(ownerMarkIn(name) ?? ""));
  }

  protected override search(
    { key, account }: AuthorizedContext<PaperspaceDeployment, PaperspaceAccount>,
    attempt: CreateAttempt,
    needs: readonly string[],
  ): void {
    fetchForAttempt(key, account, attempt, needs, (projectId) => this.at(account, projectId));
  }

  protected override partOf(object: PaperspaceDeployment): string {
    return projectOf(object);
  }

  protected override reload(
    project: ProjectCache,
    context: DeploymentContext,
    observation: DeploymentObservation,
  ): void {
    super.reload(project, context, observation);
    this.#parts.references.invalidate(context.object);
    project.reload(subjectOf(observation, context));
  }

  protected override maxAgeMs(observation: DeploymentObservation, ageMs: number): number {
    if (observation.shownEmptyOnce) return 0;
    const { operation, history } = observation.memory;
    const [head] = history;
    if (operation || !head || head.outcome === "Healthy" || head.outcome === "Disabled")
      return super.maxAgeMs(observation, ageMs);
    const isAwaited = head.specId === undefined && mayReadLate(head, observation.now, observation.limits);
    const times = isAwaited ? showTimes(head, observation.limits) : rolloutTimes(head, observation.spec);
    return this.untilDue(observation, times, ageMs);
  }
}

/** What is desired is declared by the candidate of a placement that holds for now. */
function place(observation: DeploymentObservation): void {
  const { spec, memory, now, identity, resource } = observation;
  const { placement = {} } = memory;
  // None is chosen anew for what is there and not shown: that has one.
  const isHidden = identity.state === "ours" && resource.state !== "present";
  const chosen =
    spec.placement && !isHidden
      ? withChoice(spec, placement, { shown: shownCandidate(observation), now })
      : placement;
  const isAny = chosen.chosen !== undefined || chosen.tried !== undefined;
  Object.assign(observation, withPlacement(observation, isAny ? { ...memory, placement: chosen } : memory));
}

/** A deletion needs no configuration. */
function shown(
  item: Deployment,
  { deleting }: Pick<OwnershipFacts, "deleting">,
  project: ProjectCache,
): DeploymentObservation["resource"] {
  const deployment = project.whole(item) ?? (deleting ? item : undefined);
  return deployment ? { state: "present", deployment } : { state: "unknown" };
}

function subjectOf(
  { identity, name, memory: { rolledBack, history } }: DeploymentObservation,
  { key }: DeploymentContext,
): DeploymentSubject {
  const backTo = rolledBack && specsBackTo(rolledBack, history);
  return { key, id: idOf(identity), name, ...(backTo && { backTo }) };
}

/** Undefined where nothing depends on whether the project is there. */
function presenceDue(
  { identity, resource, attempt, resolution }: DeploymentObservation,
  { confirms }: Pick<Decision<DeploymentStep, DeploymentMemory>, "confirms">,
): PresenceDue | undefined {
  if (confirms) return "now";
  if (attempt) return resolution?.state === "open" ? "paced" : undefined;
  if (identity.state !== "ours" || resource.state !== "absent") return undefined;
  return resource.certain ? "never" : "paced";
}

/** Only null: a read without the field shows nothing at all. */
function isShownEmptyOnce(
  { identity, resource }: DeploymentObservation,
  { inventory }: ProjectCache,
): boolean {
  const cached = inventory.get(idOf(identity) ?? "");
  if (resource.state !== "present" || resource.deployment.latestSpec !== null || !cached) return false;
  return cached.sameSince === cached.beganAt;
}

function secretsOfSpec({ data }: StoredSpec): string[] {
  const leaves = leavesIn(data);
  return leaves ? secretsNamedIn(leaves) : [];
}

/** What was sent to a deployment that is owned no more does not count for the next one; its secrets are still there. */
function memoryOf(
  object: PaperspaceDeployment,
  { identity, attempt }: OwnershipFacts,
  projectId: string,
): DeploymentMemory {
  const { status = { observedGeneration: -1 }, spec } = object;
  const { operation, history = [], rolledBack, storedAs, secrets = [], formerSecrets = [] } = status;
  const placement = placementIn(object);
  const from = status.projectId ?? spec.projectId;
  const placed = movedSecrets({ secrets, formerSecrets }, { from, to: projectId });
  // What is made next begins with the first candidate that has not just come to nothing.
  if (identity.state !== "ours" && !attempt)
    return { history: [], ...placed, ...(placement?.tried && { placement: { tried: placement.tried } }) };
  return {
    history,
    ...placed,
    ...(placement && { placement }),
    ...(operation && { operation }),
    ...(rolledBack && { rolledBack }),
    ...(storedAs && { storedAs }),
  };
}

function placementIn({ metadata, spec, status }: PaperspaceDeployment): PlacementMemory | undefined {
  if (!spec.placement || !status?.placement) return undefined;
  const { next: _shown, tried, ...placement } = status.placement;
  // Refusals are of what was declared then: a changed spec is worth a try, as it is without a placement.
  const isChanged = metadata.generation !== status.observedGeneration;
  const counting = isChanged ? tried?.filter(({ outcome }) => outcome === "NoHardware") : tried;
  return { ...placement, ...(counting && { tried: counting }) };
}
