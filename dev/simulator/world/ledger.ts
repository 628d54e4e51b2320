/**
 * What the vendor bills, as this world really ran: time on, storage, addresses and instances, each with its rate over time.
 * No client ever sees it; tests judge by it what a client has worked out from the API.
 */

/** What is billed by the hour, and by some rules rounded by the session; the rest is billed by the month, exactly. */
export type Meter = "usage" | "instance" | "storage" | "address";

export interface LedgerLine {
  meter: Meter;
  /** Id of the machine or instance, or the address itself. */
  of: string;
  /** Id of the machine or deployment that it is for; null for an address that no machine has. */
  payer: string | null;
  /** Machine type, or the bytes of the disk. */
  what: string;
  /** US dollars an hour (usage, instance) or a month (storage, address). */
  rate: number;
  /** Wall time in milliseconds. */
  from: number;
  to: number | null;
  /** Of the usage of machines: each rule has lines of its own. */
  rule?: BillingRule["from"];
}

export type Charge = Pick<LedgerLine, "payer" | "what" | "rate">;

/**
 * How a session may be billed, on which no source says anything: from when its start began to when its stop began (dtStarted
 * of both events) or from the end of the one to the end of the other, and exactly or as whole minutes.
 */
export interface BillingRule {
  from: "dtStarted" | "dtFinished";
  as: "seconds" | "minutes";
}

export const BILLING_RULES: readonly BillingRule[] = (["dtStarted", "dtFinished"] as const).flatMap((from) =>
  (["seconds", "minutes"] as const).map((as) => ({ from, as })),
);

export interface LedgerQuery {
  /** Default: all. */
  meters?: readonly Meter[];
  /** Wall time in milliseconds. Default: all of time. */
  since?: number;
}

export const HOUR_MS = 3_600_000;
/** The month of prices: a twelfth of a year of 365 days. */
export const MONTH_MS = 730 * HOUR_MS;
const MINUTE_MS = 60_000;

export class Ledger {
  /** In the order in which they began. */
  readonly lines: LedgerLine[] = [];
  readonly #open = new Map<string, LedgerLine>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** From now on so much is charged for it, by this rule alone where there is one; undefined: nothing. */
  charge(meter: Meter, of: string, charge: Charge | undefined, rule?: BillingRule["from"]): void {
    const key = keyOf(meter, of, rule);
    const line = this.#open.get(key);
    if (line && charge && isSame(line, charge)) return;
    const now = this.#now();
    if (line) line.to = now;
    this.#open.delete(key);
    if (!charge) return;
    const next = { meter, of, ...charge, from: now, to: null, ...(rule && { rule }) };
    this.lines.push(next);
    this.#open.set(key, next);
  }

  isCharged(meter: Meter, of: string, rule?: BillingRule["from"]): boolean {
    return this.#open.has(keyOf(meter, of, rule));
  }

  /** In millionths of a dollar, up to now. */
  total(payer: string, rule: BillingRule, { meters, since = 0 }: LedgerQuery = {}): number {
    let sum = 0;
    for (const line of this.lines) {
      const isAsked = line.payer === payer && (meters?.includes(line.meter) ?? true);
      if (!isAsked || (line.rule ?? rule.from) !== rule.from) continue;
      sum += this.#cost({ ...line, from: Math.max(line.from, since) }, rule);
    }
    return sum;
  }

  clear(): void {
    this.lines.length = 0;
    this.#open.clear();
  }

  #cost({ meter, rate, from, to }: LedgerLine, { as }: BillingRule): number {
    const ms = Math.max(0, (to ?? this.#now()) - from);
    if (meter === "storage" || meter === "address") return (rate * 1e6 * ms) / MONTH_MS;
    const billed = as === "minutes" ? Math.ceil(ms / MINUTE_MS) * MINUTE_MS : ms;
    return (rate * 1e6 * billed) / HOUR_MS;
  }
}

function keyOf(meter: Meter, of: string, rule = ""): string {
  return `${meter}/${of}/${rule}`;
}

function isSame(line: LedgerLine, { payer, what, rate }: Charge): boolean {
  return line.payer === payer && line.what === what && line.rate === rate;
}
