/**
 * Turns what is known into views: of the machine itself, of its events, and of what lies around it. It asks for a look
 * where too little is known; it never writes and never decides.
 */
import type { PaperspaceApi } from "../../paperspace/transport.ts";
import { idOf } from "../../reconcile/identity.ts";
import type { Decision, Operation, Subject } from "../../reconcile/kind.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import { ANNOTATION } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { troubleOf } from "../failure.ts";
import type { Seen } from "../inventory.ts";
import { Known, Watch, type WatchParts, type WatchSettings } from "../observer.ts";
import { type Machine, MachineApi } from "./api.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { remembered } from "./history.ts";
import { MachineInventory } from "./inventory.ts";
import {
  type Around,
  ASK,
  AWAIT_CAPACITY,
  type EventFact,
  type MachineLimits,
  type MachineMemory,
  type MachineStep,
  type MachineView,
  TO_RESIZE,
} from "./observation.ts";
import { eventFact } from "./operation.ts";
import { Surroundings } from "./related.ts";
import { AroundApi } from "./related-api.ts";
import type { Deadlines } from "./steps.ts";
import type { PaperspaceMachine } from "./types.ts";

/** All in milliseconds. */
export interface MachineSettings extends WatchSettings {
  eventPollMs: number;
  limits: MachineLimits;
  deadlines: Deadlines;
}

export interface ObserverParts extends WatchParts {
  settings: MachineSettings;
  desktops: DesktopSecrets;
  /** Whether any object records this machine. */
  isRecorded(id: string): boolean;
}

/** What is known of one team. */
class Team extends Known<Machine, MachineInventory> {
  readonly surroundings: Surroundings;

  constructor({ team, api }: PaperspaceAccount, { clock, logger, settings, enqueue }: ObserverParts) {
    super(
      new MachineInventory({ team, clock, logger, settings, enqueue }, new MachineApi(api)),
      (newest) => new MachineApi(newest),
    );
    const { resyncMs, rechecks } = settings;
    const troubled = (error: unknown) => troubleOf(error, rechecks);
    this.surroundings = new Surroundings(
      { team, clock, resyncMs, recheckMs: rechecks.recheckMs, enqueue, troubled },
      new AroundApi(api),
    );
  }

  override use(api: PaperspaceApi): void {
    super.use(api);
    this.surroundings.use(new AroundApi(api));
  }

  override forget(key: string): void {
    this.surroundings.release(key);
    const id = this.inventory.unfollow(key);
    if (id !== undefined) this.surroundings.forget(id);
  }
}

export type Machines = Subject<PaperspaceMachine, PaperspaceAccount>;

export class Observer extends Watch<PaperspaceMachine, MachineView, Team> {
  readonly #parts: ObserverParts;

  constructor(parts: ObserverParts) {
    super(parts, (account) => new Team(account, parts));
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
    const team = this.knownFor(facts, subject);
    if (!account || !team) return view;
    const id = idOf(facts.identity);
    if (id !== undefined) this.#watch(view, id, subject, team);
    view.around = this.#around(view, id, subject, account);
    view.leaks = this.#leaks(view, id, subject, team.inventory);
    return view;
  }

  follow({ key, account, record, object }: Machines, decision: Decision<MachineStep, MachineMemory>): void {
    for (const { inventory } of this.all()) inventory.events.untrack(key);
    if (!account) return;
    const { inventory, surroundings } = this.at(account);
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

  protected override lookAnew(team: Team, id: string | undefined, subject: Machines): void {
    team.surroundings.lookAnew(id);
    super.lookAnew(team, id, subject);
  }

  /** What is known of the machine itself, and of what happens to it. */
  #watch(view: MachineView, id: string, { key, object }: Machines, team: Team): void {
    const { inventory } = team;
    const shown = object.status?.lastEvents;
    if (inventory.follow(key, id) && shown) inventory.events.seed(remembered(shown, id));
    if (view.memory.operation) view.event = eventOf(inventory, view.memory.operation, inventory.seen(id));
    const sighting = this.look(view, key, team);
    view.sighting = sighting.state === "present" ? { state: "present", machine: sighting.item } : sighting;
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
    const { inventory, surroundings } = this.at(account);
    const { desktops, clock, settings } = this.#parts;
    const { spec } = object;
    const type = view.sighting.state === "present" ? view.sighting.machine.machineType : undefined;
    const types = type ? [spec.machineType, type] : [spec.machineType];
    const around: Around = surroundings.around(key, spec, id, types);
    const { count, newest } = inventory.lists;
    const most = account.maxMachines;
    // What speaks against a create must be of now; what does not, may be old: the API has the last word.
    const isNew = count !== undefined && (count < most || clock.now() - newest < settings.rechecks.recheckMs);
    // A quota is a hint like the others: where it cannot be told, the attempt decides.
    const open =
      most === Number.POSITIVE_INFINITY || (count === undefined && inventory.listTrouble !== undefined);
    const machines = open ? { count: 0, most } : isNew ? { count, most } : undefined;
    if (id === undefined || !spec.desktopSecretRef) return { ...around, ...(machines && { machines }) };
    const desktop = desktops.judge(key, object, surroundings.desktops.get(id, key));
    const error = desktops.trouble(object);
    const troubles: Around["troubles"] =
      error === undefined ? {} : { [ASK.desktop]: troubleOf(error, settings.rechecks) };
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

  protected override maxAgeMs(view: MachineView): number {
    const { resyncMs, limits } = this.#parts.settings;
    const { operation } = view.memory;
    // News comes as events then; now and then the state is read all the same, should events be lost.
    if (operation && view.event.state === "pending") return Math.max(limits.resendMs, limits.lookMs);
    return operation?.intent === AWAIT_CAPACITY ? 2 * resyncMs : super.maxAgeMs(view);
  }

  /** Once the deletion that we asked for is over. */
  protected override isEnd(view: MachineView): boolean {
    return super.isEnd(view) && (view.event.state === "done" || view.event.state === "vanished");
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
