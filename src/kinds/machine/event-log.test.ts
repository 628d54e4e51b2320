import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../../test/support/virtual-clock.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { MachineEvent } from "./api.ts";
import { EventLog } from "./event-log.ts";

const event = (n: number, over: Partial<MachineEvent> = {}): MachineEvent => ({
  id: `e${n}`,
  name: "start",
  state: "new",
  machineId: `ps${n}`,
  error: null,
  dtCreated: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
  ...over,
});

/** Pages of `size`, newest first, over whatever `all` holds at the moment. */
function cloud(all: MachineEvent[], size = 2) {
  const asked = { pages: 0, ids: [] as string[] };
  const api = {
    async *events() {
      const newest = [...all].sort((a, b) => Date.parse(b.dtCreated) - Date.parse(a.dtCreated));
      for (let at = 0; at < newest.length; at += size) {
        asked.pages++;
        yield { items: newest.slice(at, at + size), beganAt: 0, answeredAt: 0 };
      }
    },
    async event(id: string) {
      asked.ids.push(id);
      const body = all.find((one) => one.id === id);
      if (!body) throw new PaperspaceError("PS_NOT_FOUND", "no such event", { effect: "none", status: 404 });
      return { body, status: 200, beganAt: 0, answeredAt: 0 };
    },
  };
  return { api, asked };
}

function log(all: MachineEvent[], size = 2) {
  const clock = new VirtualClock();
  const { api, asked } = cloud(all, size);
  const heard: string[] = [];
  const events = new EventLog({
    api: () => api as never,
    clock,
    pollMs: 3_000,
    heard: ({ id, state }) => heard.push(`${id} ${state}`),
    failed: (error) => heard.push(String(error)),
  });
  return { clock, events, heard, asked };
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
    events.note(event(16));
    events.track("ns/a", "e16");
    await clock.advance(3_000);
    expect(asked.pages).toBe(2);
    expect(asked.ids).toEqual([]);
  });

  it("tells of a change in place, once, and never of what was told", async () => {
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
});
