/**
 * Fulfils the seam of reconcile/kind.ts with the parts of this room: knowledge comes from the observer, the choices from
 * decide.ts, and steps.ts does them. Here is what a failed write comes to.
 */
import { isForbidden } from "../../kube/errors.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { begun } from "../../reconcile/decision.ts";
import type { Decision, Gate, Operation, Performed, Signed, Tools } from "../../reconcile/kind.ts";
import type { Telling } from "../../reconcile/outcome.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import type { Sought } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { PaperspaceKind } from "../paperspace-kind.ts";
import { MachineApi } from "./api.ts";
import { createBody, createOperation } from "./creation.ts";
import { decide } from "./decide.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { refusalOf } from "./in-flight.ts";
import { type MachineMemory, type MachineStep, type MachineView, TO_DELETE } from "./observation.ts";
import { type Machines, Observer, type ObserverParts } from "./observer.ts";
import { powerOf } from "./operation.ts";
import { REASON } from "./reasons.ts";
import { AroundApi } from "./related-api.ts";
import { machineNews, machineStatus } from "./status.ts";
import { accepted, perform } from "./steps.ts";
import { type MachineStatus, machineDefinition, type PaperspaceMachine } from "./types.ts";

export interface MachineParts extends ObserverParts {
  desktops: DesktopSecrets;
}

type SignedMachine = Signed<PaperspaceMachine, PaperspaceAccount>;

export class MachineKind extends PaperspaceKind<
  PaperspaceMachine,
  MachineView,
  MachineStep,
  MachineMemory,
  Observer,
  MachineParts
> {
  readonly definition = machineDefinition;

  constructor(parts: MachineParts) {
    super(parts, new Observer(parts));
  }

  view(facts: OwnershipFacts, subject: Machines): MachineView {
    return this.watch.view(facts, subject);
  }

  decide(view: MachineView) {
    return decide(view);
  }

  override follow(subject: Machines, decision: Decision<MachineStep, MachineMemory>): void {
    this.watch.follow(subject, decision);
  }

  expectation(_view: MachineView, { object }: Machines, attempt: Sought): MachineMemory {
    return { operation: createOperation(object, attempt, this.parts.settings.deadlines.createMs) };
  }

  async create(
    _view: MachineView,
    { key, object, account }: SignedMachine,
    attempt: Sought,
    memory: MachineMemory,
    gate: Gate,
  ) {
    if (!memory.operation) throw new Error("a create needs its expectation");
    const { inventory } = this.watch.at(account);
    const { spec } = object;
    const answer = await new MachineApi(account.api).create(createBody(spec, attempt.name), { gate });
    const { id } = answer.body.data;
    inventory.follow(key, id);
    inventory.lists.made(id, this.parts.clock.now());
    const { operation } = memory;
    return { id, ...accepted(answer, { ...memory, operation }, REASON.Creating, { inventory }) };
  }

  protected async send(
    step: MachineStep,
    _view: MachineView,
    memory: MachineMemory,
    { account, record, object }: SignedMachine,
    tools: Tools<MachineMemory>,
  ) {
    if (!record) throw new Error("a write needs a record");
    const { inventory, surroundings } = this.watch.at(account);
    const { clock, settings, desktops } = this.parts;
    return perform(step, memory, tools, {
      id: record.id,
      object,
      inventory,
      surroundings,
      desktops,
      api: new MachineApi(account.api),
      aroundApi: new AroundApi(account.api),
      now: () => clock.now(),
      deadlines: settings.deadlines,
    });
  }

  protected override refused(
    error: unknown,
    step: MachineStep,
    view: MachineView,
    { account, record }: SignedMachine,
  ): Performed<MachineMemory> {
    if (error instanceof PaperspaceError && step.of !== undefined)
      this.watch.at(account).surroundings.lookAnew(record?.id);
    if (step.do === "writeDesktop" || step.do === "removeDesktop") return this.#withoutRights(error, view);
    if (!(error instanceof PaperspaceError)) throw error;
    const { code, message } = error;
    const declined = { kind: "Retry", reason: REASON.Declined, message } as const;
    // Of a machine that is gone the next look tells; what hangs on it (a type, a script) is the user's to correct.
    const refused = code === "PS_REFUSED" || code === "PS_FORBIDDEN" || code === "PS_NOT_FOUND";
    if (step.do === "resize" && refused)
      return {
        outcome: { kind: "Wait", reason: REASON.ResizeRefused, message, afterMs: 0 } as const,
        memory: { ...view.memory, ...refusalOf(view, message) },
        refused: true as const,
      };
    const wrongState = code === "PS_CONFLICT" || code === "PS_REFUSED";
    if (step.do === "delete" && wrongState && isOn(view))
      return { outcome: declined, memory: { ...view.memory, operation: this.#stopFirst() } };
    // A refused power change was not begun: what was written down for it goes.
    if (code === "PS_CONFLICT" || (isPower(step) && (wrongState || code === "PS_NOT_FOUND")))
      return { outcome: declined, memory: view.memory };
    throw error;
  }

  /** The API wants a machine off before it deletes it: that is written down, and done next. */
  #stopFirst(): Operation {
    const { clock, settings } = this.parts;
    return { ...begun(clock.now(), "Delete", settings.deadlines.deleteMs), target: TO_DELETE };
  }

  #withoutRights(error: unknown, view: MachineView) {
    if (!isForbidden(error)) throw error;
    const message = `the operator may not write the Secret with the desktop access: ${error.message}`;
    const recheckMs = this.parts.settings.limits.slowMs;
    const outcome = { kind: "Terminal", reason: REASON.DesktopSecretForbidden, message, recheckMs } as const;
    return { outcome, memory: view.memory };
  }

  status(view: MachineView, memory: MachineMemory, outcome: Telling, subject: Machines) {
    return machineStatus(view, memory, outcome, subject);
  }

  override news(before: MachineStatus, after: MachineStatus) {
    return machineNews(before, after);
  }

  override fields(step: MachineStep): readonly string[] {
    return namesOf(step) ?? super.fields(step);
  }
}

/** The API refuses a start on a starting machine with an error body (observed-in-the-field.md 1). */
function isPower(step: MachineStep): boolean {
  return ["start", "stop", "restart", "delete"].includes(step.do);
}

function isOn({ sighting }: MachineView): boolean {
  const power = sighting.state === "present" ? powerOf(sighting.machine.state) : "off";
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
