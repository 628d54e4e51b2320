import pino from "pino";
import { expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import type { PaperspaceApi } from "../paperspace/transport.ts";
import type { Observation } from "../reconcile/decision.ts";
import type { ManagedObject } from "../reconcile/managed.ts";
import { ANNOTATION } from "../reconcile/record.ts";
import { AccountCache } from "./account-caches.ts";
import { Inventory } from "./inventory.ts";
import { CloudObserver, type CloudObserverOptions } from "./observer.ts";
import type { Item } from "./source.ts";

const MINUTE = 60_000;
const SETTINGS = {
  resyncMs: 10 * MINUTE,
  gatherMs: 50,
  settleMs: 0,
  rechecks: { recheckMs: MINUTE, slowMs: 10 * MINUTE },
  limits: { slowMs: 10 * MINUTE, lookMs: 3_000, absenceGraceMs: 2 * MINUTE, deleteMs: 30 * MINUTE },
};
const SOURCE = {
  async *list(): AsyncGenerator<{ items: Item[]; beganAt: number }> {},
  get: async (id: string) => ({ body: { id, name: "box" }, beganAt: 0 }),
};

class CountingObserver extends CloudObserver<ManagedObject, Observation, AccountCache<Item>> {
  reloads = 0;

  constructor(options: CloudObserverOptions) {
    const inventory = () => new Inventory({ ...options, name: "boxes" }, SOURCE);
    super(options, () => new AccountCache(inventory(), () => SOURCE));
  }

  protected override reload(): void {
    this.reloads++;
  }
}

it("acts on a requested reload once, and again for an object that follows with the same request under the same name", () => {
  const clock = new VirtualClock();
  const logger = pino({ level: "silent" });
  const observer = new CountingObserver({ clock, logger, settings: SETTINGS, enqueue() {} });
  const annotations = { [ANNOTATION.reconcileRequestedAt]: "1" };
  const object = { metadata: { name: "box", namespace: "ns", annotations }, spec: {} };
  const account = { team: "te1", api: {} as PaperspaceApi } as never;
  const observation = { identity: { state: "none" }, memory: {} } as Observation;
  const pass = () =>
    observer.track({ key: "ns/box", object, account }, observation, { step: { do: "none" }, memory: {} });
  pass();
  pass();
  expect(observer.reloads).toBe(1);
  observer.forget("ns/box");
  pass();
  pass();
  expect(observer.reloads).toBe(2);
  observer.reset();
});
