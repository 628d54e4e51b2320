/**
 * The model of the cloud, begun from an observation: it is as it was observed until a step changes it, and from then on
 * as a well-behaved cloud is. What was not observed is as where nothing is to be done: the name is free, instances run.
 */
import type { StoredSpec } from "../../../src/kinds/deployment/api.ts";
import {
  type DeploymentDecision,
  type DeploymentObservation,
  FACT,
} from "../../../src/kinds/deployment/observation.ts";
import { withPlacement } from "../../../src/kinds/deployment/placement/candidates.ts";
import { isOff } from "../../../src/kinds/deployment/rollout.ts";
import { withoutOperation } from "../../../src/reconcile/decision.ts";
import type { Acting } from "../engine/model-world.ts";
import { World } from "./model.ts";
import { GOOD, ID, OURS, RECORD, run, SECOND, stored } from "./situations.ts";

/** Each look of a rollout shows another state of it: not applied yet, applied, healthy. Which writes are sent does not depend on more looks. */
const QUICK = { appliedMs: 2 * SECOND, healthyMs: 6 * SECOND };

/** Former specs that Paperspace keeps, where nothing else was observed. */
const KEPT: readonly StoredSpec[] = [stored("s1", GOOD)];

export class ObservedWorld extends World {
  #isChanged = false;

  constructor(observed: DeploymentObservation) {
    const { halted: _halt, observes: _only, ...observation } = observed;
    super(QUICK, observation);
    for (const name of observation.projectSecrets ?? []) this.secrets.add(name);
    this.others = (observation.siblings?.ids ?? []).filter((id) => id !== ID);
    this.knowsSecrets = observation.projectSecrets !== undefined;
  }

  /** A step has changed the deployment. */
  get isChanged(): boolean {
    return this.#isChanged;
  }

  protected override look(): void {
    const { observation } = this;
    if (observation.spec.placement)
      Object.assign(observation, withPlacement(observation, observation.memory));
    if (this.#isChanged) super.look();
    else if (this.knowsSecrets) this.observation.projectSecrets = [...this.secrets];
  }

  protected override read(fact: string): void {
    super.read(fact);
    const { observation } = this;
    observation.readErrors = {};
    if (this.#isChanged) return;
    const { resource } = observation;
    const latest = resource.state === "present" ? resource.deployment.latestSpec : undefined;
    if (fact === FACT.siblings) observation.siblings = { ids: this.others, ageMs: 0 };
    if (fact === FACT.runs) observation.runs = { list: observation.runs?.list ?? this.#runs(), ageMs: 0 };
    if (fact !== FACT.specs) return;
    observation.specsAgeMs = 0;
    observation.specs ??= latest ? [latest, ...KEPT.filter(({ id }) => id !== latest.id)] : KEPT;
  }

  #runs() {
    const { desired } = this.observation;
    return desired.state === "known" && isOff(desired) ? [] : [run(1)];
  }

  /** The reads that begin now do not show it either. */
  confirmAbsence(): void {
    this.observation.resource = { state: "absent", certain: true };
  }

  /** A read that failed succeeds, and what is owned is found; false where there was nothing of that. */
  resolve(): boolean {
    const { observation } = this;
    const { readError, resource, identity, spec, name } = observation;
    if (readError) delete observation.readError;
    else if (resource.state === "unknown" && identity.state !== "none") {
      const latestSpec = stored("s1", spec, "healthy", name);
      const deployment = { id: ID, name, projectId: spec.projectId, latestSpec };
      observation.resource = { state: "present", deployment };
    } else return false;
    return true;
  }

  protected override perform(step: Acting<DeploymentDecision>): void {
    const { observation } = this;
    super.perform(step);
    switch (step.do) {
      case "create":
      case "deploy":
      case "delete":
        this.#isChanged = true;
        return;
      case "addFinalizer":
        observation.finalizer = true;
        return;
      case "restoreRecord":
        observation.identity = OURS;
        return;
      case "recordOwnership":
        if (observation.account.state === "valid") {
          const record = { ...RECORD, id: step.id, team: observation.account.team };
          observation.identity = { state: "ours", record, restore: false };
        }
        delete observation.attempt;
        delete observation.resolution;
        return;
      case "closeAttempt":
        delete observation.attempt;
        delete observation.resolution;
        return;
      case "disown":
        observation.resource = { state: "unknown" };
        return;
      case "deleteStray":
        observation.memory = withoutOperation(observation.memory);
        return;
      case "handle":
        observation.requests = {};
    }
  }
}
