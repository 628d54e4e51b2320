/**
 * What the vendor bills, as this world really ran: time on, storage, addresses and instances, each with its rate over time.
 * No client ever sees it; tests judge by it what a client has worked out from the API.
 */

/** What is billed by the hour, and rounded by the session where behaviour says so; the rest is billed by the month, exactly. */
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
}

export type Charge = Pick<LedgerLine, "payer" | "what" | "rate">;

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

  /** From now on so much is charged for it; undefined: nothing. */
  charge(meter: Meter, of: string, charge: Charge | undefined): void {
    const key = `${meter}/${of}`;
    const line = this.#open.get(key);
    if (line && charge && isSame(line, charge)) return;
    const now = this.#now();
    if (line) line.to = now;
    this.#open.delete(key);
    if (!charge) return;
    const next = { meter, of, ...charge, from: now, to: null };
    this.lines.push(next);
    this.#open.set(key, next);
  }

  isCharged(meter: Meter, of: string): boolean {
    return this.#open.has(`${meter}/${of}`);
  }

  /** In millionths of a dollar, up to now. `minutes`: each session counts as whole ones. */
  total(payer: string, billedAs: "seconds" | "minutes", meters?: readonly Meter[]): number {
    let sum = 0;
    for (const line of this.lines)
      if (line.payer === payer && (meters?.includes(line.meter) ?? true)) sum += this.#cost(line, billedAs);
    return sum;
  }

  clear(): void {
    this.lines.length = 0;
    this.#open.clear();
  }

  #cost({ meter, rate, from, to }: LedgerLine, billedAs: "seconds" | "minutes"): number {
    const ms = (to ?? this.#now()) - from;
    if (meter === "storage" || meter === "address") return (rate * 1e6 * ms) / MONTH_MS;
    const billed = billedAs === "minutes" ? Math.ceil(ms / MINUTE_MS) * MINUTE_MS : ms;
    return (rate * 1e6 * billed) / HOUR_MS;
  }
}

function isSame(line: LedgerLine, { payer, what, rate }: Charge): boolean {
  return line.payer === payer && line.what === what && line.rate === rate;
}
