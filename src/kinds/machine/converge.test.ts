import { describe, expect, it } from "vitest";
import { GIB, NOW, scene } from "../../../test/decide/machine/situations.ts";
import { toTime } from "../../kube/objects.ts";
import { converge } from "./converge.ts";
import { AWAIT_CAPACITY, type MachineMemory, type Related } from "./observation.ts";
import { REASON } from "./reasons.ts";

/** A machine with a disk that is larger than declared, which only the user can correct. */
function tooLarge(state: string, related: Partial<Related> = {}, memory: MachineMemory = {}) {
  const { observation, machine } = scene();
  const there = { ...machine, state, storageTotal: 500 * GIB };
  const { step, ...decision } = converge(
    { ...observation, memory, related: { ...observation.related, ...related } },
    there,
  );
  if (step.do !== "none") throw new Error(`it did ${step.do}`);
  return { ...decision, outcome: step.outcome };
}

const SHORT = { capacity: { A4000: { hint: "short", retryMs: 20_000 } } } as const;
const USER = expect.stringContaining("cannot shrink");

describe("what the user must correct", () => {
  it("is the reason where a machine waits for hardware, which goes on all the same", () => {
    const { outcome, memory } = tooLarge("off", SHORT);
    expect(outcome).toMatchObject({
      kind: "Terminal",
      reason: REASON.DiskCannotShrink,
      message: USER,
      recheckMs: 20_000,
    });
    expect(outcome).toMatchObject({ message: expect.stringContaining("no A4000 is free") });
    expect(memory.operation?.intent).toBe(AWAIT_CAPACITY);
  });

  it("is the reason where a machine waits for its agent, or where facts cannot be read just now", () => {
    const waits = tooLarge("serviceready").outcome;
    expect(waits).toMatchObject({ kind: "Terminal", reason: REASON.DiskCannotShrink, message: USER });
    expect(waits).toMatchObject({ message: expect.stringContaining("agent does not answer") });
    const failed = { kind: "Retry", reason: "ApiUnavailable", message: "503", atLeastMs: 7_000 } as const;
    const unread = tooLarge("off", { capacity: {}, readErrors: { "capacity/A4000": failed } });
    expect(unread.outcome).toMatchObject({ reason: REASON.DiskCannotShrink, recheckMs: 7_000 });
    expect(unread.needs).toEqual(["capacity/A4000"]);
  });

  it("is named beside what stalls the machine for another reason", () => {
    const bad = tooLarge("off", { standing: { good: false, messages: ["unpaid"] } }).outcome;
    expect(bad).toMatchObject({ kind: "Terminal", reason: REASON.AccountNotInGoodStanding, message: USER });
    const past = { requestedAt: toTime(NOW - 2_000), deadline: toTime(NOW - 1_000) };
    const late = tooLarge("off", SHORT, { operation: { intent: AWAIT_CAPACITY, ...past } }).outcome;
    expect(late).toMatchObject({ kind: "Terminal", reason: REASON.CapacityUnavailable, message: USER });
  });

  it("is not reported while facts are missing: the next pass decides", () => {
    expect(tooLarge("off", { capacity: {} }).outcome).toEqual({ kind: "Unknown" });
  });
});
