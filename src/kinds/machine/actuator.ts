/**
 * The writes of a machine: its create, its steps (steps.ts), and what a refused write means for it. What is decided before
 * a write is in decide.ts.
 */
import { isForbidden, isKube } from "../../kube/errors.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { startOperation } from "../../reconcile/decision.ts";
import type { AuthorizedContext, PerformContext, Performed, SendContext } from "../../reconcile/kind.ts";
import type { Operation, Sends } from "../../reconcile/managed.ts";
import type { CreateAttempt } from "../../reconcile/record.ts";
import { secretUnwritable } from "../../reconcile/secret-rights.ts";
import type { PaperspaceAccount } from "../account.ts";
import { PaperspaceActuator } from "../actuator.ts";
import { MachineApi } from "./api.ts";
import { withAddress } from "./aspects/address.ts";
import { createBody } from "./creation.ts";
import {
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  type MachineTypes,
  TO_DELETE,
} from "./observation.ts";
import type { MachineObserver, MachineObserverOptions } from "./observer.ts";
import { powerOf } from "./operation.ts";
import { placedSpec } from "./placement/candidates.ts";
import { REASON } from "./reasons.ts";
import { RelatedApi } from "./related-api.ts";
import { refusalOf } from "./resize-refusal.ts";
import { accepted, perform } from "./steps.ts";
import type { PaperspaceMachine } from "./types.ts";

type Context = AuthorizedContext<PaperspaceMachine, PaperspaceAccount>;
type Result = Performed<MachineTypes>;

export class MachineActuator extends PaperspaceActuator<MachineTypes> {
  readonly #observer: MachineObserver;
  readonly #options: MachineObserverOptions;

  constructor(observer: MachineObserver, options: MachineObserverOptions) {
    super({ rechecks: options.settings.rechecks, observer });
    this.#observer = observer;
    this.#options = options;
  }

  override sends(step: MachineStep): Sends | undefined {
    const isOfCluster = step.do === "writeDesktop" || step.do === "removeDesktop" || step.do === "handle";
    if (step.do === "expire") return "delete";
    return isOfCluster ? undefined : super.sends(step);
  }

  protected async sendCreate(
    { spec: { powerState } }: MachineObservation,
    { key, object, account }: Context,
    attempt: CreateAttempt,
    { memory, gate, account: permitted }: SendContext<MachineTypes>,
  ) {
    const { operation } = memory;
    if (!operation) throw new Error("a create needs its operation");
    const { inventory } = this.#observer.at(account);
    const spec = { ...placedSpec(object.spec, memory.placement?.chosen), powerState };
    const answer = await new MachineApi(permitted.api).create(createBody(spec, attempt.name), { gate });
    const { id } = answer.body.data;
    inventory.subscribe(key, id, account.fingerprint);
    inventory.lists.recordCreated(id, this.#options.clock.monotonic());
    return { id, ...accepted(answer, { ...memory, operation }, REASON.Creating, { inventory }) };
  }

  protected async send(
    step: MachineStep,
    observation: MachineObservation,
    { account, record, object }: Context,
    context: PerformContext<MachineTypes>,
  ): Promise<Result> {
    if (!record) throw new Error("a write needs a record");
    const { inventory, relatedFacts } = this.#observer.at(account);
    const { clock, settings, desktops } = this.#options;
    return perform(step, context, {
      id: record.id,
      createdAs: record.name,
      object,
      observation,
      inventory,
      relatedFacts,
      desktops,
      api: new MachineApi(context.account.api),
      relatedApi: new RelatedApi(context.account.api),
      now: () => clock.now(),
      deadlines: settings.deadlines,
    });
  }

  protected override refused(
    error: unknown,
    step: MachineStep,
    observation: MachineObservation,
    { account, record, object }: Context,
  ): Result {
    const isDelete = ["delete", "expire", "replace"].includes(step.do);
    const memory = isDelete ? withAddress(observation.memory, observation) : observation.memory;
    // What a setting names is no related fact.
    if (error instanceof PaperspaceError && step.of !== undefined && step.do !== "update")
      this.#observer.at(account).relatedFacts.invalidate(record?.id);
    if (step.do === "writeDesktop") {
      const name = object.spec.desktopSecretRef?.name ?? "";
      return this.#secretRefused(error, name, memory);
    }
    if (step.do === "removeDesktop") return this.#secretRefused(error, step.name, memory);
    if (!(error instanceof PaperspaceError)) throw error;
    const { code, message } = error;
    const declined = { kind: "Retry", reason: REASON.Declined, message } as const;
    // Whether the machine is gone the next read shows; what hangs on it (a type, a script) is the user's to correct.
    const refused = code === "PS_REFUSED" || code === "PS_FORBIDDEN" || code === "PS_NOT_FOUND";
    if (step.do === "resize" && refused)
      return {
        outcome: { kind: "RequeueAfter", reason: REASON.ResizeRefused, message, afterMs: 0 },
        memory: { ...memory, ...refusalOf(observation, message) },
        refused: true,
      };
    if (step.do === "snapshot" && (refused || code === "PS_CONFLICT"))
      return {
        outcome: { kind: "RequeueAfter", reason: REASON.SnapshotFailed, message, afterMs: 0 },
        memory: { ...memory, ...refusalOf(observation, message, "Failed") },
        refused: true,
      };
    const wrongState = code === "PS_CONFLICT" || code === "PS_REFUSED";
    if ((step.do === "delete" || step.do === "expire") && wrongState && isOn(observation))
      return { outcome: declined, memory: { ...memory, operation: this.#stopFirst() } };
    // A refused power change was not begun: the memory is that of before the decision.
    if (code === "PS_CONFLICT" || (isPower(step) && (wrongState || code === "PS_NOT_FOUND")))
      return { outcome: declined, memory };
    throw error;
  }

  /** The API wants a machine off before it deletes it: that is remembered, and done next. */
  #stopFirst(): Operation {
    const { clock, settings } = this.#options;
    return { ...startOperation(clock.now(), "Delete", settings.deadlines.deleteMs), target: TO_DELETE };
  }

  /** What the API server does not let be written, whenever it is tried; all else is tried again. */
  #secretRefused(error: unknown, name: string, memory: MachineMemory): Result {
    const recheckMs = this.#options.settings.limits.slowMs;
    const refused = (reason: string, message: string): Result => ({
      outcome: { kind: "Terminal", reason, message, recheckMs },
      memory,
    });
    if (isForbidden(error)) return refused(REASON.DesktopSecretForbidden, secretUnwritable(name));
    if (!isKube(error, "KUBE_INVALID", "KUBE_BAD_REQUEST")) throw error;
    const message = `the Secret with the desktop access is refused: ${error.message}. Correct desktopSecretRef.name`;
    return refused(REASON.Refused, message);
  }
}

/** The API refuses a start on a starting machine with an error body (observed-in-the-field.md 1). */
function isPower(step: MachineStep): boolean {
  return ["start", "stop", "restart", "delete", "expire", "replace"].includes(step.do);
}

function isOn({ resource }: MachineObservation): boolean {
  const power = resource.state === "present" ? powerOf(resource.machine.state) : "off";
  return power === "ready" || power === "serviceready";
}
