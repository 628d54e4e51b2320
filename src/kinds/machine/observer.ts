/**
 * Turns what is known into views: of the machine itself, of its events, and of what lies around it. It asks for a look
 * where too little is known; it never writes and never decides.
 */
import type { PaperspaceApi } from "../../paperspace/transport.ts";
import type { Decision } from "../../reconcile/decision.ts";
import { idOf } from "../../reconcile/identity.ts";
import type { ReconcileContext } from "../../reconcile/kind.ts";
import type { Operation } from "../../reconcile/managed.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import { ANNOTATION } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import { readErrorOf } from "../failure.ts";
import type { CachedItem } from "../inventory.ts";
import {
  AccountCache,
  CloudObserver,
  type CloudObserverOptions,
  type ObserverSettings,
} from "../observer.ts";
import { type Machine, MachineApi } from "./api.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { remembered } from "./history.ts";
import { MachineInventory } from "./inventory.ts";
import {
  AWAIT_CAPACITY,
  type EventFact,
  FACT,
  type MachineLimits,
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  type Related,
  TO_RESIZE,
} from "./observation.ts";
import { eventFact } from "./operation.ts";
import { RelatedFacts } from "./related.ts";
import { RelatedApi } from "./related-api.ts";
import type { Deadlines } from "./steps.ts";
import type { PaperspaceMachine } from "./types.ts";

/** All in milliseconds. */
export interface MachineKindSettings extends ObserverSettings {
  eventPollMs: number;
  limits: MachineLimits;
  deadlines: Deadlines;
}

export interface MachineObserverOptions extends CloudObserverOptions {
  settings: MachineKindSettings;
  desktops: DesktopSecrets;
  /** Whether any object records this machine. */
  isRecorded(id: string): boolean;
}

/** What is known of one team. */
class TeamCache extends AccountCache<Machine, MachineInventory> {
  readonly relatedFacts: RelatedFacts;

  constructor(
    { team, api }: PaperspaceAccount,
    { clock, logger, settings, enqueue }: MachineObserverOptions,
  ) {
    super(
      new MachineInventory({ team, clock, logger, settings, enqueue }, new MachineApi(api)),
      (newest) => new MachineApi(newest),
    );
    const { resyncMs, rechecks } = settings;
    this.relatedFacts = new RelatedFacts(
      {
        team,
        clock,
        resyncMs,
        recheckMs: rechecks.recheckMs,
        enqueue,
        readErrorOf: (error) => readErrorOf(error, rechecks),
      },
      new RelatedApi(api),
    );
  }

  override use(api: PaperspaceApi): void {
    super.use(api);
    this.relatedFacts.use(new RelatedApi(api));
  }

  override forget(key: string): void {
    this.relatedFacts.release(key);
    const id = this.inventory.unsubscribe(key);
    if (id !== undefined) this.relatedFacts.forget(id);
  }
}

export type MachineContext = ReconcileContext<PaperspaceMachine, PaperspaceAccount>;

export class MachineObserver extends CloudObserver<PaperspaceMachine, MachineObservation, TeamCache> {
  readonly #parts: MachineObserverOptions;

  constructor(parts: MachineObserverOptions) {
    super(parts, (account) => new TeamCache(account, parts));
    this.#parts = parts;
  }

  observe(facts: OwnershipFacts, context: MachineContext): MachineObservation {
    const { clock, settings } = this.#parts;
    const { object, account } = context;
    const memory = memoryOf(object);
    const asked = object.metadata.annotations?.[ANNOTATION.reconcileRequestedAt];
    const observation: MachineObservation = {
      ...facts,
      spec: object.spec,
      resource: { state: "unknown" },
      event: { state: "none" },
      history: [],
      memory,
      related: { capacity: {}, readErrors: {} },
      leaks: object.status?.leaks ?? [],
      ...(asked !== undefined && { asked }),
      now: clock.now(),
      limits: settings.limits,
    };
    const team = this.cacheFor(facts, context);
    if (!account || !team) return observation;
    const id = idOf(facts.identity);
    if (id !== undefined) this.#watch(observation, id, context, team);
    observation.related = this.#related(observation, id, context, account);
    observation.leaks = this.#leaks(observation, id, context, team.inventory);
    return observation;
  }

  override track(
    { key, account, record, object }: MachineContext,
    _observation: MachineObservation,
    decision: Decision<MachineStep, MachineMemory>,
  ): void {
    for (const { inventory } of this.all()) inventory.events.untrack(key);
    if (!account) return;
    const { inventory, relatedFacts } = this.at(account);
    const { operation } = decision.memory;
    // What is still under way: after this pass none may come for long, and events would be polled.
    const awaited = operation && operation.intent !== AWAIT_CAPACITY;
    if (awaited && record?.team === account.team) inventory.events.track(key, operation.eventId);
    // A machine that comes up anew may be reached in another way.
    if (awaited && record && operation.intent !== "Delete") relatedFacts.desktops.invalidate(record.id);
    // Noted before it is sent, for others are deciding meanwhile.
    if (takesHardware(decision.step)) relatedFacts.take(key, object.spec.machineType, object.spec.region);
    else if (!awaited) relatedFacts.release(key);
    const needs = decision.needs ?? [];
    relatedFacts.ask(key, object.spec, record?.id, needs);
    if (needs.includes(FACT.machines)) inventory.refreshAnyList(key);
    if (needs.includes(FACT.desktop)) this.#parts.desktops.ask(key, object);
  }

  protected override invalidate(team: TeamCache, id: string | undefined, context: MachineContext): void {
    team.relatedFacts.lookAnew(id);
    super.invalidate(team, id, context);
  }

  /** What is known of the machine itself, and of what happens to it. */
  #watch(
    observation: MachineObservation,
    id: string,
    { key, object }: MachineContext,
    team: TeamCache,
  ): void {
    const { inventory } = team;
    const shown = object.status?.lastEvents;
    if (inventory.subscribe(key, id) && shown) inventory.events.seed(remembered(shown, id));
    if (observation.memory.operation)
      observation.event = eventOf(inventory, observation.memory.operation, inventory.get(id));
    const resource = this.locate(observation, key, team);
    observation.resource =
      resource.state === "present" ? { state: "present", machine: resource.item } : resource;
    observation.history = inventory.events.of(id);
    const recorded = observation.identity.state === "ours";
    if (recorded && !shown && observation.history.length === 0)
      inventory.events.recall(id, () => this.#parts.enqueue(key));
  }

  #related(
    observation: MachineObservation,
    id: string | undefined,
    { key, object }: MachineContext,
    account: PaperspaceAccount,
  ): Related {
    const { inventory, relatedFacts } = this.at(account);
    const { desktops, clock, settings } = this.#parts;
    const { spec } = object;
    const type =
      observation.resource.state === "present" ? observation.resource.machine.machineType : undefined;
    const types = type ? [spec.machineType, type] : [spec.machineType];
    const related: Related = relatedFacts.related(key, spec, id, types);
    const { count, newest } = inventory.lists;
    const most = account.maxMachines;
    // What speaks against a create must be of now; what does not, may be old: the API has the last word.
    const isNew = count !== undefined && (count < most || clock.now() - newest < settings.rechecks.recheckMs);
    // A quota is a hint like the others: where it cannot be told, the attempt decides.
    const open =
      most === Number.POSITIVE_INFINITY || (count === undefined && inventory.listError !== undefined);
    const machines = open ? { count: 0, most } : isNew ? { count, most } : undefined;
    if (id === undefined || !spec.desktopSecretRef) return { ...related, ...(machines && { machines }) };
    const desktop = desktops.judge(key, object, relatedFacts.desktops.get(id, key));
    const error = desktops.readError(object);
    const readErrors: Related["readErrors"] =
      error === undefined ? {} : { [FACT.desktop]: readErrorOf(error, settings.rechecks) };
    return {
      ...related,
      ...(machines && { machines }),
      ...(desktop && { desktop }),
      readErrors: { ...related.readErrors, ...readErrors },
    };
  }

  /** Machines that bear the name of a create that was given up, and that nobody records. */
  #leaks(
    observation: MachineObservation,
    id: string | undefined,
    { object }: MachineContext,
    { lists }: MachineInventory,
  ): readonly string[] {
    const { abandoned = [] } = object.status ?? {};
    if (abandoned.length === 0 || lists.newest === 0) return observation.leaks;
    const named = abandoned.flatMap((name) => lists.named(name, 0));
    return named.filter((other) => other !== id && !this.#parts.isRecorded(other)).sort();
  }

  protected override maxAgeMs(observation: MachineObservation): number {
    const { resyncMs, limits } = this.#parts.settings;
    const { operation } = observation.memory;
    // News comes as events then; now and then the state is read all the same, should events be lost.
    if (operation && observation.event.state === "pending") return Math.max(limits.resendMs, limits.lookMs);
    return operation?.intent === AWAIT_CAPACITY ? 2 * resyncMs : super.maxAgeMs(observation);
  }

  /** Once the deletion that we asked for is over. */
  protected override isEnd(observation: MachineObservation): boolean {
    return (
      super.isEnd(observation) &&
      (observation.event.state === "done" || observation.event.state === "vanished")
    );
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
  seen: CachedItem<Machine> | undefined,
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
