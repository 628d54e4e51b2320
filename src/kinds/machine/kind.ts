/**
 * Fulfils the seam of reconcile/kind.ts with the parts of this room: knowledge comes from the observer, the choices from
 * decide.ts, and steps.ts does them. Here is what a failed write comes to.
 */
import { isForbidden } from "../../kube/errors.ts";
import { toTime } from "../../kube/objects.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { Decision, Failure, Gate, Kind, Operation, Tools } from "../../reconcile/kind.ts";
import type { Telling } from "../../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../../reconcile/ownership.ts";
import type { AttemptName, Sought } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { failureOf } from "../failure.ts";
import { resolveByName } from "../resolution.ts";
import { MachineApi } from "./api.ts";
import { AroundApi } from "./around-api.ts";
import { createBody, createOperation } from "./creation.ts";
import { decide } from "./decide.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { refusalOf } from "./life.ts";
import { type Machines, Observer, type ObserverParts, rechecksOf } from "./observer.ts";
import { powerOf } from "./operation.ts";
import { REASON } from "./reasons.ts";
import { machineNews, machineStatus } from "./status.ts";
import { accepted, perform } from "./steps.ts";
import { type MachineStatus, machineDefinition, type PaperspaceMachine } from "./types.ts";
import { type MachineMemory, type MachineStep, type MachineView, TO_DELETE } from "./view.ts";

export interface MachineParts extends ObserverParts {
  desktops: DesktopSecrets;
}

export class MachineKind
  implements Kind<PaperspaceMachine, PaperspaceAccount, MachineView, MachineStep, MachineMemory>
{
  readonly definition = machineDefinition;
  readonly decide = decide;
  readonly fields = fieldsOf;
  readonly #parts: MachineParts;
  readonly #observer: Observer;

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.#observer = new Observer(parts);
  }

  view(facts: OwnershipFacts, subject: Machines): MachineView {
    return this.#observer.view(facts, subject);
  }

  follow(subject: Machines, decision: Decision<MachineStep, MachineMemory>): void {
    this.#observer.follow(subject, decision);
  }

  resolve({ key, account }: Machines, attempt: Sought): Resolution {
    const { clock, settings } = this.#parts;
    if (!account) return { state: "open", message: "without credentials", lookAfterMs: settings.recheckMs };
    const { settleMs, limits } = settings;
    const { inventory } = this.#observer.team(account);
    return resolveByName(inventory, key, attempt, { settleMs, lookMs: limits.lookMs, now: clock.now() });
  }

  /** The API has no natural key for machines: a name is enough that nobody else has. */
  attemptName(_view: MachineView, _subject: Machines, unique: string): AttemptName {
    return { name: unique };
  }

  expectation(_view: MachineView, { object }: Machines, attempt: Sought): MachineMemory {
    return { operation: createOperation(object, attempt, this.#parts.settings.deadlines.createMs) };
  }

  async create(
    _view: MachineView,
    { key, object, account }: Machines,
    attempt: Sought,
    memory: MachineMemory,
    gate: Gate,
  ) {
    if (!account || !memory.operation) throw new Error("a create needs an account and its expectation");
    const { inventory } = this.#observer.team(account);
    const { spec } = object;
    const answer = await new MachineApi(account.api).create(createBody(spec, attempt.name), { gate });
    const { id } = answer.body.data;
    inventory.follow(key, id);
    inventory.lists.made(id, this.#parts.clock.now());
    const { operation } = memory;
    return { id, ...accepted(answer, { ...memory, operation }, REASON.Creating, { inventory }) };
  }

  async perform(
    step: MachineStep,
    view: MachineView,
    memory: MachineMemory,
    { account, record, object }: Machines,
    tools: Tools<MachineMemory>,
  ) {
    if (!account || !record) throw new Error("a write needs an account and a record");
    const { inventory, surroundings } = this.#observer.team(account);
    const { clock, settings, desktops } = this.#parts;
    const { id } = record;
    try {
      return await perform(step, memory, tools, {
        id,
        object,
        inventory,
        surroundings,
        desktops,
        api: new MachineApi(account.api),
        aroundApi: new AroundApi(account.api),
        now: () => clock.now(),
        deadlines: settings.deadlines,
      });
    } catch (error) {
      // Whatever was said, the machine may not be what we took it for: a wrong state is answered in many ways.
      if (error instanceof PaperspaceError) {
        inventory.want(id);
        if (step.of !== undefined) surroundings.lookAnew(id);
      }
      return this.#refused(error, step, view);
    }
  }

  /** What a write that failed comes to; throws on what is not a matter of this kind. */
  #refused(error: unknown, step: MachineStep, view: MachineView) {
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
    const { clock, settings } = this.#parts;
    const now = clock.now();
    const deadline = toTime(now + settings.deadlines.deleteMs);
    return { intent: "Delete", requestedAt: toTime(now), deadline, target: TO_DELETE };
  }

  #withoutRights(error: unknown, view: MachineView) {
    if (!isForbidden(error)) throw error;
    const message = `the operator may not write the Secret with the desktop access: ${error.message}`;
    const recheckMs = this.#parts.settings.limits.slowMs;
    const outcome = { kind: "Terminal", reason: REASON.DesktopSecretForbidden, message, recheckMs } as const;
    return { outcome, memory: view.memory };
  }

  status(view: MachineView, memory: MachineMemory, outcome: Telling, subject: Machines) {
    return machineStatus(view, memory, outcome, subject);
  }

  news(before: MachineStatus, after: MachineStatus) {
    return machineNews(before, after);
  }

  failure(error: unknown): Failure | undefined {
    return failureOf(error, rechecksOf(this.#parts.settings));
  }

  forget(key: string): void {
    this.#observer.forget(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    this.#observer.reset();
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

/** What a step puts back, in the words in which a war over it is told. */
function fieldsOf(step: MachineStep): string[] {
  switch (step.do) {
    case "update":
    case "resize":
      return step.changes.map(({ field }) => field);
    case "assign":
    case "unassign":
      return [`startupScriptId ${step.of}`];
    case "grant":
    case "revoke":
      return [`accessors ${step.of}`];
    case "writeDesktop":
      return ["desktopSecretRef"];
    default:
      return [];
  }
}
