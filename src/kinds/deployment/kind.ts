/**
 * Fulfils the seam of reconcile/kind.ts with the parts of this room: knowledge comes from the observer, the choices from
 * decide.ts, and steps.ts does them. Here is how a deployment is made, by a name that it may have to share.
 */
import { PaperspaceError } from "../../paperspace/errors.ts";
import { announced } from "../../reconcile/create.ts";
import type { AuthorizedContext, Decision, Failure, Gate, PerformContext } from "../../reconcile/kind.ts";
import { type ReportedOutcome, waiting } from "../../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../../reconcile/ownership.ts";
import { referenceOf } from "../../reconcile/ownership-facts.ts";
import { type AttemptName, adoptOrder, type CreateAttempt, parseAdopt } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { PaperspaceKind } from "../paperspace-kind.ts";
import { DeploymentApi, type StoredSpec } from "./api.ts";
import { headersOf } from "./config.ts";
import { decideDeployment } from "./decide.ts";
import { origin } from "./life.ts";
import { NameReservations } from "./name-reservations.ts";
import type { DeploymentMemory, DeploymentObservation, DeploymentStep, Desired } from "./observation.ts";
import {
  cloudNameOf,
  type DeploymentContext,
  DeploymentObserver,
  type DeploymentObserverOptions,
} from "./observer.ts";
import { taken } from "./preparation.ts";
import { firstSpecsIfAny } from "./project-cache.ts";
import { originOf } from "./provenance.ts";
import { REASON } from "./reasons.ts";
import { pushed } from "./rollout.ts";
import { deploymentEventNotes, deploymentStatus } from "./status.ts";
import { entryOf, perform } from "./steps.ts";
import { type DeploymentStatus, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

export interface DeploymentParts extends Omit<DeploymentObserverOptions, "conflictingOwner"> {
  objects(): readonly PaperspaceDeployment[];
}

/** The name turned out to be taken, right before or after an upsert. */
class NameTaken extends Error {}

type AuthorizedDeploymentContext = AuthorizedContext<PaperspaceDeployment, PaperspaceAccount>;

export class DeploymentKind extends PaperspaceKind<
  PaperspaceDeployment,
  DeploymentObservation,
  DeploymentStep,
  DeploymentMemory,
  DeploymentObserver,
  DeploymentParts
> {
  readonly definition = deploymentDefinition;
  readonly #reservations: NameReservations;

  constructor(parts: DeploymentParts) {
    const reservations = new NameReservations(parts.objects);
    super(
      parts,
      new DeploymentObserver({
        ...parts,
        conflictingOwner: (...asked) => reservations.conflictingOwner(...asked),
      }),
    );
    this.#reservations = reservations;
  }

  observe(facts: OwnershipFacts, context: DeploymentContext): DeploymentObservation {
    // Made, or given up: whoever makes one has an attempt.
    if (facts.identity.state === "ours" || !facts.attempt) this.#reservations.release(context.key);
    return this.observer.observation(facts, context);
  }

  decide(observation: DeploymentObservation) {
    return decideDeployment(observation);
  }

  override track(context: DeploymentContext, decision: Decision<DeploymentStep, DeploymentMemory>): void {
    this.observer.follow(context, decision);
  }

  /**
   * One that bears the attempt's name is ours where its very first spec is what the attempt sent. Else somebody else was
   * faster, and it stays his.
   */
  override resolve(context: AuthorizedDeploymentContext, attempt: CreateAttempt): Resolution {
    const { clock, settings, references } = this.parts;
    const { key, object, account } = context;
    const { lookMs } = settings.limits;
    const open = (message: string): Resolution => ({ state: "open", message, lookAfterMs: lookMs });
    const { projectId, name } = nameIn(attempt.name);
    const conflict = this.#reservations.conflictingOwner(key, projectId, name);
    if (conflict && !conflict.owns && !this.#reservations.take(key, projectId, name))
      return open(`${conflict.key} is making a deployment named "${name}" just now`);
    const { inventory, origins } = this.observer.at(account, projectId);
    const found = this.search(inventory, key, attempt, name);
    if (found.state !== "found") return found;
    const [id, ...more] = found.ids;
    if (id === undefined || more.length > 0) return found;
    const specs = origins.get(id, key);
    if (!specs) origins.fetch(id, key);
    const { mark } = attempt;
    const { secrets } = object.status?.history?.find(({ hash }) => hash === mark) ?? {};
    const desired = references.desired(key, object, cloudNameOf(object));
    const verdict = this.#reservations.ownerOf(id, key)
      ? "foreign"
      : originOf(specs, { mark, secrets }, desired);
    const settled = clock.now() - Date.parse(attempt.time) >= settings.settleMs;
    if (verdict === "foreign" && settled) return { state: "surelyNone" };
    const why = settled ? untold(specs, origins.readError(id), desired) : undefined;
    if (verdict === "ours" || (why !== undefined && parseAdopt(object.metadata) === id)) {
      this.#reservations.take(key, projectId, name);
      return found;
    }
    const there = `project ${projectId} has a deployment named "${name}" (${id})`;
    if (why === undefined) return open(`${there}; whether this object made it is being looked up`);
    // Neither taken nor left to itself: the one could be another's, the other a deployment that nobody pays attention to.
    const order = adoptOrder(referenceOf(object, this.definition), id, object.metadata.uid ?? "");
    return open(
      `${there}, and whether this object made it cannot be told: ${why}. Nothing is done until it can, or until that deployment is gone or has another name. If it is this object's: ${order}`,
    );
  }

  override attemptName({ desired, name, spec }: DeploymentObservation): AttemptName {
    return {
      name: `${spec.projectId}/${name}`,
      ...(desired.state === "known" && { mark: desired.hash }),
    };
  }

  expectation(
    observation: DeploymentObservation,
    { object }: DeploymentContext,
    attempt: CreateAttempt,
  ): DeploymentMemory {
    const { memory, desired, spec } = observation;
    if (desired.state !== "known") throw new Error("a create needs its configuration");
    const requestedAt = Date.parse(attempt.time);
    const entry = entryOf(
      { target: desired, rollback: false, ...origin(spec) },
      object.metadata.generation ?? 0,
      requestedAt,
    );
    const operation = announced(attempt, spec.progressDeadlineSeconds * 1000);
    return { ...memory, history: pushed(memory.history, entry), operation };
  }

  /** Looks once more right before the upsert: what bears the name then would be changed by it, whoever's it is. */
  async create(
    observation: DeploymentObservation,
    { key, account }: AuthorizedDeploymentContext,
    _attempt: CreateAttempt,
    memory: DeploymentMemory,
    gate: Gate,
  ): Promise<{ id: string; memory: DeploymentMemory; outcome: ReportedOutcome }> {
    const { desired, name, spec } = observation;
    if (desired.state !== "known") throw new Error("a create needs its configuration");
    const { projectId, git } = spec;
    const api = new DeploymentApi(account.api);
    if (!this.#reservations.take(key, projectId, name))
      throw new PaperspaceError("PS_NOT_SENT", "another object is making a deployment of this name", {
        effect: "none",
      });
    try {
      const [there] = await api.named(projectId, name);
      if (there) throw new NameTaken(taken(observation, [there.id]));
      const body = { projectId, config: desired.config };
      const { deploymentId: id } = (await api.upsert(body, { gate, headers: headersOf(git) })).body;
      await this.#verified(api, id, observation);
      this.observer.at(account, projectId).inventory.subscribe(key, id);
      const { operation: _made, ...made } = memory;
      const outcome = waiting(REASON.Deploying, `the configuration was sent at ${memory.history[0]?.sentAt}`);
      return { id, memory: made, outcome };
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.effect === "none") this.#reservations.release(key);
      throw error;
    }
  }

  protected async send(
    step: DeploymentStep,
    { limits }: DeploymentObservation,
    memory: DeploymentMemory,
    { account, record, object }: AuthorizedDeploymentContext,
    tools: PerformContext<DeploymentMemory>,
  ) {
    const { clock, references } = this.parts;
    const { inventory, secrets, specs } = this.observer.of(account, object);
    const id = record?.id;
    // From now on there is one more.
    if (id !== undefined && step.do === "deploy") specs.invalidate(id);
    return perform(step, memory, tools, {
      id,
      object,
      api: new DeploymentApi(account.api),
      inventory,
      projectSecrets: secrets,
      references,
      now: () => clock.now(),
      deleteMs: limits.deleteMs,
    });
  }

  status(
    observation: DeploymentObservation,
    memory: DeploymentMemory,
    outcome: ReportedOutcome,
    context: DeploymentContext,
  ) {
    return deploymentStatus(observation, memory, outcome, context);
  }

  override events(before: DeploymentStatus, after: DeploymentStatus) {
    return deploymentEventNotes(before, after);
  }

  override failure(error: unknown): Failure | undefined {
    const { rechecks } = this.parts.settings;
    if (error instanceof NameTaken) {
      const { message } = error;
      const outcome = {
        kind: "Terminal",
        reason: REASON.AlreadyExists,
        message,
        recheckMs: rechecks.slowMs,
      } as const;
      return { outcome, effect: "none" };
    }
    return super.failure(error);
  }

  override forget(key: string): void {
    super.forget(key);
    this.#reservations.release(key);
  }

  /** The answer of an upsert does not say whether it made one: its first spec does (deployments.md section 2). */
  async #verified(api: DeploymentApi, id: string, observation: DeploymentObservation): Promise<void> {
    const { desired } = observation;
    const specs = await firstSpecsIfAny(api, id);
    const mark = desired.state === "known" ? desired.hash : undefined;
    const verdict = originOf(specs, { mark }, desired);
    if (verdict === "ours") return;
    // It is there, and may be anybody's, since lists lack what is new: it is found by its name when more can be seen.
    if (verdict === "unknown") {
      const message = `the upsert was answered with ${id}, whose first configuration cannot be read just now`;
      throw new PaperspaceError("PS_UNEXPECTED", message, { effect: "unknown" });
    }
    throw new NameTaken(
      `somebody else made it at the same moment, and this object's configuration has replaced the first one (spec ${specs[0]?.id}): ${taken(observation, [id])}`,
    );
  }
}

/** Why it cannot be told who made a deployment; undefined while it is still being looked up. */
function untold(
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
