/**
 * Fulfils the seam of reconcile/kind.ts with the parts of this room: knowledge comes from the observer, the choices from
 * decide.ts, and steps.ts does them. Here is what a failed write comes to.
 */
import { isForbidden } from "../../kube/errors.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { startOperation } from "../../reconcile/decision.ts";
import type {
  AuthorizedContext,
  Decision,
  Gate,
  Operation,
  PerformContext,
  Performed,
} from "../../reconcile/kind.ts";
import type { ReportedOutcome } from "../../reconcile/outcome.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import type { CreateAttempt } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { PaperspaceKind } from "../paperspace-kind.ts";
import { MachineApi } from "./api.ts";
import { createBody, createOperation } from "./creation.ts";
import { decideMachine } from "./decide.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { refusalOf } from "./in-flight.ts";
import { type MachineMemory, type MachineObservation, type MachineStep, TO_DELETE } from "./observation.ts";
import { type MachineContext, MachineObserver, type MachineObserverOptions } from "./observer.ts";
import { powerOf } from "./operation.ts";
import { REASON } from "./reasons.ts";
import { RelatedApi } from "./related-api.ts";
import { machineEventNotes, machineStatus } from "./status.ts";
import { accepted, perform } from "./steps.ts";
import { type MachineStatus, machineDefinition, type PaperspaceMachine } from "./types.ts";

export interface MachineParts extends MachineObserverOptions {
  desktops: DesktopSecrets;
}

type AuthorizedMachineContext = AuthorizedContext<PaperspaceMachine, PaperspaceAccount>;

export class MachineKind extends PaperspaceKind<
  PaperspaceMachine,
  MachineObservation,
  MachineStep,
  MachineMemory,
  MachineObserver,
  MachineParts
> {
  readonly definition = machineDefinition;

  constructor(parts: MachineParts) {
    super(parts, new MachineObserver(parts));
  }

  observe(facts: OwnershipFacts, context: MachineContext): MachineObservation {
    return this.observer.observation(facts, context);
  }

  decide(observation: MachineObservation) {
    return decideMachine(observation);
  }

  override track(context: MachineContext, decision: Decision<MachineStep, MachineMemory>): void {
    this.observer.follow(context, decision);
  }

  expectation(_view: MachineObservation, { object }: MachineContext, attempt: CreateAttempt): MachineMemory {
    return { operation: createOperation(object, attempt, this.parts.settings.deadlines.createMs) };
  }

  async create(
    _view: MachineObservation,
    { key, object, account }: AuthorizedMachineContext,
    attempt: CreateAttempt,
    memory: MachineMemory,
    gate: Gate,
  ) {
    if (!memory.operation) throw new Error("a create needs its expectation");
    const { inventory } = this.observer.at(account);
    const { spec } = object;
    const answer = await new MachineApi(account.api).create(createBody(spec, attempt.name), { gate });
    const { id } = answer.body.data;
    inventory.subscribe(key, id);
    inventory.lists.made(id, this.parts.clock.now());
    const { operation } = memory;
    return { id, ...accepted(answer, { ...memory, operation }, REASON.Creating, { inventory }) };
  }

  protected async send(
    step: MachineStep,
    _view: MachineObservation,
    memory: MachineMemory,
    { account, record, object }: AuthorizedMachineContext,
    tools: PerformContext<MachineMemory>,
  ) {
    if (!record) throw new Error("a write needs a record");
    const { inventory, relatedFacts } = this.observer.at(account);
    const { clock, settings, desktops } = this.parts;
    return perform(step, memory, tools, {
      id: record.id,
      object,
      inventory,
      relatedFacts,
      desktops,
      api: new MachineApi(account.api),
      aroundApi: new RelatedApi(account.api),
      now: () => clock.now(),
      deadlines: settings.deadlines,
    });
  }

  protected override refused(
    error: unknown,
    step: MachineStep,
    observation: MachineObservation,
    { account, record }: AuthorizedMachineContext,
  ): Performed<MachineMemory> {
    if (error instanceof PaperspaceError && step.of !== undefined)
      this.observer.at(account).relatedFacts.lookAnew(record?.id);
    if (step.do === "writeDesktop" || step.do === "removeDesktop")
      return this.#withoutRights(error, observation);
    if (!(error instanceof PaperspaceError)) throw error;
    const { code, message } = error;
    const declined = { kind: "Retry", reason: REASON.Declined, message } as const;
    // Of a machine that is gone the next look tells; what hangs on it (a type, a script) is the user's to correct.
    const refused = code === "PS_REFUSED" || code === "PS_FORBIDDEN" || code === "PS_NOT_FOUND";
    if (step.do === "resize" && refused)
      return {
        outcome: { kind: "RequeueAfter", reason: REASON.ResizeRefused, message, afterMs: 0 } as const,
        memory: { ...observation.memory, ...refusalOf(observation, message) },
        refused: true as const,
      };
    const wrongState = code === "PS_CONFLICT" || code === "PS_REFUSED";
    if (step.do === "delete" && wrongState && isOn(observation))
      return { outcome: declined, memory: { ...observation.memory, operation: this.#stopFirst() } };
    // A refused power change was not begun: what was written down for it goes.
    if (code === "PS_CONFLICT" || (isPower(step) && (wrongState || code === "PS_NOT_FOUND")))
      return { outcome: declined, memory: observation.memory };
    throw error;
  }

  /** The API wants a machine off before it deletes it: that is written down, and done next. */
  #stopFirst(): Operation {
    const { clock, settings } = this.parts;
    return { ...startOperation(clock.now(), "Delete", settings.deadlines.deleteMs), target: TO_DELETE };
  }

  #withoutRights(error: unknown, observation: MachineObservation) {
    if (!isForbidden(error)) throw error;
    const message = `the operator may not write the Secret with the desktop access: ${error.message}`;
    const recheckMs = this.parts.settings.limits.slowMs;
    const outcome = { kind: "Terminal", reason: REASON.DesktopSecretForbidden, message, recheckMs } as const;
    return { outcome, memory: observation.memory };
  }

  status(
    observation: MachineObservation,
    memory: MachineMemory,
    outcome: ReportedOutcome,
    context: MachineContext,
  ) {
    return machineStatus(observation, memory, outcome, context);
  }

  override events(before: MachineStatus, after: MachineStatus) {
    return machineEventNotes(before, after);
  }

  override fields(step: MachineStep): readonly string[] {
    return namesOf(step) ?? super.fields(step);
  }
}

/** The API refuses a start on a starting machine with an error body (observed-in-the-field.md 1). */
function isPower(step: MachineStep): boolean {
  return ["start", "stop", "restart", "delete"].includes(step.do);
}

function isOn({ resource }: MachineObservation): boolean {
  const power = resource.state === "present" ? powerOf(resource.machine.state) : "off";
  return power === "ready" || power === "serviceready";
}

/** What a step puts back that is no setting, in the words in which a war over it is told. */
function namesOf(step: MachineStep): string[] | undefined {
  switch (step.do) {
    case "assign":
    case "unassign":
      return [`startupScriptId ${step.of}`];
    case "grant":
    case "revoke":
      return [`accessors ${step.of}`];
    case "writeDesktop":
      return ["desktopSecretRef"];
    default:
      return undefined;
  }
}
