/**
 * Turns what is known into views: of the machine itself, of its events, and of what lies around it. It keeps the
 * knowledge of each team and asks for a look where too little is known; it never writes and never decides.
 */
import type { Logger } from "pino";
import type { Clock } from "../../base/clock.ts";
import { untilLook } from "../../reconcile/choice.ts";
import type { Decision, Operation, Subject } from "../../reconcile/kind.ts";
import type { Trouble } from "../../reconcile/outcome.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import { ANNOTATION } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { type Rechecks, troubleOf } from "../failure.ts";
import type { Seen } from "../inventory.ts";
import { type Machine, MachineApi } from "./api.ts";
import { AroundApi } from "./around-api.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { remembered } from "./history.ts";
import { MachineInventory } from "./inventory.ts";
import { eventFact } from "./operation.ts";
import type { Deadlines } from "./steps.ts";
import { Surroundings } from "./surroundings.ts";
import type { PaperspaceMachine } from "./types.ts";
import {
  type Around,
  ASK,
  AWAIT_CAPACITY,
  type EventFact,
  type MachineLimits,
  type MachineMemory,
  type MachineStep,
  type MachineView,
  type Sighting,
  TO_RESIZE,
} from "./view.ts";

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

export interface ObserverParts {
  clock: Clock;
  logger: Logger;
  settings: MachineSettings;
  desktops: DesktopSecrets;
  enqueue(key: string): void;
  /** Whether any object records this machine. */
  isRecorded(id: string): boolean;
}

/** What is known of one team. */
export interface Team {
  inventory: MachineInventory;
  surroundings: Surroundings;
}

/** What a pass waits for must be due when the pass comes, though the look before it took a moment, too. */
const DUE = 0.9;

/** How soon what only the user can mend is looked at again. */
export function rechecksOf({ recheckMs, limits }: MachineSettings): Rechecks {
  return { recheckMs, slowMs: limits.slowMs };
}

export type Machines = Subject<PaperspaceMachine, PaperspaceAccount>;

export class Observer {
  readonly #parts: ObserverParts;
  readonly #teams = new Map<string, Team>();
  /** Values of reconcile-requested-at that were acted on, by key. */
  readonly #asked = new Map<string, string>();

  constructor(parts: ObserverParts) {
    this.#parts = parts;
  }

  view(facts: OwnershipFacts, subject: Machines): MachineView {
    const { clock, settings } = this.#parts;
    const { object, account } = subject;
    const memory = memoryOf(object);
    const asked = object.metadata.annotations?.[ANNOTATION.reconcileRequestedAt];
    const view: MachineView = {
      ...facts,
      spec: object.spec,
      sighting: { state: "unknown" },
      event: { state: "none" },
      history: [],
      memory,
      around: { capacity: {}, troubles: {} },
      leaks: object.status?.leaks ?? [],
      ...(asked !== undefined && { asked }),
      now: clock.now(),
      limits: settings.limits,
    };
    const id = idOf(facts);
    const team = facts.identity.state === "ours" ? facts.identity.record.team : account?.team;
    if (!account || account.team !== team) return view;
    const { inventory, surroundings } = this.team(account);
    if (this.#askedAnew(subject)) {
      surroundings.lookAnew(id);
      if (id !== undefined) inventory.want(id);
    }
    if (id !== undefined) this.#watch(view, id, subject, inventory);
    view.around = this.#around(view, id, subject, account);
    view.leaks = this.#leaks(view, id, subject, inventory);
    return view;
  }

  follow({ key, account, record, object }: Machines, decision: Decision<MachineStep, MachineMemory>): void {
    for (const { inventory } of this.#teams.values()) inventory.events.untrack(key);
    if (!account) return;
    const { inventory, surroundings } = this.team(account);
    const { operation } = decision.memory;
    // What is still under way: after this pass none may come for long, and events would be polled.
    const awaited = operation && operation.intent !== AWAIT_CAPACITY;
    if (awaited && record?.team === account.team) inventory.events.track(key, operation.eventId);
    // A machine that comes up anew may be reached in another way.
    if (awaited && record && operation.intent !== "Delete") surroundings.desktops.drop(record.id);
    // Noted before it is sent, for others are deciding meanwhile.
    if (takesHardware(decision.step)) surroundings.take(key, object.spec.machineType, object.spec.region);
    else if (!awaited) surroundings.release(key);
    const asks = decision.asks ?? [];
    surroundings.ask(key, object.spec, record?.id, asks);
    if (asks.includes(ASK.machines)) inventory.wantAnyList(key);
    if (asks.includes(ASK.desktop)) this.#parts.desktops.ask(key, object);
  }

  team(account: PaperspaceAccount): Team {
    const { clock, logger, settings, enqueue } = this.#parts;
    const { team, api } = account;
    const known = this.#teams.get(team);
    if (known) {
      known.inventory.use(new MachineApi(api));
      known.surroundings.use(new AroundApi(api));
      return known;
    }
    const { resyncMs, recheckMs } = settings;
    const troubled = (error: unknown) => this.#troubled(error);
    const made = {
      inventory: new MachineInventory({ team, clock, logger, settings, enqueue }, new MachineApi(api)),
      surroundings: new Surroundings(
        { team, clock, resyncMs, recheckMs, enqueue, troubled },
        new AroundApi(api),
      ),
    };
    this.#teams.set(team, made);
    return made;
  }

  /** The object is gone from the cluster. */
  forget(key: string): void {
    for (const { inventory, surroundings } of this.#teams.values()) {
      surroundings.release(key);
      const id = inventory.unfollow(key);
      if (id !== undefined) surroundings.forget(id);
    }
    this.#asked.delete(key);
  }

  /** Forgets all that was seen, and stops all timers: others may have written meanwhile. */
  reset(): void {
    for (const { inventory } of this.#teams.values()) inventory.stop();
    this.#teams.clear();
  }

  /** What is known of the machine itself, and of what happens to it. */
  #watch(view: MachineView, id: string, { key, object }: Machines, inventory: MachineInventory): void {
    const shown = object.status?.lastEvents;
    if (inventory.follow(key, id) && shown) inventory.events.seed(remembered(shown, id));
    if (view.memory.operation) view.event = eventOf(inventory, view.memory.operation, inventory.seen(id));
    this.#look(view, inventory, id);
    view.history = inventory.events.of(id);
    const recorded = view.identity.state === "ours";
    if (recorded && !shown && view.history.length === 0)
      inventory.events.recall(id, () => this.#parts.enqueue(key));
  }

  #around(
    view: MachineView,
    id: string | undefined,
    { key, object }: Machines,
    account: PaperspaceAccount,
  ): Around {
    const { inventory, surroundings } = this.team(account);
    const { desktops, clock, settings } = this.#parts;
    const { spec } = object;
    const type = view.sighting.state === "present" ? view.sighting.machine.machineType : undefined;
    const types = type ? [spec.machineType, type] : [spec.machineType];
    const around: Around = surroundings.around(key, spec, id, types);
    const { count, newest } = inventory.lists;
    const most = account.maxMachines;
    // What speaks against a create must be of now; what does not, may be old: the API has the last word.
    const isNew = count !== undefined && (count < most || clock.now() - newest < settings.recheckMs);
    // A quota is a hint like the others: where it cannot be told, the attempt decides.
    const open =
      most === Number.POSITIVE_INFINITY || (count === undefined && inventory.listTrouble !== undefined);
    const machines = open ? { count: 0, most } : isNew ? { count, most } : undefined;
    if (id === undefined || !spec.desktopSecretRef) return { ...around, ...(machines && { machines }) };
    const desktop = desktops.judge(key, object, surroundings.desktops.get(id, key));
    const error = desktops.trouble(object);
    const troubles: Around["troubles"] = error === undefined ? {} : { [ASK.desktop]: this.#troubled(error) };
    return {
      ...around,
      ...(machines && { machines }),
      ...(desktop && { desktop }),
      troubles: { ...around.troubles, ...troubles },
    };
  }

  /** Machines that bear the name of a create that was given up, and that nobody records. */
  #leaks(
    view: MachineView,
    id: string | undefined,
    { object }: Machines,
    { lists }: MachineInventory,
  ): readonly string[] {
    const { abandoned = [] } = object.status ?? {};
    if (abandoned.length === 0 || lists.newest === 0) return view.leaks;
    const named = abandoned.flatMap((name) => lists.named(name, 0));
    return named.filter((other) => other !== id && !this.#parts.isRecorded(other)).sort();
  }

  /** Asks for a look where too little is known, and says what is known. */
  #look(view: MachineView, inventory: MachineInventory, id: string): void {
    const { clock, settings } = this.#parts;
    const seen = inventory.seen(id);
    const trouble = inventory.trouble(id);
    if (trouble !== undefined) {
      view.trouble = this.#troubled(trouble);
      // Nothing is decided before a look succeeds, so that one is needed now, not at the next regular list.
      inventory.want(id);
    }
    if (!seen) {
      inventory.want(id);
      return;
    }
    view.sighting = sightingOf(seen, view, settings.limits.absenceGraceMs);
    if (clock.monotonic() - seen.beganAt >= this.#maxAge(view)) inventory.want(id);
  }

  #troubled(error: unknown): Trouble {
    return troubleOf(error, rechecksOf(this.#parts.settings));
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
    const moving = operation && operation.intent !== AWAIT_CAPACITY;
    return moving ? untilLook(view, operation) * DUE : 2 * settings.resyncMs;
  }

  /** Whether the user asks for a look right now (annotation reconcile-requested-at), told once for each value. */
  #askedAnew({ key, object }: Machines): boolean {
    const asked = object.metadata.annotations?.[ANNOTATION.reconcileRequestedAt];
    if (asked === undefined || asked === this.#asked.get(key)) return false;
    this.#asked.set(key, asked);
    return true;
  }
}

function memoryOf({ status = { observedGeneration: -1 } }: PaperspaceMachine): MachineMemory {
  const { operation, power, resizeRefusal, staticIp, desktopSecret } = status;
  return {
    ...(operation && { operation }),
    ...(power && { power }),
    ...(resizeRefusal && { resizeRefusal }),
    ...(staticIp && { staticIp }),
    ...(desktopSecret && { desktopSecret }),
  };
}

/** What ends with a machine of the declared type being on. */
function takesHardware(step: { do: string; target?: string }): boolean {
  return ["create", "start", "resize"].includes(step.do) || (step.do === "stop" && step.target === TO_RESIZE);
}

function idOf({ identity }: OwnershipFacts): string | undefined {
  if (identity.state === "ours") return identity.record.id;
  return identity.state === "adopt" ? identity.id : undefined;
}

/** After a create the start follows as an event of its own (machines.md section 7): that one tells, once it is there. */
function eventOf(
  { events }: MachineInventory,
  operation: Operation,
  seen: Seen<Machine> | undefined,
): EventFact {
  const { eventId, intent } = operation;
  if (eventId === undefined) return { state: "none" };
  const event = events.get(eventId);
  if (!event) return { state: events.vanished(eventId) ? "vanished" : "pending" };
  const fact = eventFact(event);
  if (fact.state === "done" && seen && seen.beganAt < events.heardAt(eventId)) fact.unseen = true;
  if (intent !== "Create" || fact.state !== "done") return fact;
  const start = events.after(event, "start");
  return start ? eventFact(start) : fact;
}

/** A 404 by id is believed once the deletion that we asked for is over, or after it has lasted for the grace time. */
function sightingOf(seen: Seen<Machine>, { memory, event }: MachineView, graceMs: number): Sighting {
  if (seen.item) return { state: "present", machine: seen.item };
  const over = event.state === "done" || event.state === "vanished";
  const lasted = seen.beganAt - (seen.absentSince ?? seen.beganAt);
  return { state: "absent", certain: (memory.operation?.intent === "Delete" && over) || lasted >= graceMs };
}
