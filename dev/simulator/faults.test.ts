import { describe, expect, it } from "vitest";
import { MACHINE, setUp } from "../../test/simulator/simulation.ts";
import { type Answer, ConnectionCut } from "./api/handle.ts";
import type { Page } from "./api/paging.ts";
import type { FaultAction } from "./faults.ts";
import type { EventView, MachineView } from "./world/records.ts";

/** The result of a create under a fault: what the client received, and how many machines exist. */
async function createUnder(action: FaultAction) {
  const { clock, sim, call } = setUp();
  sim.faults.add({ match: { method: "POST" }, do: action });
  let settled: Answer | Error | undefined;
  void call("POST", "/machines", MACHINE).then(
    (answer) => {
      settled = answer;
    },
    (error: Error) => {
      settled = error;
    },
  );
  await clock.advance(600_000);
  return { seen: settled, machines: sim.world.machines.size, sim };
}

describe("what a client sees, and whether the write took effect", () => {
  it.each([
    [{ cut: "before" }, 0],
    [{ cut: "after" }, 1],
    [{ cut: "during" }, 1],
  ] as const)("a connection cut %o leaves %i machines", async (action, machines) => {
    const result = await createUnder(action);
    expect(result.seen).toBeInstanceOf(ConnectionCut);
    expect(result.machines).toBe(machines);
    expect(result.sim.calls.list({ method: "POST" })).toMatchObject([{ status: null, outcome: "cut" }]);
  });

  it.each([
    [{ status: 502 }, 502, 0],
    [{ status: 502, takesEffect: true }, 502, 1],
    [{ html: true }, 403, 0],
    [{ html: "<p>later</p>", status: 503, takesEffect: true }, 503, 1],
    [{ truncate: true }, 200, 1],
    [{ delayMs: 5_000 }, 200, 1],
    [{ answerDelayMs: 5_000 }, 200, 1],
  ] as const)("the fault %o answers %i and leaves %i machines", async (action, status, machines) => {
    const result = await createUnder(action);
    expect(result.seen).toMatchObject({ status });
    expect(result.machines).toBe(machines);
  });

  it.each([
    [{ hang: true }, 0],
    [{ hang: true, takesEffect: true }, 1],
  ] as const)("the fault %o never answers and leaves %i machines", async (action, machines) => {
    const result = await createUnder(action);
    expect(result.seen).toBeUndefined();
    expect(result.machines).toBe(machines);
    expect(result.sim.calls.list({ method: "POST" })).toMatchObject([{ outcome: "pending" }]);
  });

  it("carries out a delayed write late, and one with a delayed answer at once", async () => {
    const { clock, sim, call } = setUp();
    sim.faults.add({ do: { delayMs: 5_000 } });
    sim.faults.add({ do: { answerDelayMs: 5_000 } });
    const answers = Promise.all([
      call("POST", "/machines", { ...MACHINE, name: "late" }),
      call("POST", "/machines", { ...MACHINE, name: "early" }),
    ]);
    await clock.advance(4_000);
    expect([...sim.world.machines.values()].map((m) => m.settings.name)).toEqual(["early"]);
    await clock.advance(1_000);
    expect((await answers).map((a) => a.status)).toEqual([200, 200]);
    expect(sim.world.machines.size).toBe(2);
  });

  it("lets a client that gives up end a request that hangs", async () => {
    const { clock, sim } = setUp();
    sim.faults.add({ do: { hang: true } });
    sim.faults.add({ do: { hang: true } });
    const client = new AbortController();
    const hung = sim.handle({ method: "GET", path: "/v1/health" }, client.signal);
    await clock.settle();
    client.abort();
    await expect(hung).rejects.toBeInstanceOf(ConnectionCut);
    // One that has gone before it could hang is no different.
    const late = sim.handle({ method: "GET", path: "/v1/health" }, client.signal);
    await expect(late).rejects.toBeInstanceOf(ConnectionCut);
  });

  it("gives a truncated body that no parser takes, and a block page that is not JSON", async () => {
    const { sim, call } = setUp();
    sim.faults.add({ do: { truncate: true } });
    sim.faults.add({ do: { html: true } });
    const cutOff = await call("GET", "/machines");
    expect(() => JSON.parse(cutOff.body)).toThrow();
    const page = await call("GET", "/machines");
    expect(page.headers["content-type"]).toMatch(/html/);
    expect(page.body).toMatch(/^<!DOCTYPE html>/);
  });

  it("leaves new machines out of lists while reads by id find them", async () => {
    const { sim, call, create, ok } = setUp();
    const older = await create({ name: "older" });
    const newer = await create({ name: "newer" });
    sim.faults.add({ match: { times: "always" }, do: { omitFromList: "newest" } });
    const names = (await ok<Page<MachineView>>("GET", "/machines?limit=1")).items.map((m) => m.name);
    expect(names).toEqual(["older"]);
    expect((await call("GET", `/machines/${newer.data.id}`)).status).toBe(200);
    sim.faults.clear();
    sim.faults.add({ do: { omitFromList: older.data.id } });
    expect((await ok<Page<MachineView>>("GET", "/machines")).items.map((m) => m.name)).toEqual(["newer"]);
  });

  it("lists events late and twice", async () => {
    const { clock, sim, create, ok } = setUp();
    await create();
    sim.faults.add({ match: { times: 2 }, do: { lateEvents: 10_000, repeatEvents: true } });
    const count = async () => (await ok<Page<EventView>>("GET", "/machine-events")).items.length;
    expect(await count()).toBe(0);
    await clock.advance(10_000);
    expect(await count()).toBe(2);
    expect(await count()).toBe(1);
  });
});

describe("which requests a fault meets", () => {
  it("applies once by default, and after as many requests as it is to let pass", async () => {
    const { sim, call } = setUp();
    sim.faults.add({ match: { skip: 1, times: 2 }, do: { status: 500 } });
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) statuses.push((await call("GET", "/machines")).status);
    expect(statuses).toEqual([200, 500, 500, 200]);
  });

  it("matches requests by method, path and team", async () => {
    const { sim, call } = setUp();
    sim.faults.add({
      match: { method: "get", path: "^/v1/machines$", team: "te-beta", times: "always" },
      do: { status: 503 },
    });
    expect((await call("GET", "/machines")).status).toBe(200);
    expect((await call("GET", "/machine-events", undefined, "sim-key-beta")).status).toBe(200);
    expect((await call("GET", "/machines", undefined, "sim-key-beta")).status).toBe(503);
  });

  it("draws chances from the seed, so that a run with random faults can be played again", async () => {
    const run = async () => {
      const { sim, call } = setUp({ seed: 3 });
      sim.faults.add({ match: { probability: 0.5, times: "always" }, do: { status: 500 } });
      const statuses: number[] = [];
      for (let i = 0; i < 20; i++) statuses.push((await call("GET", "/machines")).status);
      return statuses;
    };
    const first = await run();
    expect(new Set(first)).toEqual(new Set([200, 500]));
    expect(await run()).toEqual(first);
  });

  it("refuses a fault it does not understand, rather than never striking", () => {
    const { sim } = setUp();
    expect(() => sim.faults.add({ do: {} })).toThrow(TypeError);
    expect(() => sim.faults.add({ do: { stauts: 500 } as never })).toThrow(/additional properties/);
    expect(() => sim.faults.add({ match: { path: "(" }, do: { status: 500 } })).toThrow(/path/);
  });
});

describe("the log of calls", () => {
  it("holds requests and answers, and no key", async () => {
    const { sim, call } = setUp();
    sim.faults.add({ match: { method: "POST" }, do: { status: 502 } });
    await call("GET", "/machines?limit=3");
    await call("POST", "/machines", MACHINE);
    await call("GET", "/machines", undefined, "sim-key-wrong");
    expect(sim.calls.list()).toMatchObject([
      { seq: 1, team: "te-alpha", method: "GET", path: "/v1/machines", query: { limit: "3" }, status: 200 },
      { seq: 2, team: "te-alpha", method: "POST", body: MACHINE, status: 502, fault: "f1" },
      { seq: 3, team: undefined, status: 401 },
    ]);
    expect(JSON.stringify(sim.calls.list())).not.toMatch(/sim-key|bearer|authorization/i);
    expect(sim.calls.list({ path: /machines$/, since: 2 })).toHaveLength(1);
    sim.calls.clear();
    expect(sim.calls.list()).toEqual([]);
  });
});
