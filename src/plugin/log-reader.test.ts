import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FakeLog, pluginWithLog, printed } from "../../test/plugin/log.ts";
import { LATE_MS } from "./log-reader.ts";

interface Turn {
  /** Milliseconds until the next poll, and how many lines are added before it. */
  readonly count: number;
  /** By how much each line is older than the newest possible. */
  readonly lateMs: readonly number[];
  /** Whether the poll after them fails at a page. */
  readonly breaksAt: number | undefined;
}

const turn: fc.Arbitrary<Turn> = fc.record({
  count: fc.oneof(fc.nat(5), fc.integer({ min: 100, max: 400 })),
  // Few values, so that many times are equal.
  lateMs: fc.array(fc.constantFrom(0, 0, 0, 1, 500, LATE_MS), { minLength: 1, maxLength: 7 }),
  breaksAt: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
});

describe("following, whatever comes: many lines at once, equal times, late lines, broken polls", () => {
  it("prints every line once, and none that was there before", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(300), fc.array(turn, { maxLength: 5 }), async (old, turns) => {
        const log = new FakeLog();
        for (let i = 0; i < old; i++) log.add(-i);
        const plugin = await pluginWithLog(log, 0);
        const run = plugin.run("logs psd/api -f --tail 0");
        await plugin.clock.settle();
        let now = 0;
        for (const { count, lateMs, breaksAt } of turns) {
          now = plugin.clock.now() - Date.UTC(2026, 0, 31, 8, 0);
          // No line is older than the newest one by more than a line may be late.
          for (let i = 0; i < count; i++) log.add(now - (lateMs[i % lateMs.length] ?? 0));
          const before = log.requests;
          log.failure = (nth) => (breaksAt !== undefined && nth === before + breaksAt ? 503 : undefined);
          await plugin.clock.advance(15_000);
        }
        log.failure = () => undefined;
        await plugin.clock.advance(15_000);
        plugin.stop.abort();
        await run;
        const expected = log.lines.slice(old).map(({ message }) => message ?? "");
        expect(printed(plugin).sort()).toEqual(expected.sort());
      }),
      { numRuns: 40 },
    );
  });

  it("still shows later lines after one with a time in the future", async () => {
    const log = new FakeLog();
    log.add(0);
    log.add(86_400_000);
    const plugin = await pluginWithLog(log, 0);
    const run = plugin.run("logs psd/api -f --tail 0");
    await plugin.clock.advance(3_000);
    log.add(3_000);
    log.add(4_000);
    await plugin.clock.advance(3_000);
    expect(printed(plugin)).toEqual(["line 2", "line 3"]);
    plugin.stop.abort();
    await run;
  });

  it("sends one request a poll where there are no new lines", async () => {
    const log = new FakeLog();
    for (let i = 0; i < 500; i++) log.add(i * 1_000);
    const plugin = await pluginWithLog(log, 500_000);
    const run = plugin.run("logs psd/api -f --tail 5");
    await plugin.clock.settle();
    const before = log.requests;
    await plugin.clock.advance(30_000);
    expect(log.requests - before).toBe(10);
    plugin.stop.abort();
    await run;
  });
});
