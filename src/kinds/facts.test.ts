import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { CachedFact, Facts } from "./facts.ts";

const STALE_MS = 60_000;

interface Subject {
  key: string;
  id: string | undefined;
}

interface Shown {
  kept?: string;
  current?: string;
  counted?: number;
}

/** One fact of each sort, of values that can change and fail. */
function setUp(firstReadMs?: () => number) {
  const clock = new VirtualClock();
  const source = { value: "one", failure: undefined as Error | undefined, reads: [] as string[] };
  const queued: string[] = [];
  const options = { clock, resyncMs: 10 * STALE_MS, enqueue: (key: string) => void queued.push(key) };
  const read = (name: string) => async (id: string) => {
    source.reads.push(`${name} ${id}`);
    if (source.failure) throw source.failure;
    return source.value;
  };
  const counted = { count: undefined as number | undefined, fetched: [] as string[] };
  const kept = new CachedFact<Subject, string>(options, {
    id: ({ id }) => id,
    read: read("kept"),
    staleTimeMs: () => STALE_MS,
    whenStale: "show",
    ...(firstReadMs && { firstReadMs }),
  });
  const facts = new Facts<Subject, Shown>(
    {
      kept,
      current: new CachedFact<Subject, string>(options, {
        id: () => "team",
        read: read("current"),
        staleTimeMs: () => STALE_MS,
        whenStale: "hide",
        select: (value, { key }) => `${value} for ${key}`,
      }),
      counted: {
        data: () => counted.count,
        fetch: ({ key }, parameter) => void counted.fetched.push(`${key} ${parameter}`),
      },
    },
    {
      clock,
      readErrorOf: (error) => ({ kind: "Retry", reason: "Down", message: (error as Error).message }),
    },
  );
  const subject = (id: string | undefined = "a", key = "ns/a"): Subject => ({ key, id });
  const track = async (needs: string[] = [], of = subject()) => {
    facts.track(of, { needs });
    await clock.settle();
  };
  return { clock, source, queued, counted, kept, facts, subject, track };
}

describe("data", () => {
  it("begins no read, whatever is missing or stale: an observation may be made at any time", async () => {
    const { clock, source, facts, subject, track } = setUp(() => 0);
    expect(facts.data(subject())).toEqual({});
    await track(["kept", "current"]);
    await track();
    source.reads.length = 0;
    await clock.advance(2 * STALE_MS);
    expect(facts.data(subject())).toEqual({ kept: "one" });
    expect(facts.readErrors(subject())).toEqual({});
    await clock.settle();
    expect(source.reads).toEqual([]);
  });

  it("shows what is selected of a value, and nothing of a fact that the subject has no use for", async () => {
    const { counted, facts, subject, track } = setUp();
    counted.count = 0;
    await track(["kept", "current"]);
    expect(facts.data(subject())).toEqual({ kept: "one", current: "one for ns/a", counted: 0 });
    expect(facts.data({ key: "ns/b", id: undefined })).toEqual({ current: "one for ns/b", counted: 0 });
  });
});

describe("track", () => {
  it("reads what the decision needs, by its name alone, and queues the key", async () => {
    const { source, queued, counted, track } = setUp();
    await track(["kept", "counted/gpu/small"]);
    expect(source.reads).toEqual(["kept a"]);
    expect(counted.fetched).toEqual(["ns/a gpu/small"]);
    expect(queued).toEqual(["ns/a"]);
  });

  it("refuses a need that no fact is declared for: nothing would fetch it, and its object would wait for ever", () => {
    const { facts, subject } = setUp();
    for (const need of ["unheard of", "", "/kept", "toString"])
      expect(() => facts.track(subject(), { needs: [need] })).toThrow(need);
  });

  it("refetches what is shown though it is stale; what is hidden then waits for a decision's need", async () => {
    const { clock, source, track } = setUp();
    await track(["kept", "current"]);
    source.reads.length = 0;
    await track();
    expect(source.reads).toEqual([]);
    await clock.advance(STALE_MS);
    await track();
    expect(source.reads).toEqual(["kept a"]);
  });

  it("reads nothing that is missing without a need, unless the first read has a time of its own", async () => {
    const plain = setUp();
    await plain.track();
    expect(plain.source.reads).toEqual([]);
    const spread = setUp(() => 5_000);
    await spread.track();
    await spread.clock.advance(4_999);
    await spread.track();
    expect(spread.source.reads).toEqual([]);
    await spread.clock.advance(1);
    await spread.track();
    expect(spread.source.reads).toEqual(["kept a"]);
  });

  it("repeats a first read that fails only after as long again: no decision waits for it, and it may never succeed", async () => {
    const { clock, source, track } = setUp(() => 60 * STALE_MS);
    source.failure = new Error("no such thing");
    for (let passes = 0; passes < 600; passes++) {
      await track();
      await clock.advance(STALE_MS);
    }
    expect(source.reads.length).toBeGreaterThan(5);
    expect(source.reads.length).toBeLessThanOrEqual(10);
  });
});

describe("reload", () => {
  it("drops everything, and reads at once what was shown, so that no pass is needed before a read begins", async () => {
    const { source, facts, subject, track, clock } = setUp();
    await track(["kept", "current"]);
    source.reads.length = 0;
    source.value = "two";
    facts.reload(subject());
    expect(facts.data(subject())).toEqual({});
    await clock.settle();
    expect(source.reads).toEqual(["kept a"]);
    expect(facts.data(subject())).toEqual({ kept: "two" });
  });

  it("reads nothing of what was never shown: no object may need it yet", async () => {
    const { source, facts, subject, clock } = setUp();
    facts.reload(subject());
    await clock.settle();
    expect(source.reads).toEqual([]);
  });

  it("does not wait for the time of a first read", async () => {
    const { source, facts, subject, clock } = setUp(() => 3_600_000);
    facts.reload(subject());
    await clock.settle();
    expect(source.reads).toEqual(["kept a"]);
  });
});

describe("readErrors", () => {
  it("hold the milliseconds to the next read, so that a pass in the back-off comes back by itself", async () => {
    const { clock, source, facts, subject, track } = setUp();
    source.failure = new Error("503");
    await track(["kept"]);
    const { kept } = facts.readErrors(subject());
    expect(kept).toMatchObject({ kind: "Retry", message: "503", atLeastMs: expect.any(Number) });
    source.failure = undefined;
    await clock.advance((kept?.kind === "Retry" && kept.atLeastMs) || 0);
    await track(["kept"]);
    expect(facts.readErrors(subject())).toEqual({});
  });

  it("do not count the stale time of a value that was read before: else a retry would be as late", async () => {
    const { source, facts, subject, track } = setUp();
    await track(["kept"]);
    source.failure = new Error("503");
    await track(["kept"]);
    const { kept } = facts.readErrors(subject());
    expect(kept?.kind === "Retry" && kept.atLeastMs).toBeLessThan(2_000);
    expect(facts.data(subject())).toEqual({ kept: "one" });
  });
});

it("forgets what is cached of one id in all facts, and nothing of another", async () => {
  const { facts, subject, track } = setUp();
  await track(["kept", "current"]);
  await track(["kept"], subject("b", "ns/b"));
  facts.invalidate("a");
  expect(facts.data(subject())).toEqual({ current: "one for ns/a" });
  expect(facts.data(subject("b"))).toMatchObject({ kept: "one" });
});
