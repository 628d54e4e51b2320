/**
 * The price list of --price-list: a ConfigMap with what machine types cost in regions, for those of which no machine of the
 * team shows it. It is a hint: where it cannot be read, what was read last counts.
 */
import type { Logger } from "pino";
import type { Clock } from "../../../base/clock.ts";
import { splitKey } from "../../../kube/objects.ts";
import type { ConfigMap, Resource } from "../../../kube/resource.ts";
import { STALE_FRACTION } from "../../../reconcile/decision.ts";
import { Lookup, UNUSED_TURNS } from "../../lookup.ts";
import { type HourlyRates, rateKey } from "./rates.ts";

export interface PriceListOptions {
  /** "namespace/name". */
  reference: string;
  configMaps: Pick<Resource<ConfigMap>, "get">;
  clock: Clock;
  logger: Logger;
  resyncMs: number;
  enqueue(key: string): void;
}

/** Key of the ConfigMap. */
const FILE = "prices.csv";
const COLUMNS = ["type", "region", "rate", "currency", "period"] as const;
/** In place of a machine type: a static address. */
export const PUBLIC_IP = "public-ip";
/** There is one. */
const LIST = "";

export class PriceList {
  readonly #options: PriceListOptions;
  readonly #content: Lookup<string>;
  /** Of the content that was parsed last. */
  #parsed: { csv: string; rates: HourlyRates } | undefined;

  constructor(options: PriceListOptions) {
    const { clock, resyncMs, enqueue } = options;
    this.#options = options;
    this.#content = new Lookup<string>({
      clock,
      enqueue,
      read: () => this.#read(),
      staleTimeMs: () => STALE_FRACTION * resyncMs,
      gcTimeMs: UNUSED_TURNS * resyncMs,
    });
  }

  /** Neither read, nor known to be unreadable. */
  get isUnread(): boolean {
    return this.#content.get(LIST) === undefined && this.#content.error(LIST) === undefined;
  }

  /** By `rateKey`. */
  get rates(): HourlyRates | undefined {
    const csv = this.#content.get(LIST);
    if (csv === undefined) return undefined;
    if (this.#parsed?.csv !== csv) this.#parsed = { csv, rates: this.#parse(csv) };
    return this.#parsed.rates;
  }

  fetchIfStale(key: string): void {
    this.#content.fetchIfStale(LIST, key);
  }

  async #read(): Promise<string> {
    const { configMaps, logger, reference } = this.#options;
    const { namespace, name } = splitKey(reference);
    try {
      const { data } = await configMaps.get(namespace, name);
      return data?.[FILE] ?? "";
    } catch (error) {
      logger.warn({ err: error, priceList: reference }, "the price list cannot be read");
      throw error;
    }
  }

  #parse(csv: string): HourlyRates {
    const { logger, reference } = this.#options;
    const { rates, unused } = parsePrices(csv);
    if (unused.length > 0)
      logger.warn({ priceList: reference, lines: unused }, "lines of the price list are not used");
    return rates;
  }
}

/**
 * Lines of type, region, rate, currency and period, in the order that the first line names. A line that is not in USD by the
 * hour, as rates of machines are, cannot be compared: it is not used, and neither is one that cannot be read. `unused`:
 * their numbers, from 1 on.
 */
export function parsePrices(csv: string): { rates: HourlyRates; unused: number[] } {
  const [head = "", ...lines] = csv.split(/\r?\n/).map((line) => line.trim());
  const columns = cells(head).map((cell) => cell.toLowerCase());
  const rates = new Map<string, number>();
  const unused: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (line === "" || line.startsWith("#")) continue;
    const values = cells(line);
    const [machineType, region, rate, currency, period] = COLUMNS.map(
      (column) => values[columns.indexOf(column)] ?? "",
    ) as [string, string, string, string, string];
    const isHourly = currency.toUpperCase() === "USD" && period.toLowerCase() === "hour";
    const isUsable = isHourly && machineType !== "" && region !== "" && /^\d+(\.\d+)?$/.test(rate);
    if (isUsable) rates.set(rateKey({ machineType, region }), Number(rate));
    else unused.push(index + 2);
  }
  return { rates, unused };
}

function cells(line: string): string[] {
  return line.split(",").map((cell) => cell.trim());
}
