/**
 * The writes of a deployment: its create under a name that it may have to share, and its steps (steps.ts). What is decided
 * before a write is in decide.ts.
 */
import { PaperspaceError } from "../../paperspace/errors.ts";
import type {
  AuthorizedContext,
  CallFailure,
  PerformContext,
  Performed,
  SendContext,
} from "../../reconcile/kind.ts";
import type { Sends } from "../../reconcile/managed.ts";
import { requeueNow } from "../../reconcile/outcome.ts";
import type { CreateAttempt } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { PaperspaceActuator } from "../actuator.ts";
import { DeploymentApi } from "./api.ts";
import { NameTaken, UnprovedCreate, verifyCreated } from "./attempt.ts";
import { headersOf } from "./config.ts";
import type { DeploymentObservation, DeploymentStep, DeploymentTypes } from "./observation.ts";
import type { DeploymentObserver, DeploymentObserverOptions } from "./observer.ts";
import { refusedCandidate } from "./placement/creation.ts";
import { taken } from "./prerequisites.ts";
import { REASON } from "./reasons.ts";
import { answered, perform } from "./steps.ts";
import type { PaperspaceDeployment } from "./types.ts";

type Context = AuthorizedContext<PaperspaceDeployment, PaperspaceAccount>;

export class DeploymentActuator extends PaperspaceActuator<DeploymentTypes> {
  readonly #observer: DeploymentObserver;
  readonly #options: DeploymentObserverOptions;

  constructor(observer: DeploymentObserver, options: DeploymentObserverOptions) {
    super({ rechecks: options.settings.rechecks, observer });
    this.#observer = observer;
    this.#options = options;
  }

  override sends(step: DeploymentStep): Sends | undefined {
    if (step.do === "handle") return undefined;
    return step.do === "deleteStray" || step.do === "dropSecret" ? "delete" : super.sends(step);
  }

  /**
   * Reads the name once more right before the upsert, which would change any deployment of that name, also one of
   * another owner.
   */
  protected async sendCreate(
    observation: DeploymentObservation,
    { key, account }: Context,
    _attempt: CreateAttempt,
    { memory, gate, account: permitted }: SendContext<DeploymentTypes>,
  ) {
    const { desired, name, projectId, spec } = observation;
    if (desired.state !== "known") throw new Error("a create needs its configuration");
    const { git } = spec;
    const { reservations } = this.#observer;
    const api = new DeploymentApi(permitted.api);
    if (!reservations.reserve(key, projectId, name))
      throw new PaperspaceError("PS_NOT_SENT", "another object is making a deployment of this name", {
        effect: "none",
      });
    try {
      const [there] = await api.named(projectId, name);
      if (there) throw new NameTaken(taken(observation, [there.id]));
      const body = { projectId, config: desired.config };
      const { deploymentId: id } = (await api.upsert(body, { gate, headers: headersOf(git) })).body;
      const answeredAt = this.#options.clock.now();
      await verifyCreated(api, id, observation);
      this.#observer.at(account, projectId).inventory.subscribe(key, id, account.fingerprint);
      const { operation: _made, ...made } = memory;
      const outcome = requeueNow(
        REASON.Deploying,
        `the configuration was sent at ${memory.history[0]?.sentAt}`,
      );
      return { id, memory: answered(made, answeredAt), outcome };
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.effect === "none") reservations.release(key);
      throw error;
    }
  }

  protected async send(
    step: DeploymentStep,
    { limits, projectId }: DeploymentObservation,
    { account, record, object }: Context,
    context: PerformContext<DeploymentTypes>,
  ) {
    const { clock, references } = this.#options;
    const { inventory, secrets, specs } = this.#observer.of(account, object);
    const id = record?.id;
    // The write adds a spec.
    if (id !== undefined && step.do === "deploy") specs.invalidate(id);
    return perform(step, context, {
      id,
      object,
      projectId,
      api: new DeploymentApi(context.account.api),
      inventory,
      projectSecrets: secrets,
      references,
      now: () => clock.now(),
      deleteMs: limits.deleteMs,
      settleMs: limits.settleMs,
      slowMs: limits.slowMs,
    });
  }

  /** What one candidate of a placement was refused for may not hold for the next one. */
  protected override refused(
    error: unknown,
    step: DeploymentStep,
    observation: DeploymentObservation,
    context: Context,
  ): Performed<DeploymentTypes> {
    const isMove = step.do === "deploy" && step.changes.some(({ field }) => field === "machineType");
    const { outcome, effect } = this.failure(error) ?? {};
    const refused =
      isMove && !step.rollback && effect === "none" && outcome && outcome.kind !== "Requeue"
        ? refusedCandidate(observation.memory, outcome, observation.now)
        : undefined;
    return refused ? { ...refused, refused: true } : super.refused(error, step, observation, context);
  }

  override failure(error: unknown): CallFailure | undefined {
    const failure = super.failure(error);
    if (failure && error instanceof UnprovedCreate) return { ...failure, answeredId: error.deploymentId };
    if (!(error instanceof NameTaken)) return failure;
    const { message } = error;
    const recheckMs = this.#options.settings.rechecks.slowMs;
    return {
      outcome: { kind: "Terminal", reason: REASON.AlreadyExists, message, recheckMs },
      effect: "none",
    };
  }
}
