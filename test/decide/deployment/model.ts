/**
 * A cloud, an object store and a clock around `decide`, well-behaved but for their manners: each step leads to what it
 * would lead to, what was written is read late, facts are missing until they are fetched, and time goes on.
 */

import type { Run, StoredSpec } from "../../../src/kinds/deployment/api.ts";
import { differences, leavesOf } from "../../../src/kinds/deployment/compare.ts";
import type { DeploymentConfig } from "../../../src/kinds/deployment/config.ts";
import { decideDeployment } from "../../../src/kinds/deployment/decide.ts";
import {
  type DeploymentDecision,
  type DeploymentMemory,
  type DeploymentObservation,
  type DeploymentStep,
  FACT,
  type Target,
} from "../../../src/kinds/deployment/observation.ts";
import { isOff, pushed } from "../../../src/kinds/deployment/rollout.ts";
import { answered, entryOf } from "../../../src/kinds/deployment/steps.ts";
import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { type Acting, ModelWorld } from "../engine/model-world.ts";
import { ID, OURS, run, SECOND, situation, targetOf } from "./situations.ts";
import { SPEC } from "./spec.ts";

/** How this cloud behaves, where it may choose. */
export interface Manners {
  /** How long the old is read after a write. */
  staleMs: number;
  /** The same configuration again makes no new spec. */
  keeps: boolean;
  /** What was not given is filled in. */
  fills: boolean;
  /** Upserts that come to nothing, from the first on. */
  loses: number;
  /** Former specs are not kept. */
  forgets: boolean;
  /** When a configuration is applied, and when it is healthy, counted from the upsert. */
  appliedMs: number;
  healthyMs: number;
}

const GOOD_MANNERS: Manners = {
  staleMs: 0,
  keeps: false,
  fills: false,
  loses: 0,
  forgets: false,
  appliedMs: 5 * SECOND,
  healthyMs: 20 * SECOND,
};

/** What becomes of a configuration: its image names it. */
export const FATES = ["good", "better", "rejected", "stuck", "late", "crashing", "invalid"] as const;
export type Fate = (typeof FATES)[number];

/** Longer than its deadline. */
const LATE_MS = 100 * SECOND;
const DEADLINE_SECONDS = 60;

export function declared(fate: Fate | "off", more: Partial<DeploymentSpec> = {}): DeploymentSpec {
  const image = fate === "off" ? "good" : fate;
  const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: image, key: "token" } } }];
  return { ...SPEC, image, env, enabled: fate !== "off", progressDeadlineSeconds: DEADLINE_SECONDS, ...more };
}

interface CloudSpec {
  id: string;
  config: DeploymentConfig;
  at: number;
}

interface CachedRead<T> {
  value: T;
  at: number;
}

export class World extends ModelWorld<DeploymentMemory, DeploymentObservation, DeploymentDecision> {
  readonly manners: Manners;
  override readonly observation: DeploymentObservation;
  protected override readonly resyncMs = 600 * SECOND;
  /** Oldest first; empty where there is no deployment. */
  specs: CloudSpec[] = [];
  names: CachedRead<string>[] = [];
  readonly secrets = new Set<string>();
  /** Ids of deployments of others that have the declared name. */
  others: string[] = [];
  /** Writes, in the words of the steps; an upsert with what it sends. */
  readonly done: string[] = [];
  /** When another actor changed something last. */
  changedAt = Number.NEGATIVE_INFINITY;
  #reads: {
    runs?: CachedRead<readonly Run[]>;
    specs?: CachedRead<readonly StoredSpec[]>;
    siblings?: CachedRead<readonly string[]>;
  } = {};
  protected knowsSecrets = false;
  #lost = 0;
  #made = 0;

  constructor(manners: Partial<Manners>, start: DeploymentSpec | DeploymentObservation) {
    super();
    this.manners = { ...GOOD_MANNERS, ...manners };
    this.observation = "memory" in start ? start : situation({ spec: start, history: [] });
  }

  /** The user changes the spec. */
  declare(spec: DeploymentSpec): void {
    const name = spec.name ?? "web";
    const { observation } = this;
    Object.assign(observation, {
      spec,
      name,
      desired: targetOf(spec, name),
      generation: observation.generation + 1,
    });
    this.#reads.siblings = undefined;
  }

  /** Another actor sends a configuration. */
  upsert(config: DeploymentConfig): void {
    this.changedAt = this.observation.now;
    this.#store(config);
  }

  /** Another actor deletes it. */
  vanish(): void {
    this.changedAt = this.observation.now;
    this.specs = [];
  }

  protected override decide(observation: DeploymentObservation): DeploymentDecision {
    return decideDeployment(observation);
  }

  /** What Paperspace runs, or is about to. */
  get latest(): CloudSpec | undefined {
    return this.specs.at(-1);
  }

  get name(): string | undefined {
    return this.names.at(-1)?.value;
  }

  /** The newest configuration is on its way, or has not been read yet. */
  override get moving(): boolean {
    const { latest, observation } = this;
    if (!latest) return false;
    const age = observation.now - latest.at;
    return (
      age < this.manners.staleMs + SECOND || (fateOf(latest.config) === "late" && age < LATE_MS + SECOND)
    );
  }

  /** Whether the newest is as declared, by the true state, which no observation shows. */
  isHealthy(config: DeploymentConfig): boolean {
    const { latest } = this;
    if (!latest || !sameAs(latest.config, config)) return false;
    const [run] = this.#runs();
    return isOff({ config }) ? !run : (run?.ready ?? 0) >= config.resources.replicas;
  }

  protected override look(): void {
    const { observation, manners } = this;
    const { now } = observation;
    const { siblings, specs, runs } = this.#reads;
    const visible = (at: number) => at + manners.staleMs <= now;
    const shown = this.specs.findLast(({ at }, index) => index === 0 || visible(at));
    const name = this.names.findLast(({ at }, index) => index === 0 || visible(at))?.value ?? "";
    const latestSpec = shown && fateOf(shown.config) !== "invalid" ? this.#storedSpec(shown) : null;
    const there = { id: ID, name, projectId: SPEC.projectId, latestSpec };
    observation.resource = shown
      ? { state: "present", deployment: there }
      : { state: "absent", certain: true };
    if (observation.identity.state === "none") observation.resource = { state: "unknown" };
    observation.runs = runs && { list: runs.value, ageMs: now - runs.at };
    observation.specs = specs?.value;
    observation.specsAgeMs = specs ? now - specs.at : Number.POSITIVE_INFINITY;
    observation.siblings = siblings && { ids: siblings.value, ageMs: now - siblings.at };
    observation.projectSecrets = this.knowsSecrets ? [...this.secrets] : undefined;
  }

  #storedSpec({ id, config, at }: CloudSpec): StoredSpec {
    const { appliedMs, fills } = this.manners;
    const fate = fateOf(config);
    const age = this.observation.now - at;
    const isApplied = age >= appliedMs && fate !== "rejected";
    const upMs = this.#upMs(fate);
    const isHealthy = isApplied && age >= upMs && !isOff({ config });
    const data = fills ? { ...config, command: ["serve"], region: "ny2" } : config;
    return {
      id,
      data,
      externalApplied: isApplied ? toTime(at + appliedMs) : null,
      dtHealthy: isHealthy ? toTime(at + upMs) : null,
      error: fate === "rejected" ? "no such machine type" : null,
    };
  }

  #runs(): Run[] {
    const { latest, observation } = this;
    if (!latest) return [];
    const age = observation.now - latest.at;
    const fate = fateOf(latest.config);
    // What could not be taken leaves the one before as it is.
    if (fate === "rejected" || fate === "invalid") return this.specs.length > 1 ? [run(1)] : [];
    if (isOff(latest)) return age < this.manners.healthyMs ? [run(1)] : [];
    const { replicas } = latest.config.resources;
    return [run(age >= this.#upMs(fate) && fate !== "crashing" ? replicas : 0, replicas)];
  }

  #upMs(fate: Fate): number {
    if (fate === "stuck") return Number.POSITIVE_INFINITY;
    return fate === "late" ? LATE_MS : this.manners.healthyMs;
  }

  protected override elapse(ms: number): void {
    this.observation.now += ms;
  }

  protected override read(fact: string): void {
    const at = this.observation.now;
    const reads = this.#reads;
    if (fact === FACT.runs) reads.runs = { value: this.#runs(), at };
    if (fact === FACT.siblings) reads.siblings = { value: [...this.others], at };
    if (fact === FACT.projectSecrets) this.knowsSecrets = true;
    if (fact === FACT.specs) {
      const kept = this.manners.forgets ? this.specs.slice(-1) : this.specs;
      reads.specs = { value: kept.map((spec) => this.#storedSpec(spec)).reverse(), at };
    }
  }

  protected override perform(step: Acting<DeploymentDecision>): void {
    const { observation } = this;
    switch (step.do) {
      case "create":
        return this.#create();
      case "deploy":
        return this.#deploy(step);
      case "delete":
        this.done.push("delete");
        this.specs = [];
        observation.memory = {
          ...observation.memory,
          operation: {
            intent: "Delete",
            requestedAt: toTime(observation.now),
            deadline: toTime(observation.now + 60 * SECOND),
          },
        };
        return;
      case "putSecret":
        this.done.push(step.do);
        this.secrets.add(step.of);
        observation.memory = { ...observation.memory, secrets: [...observation.memory.secrets, step.of] };
        return;
      case "dropSecret":
        this.done.push(step.do);
        this.secrets.delete(step.of);
        observation.memory = {
          ...observation.memory,
          secrets: observation.memory.secrets.filter((name) => name !== step.of),
        };
        return;
      case "disown":
        observation.identity = { state: "none" };
        return;
      case "recordOwnership":
        observation.identity = OURS;
    }
  }

  #create(): void {
    const { observation } = this;
    if (observation.desired.state !== "known") throw new Error("a create needs its configuration");
    this.done.push(`create ${observation.desired.config.image}`);
    this.#store(observation.desired.config);
    observation.identity = OURS;
    this.#remember({ target: observation.desired, rollback: false });
    observation.memory = answered(observation.memory, observation.now);
  }

  #deploy(step: Extract<DeploymentStep, { do: "deploy" }>): void {
    const { observation } = this;
    this.done.push(`deploy ${step.target.config.image}`);
    this.#remember(step);
    if (this.#lost++ < this.manners.loses) return;
    this.#store(step.target.config);
    observation.memory = answered(observation.memory, observation.now);
  }

  #remember(of: { target: Target; replaces?: string; rollback: boolean }): void {
    const { observation } = this;
    const history = pushed(observation.memory.history, entryOf(of, observation.generation, observation.now));
    observation.memory = { ...observation.memory, history } satisfies DeploymentMemory;
    this.#reads.specs = undefined;
  }

  #store(config: DeploymentConfig): void {
    const at = this.observation.now;
    if (this.name !== config.name) this.names = [...this.names, { value: config.name, at }];
    if (this.manners.keeps && this.latest && sameAs(this.latest.config, config)) return;
    this.specs = [...this.specs, { id: `c${++this.#made}`, config, at }];
  }
}

export function fateOf({ image }: DeploymentConfig): Fate {
  return FATES.find((fate) => fate === image) ?? "good";
}

/** What may be filled in is no difference. */
export function sameAs(a: DeploymentConfig, b: DeploymentConfig): boolean {
  return differences(leavesOf(a), leavesOf(b), ["command"]).length === 0;
}
