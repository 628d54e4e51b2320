/**
 * Observes a machine from the caches: the machine itself, its events, and the facts around it; and begins the reads that
 * its decision needs. It never writes and never decides.
 */
import { splitKey } from "../../kube/objects.ts";
import { type Decision, isLate, operationAge, untilLook } from "../../reconcile/decision.ts";
import { idOf } from "../../reconcile/identity.ts";
import type { ReconcileContext } from "../../reconcile/kind.ts";
import { type Operation, stepName } from "../../reconcile/managed.ts";
import type { CacheSizes } from "../../reconcile/metrics.ts";
import type { OwnershipFacts } from "../../reconcile/ownership.ts";
import { reconcileRequest } from "../../reconcile/record.ts";
import type { Contradiction } from "../absence.ts";
import type { PaperspaceAccount } from "../account.ts";
import { AccountCache } from "../account-caches.ts";
import type { RateReading } from "../cost-meter.ts";
import { readErrorOf } from "../failure.ts";
import { CloudObserver, type CloudObserverOptions, type ObserverSettings, sum } from "../observer.ts";
import type { CachedItem } from "../source.ts";
import { type Machine, MachineApi } from "./api.ts";
import { contraryEvent } from "./contrary-events.ts";
import { CostLooks } from "./cost/looks.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { remembered } from "./history.ts";
import { MachineInventory } from "./inventory.ts";
import { memoryOf } from "./memory.ts";
import {
  AWAIT_CAPACITY,
  type EventFact,
  type MachineLimits,
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  TO_RESIZE,
} from "./observation.ts";
import { eventFact } from "./operation.ts";
import { candidatesOf, type Place, placedSpec } from "./placement/candidates.ts";
import type { PriceList } from "./placement/price-list.ts";
import type { PriorityBounds } from "./placement/queue.ts";
import { cameUp, failuresOf } from "./placement/scarcity.ts";
import { isUnclear } from "./placement/shell.ts";
import { isWaiting, placesToWaitFor, recallStored, waiterOf } from "./placement/waiting.ts";
import { isTimed, isUndated, withPower } from "./power/observed.ts";
import { type MachineSubject, RelatedFacts } from "./related.ts";
import { RelatedApi } from "./related-api.ts";
import { SnapshotAges } from "./snapshot-ages.ts";
import type { Deadlines } from "./steps.ts";
import type { PaperspaceMachine } from "./types.ts";

/** All in milliseconds. */
export interface MachineKindSettings extends ObserverSettings {
  eventPollMs: number;
  /** By namespace: the highest priority that counts between namespaces. */
  capacityPriorities: PriorityBounds;
  rates: RateReading;
  limits: MachineLimits;
  deadlines: Deadlines;
}

export interface MachineObserverOptions extends CloudObserverOptions {
  settings: MachineKindSettings;
  desktops: DesktopSecrets;
  /** Undefined where the operator was given none. */
  priceList?: PriceList | undefined;
  /** Wall time of the end of the term before this one, as far as it is known. */
  formerTermEnd(): number | undefined;
  /** Whether any object records this machine. */
  isRecorded(id: string): boolean;
  /** All objects of the kind: what the team knows of scarce hardware is in their status. */
  objects(): readonly PaperspaceMachine[];
  /** Takes each complete list of a team's machines. */
  reviewList(team: string, items: readonly { id: string; name: string }[]): void;
}

/** From so many times the usual duration on a create counts as slow, and never before so many milliseconds. */
const SLOW_CREATE = 1.5;
const SLOW_CREATE_MS = 10_000;
const MINUTE_MS = 60_000;

/** The caches of one team. */
class TeamCache extends AccountCache<Machine, MachineInventory> {
  readonly relatedFacts: RelatedFacts;

  constructor(
    { team, api, permits }: PaperspaceAccount,
    { clock, logger, settings, enqueue, desktops, reviewList, objects, priceList }: MachineObserverOptions,
  ) {
    super(
      new MachineInventory(
        {
          team,
          clock,
          logger,
          settings,
          enqueue,
          isBusy: () => permits.isBusy,
          listed: (machines) => {
            reviewList(team, machines);
            this.relatedFacts.endRates();
          },
          paged: (machines) => this.relatedFacts.noteRates(machines),
        },
        new MachineApi(api),
      ),
      (newest) => new MachineApi(newest),
    );
    const { resyncMs, settleMs, rechecks } = settings;
    this.relatedFacts = new RelatedFacts(
      {
        team,
        clock,
        resyncMs,
        recheckMs: rechecks.recheckMs,
        priorities: settings.capacityPriorities,
        priceList,
        settleMs,
        inventory: this.inventory,
        eventsOf: (id, group) => this.inventory.eventsOf(id, group),
        desktops,
        enqueue,
        readErrorOf: (error) => readErrorOf(error, rechecks),
      },
      new RelatedApi(api),
    );
    recallStored(objects(), team, clock.now(), this.relatedFacts);
  }

  override use(account: PaperspaceAccount): void {
    super.use(account);
    this.relatedFacts.use(new RelatedApi(account.api));
    this.relatedFacts.noteQuota(account.quota);
  }

  override forget(key: string): void {
    this.relatedFacts.leave(key);
    const id = this.inventory.unsubscribe(key);
    if (id !== undefined) this.relatedFacts.forget(id);
  }
}

export type MachineContext = ReconcileContext<PaperspaceMachine, PaperspaceAccount>;

export class MachineObserver extends CloudObserver<PaperspaceMachine, MachineObservation, TeamCache> {
  readonly #parts: MachineObserverOptions;
  readonly #snapshots: SnapshotAges;
  readonly #looks: CostLooks;

  constructor(parts: MachineObserverOptions) {
    super(parts, (account) => new TeamCache(account, parts));
    this.#parts = parts;
    this.#snapshots = new SnapshotAges(parts.clock, parts.settings.settleMs);
    this.#looks = new CostLooks(parts);
  }

  observe(facts: OwnershipFacts, context: MachineContext): MachineObservation {
    const { clock, settings } = this.#parts;
    const { object, account } = context;
    const memory = memoryOf(object);
    const asked = reconcileRequest(object.metadata);
    const observation: MachineObservation = {
      ...facts,
      spec: placedSpec(object.spec, memory.placement?.chosen),
      resource: { state: "unknown" },
      event: { state: "none" },
      history: [],
      memory,
      related: { capacity: {}, readErrors: {} },
      leaks: object.status?.leaks ?? [],
      ...(asked !== undefined && { asked }),
      generation: object.metadata.generation ?? 0,
      now: clock.now(),
      limits: settings.limits,
    };
    const { annotations } = object.metadata;
    const sources = { annotations, ownedSince: object.status?.ownedSince };
    const team = this.cacheFor(facts, context);
    if (!account || !team) return withPower(observation, sources);
    const { inventory, relatedFacts } = team;
    const id = idOf(facts.identity);
    if (id !== undefined) {
      const { operation } = memory;
      if (operation) observation.event = eventOf(inventory, operation, inventory.get(id));
      const resource = this.locate(observation, context, team);
      observation.resource =
        resource.state === "present" ? { state: "present", machine: resource.item } : resource;
      observation.history = inventory.events.of(id);
      if (resource.state === "present")
        observation.spec = placedSpec(object.spec, memory.placement?.chosen, resource.item);
    }
    observation.related = relatedFacts.related(subjectOf(observation, context));
    observation.snapshotSettled = this.#snapshots.isSettled(context.key, observation);
    observation.leaks = this.#leaks(observation, id, context, inventory);
    observation.cost = this.#looks.facts(observation, context, inventory);
    return withPower(observation, sources);
  }

  override track(
    context: MachineContext,
    observation: MachineObservation,
    decision: Decision<MachineStep, MachineMemory>,
  ): void {
    const { key, account, record } = context;
    const team = this.cacheFor(observation, context);
    for (const other of this.all()) {
      other.inventory.events.untrack(key);
      if (team !== other) other.inventory.creates.untrack(key);
      if (team && other !== team) other.relatedFacts.leave(key);
    }
    if (!account || !team) return;
    const { inventory, relatedFacts } = team;
    const { operation } = decision.memory;
    const awaited = operation && operation.intent !== AWAIT_CAPACITY ? operation : undefined;
    // A machine that starts again may be reached in another way.
    if (awaited && record && awaited.intent !== "Delete") relatedFacts.forgetDesktop(record.id);
    this.#recall(context, observation, inventory);
    const { resource, identity } = observation;
    // Only its events can still show that it is alive.
    if (identity.state === "ours" && resource.state === "absent" && !resource.certain)
      inventory.events.catchUp();
    super.track(context, observation, decision);
    // What is still under way: after this pass none may come for long, and events would be polled.
    const inFlight = awaited && record && awaited.failedAt === undefined ? awaited : undefined;
    if (inFlight && record && isShownByState(inFlight, observation.now))
      this.#watch(key, record.id, observation, inFlight, inventory);
    else inventory.creates.untrack(key, resource.state === "present" && resource.machine.state === "ready");
    if (inFlight) this.#trackEvent(key, observation, inFlight, inventory);
    this.#looks.track(observation, context, inventory, inFlight !== undefined);
    // Noted before it is sent, for other objects are decided on meanwhile. What backs off is not sent.
    const { step } = decision;
    const subject = subjectOf(observation, context);
    const place = placeOfStep(step, observation, decision.memory);
    const state = resource.state === "present" ? resource.machine.state : undefined;
    relatedFacts.noteFailures(
      failuresOf({ of: key, place, memory: decision.memory, state }, observation.now),
    );
    if (cameUp(observation)) relatedFacts.noteSuccess(place);
    if (resource.state === "present") relatedFacts.noteRates([resource.machine]);
    if (takesHardware(step) && !observation.backingOff[stepName(step)])
      relatedFacts.take(subject.waiter, place);
    else if (!awaited) relatedFacts.release(key);
    if (isWaiting(decision))
      relatedFacts.wait(
        subject.waiter,
        placesToWaitFor(observation, decision.memory, identity.state === "ours"),
      );
    else relatedFacts.leaveQueue(key);
    relatedFacts.track(subject, decision);
  }

  override cacheSizes(): CacheSizes {
    return { ...super.cacheSizes(), events: sum(this.all(), ({ inventory }) => inventory.events.size) };
  }

  override forget(key: string): void {
    super.forget(key);
    this.#snapshots.forget(key);
    this.#looks.forget(key);
  }

  override reset(): void {
    super.reset();
    this.#looks.clear();
  }

  cancel({ key }: MachineContext): void {
    for (const { relatedFacts } of this.all()) {
      relatedFacts.release(key);
      relatedFacts.leaveQueue(key);
    }
  }

  #isCovered({ identity }: MachineObservation): boolean {
    const id = idOf(identity);
    return id !== undefined && this.all().some(({ inventory }) => inventory.creates.covers(id));
  }

  protected override reload(team: TeamCache, context: MachineContext, observation: MachineObservation): void {
    super.reload(team, context, observation);
    team.relatedFacts.reload(subjectOf(observation, context));
  }

  /** Events of a machine that is new here: from status, or from the API where status has none. */
  #recall(
    { key, object, account }: MachineContext,
    observation: MachineObservation,
    inventory: MachineInventory,
  ): void {
    const { identity, history } = observation;
    const { events } = inventory;
    const id = idOf(identity);
    if (id === undefined) return;
    const shown = object.status?.lastEvents;
    if (inventory.subscribe(key, id, account?.fingerprint) && shown) events.seed(remembered(shown, id));
    const isUnknown = !shown && history.length === 0;
    const isOfInterest =
      isUnknown || isUnclear(observation) || isUndated(observation) || isTimed(observation);
    if (identity.state === "ours" && isOfInterest)
      events.recall(id, splitKey(key).namespace, () => this.#parts.enqueue(key));
  }

  /** Machines that a create of this object made after it was given up, or that it gave up as gone, and that no object records. */
  #leaks(
    observation: MachineObservation,
    id: string | undefined,
    { object }: MachineContext,
    { lists }: MachineInventory,
  ): readonly string[] {
    const { abandoned = [], disowned = [] } = object.status ?? {};
    const { newestList } = lists;
    if (abandoned.length + disowned.length === 0 || !newestList) return observation.leaks;
    const named = abandoned.flatMap((name) => lists.idsNamed(name));
    const back = disowned.flatMap((one) => (newestList.ids.has(one.id) ? one.id : []));
    const leaks = new Set([...named, ...back]);
    return [...leaks].filter((other) => other !== id && !this.#parts.isRecorded(other)).sort();
  }

  protected override maxAgeMs(observation: MachineObservation, ageMs: number): number {
    const { resyncMs, limits } = this.#parts.settings;
    const { event, memory, now } = observation;
    const { operation } = memory;
    // Its event is polled then; the state is read all the same now and then, should events be lost.
    if (operation && event.state === "pending" && !isLate(operation, now))
      return this.#isCovered(observation) ? 2 * resyncMs : Math.max(limits.resendMs, limits.lookMs);
    return operation?.intent === AWAIT_CAPACITY ? 2 * resyncMs : super.maxAgeMs(observation, ageMs);
  }

  #watch(
    key: string,
    id: string,
    { now }: MachineObservation,
    operation: Operation,
    { creates, events }: MachineInventory,
  ): void {
    creates.track(key, id, operationAge(operation, now));
    events.begin(operation.eventId);
  }

  /**
   * How often events are read for an operation: past its deadline as rarely as its machine. For a create that takes no
   * longer than others they are not: its machine is read anyway, and shows when it is up.
   */
  #trackEvent(
    key: string,
    observation: MachineObservation,
    operation: Operation,
    inventory: MachineInventory,
  ): void {
    const { eventPollMs } = this.#parts.settings;
    const { creates, events } = inventory;
    const ageMs = operationAge(operation, observation.now);
    if (isLate(operation, observation.now))
      return events.track(key, operation.eventId, untilLook(observation, operation));
    if (!isShownByState(operation, observation.now)) return events.track(key, operation.eventId, eventPollMs);
    if (creates.shownAgeMs(key) < Math.max(SLOW_CREATE_MS, SLOW_CREATE * creates.usualMs)) return;
    const pollMs = Math.min(Math.max(SLOW_CREATE_MS, ageMs / 4), MINUTE_MS);
    events.track(key, operation.eventId, Math.max(eventPollMs, pollMs));
  }

  protected override contradiction(
    _observation: MachineObservation,
    id: string,
    { account }: MachineContext,
    since: number,
  ): Contradiction | undefined {
    return account && contraryEvent(this.at(account).inventory.events, id, since);
  }

  /** Once the event of our deletion has ended. */
  protected override isDeleted(observation: MachineObservation): boolean {
    return (
      super.isDeleted(observation) &&
      (observation.event.state === "done" || observation.event.state === "vanished")
    );
  }
}

/** A machine that was never on before is read as on only once its create has brought it up. */
function isShownByState(operation: Operation, now: number): boolean {
  return operation.intent === "Create" && operation.target !== "Stopped" && !isLate(operation, now);
}

function subjectOf(
  { identity, resource, spec, memory, now }: MachineObservation,
  { key, object }: MachineContext,
): MachineSubject {
  const { machineType, region } = spec;
  const current = resource.state === "present" ? resource.machine.machineType : undefined;
  const machineTypes = current ? [machineType, current] : [machineType];
  const waiter = waiterOf(key, spec, memory, now);
  const candidates = candidatesOf(spec);
  return { key, object, machineId: idOf(identity), region, machineTypes, candidates, waiter };
}

/** Where the hardware is that a step goes for: that of the candidate, where it creates one. */
function placeOfStep(
  { do: what }: { do: string },
  { spec }: MachineObservation,
  memory: MachineMemory,
): Place {
  const { machineType, region } = spec;
  return (what === "create" && memory.placement?.chosen) || { machineType, region };
}

/** What ends with a machine of the declared type being on. */
function takesHardware(step: { do: string; target?: string }): boolean {
  return (
    ["create", "start", "snapshot", "resize"].includes(step.do) ||
    (step.do === "stop" && step.target === TO_RESIZE)
  );
}

/** One that is pending may have ended long ago where events cannot be read. */
function eventOf(
  inventory: MachineInventory,
  operation: Operation,
  cached: CachedItem<Machine> | undefined,
): EventFact {
  const fact = lastReadEvent(inventory, operation, cached);
  const { readError } = inventory.events;
  if (fact.state !== "pending" || readError === undefined) return fact;
  return { state: "unreadable", message: readError instanceof Error ? readError.message : String(readError) };
}

/** After a create the start follows as an event of its own (machines.md section 7): that one counts, once it is there. */
function lastReadEvent(
  { events }: MachineInventory,
  { eventId, intent }: Operation,
  cached: CachedItem<Machine> | undefined,
): EventFact {
  if (eventId === undefined) return { state: "none" };
  const event = events.get(eventId);
  if (events.vanished(eventId)) return { state: "vanished" };
  if (!event) return { state: "pending" };
  const fact = eventFact(event);
  if (fact.state === "done" && cached && cached.beganAt < events.updatedAt(eventId)) fact.unseen = true;
  if (intent !== "Create" || fact.state !== "done") return fact;
  const start = events.after(event, "start");
  return start ? eventFact(start) : fact;
}
