import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { EventLog } from "./event-log.ts";
import type { MachineEvent } from "./machine/api.ts";

/** One a minute. */
const event = (n: number, over: Partial<MachineEvent> = {}): MachineEvent => ({
  id: `e${n}`,
  name: "start",
  state: "new",
  machineId: `ps${n}`,
  error: null,
  dtCreated: new Date(Date.UTC(2026, 0, 1) + n * 60_000).toISOString(),
  ...over,
});

/** Pages of `size`, newest first, over whatever `all` holds at the moment. */
function cloud(all: MachineEvent[], size = 2) {
  const asked = { polls: 0, pages: 0, ids: [] as string[], histories: [] as string[] };
  /** Page at which polls break off, counted from one; every history, too. */
  const broken = { page: Number.POSITIVE_INFINITY, history: false };
  const sorted = () => [...all].sort((a, b) => Date.parse(b.dtCreated) - Date.parse(a.dtCreated));
  const api = {
    async *events() {
      asked.polls++;
      const newest = sorted();
      for (let at = 0; at < newest.length; at += size) {
        asked.pages++;
        if (at / size + 1 >= broken.page) throw new Error("the connection broke");
        yield { items: newest.slice(at, at + size), beganAt: 0, answeredAt: 0 };
      }
    },
    async event(id: string) {
      asked.ids.push(id);
      const body = all.find((one) => one.id === id);
      if (!body) throw new PaperspaceError("PS_NOT_FOUND", "no such event", { effect: "none", status: 404 });
      return { body, status: 200, beganAt: 0, answeredAt: 0 };
    },
    async history(machineId: string) {
      asked.histories.push(machineId);
      if (broken.history) throw new Error("the connection broke");
      return sorted().filter((one) => one.machineId === machineId);
    },
  };
  return { api, asked, broken };
}

function log(all: MachineEvent[], size = 2, isSubscribed: (id: string) => boolean = () => true) {
  const clock = new VirtualClock();
  const { api, asked, broken } = cloud(all, size);
  const heard: string[] = [];
  const budget = { isBusy: false };
  const events = new EventLog<MachineEvent>({
    api: () => api as never,
    clock,
    pollMs: 3_000,
    slowMs: 600_000,
    isBusy: () => budget.isBusy,
    changed: ({ id, state }) => heard.push(`${id} ${state}`),
    failed: (error) => heard.push(String(error)),
    isSubscribed,
    resourceOf: ({ machineId }) => machineId,
    isPending: ({ state }) => state !== "done",
  });
  return { clock, events, heard, asked, broken, budget };
}

describe("EventLog", () => {
  it("polls only while somebody waits, since an idle fleet must cost nothing", async () => {
    const { clock, events, asked } = log([event(1)]);
    await clock.advance(60_000);
    expect(asked.pages).toBe(0);
    events.track("ns/a", "e1");
    await clock.advance(3_000);
    expect(asked.pages).toBe(1);
    events.untrack("ns/a");
    await clock.advance(60_000);
    expect(asked.pages).toBe(1);
  });

  it("goes back only as far as the oldest event that is waited for", async () => {
    const all = Array.from({ length: 20 }, (_, n) => event(n));
    const { clock, events, asked } = log(all);
    events.note(event(17));
    events.track("ns/a", "e17");
    await clock.advance(3_000);
    expect(asked.pages).toBe(2);
    expect(asked.ids).toEqual([]);
  });

  it("reports a change in place, once, and never what was reported before", async () => {
    const all = [event(1)];
    const { clock, events, heard } = log(all);
    events.track("ns/a", "e1");
    await clock.advance(9_000);
    all[0] = event(1, { state: "done" });
    await clock.advance(9_000);
    expect(heard).toEqual(["e1 new", "e1 done"]);
    expect(events.get("e1")?.state).toBe("done");
  });

  it("fetches by id what no page shows, and says of what is gone that it vanished", async () => {
    const { clock, events, asked } = log([]);
    events.track("ns/a", "e7");
    await clock.advance(3_000);
    expect(asked.ids).toEqual(["e7"]);
    expect(events.vanished("e7")).toBe(true);
  });

  it("takes back that an event vanished when it shows up after all: lists may lag behind writes", async () => {
    const all: MachineEvent[] = [];
    const { clock, events } = log(all);
    events.track("ns/a", "e1");
    await clock.advance(3_000);
    all.push(event(1));
    await clock.advance(3_000);
    expect(events.vanished("e1")).toBe(false);
    expect(events.get("e1")).toBeDefined();
  });

  it("says of one that had not ended that it vanished: what waits for its end would wait for ever", async () => {
    const { clock, events, heard } = log([]);
    events.note(event(1));
    events.track("ns/a", "e1");
    await clock.advance(60_000);
    expect(events.vanished("e1")).toBe(true);
    expect(heard).toEqual(["e1 new"]);
  });

  it("does not say so of one that a write has just answered with: reads of it may lag behind", async () => {
    const all: MachineEvent[] = [];
    const { clock, events } = log(all);
    events.note(event(1));
    events.track("ns/a", "e1");
    await clock.advance(20_000);
    expect(events.vanished("e1")).toBe(false);
    all.push(event(1, { state: "done" }));
    await clock.advance(3_000);
    expect(events.get("e1")?.state).toBe("done");
  });

  it("takes it back where a page shows the event as it was", async () => {
    const all: MachineEvent[] = [];
    const { clock, events } = log(all);
    events.note(event(1));
    events.track("ns/a", "e1");
    await clock.advance(60_000);
    all.push(event(1));
    await clock.advance(3_000);
    expect(events.vanished("e1")).toBe(false);
  });

  it("does not go back from done, whatever an older page still says", () => {
    const { events } = log([]);
    events.note(event(1, { state: "done" }));
    events.note(event(1, { state: "in progress" }));
    expect(events.get("e1")?.state).toBe("done");
  });

  it("finds the start that follows a create by the server's dates alone", () => {
    const { events } = log([]);
    const create = event(1, { id: "c", name: "create", machineId: "ps" });
    events.note(create);
    events.note(event(0, { id: "old", machineId: "ps" }));
    expect(events.after(create, "start")).toBeUndefined();
    events.note(event(2, { id: "new", machineId: "ps" }));
    expect(events.after(create, "start")?.id).toBe("new");
  });

  it("keeps a bounded memory of each machine", () => {
    const { events } = log([]);
    for (let n = 0; n < 50; n++) events.note(event(n, { machineId: "ps" }));
    expect(events.get("e0")).toBeUndefined();
    expect(events.get("e49")).toBeDefined();
  });

  it("waits for the start that follows a create as well, which nobody names: it is an event of its own", async () => {
    const start = event(2, { machineId: "ps", state: "in progress" });
    const all = [event(1, { name: "create", machineId: "ps", state: "done" }), start];
    all.push(...Array.from({ length: 20 }, (_, n) => event(3 + n, { state: "done" })));
    const { clock, events, heard } = log(all);
    for (const one of all) events.note(one);
    events.track("ns/a", "e1");
    expect(events.unfinished).toBe(true);
    all[1] = { ...start, state: "done" };
    await clock.advance(3_000);
    expect(heard).toEqual(["e2 done"]);
    expect(events.unfinished).toBe(false);
  });

  it("remembers when it heard of an event's end: what was seen of the machine before may be of before it", async () => {
    const all = [event(1)];
    const { clock, events } = log(all);
    events.track("ns/a", "e1");
    await clock.advance(3_000);
    all[0] = event(1, { state: "done" });
    await clock.advance(6_000);
    expect(events.updatedAt("e1")).toBe(6_000);
  });

  it("forgets a machine with all its events, so that a fleet that comes and goes does not fill the memory", () => {
    const { events } = log([]);
    events.note(event(1, { machineId: "ps" }));
    events.note(event(2));
    events.forget("ps");
    expect(events.of("ps")).toEqual([]);
    expect(events.get("e1")).toBeUndefined();
    expect(events.get("e2")).toBeDefined();
  });
});

describe("catching up", () => {
  const past = (count: number) => Array.from({ length: count }, (_, n) => event(n, { state: "done" }));

  it("reads back to what was read before and not further, and tells of what was missed", async () => {
    const all = past(10);
    const { clock, events, heard, asked } = log(all);
    events.seed(all);
    all.push(...Array.from({ length: 6 }, (_, n) => event(10 + n, { state: "done" })));
    events.catchUp();
    await clock.advance(3_000);
    expect(heard.toSorted()).toEqual([
      "e10 done",
      "e11 done",
      "e12 done",
      "e13 done",
      "e14 done",
      "e15 done",
    ]);
    // Three pages of news; one more tells that nothing lies between.
    expect(asked.pages).toBe(4);
    await clock.advance(60_000);
    expect(asked.pages).toBe(4);
  });

  it("is one poll, however many machines have changed", async () => {
    const { clock, events, asked } = log(past(4));
    for (let n = 0; n < 100; n++) events.catchUp();
    await clock.advance(60_000);
    expect(asked).toMatchObject({ polls: 1, pages: 1 });
  });

  it("begins with the newest page where nothing is known: what was before is not news", async () => {
    const { clock, events, heard, asked } = log(past(50));
    events.catchUp();
    await clock.advance(60_000);
    expect(asked.pages).toBe(1);
    expect(heard).toEqual(["e49 done", "e48 done"]);
  });

  it.each([
    ["some events are known", 10],
    ["none is", 0],
  ])("goes on after a failure until it has caught up, when %s", async (_, known) => {
    const all = past(10);
    const { clock, events, heard, broken } = log(all);
    if (known > 0) events.seed(all);
    all.push(event(10), event(11));
    broken.page = known > 0 ? 2 : 1;
    events.catchUp();
    await clock.advance(9_000);
    broken.page = Number.POSITIVE_INFINITY;
    await clock.advance(3_000);
    expect(heard.filter((line) => line.includes("broke"))).toHaveLength(3);
    expect(heard).toContain("e11 new");
    expect(events.get("e10")).toBeDefined();
  });

  it("stops at a bound: after months away the account's whole past would be read", async () => {
    const { clock, events, asked } = log(past(500));
    events.seed([event(1, { state: "done" })]);
    events.catchUp();
    await clock.advance(60_000);
    expect(asked).toMatchObject({ polls: 1, pages: 200 });
    events.catchUp();
    await clock.advance(60_000);
    expect(asked).toMatchObject({ polls: 2, pages: 201 });
  });

  it("reads no further than to what is awaited while others wait for the budget, and all the rest after that", async () => {
    const { clock, events, asked, budget } = log(past(500));
    events.seed([event(1, { state: "done" })]);
    events.note(event(499));
    events.track("a", "e499");
    budget.isBusy = true;
    await clock.advance(3_000);
    expect(asked).toMatchObject({ polls: 1, pages: 1, ids: [] });
    events.untrack("a");
    events.catchUp();
    await clock.advance(20_000);
    // The one that was due already.
    expect(asked).toMatchObject({ polls: 2, pages: 2, ids: [] });
    budget.isBusy = false;
    await clock.advance(30_000);
    expect(asked).toMatchObject({ polls: 3, pages: 202, ids: [] });
  });

  it("reads an old event by its id while others wait for the budget, rather than all pages back to it", async () => {
    const { clock, events, asked, budget } = log(past(500));
    events.track("a", "e100");
    budget.isBusy = true;
    await clock.advance(3_000);
    expect(asked).toMatchObject({ pages: 1, ids: ["e100"] });
  });

  it("misses nothing that lies before our own last write: its answer tells of one machine only", async () => {
    const all = past(2);
    const { clock, events, heard } = log(all);
    events.seed(all);
    all.push(...Array.from({ length: 6 }, (_, n) => event(2 + n, { name: "vm-shutdown-force" })));
    all.push(event(9));
    events.note(event(9));
    events.catchUp();
    await clock.advance(3_000);
    expect(heard).toContain("e2 new");
  });

  it("misses nothing between two polls, though the newest page holds all that is awaited", async () => {
    const all = past(2);
    const { clock, events, heard } = log(all);
    events.seed(all);
    all.push(...Array.from({ length: 6 }, (_, n) => event(2 + n, { name: "vm-shutdown-force" })));
    all.push(event(9));
    events.note(event(9));
    events.track("ns/a", "e9");
    await clock.advance(3_000);
    expect(heard).toContain("e2 new");
  });

  it("finds what shows up in the list a moment later than its date says", async () => {
    const all = past(5);
    const { clock, events, heard } = log(all, 1);
    events.seed(all);
    const late = (id: string, seconds: number) => {
      const at = Date.parse(event(4).dtCreated) - seconds * 1_000;
      return event(0, { id, dtCreated: new Date(at).toISOString() });
    };
    all.push(late("late1", 10), late("late2", 20));
    events.catchUp();
    await clock.advance(3_000);
    expect(heard).toEqual(["late1 new", "late2 new"]);
  });

  it("goes back to what is awaited in the same poll, where that lies further back", async () => {
    const all = past(20);
    const { clock, events, asked } = log(all);
    events.seed([event(18, { state: "done" })]);
    events.note(event(10));
    events.track("ns/a", "e10");
    events.catchUp();
    await clock.advance(3_000);
    expect(asked).toMatchObject({ polls: 1, pages: 6, ids: [] });
  });
});

describe("the pace", () => {
  it("is that of the key that asks for the most polls: what is late costs few, and delays no other", async () => {
    const { clock, events, asked } = log([event(1)]);
    events.track("ns/late", "e1", 60_000);
    await clock.advance(60_000);
    expect(asked.polls).toBe(1);
    events.track("ns/new", undefined);
    await clock.advance(60_000);
    expect(asked.polls).toBe(21);
    events.untrack("ns/new");
    await clock.advance(120_000);
    expect(asked.polls).toBeLessThanOrEqual(24);
  });

  it("is the usual one for what has changed, whatever is late", async () => {
    const { clock, events, asked } = log([event(1)]);
    events.track("ns/late", "e1", 600_000);
    events.catchUp();
    await clock.advance(3_000);
    expect(asked.polls).toBe(1);
  });

  it("knows an event that is older than those kept: it is not news in each poll that reads so far back", async () => {
    const all = Array.from({ length: 20 }, (_, n) => event(n, { machineId: "ps1", state: "done" }));
    const { clock, events, heard } = log([...all, event(21, { machineId: "ps1" })], 120);
    events.track("ns/a", "e21");
    await clock.advance(30_000);
    expect(heard).toHaveLength(10);
    expect(events.size).toBe(10);
  });
});

describe("events that cannot be read", () => {
  it("are polled ever more rarely, up to the slow pace: meanwhile the state decides", async () => {
    const { clock, events, asked, broken } = log([event(1)]);
    broken.page = 1;
    events.track("ns/a", "e1");
    await clock.advance(9_000);
    expect(asked.polls).toBe(3);
    await clock.advance(3_600_000);
    const before = asked.polls;
    await clock.advance(3_600_000);
    expect(asked.polls - before).toBe(6);
    broken.page = Number.POSITIVE_INFINITY;
    await clock.advance(600_000);
    const after = asked.polls;
    await clock.advance(60_000);
    expect(asked.polls - after).toBe(20);
  });

  it("are reported after several failed polls in a row: one alone may be a matter of seconds", async () => {
    const { clock, events, broken } = log([event(1)]);
    broken.page = 1;
    events.track("ns/a", "e1");
    await clock.advance(2 * 3_000);
    expect(events.readError).toBeUndefined();
    await clock.advance(3_000);
    expect(String(events.readError)).toBe("Error: the connection broke");
  });

  it("are waited for again as soon as one poll succeeds", async () => {
    const { clock, events, broken } = log([event(1)]);
    broken.page = 1;
    events.track("ns/a", "e1");
    await clock.advance(3 * 3_000);
    broken.page = Number.POSITIVE_INFINITY;
    await clock.advance(3_000);
    expect(events.readError).toBeUndefined();
    broken.page = 1;
    await clock.advance(2 * 3_000);
    expect(events.readError).toBeUndefined();
  });
});

describe("the past of a machine", () => {
  it("is read once, however often it is requested, and the callback runs when it is there", async () => {
    const all = [event(1, { machineId: "ps" }), event(2, { machineId: "ps" }), event(3)];
    const { clock, events, heard, asked } = log(all);
    const called: string[] = [];
    for (let n = 0; n < 5; n++) events.recall("ps", "default", () => called.push(`${n}`));
    await clock.settle();
    events.recall("ps", "default", () => called.push("late"));
    await clock.settle();
    expect(asked.histories).toEqual(["ps"]);
    expect(called).toEqual(["0"]);
    expect(events.of("ps").map(({ id }) => id)).toEqual(["e2", "e1"]);
    expect(heard).toEqual([]);
  });

  it("is asked for again after a failure, by whoever comes next", async () => {
    const { clock, events, heard, asked, broken } = log([event(1, { machineId: "ps" })]);
    broken.history = true;
    events.recall("ps", "default", () => heard.push("there"));
    await clock.settle();
    expect(heard).toEqual(["Error: the connection broke"]);
    broken.history = false;
    events.recall("ps", "default", () => heard.push("there"));
    await clock.settle();
    expect(asked.histories).toEqual(["ps", "ps"]);
    expect(heard.at(-1)).toBe("there");
  });

  it("is read again for a machine that was forgotten and comes back", async () => {
    const { clock, events, asked } = log([event(1, { machineId: "ps" })]);
    events.recall("ps", "default", () => {});
    await clock.settle();
    events.forget("ps");
    events.recall("ps", "default", () => {});
    await clock.settle();
    expect(asked.histories).toEqual(["ps", "ps"]);
  });

  it("comes from the status after a restart, newest first, without a request and not as news", async () => {
    const { clock, events, heard, asked } = log([event(1), event(2)]);
    events.seed([event(1, { machineId: "ps" }), event(2, { machineId: "ps", state: "done" })]);
    await clock.advance(60_000);
    expect(events.of("ps").map(({ id }) => id)).toEqual(["e2", "e1"]);
    expect(heard).toEqual([]);
    expect(asked).toEqual({ polls: 0, pages: 0, ids: [], histories: [] });
  });

  it("that the status kept does not undo what is known by now", () => {
    const { events } = log([]);
    events.note(event(1, { state: "done" }));
    events.seed([event(1, { state: "in progress" })]);
    expect(events.get("e1")?.state).toBe("done");
  });
});

it("keeps no events of machines that no object has: a team may make any number of them", async () => {
  const all = Array.from({ length: 3_000 }, (_, n) => event(n));
  const { events, clock, heard } = log(all, 120, (id) => id === "ps2999");
  events.track("ns/a", "e2999");
  await clock.advance(3_000);
  expect([events.size, events.get("e2999")?.id]).toEqual([1, "e2999"]);
  expect(heard).toEqual(["e2999 new"]);
});

describe("events that are all needed", () => {
  const since = (n: number) => Date.parse(event(n).dtCreated);
  const many = (count: number) => Array.from({ length: count }, (_, i) => event(i, { machineId: "ps" }));

  it("are read back to the time from which they are, once, and all of them are kept", async () => {
    const { clock, events, asked } = log(many(40));
    events.need("ps", since(10));
    expect(events.wholeSince("ps")).toBeUndefined();
    events.catchUpFor("ps");
    await clock.advance(3_000);
    expect(events.wholeSince("ps")).toBe(since(10));
    expect(events.of("ps").length).toBeGreaterThanOrEqual(30);
    expect(asked.pages).toBeLessThan(20);
    events.catchUpFor("ps");
    await clock.advance(60_000);
    expect(asked.polls).toBe(1);
  });

  it("are whole only from the oldest on that the API still has: what is gone must not count as nothing", async () => {
    const { clock, events } = log(many(40).slice(20));
    events.need("ps", since(10));
    events.catchUpFor("ps");
    await clock.advance(3_000);
    expect(events.wholeSince("ps")).toBe(since(20));
  });

  it("are not whole after a poll that broke off, and are read again", async () => {
    const { clock, events, broken } = log(many(10));
    broken.page = 2;
    events.need("ps", since(1));
    events.catchUpFor("ps");
    await clock.advance(3_000);
    expect(events.wholeSince("ps")).toBeUndefined();
    broken.page = Number.POSITIVE_INFINITY;
    await clock.advance(3_000);
    expect(events.wholeSince("ps")).toBe(since(1));
  });

  it("are whole from the oldest that is kept on, where there are too many", async () => {
    const { clock, events } = log(many(300), 120);
    events.need("ps", since(0));
    events.catchUpFor("ps");
    await clock.advance(3_000);
    expect(events.of("ps")).toHaveLength(200);
    expect(events.wholeSince("ps")).toBe(since(100));
  });

  it("are not needed any more of what is forgotten", async () => {
    const { clock, events } = log(many(40));
    events.need("ps", since(10));
    events.catchUpFor("ps");
    await clock.advance(3_000);
    events.forget("ps");
    expect(events.wholeSince("ps")).toBeUndefined();
  });
});
