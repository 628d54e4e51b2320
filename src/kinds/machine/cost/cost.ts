/**
 * What a machine has cost, from its events and from looks at it (docs/cost.md). `settled` is what each reading of the vendor's
 * bill charges; what only some of them do, and what is not known, is in `unknown`. Pure: without news it returns what it
 * was given.
 */
import { withHistory } from "../../../base/cost.ts";
import { millis } from "../../../reconcile/conditions.ts";
import { meteredOf, type RateReading, shownCharges } from "../../cost-meter.ts";
import type { Caveat } from "../../cost-schema.ts";
import type { MachineEvent } from "../api.ts";
import { Charges, changeOf, fixedOf, type RateChanges, unchanged, usageOf } from "./charges.ts";
import { type BillingEvent, beginsAfter, billingEvents, costKey, shownRates } from "./evidence.ts";
import type { CostFacts, Look, MachineCost, Rates } from "./facts.ts";

export interface CostEvidence extends CostFacts {
  /** Absent: the object has none. */
  machineId: string | undefined;
  /** A create of this object made it; another one counts from the first look on. */
  isOwn: boolean;
  /** The machine is certainly gone. */
  isGone: boolean;
  look?: Look;
  history: readonly MachineEvent[];
  now: number;
}

/** Events and looks that are at odds may be of a moment: so long they are left to agree. */
const PATIENCE_MS = 120_000;
/** A machine may read as before for so long after an event (observed-in-the-field.md 6). */
const STALE_MS = 5_000;
/** A price that changed while nobody looked for so long may have had other values in between. */
const LONG_UNSEEN_MS = 3_600_000;
/** No machine starts or stops within this time: the event says that it was so already. */
const INSTANT_MS = 1_000;

/** Those that stay, since what they are about is in the sum for good. */
const LASTING: readonly Caveat[] = ["RateUnknown", "HistoryLost"];

export function machineCost(
  before: MachineCost | undefined,
  evidence: CostEvidence,
): MachineCost | undefined {
  const after = costNow(before, evidence);
  return after && withHistory(before, after);
}

function costNow(before: MachineCost | undefined, evidence: CostEvidence): MachineCost | undefined {
  const { machineId, isGone } = evidence;
  const isSame = before !== undefined && before.meter.machineId === machineId;
  if (machineId === undefined) return before && ended(before, evidence);
  if (isSame) return isGone ? ended(before, evidence) : continued(before, evidence);
  if (isGone || !evidence.look) return before && ended(before, evidence);
  return continued(begun(before && ended(before, evidence), machineId, evidence.look, evidence), evidence);
}

/** The first look at a machine: of one that this object had made, since its creation. */
function begun(
  former: MachineCost | undefined,
  machineId: string,
  look: Look,
  { isOwn, reading }: CostEvidence,
): MachineCost {
  const since = new Date(isOwn ? (look.createdAt ?? look.at) : look.at).toISOString();
  const power = isOwn ? "Stopped" : (look.power ?? "Unclear");
  const meter = { machineId, power, eventsThrough: since, ...look.rates } as const;
  const { settled = 0, unknown = 0, caveats = [] } = former ?? {};
  const begin = { rate: 0, settled, unknown, since, caveats, meter };
  return shown(chargesOf(begin, unchanged(meter, reading), reading), meter, look, reading);
}

/** The machine is gone, or another one has taken its place: no look will say more of it. */
function ended(before: MachineCost, evidence: CostEvidence): MachineCost {
  const { meter } = before;
  const { now, agreedAt, reading, history, machineId } = evidence;
  const charges = chargesOf(before, unchanged(meter, reading), reading);
  const isRead = machineId === meter.machineId && evidence.wholeSince !== undefined;
  const events = isRead ? billingEvents(history, charges.through, now).events : [];
  if (events.some(isUpgrade)) charges.caveats.add("RateUnknown");
  // Nothing more will come that explains what is odd.
  const later = { ...evidence, isLast: false, now: Number.POSITIVE_INFINITY };
  for (const event of events) accountFor(charges, event, later);
  if (charges.power !== "Gone") {
    charges.charge(Math.min(agreedAt ?? 0, now), charges.use);
    charges.charge(now, "Ending");
    charges.power = "Gone";
  }
  return shown(charges, meter, undefined, reading);
}

function continued(before: MachineCost, evidence: CostEvidence): MachineCost {
  const { look, wholeSince, history, now, reading, neededSince = 0 } = evidence;
  const { meter } = before;
  if (wholeSince === undefined)
    return shown(chargesOf(before, unchanged(meter, reading), reading), meter, look, reading);
  const { events, isUnderWay } = billingEvents(history, Date.parse(meter.eventsThrough), now);
  const plan = look ? planOf(before, events, look, evidence) : withoutLook(meter, events, reading);
  const charges = chargesOf(before, plan.changes, reading);
  const needed = Math.max(neededSince, charges.through);
  if (wholeSince > needed && !beginsAfter(history, needed)) lose(charges, needed, wholeSince);
  const isAccounted = inOrder(charges, plan, evidence);
  if (plan.isRateUnseen) charges.caveats.add("RateUnknown");
  // Where the power has changed as well, it is first to be known when.
  const isAsBelieved = isAccounted && look?.power === charges.power;
  if (isAsBelieved && charges.finishChanges() && charges.power === "Running") charges.round();
  if (isAccounted && !isUnderWay && look) judgeLook(charges, look, before, evidence);
  return shown(charges, { ...meter, ...charges.adopted(meter, plan.after) }, look, reading);
}

/** Accounts for the events until one has to be waited for; true where none has. */
function inOrder(charges: Charges, { events, isWaiting }: RatePlan, evidence: CostEvidence): boolean {
  const last = isWaiting ? undefined : events.at(-1);
  const isAccounted = events.every((event) =>
    accountFor(charges, event, { ...evidence, isLast: event === last }),
  );
  return isAccounted && !isWaiting;
}

interface RatePlan {
  changes: RateChanges;
  after: Rates;
  /** Those that can be accounted for now. */
  events: readonly BillingEvent[];
  /** What came after an upgrade is accounted for once a look has shown the rates since. */
  isWaiting: boolean;
  /** In between it may have had rates that nobody saw. */
  isRateUnseen?: boolean;
}

function withoutLook(meter: Rates, events: readonly BillingEvent[], reading: RateReading): RatePlan {
  return beforeUpgrade(meter, events, reading) ?? { ...asBefore(meter, reading), events, isWaiting: false };
}

function asBefore(meter: Rates, reading: RateReading): Pick<RatePlan, "changes" | "after"> {
  return { changes: unchanged(meter, reading), after: meter };
}

/** As long as the rates after an upgrade are not known: what came before it; undefined where there is none. */
function beforeUpgrade(
  meter: Rates,
  events: readonly BillingEvent[],
  reading: RateReading,
): RatePlan | undefined {
  const first = events.findIndex(isUpgrade);
  if (first < 0) return undefined;
  return { ...asBefore(meter, reading), events: events.slice(0, first), isWaiting: true };
}

/**
 * Since when the rates of the look hold: since an upgrade, which changes the disk, and the rate of usage only with the type;
 * else since some time after the last look that agreed.
 */
function planOf(
  { meter, since }: MachineCost,
  events: readonly BillingEvent[],
  look: Look,
  { agreedAt, reading }: CostEvidence,
): RatePlan {
  const after = shownRates(meter, look);
  const upgrades = events.filter(isUpgrade);
  const [first] = upgrades;
  const last = upgrades.at(-1);
  const isSeen = !last || look.at >= last.to + STALE_MS;
  const waiting = isSeen ? undefined : beforeUpgrade(meter, events, reading);
  if (waiting) return waiting;
  const begin = Math.min(Math.max(agreedAt ?? 0, Date.parse(since)), look.at);
  const unseen = { from: begin, to: look.at };
  const upgrade = first && last ? { from: first.from, to: last.to } : unseen;
  const isOtherType = meter.machineType !== after.machineType;
  const changes = {
    usage: changeOf(usageOf(meter, reading), usageOf(after, reading), isOtherType ? upgrade : unseen),
    fixed: changeOf(fixedOf(meter, reading), fixedOf(after, reading), upgrade),
  };
  const ofPrice =
    changes.usage.before === undefined || isOtherType ? 0 : changes.usage.to - changes.usage.from;
  const isUsed = events.some(
    (event) => !isUpgrade(event) && first && event.from >= first.to && event.to <= (last?.from ?? 0),
  );
  return { changes, after, events, isWaiting: false, isRateUnseen: isUsed || ofPrice > LONG_UNSEEN_MS };
}

function isUpgrade({ effect }: BillingEvent): boolean {
  return effect === "upgrade" || effect === "rerate";
}

/** Paperspace keeps no events of this time: it may have been on and off, at no known times. */
function lose(charges: Charges, from: number, to: number): void {
  unclear(charges, from, to);
  charges.power = "Unclear";
  charges.through = Math.max(charges.through, to);
  charges.caveats.add("HistoryLost");
}

/** False: it cannot be accounted for yet. */
function accountFor(
  charges: Charges,
  event: BillingEvent,
  evidence: CostEvidence & { isLast: boolean },
): boolean {
  const { effect, isDone, from, to } = event;
  const isMoment = effect === "round" || effect === "rerate";
  if (isDone || isMoment) {
    if (!done(charges, event, evidence)) return false;
  } else unclear(charges, from, to);
  charges.through = Math.max(charges.through, to);
  return true;
}

/** Whether it is on after it, only what comes next says; nothing of this turns a machine on that was off. */
function unclear(charges: Charges, from: number, to: number): void {
  charges.charge(from, charges.use);
  charges.charge(to, "Unknown");
  charges.round();
  if (charges.power === "Running") charges.power = "Unclear";
}

function done(charges: Charges, event: BillingEvent, evidence: CostEvidence & { isLast: boolean }): boolean {
  const { effect, from, to } = event;
  switch (effect) {
    case "start":
      return started(charges, event, evidence);
    case "stop":
      return stopped(charges, event, evidence);
    case "restart":
      return restarted(charges, event, evidence);
    case "upgrade":
      unclear(charges, from, to);
      return true;
    case "rerate":
    case "round":
      if (charges.power !== "Stopped") charges.round();
      return true;
    case "end":
      charges.charge(from, charges.use);
      charges.charge(to, "Ending");
      charges.power = "Gone";
      return true;
  }
}

function started(
  charges: Charges,
  { from, to }: BillingEvent,
  evidence: CostEvidence & { isLast: boolean },
): boolean {
  const { look, isLast } = evidence;
  const wasOn = to - from < INSTANT_MS;
  if (wasOn && charges.power !== "Stopped") {
    if (charges.power === "Unclear") charges.charge(to, "Running");
    charges.power = "Running";
    return true;
  }
  const isOdd = wasOn || charges.power === "Running";
  if (isOdd && isYoung(to, evidence)) return false;
  // One that is done and leaves the machine off has found no hardware (observed-in-the-field.md 8).
  const isOff = isLast && look?.power === "Stopped";
  if (isOff && look.at < to + STALE_MS) return false;
  if (isOdd) doubt(charges, from, evidence);
  else charges.charge(from, "Stopped");
  charges.charge(isOff ? look.at : to, "Unknown");
  charges.round();
  charges.power = isOff ? "Stopped" : "Running";
  return true;
}

/** It was on before, and by most rules all the time. */
function restarted(charges: Charges, { from, to }: BillingEvent, evidence: CostEvidence): boolean {
  const isOdd = charges.power === "Stopped";
  if (isOdd && isYoung(to, evidence)) return false;
  if (isOdd) doubt(charges, from, evidence);
  charges.charge(to, isOdd ? "Unknown" : "Running");
  charges.round();
  charges.power = "Running";
  return true;
}

function stopped(charges: Charges, { from, to }: BillingEvent, evidence: CostEvidence): boolean {
  const wasOff = to - from < INSTANT_MS;
  if (wasOff && charges.power !== "Running") {
    if (charges.power === "Unclear") charges.charge(to, "Stopped");
    charges.power = "Stopped";
    return true;
  }
  const isOdd = wasOff || charges.power === "Stopped";
  if (isOdd && isYoung(to, evidence)) return false;
  if (isOdd) doubt(charges, from, evidence);
  else charges.charge(from, "Running");
  charges.charge(to, "Unknown");
  charges.power = "Stopped";
  return true;
}

/** Another event may still come that explains it. */
function isYoung(to: number, { now }: CostEvidence): boolean {
  return now - to < PATIENCE_MS;
}

/** It was otherwise than believed by then: since some time after the last look that agreed. */
function doubt(charges: Charges, to: number, { agreedAt = 0 }: CostEvidence): void {
  charges.charge(Math.min(agreedAt, to), charges.use);
  charges.charge(to, "Unknown");
  charges.round();
}

/** A change of power without an event shows only in looks. */
function judgeLook(charges: Charges, look: Look, before: MachineCost, evidence: CostEvidence): void {
  const { power, at } = look;
  const { disagreed, now } = evidence;
  // What an event explains, no look is needed for.
  const isNews = charges.through > Date.parse(before.meter.eventsThrough);
  const disagreedAt = !isNews && disagreed?.with === costKey(before) ? disagreed.at : undefined;
  if (power === undefined || charges.power === "Gone") return;
  if (power === charges.power) {
    // In between it was otherwise.
    if (disagreedAt !== undefined) doubt(charges, at, evidence);
    return;
  }
  if (charges.power === "Unclear") {
    if (at >= charges.through + STALE_MS) charges.power = power;
    return;
  }
  if (disagreedAt === undefined || now - disagreedAt < PATIENCE_MS) return;
  doubt(charges, disagreedAt, evidence);
  charges.power = power;
}

function chargesOf(before: MachineCost, changes: RateChanges, reading: RateReading): Charges {
  const { meter, caveats = [] } = before;
  const through = millis(meter.eventsThrough) ?? 0;
  const lasting = caveats.filter((caveat) => LASTING.includes(caveat));
  return new Charges(
    { metered: meteredOf(before), power: meter.power, through, caveats: lasting },
    changes,
    reading.incrementMs,
  );
}

function shown(
  charges: Charges,
  meter: Rates & { machineId: string },
  look: Look | undefined,
  reading: RateReading,
): MachineCost {
  const { caveats, power, through, metered } = charges;
  const { currency, isConfirmed } = reading;
  const { machineId, machineType, usageRate, storageRate, addressRate } = meter;
  if (!isConfirmed) caveats.add("RatesUnconfirmed");
  if (look?.isAddressUnpriced) caveats.add("AddressUnpriced");
  if (power === "Running" && usageRate === undefined) caveats.add("RateUnknown");
  const fixed = power === "Gone" ? 0 : fixedOf(meter, reading);
  const usage = power === "Running" ? usageOf(meter, reading) : 0;
  return {
    ...(currency !== undefined && { currency }),
    rate: Math.floor((fixed ?? 0) + (usage ?? 0)),
    ...shownCharges(metered),
    ...(caveats.size > 0 && { caveats: [...caveats].sort() }),
    meter: {
      machineId,
      power,
      eventsThrough: new Date(Math.ceil(through)).toISOString(),
      ...(machineType !== undefined && { machineType }),
      ...(usageRate !== undefined && { usageRate }),
      ...(storageRate !== undefined && { storageRate }),
      ...(addressRate !== undefined && { addressRate }),
    },
  };
}
