/**
 * Fulfils the seam of reconcile/kind.ts with the parts of this room: knowledge comes from the observer, the choices from
 * decide.ts, and steps.ts does them. Here is how a deployment is made, by a name that it may have to share.
 */
import { toTime } from "../../kube/objects.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { Decision, Failure, Gate, Kind, Tools } from "../../reconcile/kind.ts";
import type { Telling } from "../../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../../reconcile/ownership.ts";
import type { AttemptName, Sought } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { failureOf } from "../failure.ts";
import { resolveByName } from "../resolution.ts";
import { DeploymentApi, type StoredSpec } from "./api.ts";
import { Claims } from "./claims.ts";
import { additions, differences, hashOf, leavesOf } from "./compare.ts";
import { headersOf } from "./config.ts";
import { decide } from "./decide.ts";
import { firstSpecs } from "./knowledge.ts";
import { origin } from "./life.ts";
import { type Deployments, nameOf, Observer, type ObserverParts } from "./observer.ts";
import { REASON } from "./reasons.ts";
import { pushed } from "./rollout.ts";
import { deploymentNews, deploymentStatus } from "./status.ts";
import { entryOf, perform, waiting } from "./steps.ts";
import { readConfig } from "./stored.ts";
import { type DeploymentStatus, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";
import type { DeploymentMemory, DeploymentStep, DeploymentView, Wanted } from "./view.ts";

export interface DeploymentParts extends Omit<ObserverParts, "rivalOf"> {
  objects(): readonly PaperspaceDeployment[];
}

/** The name turned out to be taken, right before or after an upsert. */
class NameTaken extends Error {}

export class DeploymentKind
  implements Kind<PaperspaceDeployment, PaperspaceAccount, DeploymentView, DeploymentStep, DeploymentMemory>
{
  readonly definition = deploymentDefinition;
  readonly decide = decide;
  readonly #parts: DeploymentParts;
  readonly #observer: Observer;
  readonly #claims: Claims;

  constructor(parts: DeploymentParts) {
    this.#parts = parts;
    this.#claims = new Claims(parts.objects);
    const rivalOf: ObserverParts["rivalOf"] = (...asked) => this.#claims.rivalOf(...asked);
    this.#observer = new Observer({ ...parts, rivalOf });
  }

  view(facts: OwnershipFacts, subject: Deployments): DeploymentView {
    if (facts.identity.state === "ours") this.#claims.release(subject.key);
    return this.#observer.view(facts, subject);
  }

  follow(subject: Deployments, decision: Decision<DeploymentStep, DeploymentMemory>): void {
    this.#observer.follow(subject, decision);
  }

  /**
   * One that bears the attempt's name is ours where its very first spec is what the attempt sent. Else somebody else was
   * faster, and it stays his.
   */
  resolve(subject: Deployments, attempt: Sought): Resolution {
    const { clock, settings, references } = this.#parts;
    const { key, object, account } = subject;
    const { lookMs } = settings.limits;
    const open = (message: string): Resolution => ({ state: "open", message, lookAfterMs: lookMs });
    if (!account) return open("without credentials");
    const { projectId, name } = nameIn(attempt.name);
    const rival = this.#claims.rivalOf(key, projectId, name);
    if (rival && !rival.owns && !this.#claims.take(key, projectId, name))
      return open(`${rival.key} is making a deployment named "${name}" just now`);
    const { inventory, origins } = this.#observer.project(account, projectId);
    const now = clock.now();
    const found = resolveByName(inventory, key, attempt, { settleMs: settings.settleMs, lookMs, now }, name);
    if (found.state !== "found") return found;
    const [id, ...more] = found.ids;
    if (id === undefined || more.length > 0) return found;
    const specs = origins.get(id, key);
    if (!specs) origins.ask(id, key);
    const settled = now - Date.parse(attempt.time) >= settings.settleMs;
    const verdict = rival?.owns
      ? "foreign"
      : originOf(specs, attempt.mark, references.wanted(key, object, nameOf(object)));
    if (verdict === "ours" || (verdict === "unknown" && settled && specs)) {
      this.#claims.take(key, projectId, name);
      return found;
    }
    if (verdict === "foreign" && settled) return { state: "surelyNone" };
    return open(
      `project ${projectId} has a deployment named "${name}" (${id}); whether this object made it is being looked up`,
    );
  }

  attemptName({ wanted, name, spec }: DeploymentView): AttemptName {
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
    const operation = {
      intent: "Create",
      requestedAt: attempt.time,
      deadline: toTime(requestedAt + spec.progressDeadlineSeconds * 1000),
      name: attempt.name,
      ...(attempt.mark !== undefined && { mark: attempt.mark }),
    };
    return { ...memory, history: pushed(memory.history, entry), operation };
  }

  /** Looks once more right before the upsert: what bears the name then would be changed by it, whoever's it is. */
  async create(
    { wanted, name, spec }: DeploymentView,
    { key, account }: Deployments,
    _attempt: Sought,
    memory: DeploymentMemory,
    gate: Gate,
  ): Promise<{ id: string; memory: DeploymentMemory; outcome: Telling }> {
    if (!account || wanted.state !== "known")
      throw new Error("a create needs an account and a configuration");
    const { projectId, git } = spec;
    const api = new DeploymentApi(account.api);
    if (!this.#claims.take(key, projectId, name))
      throw new PaperspaceError("PS_NOT_SENT", "another object is making a deployment of this name", {
        effect: "none",
      });
    try {
      const [there] = await api.named(projectId, name);
      if (there) throw new NameTaken(takenBy(there.id, name));
      const body = { projectId, config: wanted.config };
      const { deploymentId: id } = (await api.upsert(body, { gate, headers: headersOf(git) })).body;
      await this.#verified(api, id, wanted, name);
      this.#observer.project(account, projectId).inventory.follow(key, id);
      const { operation: _made, ...made } = memory;
      const outcome = waiting(REASON.Deploying, `the configuration was sent at ${memory.history[0]?.sentAt}`);
      return { id, memory: made, outcome };
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.effect === "none") this.#claims.release(key);
      throw error;
    }
  }

  async perform(
    step: DeploymentStep,
    { memory: before, limits }: DeploymentView,
    memory: DeploymentMemory,
    { account, record, object }: Deployments,
    tools: Tools<DeploymentMemory>,
  ) {
    if (!account) throw new Error("a write needs an account");
    const { clock, references } = this.#parts;
    const { inventory, secrets } = this.#observer.project(account, object.spec.projectId);
    const id = record?.id;
    try {
      return await perform(step, memory, tools, {
        id,
        object,
        api: new DeploymentApi(account.api),
        inventory,
        projectSecrets: secrets,
        references,
        now: () => clock.now(),
        deleteMs: limits.deleteMs,
      });
    } catch (error) {
      // Whatever was said, the deployment may not be what we took it for.
      if (error instanceof PaperspaceError && id !== undefined) inventory.want(id);
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND" || step.do !== "delete")
        throw error;
      // Gone already, or not shown just now: the look tells.
      const message = "the API does not know the deployment just now";
      return {
        outcome: { kind: "Retry", reason: REASON.AbsenceUnconfirmed, message } as const,
        memory: before,
      };
    }
  }

  fields(step: DeploymentStep): readonly string[] {
    return step.do === "deploy" ? step.changes.map(({ field }) => field) : [];
  }

  status(view: DeploymentView, memory: DeploymentMemory, outcome: Telling, subject: Deployments) {
    return deploymentStatus(view, memory, outcome, subject);
  }

  news(before: DeploymentStatus, after: DeploymentStatus) {
    return deploymentNews(before, after);
  }

  failure(error: unknown): Failure | undefined {
    const { rechecks } = this.#parts.settings;
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
    return failureOf(error, rechecks);
  }

  forget(key: string): void {
    this.#observer.forget(key);
    this.#claims.release(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    this.#observer.reset();
  }

  /** The answer of an upsert does not say whether it made one: its first spec does (deployments.md section 2). */
  async #verified(api: DeploymentApi, id: string, wanted: Wanted, name: string): Promise<void> {
    const specs = await firstSpecs(api, id).catch((error: unknown) => {
      // Then the look that came right before the upsert has to do: the id must not be lost over it.
      if (error instanceof PaperspaceError) return [];
      throw error;
    });
    const mark = wanted.state === "known" ? wanted.hash : undefined;
    if (originOf(specs, mark, wanted) !== "foreign") return;
    throw new NameTaken(
      `${takenBy(id, name)} It was made at the same moment, and this object's configuration has replaced its first one (spec ${specs[0]?.id})`,
    );
  }
}

function takenBy(id: string, name: string): string {
  return `somebody else has made a deployment named "${name}" (${id}).`;
}

/** An attempt's name is "project/name"; no project id has a slash in it. */
function nameIn(attempt: string): { projectId: string; name: string } {
  const slash = attempt.indexOf("/");
  return { projectId: attempt.slice(0, slash), name: attempt.slice(slash + 1) };
}

type Origin = "ours" | "foreign" | "unknown";

/**
 * Who made a deployment, by its very first spec. An attempt is sent once: where the next spec is the same once more,
 * somebody else has sent it, too, and which of the two made it cannot be told. Then it is nobody's until a user says so.
 */
function originOf(
  specs: readonly StoredSpec[] | undefined,
  mark: string | undefined,
  wanted: Wanted,
): Origin {
  const [first, second] = (specs ?? []).map((spec) => senderOf(spec, mark, wanted));
  return first === "ours" && second === "ours" ? "foreign" : (first ?? "unknown");
}

function senderOf({ data }: StoredSpec, mark: string | undefined, wanted: Wanted): Origin {
  const stored = readConfig(data);
  if (!stored || mark === undefined) return "unknown";
  const leaves = leavesOf(stored);
  if (hashOf(leaves) === mark) return "ours";
  // What was filled in makes it another hash: then all that was sent must be in it.
  if (wanted.state !== "known") return "unknown";
  if (wanted.hash !== mark) return "foreign";
  const sent = wanted.leaves;
  return differences(sent, leaves, additions(sent, leaves)).length === 0 ? "ours" : "foreign";
}
