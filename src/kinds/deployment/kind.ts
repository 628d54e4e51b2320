/**
 * Fulfils the seam of reconcile/kind.ts with the parts of this room: knowledge comes from the observer, the choices from
 * decide.ts, and steps.ts does them. Here is how a deployment is made, by a name that it may have to share.
 */
import { PaperspaceError } from "../../paperspace/errors.ts";
import { announced } from "../../reconcile/create.ts";
import type { Decision, Failure, Gate, Signed, Tools } from "../../reconcile/kind.ts";
import { type Telling, waiting } from "../../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../../reconcile/ownership.ts";
import { referenceOf } from "../../reconcile/ownership-facts.ts";
import { type AttemptName, adoptOrder, parseAdopt, type Sought } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { PaperspaceKind } from "../paperspace-kind.ts";
import { DeploymentApi, type StoredSpec } from "./api.ts";
import { headersOf } from "./config.ts";
import { decide } from "./decide.ts";
import { origin } from "./life.ts";
import { Claims } from "./name-reservations.ts";
import type { DeploymentMemory, DeploymentStep, DeploymentView, Wanted } from "./observation.ts";
import { type Deployments, nameOf, Observer, type ObserverParts } from "./observer.ts";
import { taken } from "./preparation.ts";
import { firstSpecsIfAny } from "./project-cache.ts";
import { originOf } from "./provenance.ts";
import { REASON } from "./reasons.ts";
import { pushed } from "./rollout.ts";
import { deploymentNews, deploymentStatus } from "./status.ts";
import { entryOf, perform } from "./steps.ts";
import { type DeploymentStatus, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

export interface DeploymentParts extends Omit<ObserverParts, "rivalOf"> {
  objects(): readonly PaperspaceDeployment[];
}

/** The name turned out to be taken, right before or after an upsert. */
class NameTaken extends Error {}

type SignedDeployment = Signed<PaperspaceDeployment, PaperspaceAccount>;

export class DeploymentKind extends PaperspaceKind<
  PaperspaceDeployment,
  DeploymentView,
  DeploymentStep,
  DeploymentMemory,
  Observer,
  DeploymentParts
> {
  readonly definition = deploymentDefinition;
  readonly #claims: Claims;

  constructor(parts: DeploymentParts) {
    const claims = new Claims(parts.objects);
    super(parts, new Observer({ ...parts, rivalOf: (...asked) => claims.rivalOf(...asked) }));
    this.#claims = claims;
  }

  view(facts: OwnershipFacts, subject: Deployments): DeploymentView {
    // Made, or given up: whoever makes one has an attempt.
    if (facts.identity.state === "ours" || !facts.attempt) this.#claims.release(subject.key);
    return this.watch.view(facts, subject);
  }

  decide(view: DeploymentView) {
    return decide(view);
  }

  override follow(subject: Deployments, decision: Decision<DeploymentStep, DeploymentMemory>): void {
    this.watch.follow(subject, decision);
  }

  /**
   * One that bears the attempt's name is ours where its very first spec is what the attempt sent. Else somebody else was
   * faster, and it stays his.
   */
  override resolve(subject: SignedDeployment, attempt: Sought): Resolution {
    const { clock, settings, references } = this.parts;
    const { key, object, account } = subject;
    const { lookMs } = settings.limits;
    const open = (message: string): Resolution => ({ state: "open", message, lookAfterMs: lookMs });
    const { projectId, name } = nameIn(attempt.name);
    const rival = this.#claims.rivalOf(key, projectId, name);
    if (rival && !rival.owns && !this.#claims.take(key, projectId, name))
      return open(`${rival.key} is making a deployment named "${name}" just now`);
    const { inventory, origins } = this.watch.at(account, projectId);
    const found = this.search(inventory, key, attempt, name);
    if (found.state !== "found") return found;
    const [id, ...more] = found.ids;
    if (id === undefined || more.length > 0) return found;
    const specs = origins.get(id, key);
    if (!specs) origins.ask(id, key);
    const { mark } = attempt;
    const { secrets } = object.status?.history?.find(({ hash }) => hash === mark) ?? {};
    const wanted = references.wanted(key, object, nameOf(object));
    const verdict = this.#claims.ownerOf(id, key) ? "foreign" : originOf(specs, { mark, secrets }, wanted);
    const settled = clock.now() - Date.parse(attempt.time) >= settings.settleMs;
    if (verdict === "foreign" && settled) return { state: "surelyNone" };
    const why = settled ? untold(specs, origins.trouble(id), wanted) : undefined;
    if (verdict === "ours" || (why !== undefined && parseAdopt(object.metadata) === id)) {
      this.#claims.take(key, projectId, name);
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

  override attemptName({ wanted, name, spec }: DeploymentView): AttemptName {
    return {
      name: `${spec.projectId}/${name}`,
      ...(wanted.state === "known" && { mark: wanted.hash }),
    };
  }

  expectation(view: DeploymentView, { object }: Deployments, attempt: Sought): DeploymentMemory {
    const { memory, wanted, spec } = view;
    if (wanted.state !== "known") throw new Error("a create needs its configuration");
    const requestedAt = Date.parse(attempt.time);
    const entry = entryOf(
      { target: wanted, rollback: false, ...origin(spec) },
      object.metadata.generation ?? 0,
      requestedAt,
    );
    const operation = announced(attempt, spec.progressDeadlineSeconds * 1000);
    return { ...memory, history: pushed(memory.history, entry), operation };
  }

  /** Looks once more right before the upsert: what bears the name then would be changed by it, whoever's it is. */
  async create(
    view: DeploymentView,
    { key, account }: SignedDeployment,
    _attempt: Sought,
    memory: DeploymentMemory,
    gate: Gate,
  ): Promise<{ id: string; memory: DeploymentMemory; outcome: Telling }> {
    const { wanted, name, spec } = view;
    if (wanted.state !== "known") throw new Error("a create needs its configuration");
    const { projectId, git } = spec;
    const api = new DeploymentApi(account.api);
    if (!this.#claims.take(key, projectId, name))
      throw new PaperspaceError("PS_NOT_SENT", "another object is making a deployment of this name", {
        effect: "none",
      });
    try {
      const [there] = await api.named(projectId, name);
      if (there) throw new NameTaken(taken(view, [there.id]));
      const body = { projectId, config: wanted.config };
      const { deploymentId: id } = (await api.upsert(body, { gate, headers: headersOf(git) })).body;
      await this.#verified(api, id, view);
      this.watch.at(account, projectId).inventory.follow(key, id);
      const { operation: _made, ...made } = memory;
      const outcome = waiting(REASON.Deploying, `the configuration was sent at ${memory.history[0]?.sentAt}`);
      return { id, memory: made, outcome };
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.effect === "none") this.#claims.release(key);
      throw error;
    }
  }

  protected async send(
    step: DeploymentStep,
    { limits }: DeploymentView,
    memory: DeploymentMemory,
    { account, record, object }: SignedDeployment,
    tools: Tools<DeploymentMemory>,
  ) {
    const { clock, references } = this.parts;
    const { inventory, secrets, specs } = this.watch.of(account, object);
    const id = record?.id;
    // From now on there is one more.
    if (id !== undefined && step.do === "deploy") specs.drop(id);
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

  status(view: DeploymentView, memory: DeploymentMemory, outcome: Telling, subject: Deployments) {
    return deploymentStatus(view, memory, outcome, subject);
  }

  override news(before: DeploymentStatus, after: DeploymentStatus) {
    return deploymentNews(before, after);
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
    this.#claims.release(key);
  }

  /** The answer of an upsert does not say whether it made one: its first spec does (deployments.md section 2). */
  async #verified(api: DeploymentApi, id: string, view: DeploymentView): Promise<void> {
    const { wanted } = view;
    const specs = await firstSpecsIfAny(api, id);
    const mark = wanted.state === "known" ? wanted.hash : undefined;
    const verdict = originOf(specs, { mark }, wanted);
    if (verdict === "ours") return;
    // It is there, and may be anybody's, since lists lack what is new: it is found by its name when more can be seen.
    if (verdict === "unknown") {
      const message = `the upsert was answered with ${id}, whose first configuration cannot be read just now`;
      throw new PaperspaceError("PS_UNEXPECTED", message, { effect: "unknown" });
    }
    throw new NameTaken(
      `somebody else made it at the same moment, and this object's configuration has replaced the first one (spec ${specs[0]?.id}): ${taken(view, [id])}`,
    );
  }
}

/** Why it cannot be told who made a deployment; undefined while it is still being looked up. */
function untold(
  specs: readonly StoredSpec[] | undefined,
  trouble: unknown,
  wanted: Wanted,
): string | undefined {
  if (!specs) return trouble instanceof Error ? trouble.message : undefined;
  if (wanted.state === "missing") return wanted.message;
  return wanted.state === "unknown" ? wanted.trouble?.message : "its first configuration cannot be read";
}

/** An attempt's name is "project/name"; no project id has a slash in it. */
function nameIn(attempt: string): { projectId: string; name: string } {
  const slash = attempt.indexOf("/");
  return { projectId: attempt.slice(0, slash), name: attempt.slice(slash + 1) };
}
