/**
 * Fulfils the seam of reconcile/kind.ts with the parts of this room. It keeps one inventory a team and turns its
 * knowledge into views; the choices are in decide.ts, what they do is in steps.ts.
 */
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { millis } from "../../reconcile/conditions.ts";
import { Contention } from "../../reconcile/contention.ts";
import type { Failure, Gate, Kind, Operation, Subject, Tools } from "../../reconcile/kind.ts";
import type { Outcome, Telling } from "../../reconcile/outcome.ts";
import type { OwnershipFacts, Resolution } from "../../reconcile/ownership.ts";
import { ANNOTATION } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { failureOf } from "../failure.ts";
import { type Machine, MachineApi } from "./api.ts";
import {
  decide,
  type MachineLimits,
  type MachineMemory,
  type MachineStep,
  type MachineView,
  type Sighting,
  untilLook,
} from "./decide.ts";
import { MachineInventory } from "./inventory.ts";
import { type EventFact, eventFact } from "./operation.ts";
import { REASON } from "./reasons.ts";
import { machineStatus } from "./status.ts";
import { accepted, createBody, createOperation, type Deadlines, perform } from "./steps.ts";
import { machineDefinition, type PaperspaceMachine } from "./types.ts";

/** All in milliseconds. */
export interface MachineSettings {
  resyncMs: number;
  eventPollMs: number;
  gatherMs: number;
  recheckMs: number;
  /** From an attempt's time on, when it can surely have no effect any more. */
  settleMs: number;
  limits: MachineLimits;
  deadlines: Deadlines;
}

export interface MachineParts {
  clock: Clock;
  logger: Logger;
  settings: MachineSettings;
  enqueue(key: string): void;
}

/** What a pass waits for must be due when the pass comes, though the look before it took a moment, too. */
const DUE = 0.9;

type Machines = Subject<PaperspaceMachine, PaperspaceAccount>;

export class MachineKind
  implements Kind<PaperspaceMachine, PaperspaceAccount, MachineView, MachineStep, MachineMemory>
{
  readonly definition = machineDefinition;
  readonly decide = decide;
  readonly #parts: MachineParts;
  readonly #inventories = new Map<string, MachineInventory>();
  readonly #contention: Contention;
  /** Values of reconcile-requested-at that were acted on, by key. */
  readonly #asked = new Map<string, string>();

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.#contention = new Contention(parts.clock);
  }

  view(facts: OwnershipFacts, subject: Machines): MachineView {
    const { clock, settings } = this.#parts;
    const { object } = subject;
    const memory = memoryOf(object);
    const view: MachineView = {
      ...facts,
      spec: object.spec,
      sighting: { state: "unknown" },
      event: { state: "none" },
      memory,
      now: clock.now(),
      limits: settings.limits,
    };
    const id = idOf(facts);
    const team = facts.identity.state === "ours" ? facts.identity.record.team : subject.account?.team;
    if (id === undefined || !subject.account || subject.account.team !== team) {
      this.#untrack(subject.key);
      return view;
    }
    const inventory = this.#inventory(subject.account);
    inventory.follow(subject.key, id);
    if (this.#askedAnew(subject)) inventory.want(id);
    if (memory.operation) view.event = eventOf(inventory, memory.operation);
    this.#look(view, inventory, id);
    // The decision says what is still under way: after this pass none may come for long, and events would be polled.
    const { operation } = decide(view).memory;
    if (operation) inventory.events.track(subject.key, operation.eventId);
    else this.#untrack(subject.key);
    return view;
  }

  resolve({ key, account }: Machines, attempt: { name: string; time: string }): Resolution {
    const { clock, settings } = this.#parts;
    if (!account) return { state: "open", message: "without credentials", lookAfterMs: settings.recheckMs };
    const inventory = this.#inventory(account);
    const { lists } = inventory;
    const sent = millis(attempt.time) ?? 0;
    const ids = lists.named(attempt.name, sent);
    if (ids.length > 0) return { state: "found", ids };
    const settled = sent + settings.settleMs;
    if (lists.lacking(attempt.name, settled) >= 2) return { state: "surelyNone" };
    const left = Math.max(0, settled - clock.now());
    const pace = Math.min(Math.max(settings.limits.lookMs, left / 4), left || settings.limits.lookMs);
    // Each list queues the key again, so that without a pace the account would be listed without a pause.
    const due = lists.newest < sent ? 0 : Math.min(pace, lists.newest + pace - clock.now());
    if (due <= 0) inventory.wantList(key);
    const message = `the outcome of the create of "${attempt.name}" is not known yet; the account is searched for it until it is sure`;
    return { state: "open", message, lookAfterMs: due > 0 ? due : pace };
  }

  expectation(object: PaperspaceMachine, attempt: { name: string; time: string }): MachineMemory {
    return { operation: createOperation(object, attempt, this.#parts.settings.deadlines.createMs) };
  }

  async create(
    { key, object, account }: Machines,
    attempt: { name: string },
    memory: MachineMemory,
    gate: Gate,
  ) {
    if (!account || !memory.operation) throw new Error("a create needs an account and its expectation");
    const inventory = this.#inventory(account);
    const answer = await new MachineApi(account.api).create(createBody(object.spec, attempt.name), { gate });
    const { id } = answer.body.data;
    inventory.follow(key, id);
    const { operation } = memory;
    return { id, ...accepted(answer, { ...memory, operation }, REASON.Creating, { inventory }) };
  }

  async perform(
    step: MachineStep,
    view: MachineView,
    memory: MachineMemory,
    { key, account, record }: Machines,
    tools: Tools<MachineMemory>,
  ) {
    if (!account || !record) throw new Error("a write needs an account and a record");
    const inventory = this.#inventory(account);
    const { clock, settings } = this.#parts;
    const { id } = record;
    const fields = step.do === "update" ? step.changes.map(({ field }) => field) : [];
    const contested = this.#contention.contested(key, fields);
    if (contested.length > 0) return { outcome: this.#contended(contested), memory };
    try {
      const performed = await perform(step, memory, tools, {
        id,
        inventory,
        api: new MachineApi(account.api),
        now: () => clock.now(),
        deadlines: settings.deadlines,
      });
      this.#contention.note(key, fields);
      return performed;
    } catch (error) {
      if (!(error instanceof PaperspaceError)) throw error;
      // Whatever was said, the machine may not be what we took it for: a wrong state is answered in many ways.
      inventory.want(id);
      if (error.code !== "PS_CONFLICT" && error.code !== "PS_NOT_FOUND" && !refusedPower(error, step))
        throw error;
      const outcome = { kind: "Retry", reason: REASON.Declined, message: error.message } as const;
      // A refused power change was not begun: what was written down for it goes.
      return { outcome, memory: view.memory };
    }
  }

  status(view: MachineView, memory: MachineMemory, outcome: Telling, subject: Machines) {
    return machineStatus(view, memory, outcome, subject);
  }

  failure(error: unknown): Failure | undefined {
    return failureOf(error, this.#rechecks());
  }

  forget(key: string): void {
    for (const inventory of this.#inventories.values()) inventory.unfollow(key);
    this.#contention.forget(key);
    this.#asked.delete(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    for (const inventory of this.#inventories.values()) inventory.stop();
    this.#inventories.clear();
  }

  /** Asks for a look where too little is known, and says what is known. */
  #look(view: MachineView, inventory: MachineInventory, id: string): void {
    const { clock, settings } = this.#parts;
    const seen = inventory.seen(id);
    const trouble = inventory.trouble(id);
    if (trouble !== undefined) view.trouble = this.#troubled(trouble);
    if (!seen) {
      inventory.want(id);
      return;
    }
    view.sighting = sightingOf(seen, view, settings.limits.absenceGraceMs);
    if (clock.monotonic() - seen.beganAt >= this.#maxAge(view)) inventory.want(id);
  }

  /**
   * Always a reason to look again, never a verdict: the reads of a team go by any of its keys, so a refused one says
   * nothing of this object's own.
   */
  #troubled(error: unknown): Extract<Outcome, { kind: "Retry" }> {
    const outcome = failureOf(error, this.#rechecks())?.outcome;
    if (outcome?.kind === "Retry") return outcome;
    const message = error instanceof Error ? error.message : String(error);
    return { kind: "Retry", reason: REASON.ApiUnavailable, message };
  }

  /** How old the knowledge of a machine may be before it is looked at again. */
  #maxAge(view: MachineView): number {
    const { settings } = this.#parts;
    const { operation } = view.memory;
    if (view.sighting.state === "absent")
      return view.sighting.certain ? settings.resyncMs : settings.limits.lookMs;
    // News comes as events then; now and then the state is read all the same, should events be lost.
    if (operation && view.event.state === "pending")
      return Math.max(settings.limits.resendMs, settings.limits.lookMs);
    return operation ? untilLook(view, operation) * DUE : 2 * settings.resyncMs;
  }

  /** Whether the user asks for a look right now (annotation reconcile-requested-at), told once for each value. */
  #askedAnew({ key, object }: Machines): boolean {
    const asked = object.metadata.annotations?.[ANNOTATION.reconcileRequestedAt];
    if (asked === undefined || asked === this.#asked.get(key)) return false;
    this.#asked.set(key, asked);
    return true;
  }

  #contended(fields: readonly string[]): Outcome {
    const message = `somebody keeps changing ${fields.join(", ")} back: five times within ten minutes. Take the field out of the spec, or stop the other side; tried again slowly`;
    return {
      kind: "Terminal",
      reason: REASON.Contended,
      message,
      recheckMs: this.#parts.settings.limits.slowMs,
    };
  }

  #rechecks() {
    const { recheckMs, limits } = this.#parts.settings;
    return { recheckMs, slowMs: limits.slowMs };
  }

  #untrack(key: string): void {
    for (const inventory of this.#inventories.values()) inventory.events.untrack(key);
  }

  #inventory(account: PaperspaceAccount): MachineInventory {
    const { clock, logger, settings, enqueue } = this.#parts;
    const api = new MachineApi(account.api);
    const known = this.#inventories.get(account.team);
    if (known) {
      known.use(api);
      return known;
    }
    const inventory = new MachineInventory({ team: account.team, clock, logger, settings, enqueue }, api);
    this.#inventories.set(account.team, inventory);
    return inventory;
  }
}

/** The API refuses a start on a starting machine with an error body (observed-in-the-field.md 1). */
function refusedPower(error: PaperspaceError, step: MachineStep): boolean {
  return error.code === "PS_REFUSED" && (step.do === "start" || step.do === "stop" || step.do === "delete");
}

function memoryOf({ status }: PaperspaceMachine): MachineMemory {
  return {
    ...(status?.operation && { operation: status.operation }),
    ...(status?.power && { power: status.power }),
  };
}

function idOf({ identity }: OwnershipFacts): string | undefined {
  if (identity.state === "ours") return identity.record.id;
  return identity.state === "adopt" ? identity.id : undefined;
}

/** After a create the start follows as an event of its own (machines.md section 7): that one tells, once it is there. */
function eventOf({ events }: MachineInventory, operation: Operation): EventFact {
  const { eventId, intent } = operation;
  if (eventId === undefined) return { state: "none" };
  const event = events.get(eventId);
  if (!event) return { state: events.vanished(eventId) ? "vanished" : "pending" };
  const fact = eventFact(event);
  if (intent !== "Create" || fact.state !== "done") return fact;
  const start = events.after(event, "start");
  return start ? eventFact(start) : fact;
}

/** A 404 by id is believed once the deletion that we asked for is over, or after it has lasted for the grace time. */
function sightingOf(
  seen: { machine?: Machine; beganAt: number; absentSince?: number },
  { memory, event }: MachineView,
  graceMs: number,
): Sighting {
  if (seen.machine) return { state: "present", machine: seen.machine };
  const over = event.state === "done" || event.state === "vanished";
  const lasted = seen.beganAt - (seen.absentSince ?? seen.beganAt);
  return { state: "absent", certain: (memory.operation?.intent === "Delete" && over) || lasted >= graceMs };
}
