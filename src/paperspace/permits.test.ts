import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { type PermitOptions, ThrottlePermits } from "./permits.ts";
import { Throttle } from "./throttle.ts";

/** One request a second; of a burst of 5 one token is reserved for deletes. */
function setUp(options: Partial<{ requestsPerSecond: number; burst: number }> = {}) {
  const clock = new VirtualClock();
  const throttle = new Throttle(clock, { requestsPerSecond: 1, burst: 5, concurrency: 16, ...options });
  const permits = new ThrottlePermits(throttle);
  const granted: string[] = [];
  /** Who is notified comes at once, as a pass with a free worker does, and has not sent yet. */
  const ask = (holder: string, over: Partial<PermitOptions> = {}) => {
    const options: PermitOptions = {
      holder,
      group: "ns",
      lane: "normal",
      sends: "create",
      granted: () => {
        granted.push(holder);
        permits.ask(options);
      },
      ...over,
    };
    return permits.ask(options);
  };
  /** Tokens that could be had at once. */
  const tokens = () => {
    let count = 0;
    while (ask(`token ${count}`)) count++;
    for (let n = 0; n <= count; n++) permits.release(`token ${n}`);
    return count;
  };
  return { clock, throttle, permits, granted, ask, tokens };
}

const nothing = async () => {};

describe("ask", () => {
  it("grants at once what the budget allows, and notifies the others in their order as tokens come in", async () => {
    const { clock, granted, ask } = setUp();
    const asked = ["a", "b", "c", "d", "e", "f"].map((holder) => ask(holder) !== undefined);
    expect(asked).toEqual([true, true, true, true, false, false]);
    expect(granted).toEqual([]);
    await clock.advance(1_300);
    expect(granted).toEqual(["e"]);
    expect(ask("e")?.isValid).toBe(true);
    expect(ask("f")).toBeUndefined();
    await clock.advance(1_300);
    expect(granted).toEqual(["e", "f"]);
  });

  it("returns the same permit until it is released: asking again costs nothing", () => {
    const { ask, permits, tokens } = setUp();
    const permit = ask("a");
    expect(ask("a")).toBe(permit);
    expect(tokens()).toBe(3);
    permits.release("a");
    expect(tokens()).toBe(4);
    expect(permit?.isValid).toBe(false);
  });

  it("keeps the turn of one that asks again while it waits, and gives it up with another lane", async () => {
    const { clock, granted, ask } = setUp({ requestsPerSecond: 0.1 });
    for (let n = 0; n < 4; n++) ask(`used ${n}`);
    for (const holder of ["a", "b", "a"]) ask(holder);
    expect(ask("b", { lane: "reserve" })).toBeDefined();
    await clock.advance(60_000);
    expect(granted).toEqual(["a"]);
  });

  it("takes turns by group: one with a thousand that wait delays the first of another by one turn", async () => {
    const { clock, granted, ask } = setUp();
    for (let n = 0; n < 1_000; n++) ask(`many ${n}`, { group: "many" });
    await clock.advance(10_000);
    const before = granted.length;
    ask("other", { group: "other" });
    await clock.advance(4_000);
    expect(granted.slice(before, before + 2)).toContain("other");
  });

  it("lets what is sent take turns within a group: of a thousand creates one at most is before a change", async () => {
    const { clock, granted, ask } = setUp();
    for (let n = 0; n < 1_000; n++) ask(`create ${n}`);
    await clock.advance(10_000);
    const before = granted.length;
    for (let n = 0; n < 100; n++) ask(`change ${n}`, { sends: "change" });
    await clock.advance(20_000);
    const since = granted.slice(before).map((holder) => holder.split(" ")[0]);
    expect(since.slice(0, 2)).toContain("change");
    const changes = since.filter((what) => what === "change").length;
    expect(Math.abs(2 * changes - since.length)).toBeLessThanOrEqual(1);
  });

  it("gives a group that creates and changes no more turns than another that only creates", async () => {
    const { clock, granted, ask } = setUp();
    for (let n = 0; n < 500; n++) {
      ask(`both ${n}`, { group: "both" });
      ask(`both ${n} too`, { group: "both", sends: "change" });
      ask(`one ${n}`, { group: "one" });
    }
    const before = granted.length;
    await clock.advance(100_000);
    const since = granted.slice(before);
    expect(since.length).toBeGreaterThan(50);
    const ofBoth = since.filter((holder) => holder.startsWith("both")).length;
    expect(Math.abs(2 * ofBoth - since.length)).toBeLessThanOrEqual(2);
  });

  it("neither starves the calls of its lane nor is starved by them, of the same group as well", async () => {
    const { clock, throttle, granted, ask } = setUp();
    let calls = 0;
    for (let n = 0; n < 1_000; n++) void throttle.run(async () => void calls++, { group: "ns" });
    for (let n = 0; n < 1_000; n++) ask(`p${n}`);
    const [callsBefore, permitsBefore] = [calls, granted.length];
    await clock.advance(50_000);
    expect(Math.abs(calls - callsBefore - (granted.length - permitsBefore))).toBeLessThanOrEqual(2);
    expect(granted.length - permitsBefore).toBeGreaterThan(15);
  });

  it("lets deletes go by their reserve while a thousand others wait", () => {
    const { ask } = setUp();
    for (let n = 0; n < 1_000; n++) ask(`p${n}`);
    expect(ask("delete", { lane: "reserve" })).toBeDefined();
  });
});

describe("a permit", () => {
  it("lets a step send at once, and what it sends beyond its first request is made up for", async () => {
    const { clock, ask, tokens } = setUp({ requestsPerSecond: 1 });
    const permit = ask("a");
    for (let n = 0; n < 6; n++) await permit?.run(nothing);
    // Four tokens, and two of the future.
    expect(tokens()).toBe(0);
    await clock.advance(2_000);
    expect(tokens()).toBe(0);
    await clock.advance(2_000);
    expect(tokens()).toBeGreaterThan(0);
  });

  it("that was not used gives its token back", async () => {
    const { clock, ask, permits, tokens } = setUp();
    for (let n = 0; n < 100; n++) {
      expect(ask("a")).toBeDefined();
      permits.release("a");
      await clock.settle();
    }
    expect(tokens()).toBe(4);
  });

  it("ends with the next pause: what was decided before a 429 is not sent after it", async () => {
    const { clock, throttle, permits, granted, ask } = setUp();
    const permit = ask("a");
    throttle.rateLimited(clock.monotonic());
    expect(permit?.isValid).toBe(false);
    await expect(permit?.run(nothing)).rejects.toMatchObject({ code: "PS_NOT_SENT", effect: "none" });
    expect(permits.pausedForMs).toBe(10_000);
    expect(ask("a")).toBeUndefined();
    await clock.advance(9_999);
    expect(granted).toEqual([]);
    await clock.advance(2);
    expect(granted).toEqual(["a"]);
    expect(ask("a")?.isValid).toBe(true);
  });

  it("is one after a pause, not a burst: a single request finds out whether it is over", async () => {
    const { clock, throttle, granted, ask } = setUp();
    for (let n = 0; n < 4; n++) ask(`early ${n}`);
    for (let n = 0; n < 4; n++) ask(`late ${n}`);
    throttle.rateLimited(clock.monotonic());
    for (let n = 0; n < 4; n++) ask(`early ${n}`);
    await clock.advance(10_001);
    expect(granted).toHaveLength(1);
  });

  it("of who has left is nobody's: its turn goes to the next", async () => {
    const { clock, permits, granted, ask } = setUp();
    for (let n = 0; n < 4; n++) ask(`used ${n}`);
    for (let n = 0; n < 100; n++) ask(`gone ${n}`);
    for (let n = 0; n < 100; n++) permits.release(`gone ${n}`);
    ask("next");
    await clock.advance(1_300);
    expect(granted).toEqual(["next"]);
    expect(permits.size).toBe(5);
  });

  it("ends when the throttle closes, and nobody is notified any more", async () => {
    const { clock, throttle, granted, ask } = setUp();
    const permit = ask("a");
    for (let n = 0; n < 9; n++) ask(`b${n}`);
    throttle.close();
    await clock.advance(60_000);
    expect(permit?.isValid).toBe(false);
    expect(ask("c")).toBeUndefined();
    expect(granted).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});

describe("holders that were notified and do not come, since all workers are busy", () => {
  /** `comes` is what the holder does when it is notified. */
  function crowd(count: number, options = {}) {
    const world = setUp({ requestsPerSecond: 1, burst: 10, ...options });
    const notified: string[] = [];
    const ask = (holder: string, group = "ns") =>
      world.permits.ask({
        holder,
        group,
        lane: "normal",
        sends: "create",
        granted: () => void notified.push(holder),
      });
    for (let n = 0; n < count; n++) ask(`h${n}`);
    return { ...world, ask, notified };
  }

  it("do not pile permits up: what is sent once they come is within the burst", async () => {
    const { clock, permits, ask, notified } = crowd(200);
    for (let n = 0; n < 8; n++) permits.release(`h${n}`);
    await clock.advance(600_000);
    let sent = 0;
    for (let come = notified.splice(0); come.length > 0; come = notified.splice(0))
      for (const holder of come) {
        const permit = ask(holder);
        if (permit) await permit.run(async () => void sent++);
        permits.release(holder);
      }
    expect(sent).toBeGreaterThan(4);
    expect(sent).toBeLessThanOrEqual(8);
    expect(permits.size).toBe(200 - 8 - sent);
  });

  it("keep no read of their team waiting", async () => {
    const { clock, throttle } = crowd(200);
    await clock.advance(60_000);
    let reads = 0;
    for (let n = 0; n < 50; n++) void throttle.run(async () => void reads++);
    await clock.advance(30_000);
    expect(reads).toBeGreaterThan(20);
  });

  it("give way in the turns of their groups, each of which goes on once they come", async () => {
    const { clock, permits, ask, notified } = crowd(200);
    for (let n = 0; n < 200; n++) ask(`other ${n}`, "other");
    await clock.advance(60_000);
    const came: string[] = [];
    for (let second = 0; second < 20; second++) {
      for (const holder of notified.splice(0)) {
        came.push(holder);
        permits.release(holder);
      }
      await clock.advance(1_500);
    }
    const others = came.filter((holder) => holder.startsWith("other")).length;
    expect(others).toBeGreaterThanOrEqual(came.length / 2 - 4);
  });
});

describe("the turns of a group", () => {
  it("are not behind those of its holders that have left", async () => {
    const { clock, permits, granted, ask } = setUp();
    for (let n = 0; n < 4; n++) ask(`used ${n}`);
    for (const group of ["a", "b"]) for (let n = 0; n < 100; n++) ask(`${group}${n}`, { group });
    for (let n = 0; n < 99; n++) permits.release(`a${n}`);
    await clock.advance(4_000);
    expect(granted.slice(0, 2)).toContain("a99");
  });

  it("are not lost to a pause, nor to a pass that could not use them", async () => {
    const { clock, throttle, permits, granted, ask } = setUp();
    for (let n = 0; n < 4; n++) ask(`used ${n}`);
    for (let n = 0; n < 100; n++) ask(`h${n}`);
    await clock.advance(1_300);
    expect(granted.splice(0)).toEqual(["h0"]);
    throttle.rateLimited(clock.monotonic());
    permits.keep("h0");
    expect(ask("h0")).toBeUndefined();
    await clock.advance(10_001);
    expect(granted).toEqual(["h0"]);
  });
});

describe("keep", () => {
  it("keeps few permits, and the turns of all others: together they are within the burst", async () => {
    const { clock, permits } = setUp({ burst: 10 });
    /** A pass that lacks a fact. */
    const pass = (holder: string): void => {
      const granted = () => pass(holder);
      if (permits.ask({ holder, group: "ns", lane: "normal", sends: "create", granted }))
        permits.keep(holder);
    };
    for (let round = 0; round < 40; round++) {
      for (let n = 0; n < 40; n++) pass(`h${n}`);
      await clock.advance(2_000);
    }
    const ask = (n: number) =>
      permits.ask({ holder: `h${n}`, group: "ns", lane: "normal", sends: "create", granted: () => {} });
    const held = Array.from({ length: 40 }, (_, n) => ask(n)).filter((permit) => permit);
    expect(held.length).toBeGreaterThan(3);
    expect(held.length).toBeLessThanOrEqual(10);
  });

  it("ends a permit that was used: the next step has its own turn", async () => {
    const { ask, permits, tokens } = setUp();
    await ask("a")?.run(nothing);
    permits.keep("a");
    expect(permits.size).toBe(0);
    expect(tokens()).toBe(3);
  });
});

it("deletes that send many requests each make up for them before the next ones", async () => {
  for (const busy of [true, false]) {
    const { clock, permits, throttle } = setUp();
    let sent = 0;
    const step = (holder: string, lane: "normal" | "reserve", requests: number) => {
      const run = async (): Promise<void> => {
        const permit = permits.ask({ holder, group: "ns", lane, sends: "create", granted: () => void run() });
        if (!permit) return;
        for (let n = 0; n < requests; n++) await permit.run(async () => void sent++);
        permits.release(holder);
      };
      void run();
    };
    for (let n = 0; n < 500; n++) step(`delete ${n}`, "reserve", 12);
    if (busy) for (let n = 0; n < 500; n++) step(`write ${n}`, "normal", 1);
    await clock.advance(200_000);
    expect(sent).toBeGreaterThan(150);
    expect(sent).toBeLessThan(240);
    throttle.close();
  }
});

it("grants all who stay, in the end, and no more than the budget allows, whatever comes, leaves and is limited", async () => {
  const action = fc.record({
    what: fc.constantFrom("ask", "ask", "ask", "use", "release", "limited"),
    holder: fc.integer({ min: 0, max: 9 }),
    ms: fc.integer({ min: 0, max: 3_000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const { clock, throttle, permits, ask } = setUp();
      let sent = 0;
      for (const { what, holder, ms } of actions) {
        const name = `h${holder}`;
        if (what === "limited") throttle.rateLimited(clock.monotonic());
        if (what === "release") permits.release(name);
        const permit = what === "ask" || what === "use" ? ask(name) : undefined;
        if (what === "use" && permit?.isValid) {
          await permit.run(async () => void sent++);
          permits.release(name);
        }
        await clock.advance(ms);
        expect(sent).toBeLessThanOrEqual(5 + clock.monotonic() / 1_000 + 1e-6);
      }
      for (let holder = 0; holder < 10; holder++) {
        ask(`h${holder}`);
        for (let waited = 0; ask(`h${holder}`)?.isValid !== true; waited++) {
          expect(waited).toBeLessThan(100);
          await clock.advance(60_000);
        }
        permits.release(`h${holder}`);
      }
      expect(permits.size).toBe(0);
    }),
    { numRuns: 100 },
  );
});
