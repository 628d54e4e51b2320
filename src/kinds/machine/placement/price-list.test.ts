import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { FakeKube } from "../../../../test/support/fake-kube.ts";
import { VirtualClock } from "../../../../test/support/virtual-clock.ts";
import { configMaps as configMapsOf } from "../../../kube/resource.ts";
import { ListHistory } from "../../list-history.ts";
import type { PaperspaceMachine } from "../types.ts";
import { placeKey } from "./candidates.ts";
import { KnownRates } from "./known-rates.ts";
import { PriceList, parsePrices } from "./price-list.ts";
import { rateKey } from "./rates.ts";

const MINUTE = 60_000;
const KEY = "ns/box";
const H100 = { machineType: "H100", region: "ny2" };
const A4000 = { machineType: "A4000", region: "ca1" };
const CSV = "type,region,rate,currency,period\nH100,ny2,5.95,USD,hour\nA4000,ca1,0.76,USD,hour\n";

describe("the lines of a price list", () => {
  it("are read in the order of columns that the first one names, with blanks and remarks between", () => {
    const csv =
      "\ufeffRegion, Type, Currency, Period, Rate\r\n# ours\r\nEast Coast (NY2), h100, usd, Hour, 5.95\r\n\r\n";
    expect(parsePrices(csv.slice(1))).toEqual({ rates: new Map([[rateKey(H100), 5.95]]), unused: [] });
  });

  it.each([
    "H100,ny2,5.95,EUR,hour",
    "H100,ny2,4300,USD,month",
    "H100,ny2,,USD,hour",
    "H100,ny2,about 6,USD,hour",
    "H100,ny2,-1,USD,hour",
    ",ny2,5.95,USD,hour",
    "H100,ny2,5.95",
  ])("that cannot be compared with a rate by the hour are not used: %s", (line) => {
    expect(parsePrices(`type,region,rate,currency,period\n${line}`)).toEqual({
      rates: new Map(),
      unused: [2],
    });
  });

  it("have no meaning without the line that names the columns", () => {
    expect(parsePrices("H100,ny2,5.95,USD,hour\nH100,ny2,5.95,USD,hour").rates.size).toBe(0);
  });
});

function setUp(csv: string | undefined) {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock, namespace: "ops" });
  const configMaps = configMapsOf(kube);
  const queued: string[] = [];
  const priceList = new PriceList({
    reference: "ops/prices",
    configMaps,
    clock,
    logger: pino({ level: "silent" }),
    resyncMs: 10 * MINUTE,
    enqueue: (key) => queued.push(key),
  });
  const lists = new ListHistory();
  const inventory = {
    lists,
    listError: undefined as unknown,
    refreshAnyList: (key: string) => void queued.push(key),
  };
  const rates = new KnownRates({ inventory, priceList });
  const object = { spec: { placement: { maxHourlyRate: "4" } } } as unknown as PaperspaceMachine;
  const subject = { key: KEY, object, candidates: [H100, A4000] };
  const created =
    csv === undefined
      ? undefined
      : configMaps.create("ops", {
          metadata: { name: "prices", namespace: "ops" },
          data: { "prices.csv": csv },
        });
  const listed = () =>
    lists.add({ monotonic: clock.monotonic(), wall: clock.now() } as never, [], {
      skipped: 0,
      endedAt: clock.monotonic(),
    });
  return { clock, configMaps, queued, rates, subject, inventory, created, listed };
}

describe("the rates of candidates", () => {
  it("are missing until the team was listed and the prices were read, and then those that are known", async () => {
    const { clock, rates, subject, created, listed } = setUp(CSV);
    await created;
    expect(rates.data(subject)).toBeUndefined();
    rates.fetch(subject);
    await clock.settle();
    expect(rates.data(subject)).toBeUndefined();
    listed();
    expect(rates.data(subject)).toEqual({ [placeKey(H100)]: 5.95, [placeKey(A4000)]: 0.76 });
  });

  it("are what machines show before what the price list says, and of those that differ the lowest", async () => {
    const { clock, rates, subject, created, listed } = setUp(CSV);
    await created;
    rates.fetch(subject);
    await clock.settle();
    listed();
    const shown = (usageRate: number | null) => rates.note({ ...H100, usageRate });
    const known = () => rates.data(subject)?.[placeKey(H100)];
    shown(0);
    shown(null);
    expect(known()).toBe(5.95);
    shown(7);
    shown(6);
    expect(known()).toBe(6);
    rates.endList();
    shown(8);
    expect(known()).toBe(6);
    rates.endList();
    expect(known()).toBe(8);
    rates.endList();
    expect(known()).toBe(8);
  });

  it("are what a machine that is gone showed last, until the price list has another rate since: else nothing could correct it", async () => {
    const { clock, configMaps, rates, subject, created, listed } = setUp(CSV);
    await created;
    rates.fetch(subject);
    await clock.settle();
    listed();
    const known = () => rates.data(subject)?.[placeKey(H100)];
    rates.note({ ...H100, usageRate: 7 });
    const publish = async (price: string) => {
      const data = { "prices.csv": CSV.replace("5.95", price) };
      await configMaps.mergePatch("ops", "prices", { data });
      await clock.advance(10 * MINUTE);
      rates.refetch(subject);
      await clock.settle();
    };
    await publish("3.00");
    expect(known()).toBe(7);
    rates.endList();
    expect(known()).toBe(7);
    // The team has none of it any more.
    rates.endList();
    expect(known()).toBe(3);
    rates.note({ ...H100, usageRate: 8 });
    rates.endList();
    expect(known()).toBe(8);
  });

  it("are those of machines alone where the price list cannot be read: that stops nothing", async () => {
    const { clock, rates, subject, listed } = setUp(undefined);
    listed();
    rates.fetch(subject);
    await clock.settle();
    expect(rates.data(subject)).toEqual({});
    rates.note({ ...A4000, usageRate: 0.76 });
    expect(rates.data(subject)).toEqual({ [placeKey(A4000)]: 0.76 });
  });

  it("are what was read last where the list is gone since, and change with it within a resync", async () => {
    const { clock, configMaps, rates, subject, created, listed } = setUp(CSV);
    await created;
    listed();
    rates.fetch(subject);
    await clock.settle();
    const data = { "prices.csv": CSV.replace("5.95", "3.00") };
    await configMaps.mergePatch("ops", "prices", { data });
    await clock.advance(10 * MINUTE);
    rates.refetch(subject);
    await clock.settle();
    expect(rates.data(subject)?.[placeKey(H100)]).toBe(3);
    await configMaps.delete("ops", "prices");
    await clock.advance(10 * MINUTE);
    rates.refetch(subject);
    await clock.settle();
    expect(rates.data(subject)?.[placeKey(H100)]).toBe(3);
  });
});
