import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../../../test/support/virtual-clock.ts";
import type { CachedItem } from "../../source.ts";
import type { Machine, MachineEvent } from "../api.ts";
import type { PaperspaceMachine } from "../types.ts";
import { ShellEvidenceFact, WATCH_MS } from "./shell-evidence.ts";

const ID = "ps1";
const SETTLE_MS = 225_000;
const CREATED: MachineEvent = { id: "e1", name: "create", state: "done", machineId: ID, dtCreated: "" };

/** A machine that is looked at whenever that is asked for, with what the API has of it at that time. */
function watched() {
  const clock = new VirtualClock();
  const machine = { id: ID, name: "box-1", state: "off" } as Machine;
  let cached: CachedItem<Machine> | undefined;
  let reads = 0;
  const api = { machine, events: [CREATED] as MachineEvent[], fails: false };
  const evidence = new ShellEvidenceFact({
    clock,
    resyncMs: 600_000,
    settleMs: SETTLE_MS,
    enqueue: () => {},
    inventory: {
      get: () => cached,
      refresh() {
        const beganAt = clock.monotonic();
        const isSame = JSON.stringify(cached?.item) === JSON.stringify(api.machine);
        cached = {
          item: { ...api.machine },
          beganAt,
          sameSince: isSame && cached ? cached.sameSince : beganAt,
        };
      },
    },
    async eventsOf() {
      reads++;
      if (api.fails) throw new Error("500");
      return api.events;
    },
  });
  const status = { placement: { attempt: { name: "box-1", at: "" } } };
  const subject = {
    key: "ns/box",
    machineId: ID,
    object: { metadata: { name: "box", namespace: "ns" }, spec: {}, status } as unknown as PaperspaceMachine,
  };
  /** Passes for so long, each of which needs it. */
  async function watch(ms: number, everyMs = WATCH_MS) {
    for (let passed = 0; passed <= ms; passed += everyMs) {
      evidence.fetch(subject);
      await clock.advance(everyMs);
    }
  }
  return { api, clock, evidence, subject, watch, reads: () => reads };
}

describe("the evidence that a machine was never used", () => {
  it("is there once it was seen off for longer than events may be late, and they were read after that, once", async () => {
    const { evidence, subject, watch, reads } = watched();
    await watch(SETTLE_MS - 2 * WATCH_MS);
    expect([reads(), evidence.data(subject)]).toEqual([0, undefined]);
    await watch(4 * WATCH_MS);
    expect(evidence.data(subject)).toEqual({ events: [CREATED], isSettled: true });
    expect(reads()).toBe(1);
  });

  it("begins anew where it was not looked at for longer than it may take to be on and off again", async () => {
    const { clock, evidence, subject, watch } = watched();
    await watch(SETTLE_MS + 2 * WATCH_MS);
    expect(evidence.isSettled(ID)).toBe(true);
    await clock.advance(61_000);
    expect(evidence.isSettled(ID)).toBe(false);
    await watch(SETTLE_MS - 2 * WATCH_MS);
    expect(evidence.data(subject)?.isSettled).toBe(false);
    await watch(4 * WATCH_MS);
    expect(evidence.data(subject)?.isSettled).toBe(true);
  });

  it("begins anew where anything of it changed, since that may have been while it was on", async () => {
    const { api, evidence, subject, watch } = watched();
    await watch(SETTLE_MS - WATCH_MS);
    api.machine = { ...api.machine, privateIp: "10.0.0.7" };
    await watch(SETTLE_MS - 2 * WATCH_MS);
    expect(evidence.data(subject)).toBeUndefined();
  });

  it("is none while it is on, and holds no longer once it was", async () => {
    const { api, evidence, subject, watch } = watched();
    await watch(SETTLE_MS + 2 * WATCH_MS);
    api.machine = { ...api.machine, state: "starting" };
    await watch(WATCH_MS);
    expect(evidence.isSettled(ID)).toBe(false);
    api.machine = { ...api.machine, state: "off" };
    await watch(WATCH_MS);
    expect(evidence.data(subject)?.isSettled).toBe(false);
  });

  it("keeps nothing waiting while events cannot be read, and is asked for again later", async () => {
    const { api, evidence, subject, watch } = watched();
    api.fails = true;
    await watch(SETTLE_MS + 20 * WATCH_MS);
    expect(evidence.error(subject)?.retryInMs).toBeGreaterThan(0);
    api.fails = false;
    await watch(20 * WATCH_MS);
    expect(evidence.error(subject)).toBeUndefined();
    expect(evidence.data(subject)?.isSettled).toBe(true);
  });
});
