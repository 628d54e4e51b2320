import pino from "pino";
import { describe, expect, it } from "vitest";
import { MAY, PROJECT, simulated, TEAM } from "../../../test/decide/deployment/api.ts";
import { VirtualClock } from "../../../test/support/virtual-clock.ts";
import type { PaperspaceApi } from "../../paperspace/transport.ts";
import { MemoryBudget } from "../memory-budget.ts";
import { FACT } from "./observation.ts";
import { ProjectCache } from "./project-cache.ts";

const MINUTE = 60_000;
const RESYNC_MS = 10 * MINUTE;
const KEY = "ns/web";

/** An API of these methods alone, the same for every group. */
function apiWith(methods: object): PaperspaceApi {
  const api = { ...methods, with: () => api } as unknown as PaperspaceApi;
  return api;
}

function cache(clock: VirtualClock, api: PaperspaceApi, projectId = PROJECT, characters = 2_000_000) {
  const configBudget = new MemoryBudget(characters);
  const queued: string[] = [];
  const projectCache = new ProjectCache(
    {
      team: TEAM,
      projectId,
      configBudget,
      clock,
      logger: pino({ level: "silent" }),
      settings: { resyncMs: RESYNC_MS, gatherMs: 50, rechecks: { recheckMs: 30_000, slowMs: RESYNC_MS } },
      enqueue: (key) => queued.push(key),
    },
    api,
  );
  return { projectCache, queued, configBudget };
}

/** A project with one deployment that has been healthy for long. */
function setUp(config: { enabled?: boolean } = {}) {
  const parts = simulated();
  const { sim, clock, paperspace } = parts;
  const web = sim.console.deployments.create(PROJECT, { name: "web", ...config }, { settled: true });
  sim.calls.clear();
  return { ...parts, web, ...cache(clock, paperspace) };
}

const RUNS = /\/runs$/;

const subject = (id: string | undefined, key = KEY) => ({ key, id, name: "web" });

/** As a pass does it: observes, and then begins the reads that the decision needs and those that are due. */
function pass(
  { projectCache }: Pick<ReturnType<typeof cache>, "projectCache">,
  id: string,
  needs: readonly string[] = [],
  key = KEY,
) {
  const facts = projectCache.facts(subject(id, key));
  projectCache.track(subject(id, key), { needs });
  return facts;
}

/** Passes every minute, as of an object that is requeued for other reasons; the minutes of the reads. */
async function reads(parts: ReturnType<typeof setUp>, minutes: number): Promise<number[]> {
  const { clock, web, calls } = parts;
  const at: number[] = [];
  for (let minute = 0; minute <= minutes; minute++) {
    const before = calls("GET", RUNS).length;
    pass(parts, web.id);
    await clock.settle();
    if (calls("GET", RUNS).length > before) at.push(minute);
    await clock.advance(MINUTE);
  }
  return at;
}

const gaps = (times: readonly number[]) => times.slice(1).map((time, n) => time - (times[n] ?? 0));

describe("runs of what is at rest", () => {
  it("are read in each resync: Ready rests on them, and is as old at most", async () => {
    const parts = setUp();
    parts.projectCache.reload(subject(parts.web.id));
    // The request itself reads at minute 0, and a pass in each resync finds them stale.
    expect(gaps([0, ...(await reads(parts, 60))])).toEqual([9, 9, 9, 9, 9, 9]);
  });

  it("are read ever more rarely where none is to run: nothing rests on them but that it stays so", async () => {
    const parts = setUp({ enabled: false });
    parts.projectCache.reload(subject(parts.web.id));
    expect(gaps([0, ...(await reads(parts, 300))])).toEqual([5, 10, 20, 40, 60, 60, 60]);
    parts.sim.console.deployments.enable(parts.web.id);
    const again = await reads(parts, 90);
    expect(gaps(again).slice(0, 2)).toEqual([9, 9]);
    expect(pass(parts, parts.web.id).runs?.list).toMatchObject([{ replicas: 1, ready: 1 }]);
  });

  it("are given as last read while they are read again, and the key is queued when the answer is there", async () => {
    const { projectCache, web, clock, queued, sim } = setUp();
    projectCache.reload(subject(web.id));
    expect(pass({ projectCache }, web.id).runs).toBeUndefined();
    await clock.settle();
    expect(queued).toContain(KEY);
    sim.console.deployments.scale(web.id, 3);
    await clock.advance(RESYNC_MS);
    queued.length = 0;
    expect(pass({ projectCache }, web.id).runs?.list).toMatchObject([{ replicas: 1 }]);
    await clock.settle();
    expect(queued).toEqual([KEY]);
    expect(pass({ projectCache }, web.id).runs?.list).toMatchObject([{ replicas: 3 }]);
  });
});

describe("after a start", () => {
  const FLEET = 200;
  const RESYNC = RESYNC_MS / MINUTE;

  /** An API without an account behind it: what is requested, and when. Each has a pass at the start and one in a resync. */
  async function fleet(minutes: number) {
    let drawn = 0;
    // Even steps through the whole range, in the order of nothing.
    const clock = new VirtualClock(0, () => (drawn++ * 0.618) % 1);
    const minutesOfReads = new Map<string, number[]>();
    const body = [{ replicas: 1, readyReplicas: 1, availableReplicas: 0, instances: [] }];
    const request = async ({ path }: { path: string }) => {
      const minute = Math.floor(clock.monotonic() / MINUTE);
      minutesOfReads.set(path, [...(minutesOfReads.get(path) ?? []), minute]);
      return { body, status: 200, beganAt: clock.monotonic(), answeredAt: clock.monotonic() };
    };
    const { projectCache } = cache(clock, apiWith({ request }));
    for (let minute = 0; minute < minutes; minute++) {
      for (let n = 0; n < FLEET; n++)
        if (minute === 0 || n % RESYNC === minute % RESYNC) pass({ projectCache }, `d${n}`, [], `ns/${n}`);
      await clock.advance(MINUTE);
    }
    return [...minutesOfReads.values()];
  }

  it("the first reads of a whole fleet come with its regular passes, not at once: else a restart would empty the budget", async () => {
    const first = (await fleet(RESYNC + 2)).map(([minute = -1]) => minute);
    expect(first).toHaveLength(FLEET);
    const most = Math.max(...first.map((minute) => first.filter((other) => other === minute).length));
    expect(most).toBeLessThanOrEqual(FLEET / RESYNC + 5);
  });

  it("and they stay spread, one in a resync each", async () => {
    const perMinute = new Map<number, number>();
    const times = await fleet(6 * RESYNC);
    for (const minute of times.flat()) perMinute.set(minute, (perMinute.get(minute) ?? 0) + 1);
    expect(Math.max(...perMinute.values())).toBeLessThanOrEqual(FLEET / RESYNC + 5);
    for (const each of times) expect(Math.max(...gaps(each))).toBe(RESYNC);
  });
});

describe("when the user requests a read", () => {
  it("everything is read at once, without its turn: the runs, the project's list and the names of its secrets", async () => {
    const { projectCache, web, clock, api, sim, calls } = setUp();
    projectCache.inventory.subscribe(KEY, web.id);
    projectCache.reload(subject(web.id));
    pass({ projectCache }, web.id);
    pass({ projectCache }, web.id, [FACT.projectSecrets, FACT.specs]);
    await clock.advance(1_000);
    await api.putSecret(PROJECT, { name: "new", value: "v" }, MAY);
    sim.console.deployments.edit(web.id, { image: "nginx:2" });
    sim.calls.clear();
    projectCache.reload(subject(web.id));
    // What is shown is not needed.
    expect(pass({ projectCache }, web.id).runs).toBeUndefined();
    expect(projectCache.secrets.getFresh(PROJECT)).toBeUndefined();
    expect(projectCache.specs.getFresh(web.id)).toBeUndefined();
    pass({ projectCache }, web.id, [FACT.projectSecrets, FACT.specs]);
    await clock.advance(1_000);
    expect(projectCache.secrets.getFresh(PROJECT)).toEqual(["new"]);
    expect(projectCache.specs.getFresh(web.id)).toHaveLength(2);
    expect(calls("GET", RUNS)).toHaveLength(1);
    expect(projectCache.inventory.get(web.id)?.item?.latestSpec?.data).toMatchObject({ image: "nginx:2" });
    expect(calls("GET", /projects\/p-alpha\/deployments$/).length).toBeGreaterThan(0);
  });

  it("costs nothing of a deployment where there is none yet", async () => {
    const { projectCache, clock, calls } = setUp();
    projectCache.reload(subject(undefined));
    await clock.advance(1_000);
    expect(calls("GET", RUNS)).toEqual([]);
    expect(calls("GET", /projects\/p-alpha\/deployments$/)).toHaveLength(1);
  });
});

describe("a project", () => {
  it("that does not exist is distinguished from one that cannot be read: only the first is for the user to correct", async () => {
    const { clock, paperspace, sim } = setUp();
    const { projectCache: nowhere } = cache(clock, paperspace, "p-nowhere");
    nowhere.inventory.refreshList(KEY);
    await clock.advance(MINUTE);
    expect(nowhere.missing()).toEqual({ dueInMs: expect.any(Number) });
    const { projectCache } = cache(clock, paperspace);
    expect(projectCache.missing()).toBeUndefined();
    sim.faults.add({ match: { times: "always" }, do: { status: 503 } });
    projectCache.inventory.refreshList(KEY);
    await clock.advance(10 * MINUTE);
    expect(projectCache.inventory.listError).toBeDefined();
    expect(projectCache.missing()).toBeUndefined();
  });

  it("is read with the newest valid key of its team: one that was withdrawn must not blind us", async () => {
    const { clock, paperspace, web } = setUp();
    const dead = apiWith({ request: () => Promise.reject(new Error("401")) });
    const { projectCache } = cache(clock, dead);
    projectCache.use({ api: paperspace, fingerprint: "new" } as never);
    projectCache.inventory.subscribe(KEY, web.id);
    projectCache.inventory.refresh(web.id);
    pass({ projectCache }, web.id, [FACT.runs]);
    await clock.advance(1_000);
    expect(projectCache.inventory.get(web.id)?.item?.name).toBe("web");
    expect(projectCache.facts(subject(web.id)).runs?.list).toHaveLength(1);
  });

  it("has one list for all of its objects, however many there are", async () => {
    const { projectCache, clock, sim, calls } = setUp();
    for (let n = 0; n < 50; n++) {
      const { id } = sim.console.deployments.create(PROJECT, { name: `w${n}` }, { settled: true });
      projectCache.inventory.subscribe(`ns/w${n}`, id);
      projectCache.inventory.refresh(id);
    }
    await clock.advance(MINUTE);
    sim.calls.clear();
    await clock.advance(RESYNC_MS);
    expect(calls("GET", /./).map(({ path }) => path)).toEqual(["/v1/projects/p-alpha/deployments"]);
  });
});

describe("former specs", () => {
  const images = (specs: readonly { data?: unknown }[] | undefined) =>
    specs?.map(({ data }) => (data as { image: string }).image);

  it("are listed newest first, since a rollback goes to a recent one; the first ones show who created it", async () => {
    const { projectCache, web, clock, sim } = setUp();
    for (const image of ["two", "three"]) {
      await clock.advance(1_000);
      sim.console.deployments.edit(web.id, { image });
    }
    projectCache.specs.fetch(web.id, KEY);
    projectCache.origins.fetch(web.id, KEY);
    await clock.settle();
    expect(images(projectCache.specs.get(web.id))).toEqual(["three", "two", "nginx:1.27"]);
    expect(images(projectCache.origins.get(web.id))).toEqual(["nginx:1.27", "two"]);
  });

  it("are read on to the one that is to be gone back to, which an autoscaler may have left far behind, and no further", async () => {
    const clock = new VirtualClock();
    let read = 0;
    async function* pages() {
      for (let page = 0; page < 100; page++) {
        const items = Array.from({ length: 120 }, () => ({ id: `s${read++}` }));
        yield { items, beganAt: 0, answeredAt: 0 };
      }
    }
    const { projectCache } = cache(clock, apiWith({ pages }));
    const specsOf = async (...backTo: string[]) => {
      read = 0;
      const id = ["d1", ...backTo].join(" ");
      projectCache.specs.fetch(id, KEY);
      await clock.settle();
      return projectCache.specs.get(id)?.map((spec) => spec.id) ?? [];
    };
    expect(await specsOf("s500", "s300")).toHaveLength(121);
    expect((await specsOf("s500", "s301")).at(-1)).toBe("s301");
    expect(read).toBe(360);
    expect(await specsOf("s7")).toHaveLength(120);
    expect(read).toBe(120);
    expect(await specsOf("s9999")).toHaveLength(120);
    expect(read).toBe(2400);
  });

  it("are fewer where they are large, with the one that is to be gone back to: no history fills memory", async () => {
    const clock = new VirtualClock();
    let read = 0;
    async function* pages() {
      for (;;) {
        const items = [{ id: `s${read++}`, data: { image: "x".repeat(1_000_000) } }];
        yield { items, beganAt: 0, answeredAt: 0 };
      }
    }
    const { projectCache, configBudget } = cache(clock, apiWith({ pages }), PROJECT, 10_000_000);
    projectCache.specs.fetch("d1 s9", KEY);
    await clock.settle();
    const ids = projectCache.specs.get("d1 s9")?.map(({ id }) => id);
    expect(ids).toEqual(["s0", "s1", "s2", "s3", "s4", "s9"]);
    expect(read).toBe(10);
    projectCache.stop();
    expect(configBudget.size).toBe(0);
  });

  it("of a deployment that shows none yet are requested each time: it may just be being created", async () => {
    const clock = new VirtualClock();
    let requests = 0;
    async function* pages() {
      requests++;
      yield { items: [], beganAt: 0, answeredAt: 0 };
    }
    const { projectCache } = cache(clock, apiWith({ pages }));
    projectCache.origins.fetch("d1", KEY);
    await clock.settle();
    projectCache.origins.fetchIfStale("d1", KEY);
    await clock.settle();
    expect(requests).toBe(2);
  });
});

describe("siblings", () => {
  it("are the deployments of the declared name in the newest list; without a list there are none to show", async () => {
    const { projectCache, web, clock, queued } = setUp();
    expect(projectCache.facts(subject(undefined)).siblings).toBeUndefined();
    projectCache.track(subject(undefined), { needs: [FACT.siblings] });
    await clock.advance(1_000);
    expect(queued).toEqual([KEY]);
    expect(projectCache.facts(subject(undefined)).siblings).toMatchObject({ ids: [web.id] });
    expect(projectCache.facts({ ...subject(undefined), name: "other" }).siblings).toMatchObject({ ids: [] });
  });
});

describe("an observation", () => {
  it("begins no read, whatever is missing or stale: reads begin after the decision only", async () => {
    const { projectCache, web, clock, sim } = setUp();
    pass({ projectCache }, web.id, [FACT.runs, FACT.specs, FACT.projectSecrets, FACT.siblings]);
    await clock.advance(1_000);
    sim.calls.clear();
    for (let resync = 0; resync < 10; resync++) {
      projectCache.facts(subject(web.id));
      projectCache.facts(subject("d-other", "ns/other"));
      await clock.advance(RESYNC_MS);
    }
    expect(sim.calls.list()).toEqual([]);
  });

  it("shows why a read failed, and when it is retried: a status must report it", async () => {
    const { projectCache, web, clock, sim } = setUp();
    sim.faults.add({ match: { times: "always" }, do: { status: 503 } });
    pass({ projectCache }, web.id, [FACT.runs, FACT.siblings]);
    await clock.advance(60_000);
    const { readErrors } = projectCache.facts(subject(web.id));
    expect(Object.keys(readErrors).sort()).toEqual([FACT.runs, FACT.siblings]);
    expect(readErrors.runs).toMatchObject({ kind: "Retry" });
  });
});

describe("an object that is gone", () => {
  it("drops what was cached of its deployment: without an object nothing refreshes it", async () => {
    const { projectCache, web, clock, calls } = setUp();
    projectCache.inventory.subscribe(KEY, web.id);
    projectCache.reload(subject(web.id));
    pass({ projectCache }, web.id);
    pass({ projectCache }, web.id, [FACT.specs]);
    await clock.advance(1_000);
    projectCache.forget(KEY);
    expect(projectCache.facts(subject(web.id)).runs).toBeUndefined();
    expect(projectCache.specs.get(web.id)).toBeUndefined();
    expect(projectCache.inventory.get(web.id)).toBeUndefined();
    const before = calls("GET", RUNS).length;
    // Its turn is a new one as well.
    pass({ projectCache }, web.id);
    await clock.settle();
    expect(calls("GET", RUNS)).toHaveLength(before);
  });

  it("leaves what another object follows, too", async () => {
    const { projectCache, web, clock } = setUp();
    projectCache.reload(subject(web.id));
    pass({ projectCache }, web.id);
    await clock.advance(1_000);
    projectCache.inventory.subscribe(KEY, web.id);
    projectCache.inventory.subscribe("ns/other", web.id);
    projectCache.forget(KEY);
    expect(projectCache.facts(subject(web.id)).runs?.list).toHaveLength(1);
  });

  it("leaves no timer behind where all is stopped", async () => {
    const { projectCache, web, clock } = setUp();
    projectCache.inventory.subscribe(KEY, web.id);
    projectCache.inventory.refresh(web.id);
    const before = clock.pending;
    projectCache.stop();
    expect(clock.pending).toBe(before - 2);
  });
});

describe("a configuration that is too large to be held with its deployment", () => {
  const large = (name: string) => ({ name, env: [{ name: "A", value: name.padEnd(100_000, "x") }] });
  const imageOf = (data: unknown) => (data as { image?: string } | undefined)?.image;

  async function observed(characters: number) {
    const { sim, clock, paperspace } = simulated();
    const made = ["a", "b"].map((name) =>
      sim.console.deployments.create(PROJECT, large(name), { settled: true }),
    );
    const { projectCache, configBudget } = cache(clock, paperspace, PROJECT, characters);
    for (const { id } of made) projectCache.inventory.subscribe(`ns/${id}`, id);
    const read = async (...ids: string[]) => {
      for (const id of ids) {
        projectCache.inventory.refresh(id);
        await clock.advance(1_000);
      }
    };
    const held = (id: string) => {
      const item = projectCache.inventory.get(id)?.item;
      return item && projectCache.whole(item);
    };
    const [a, b] = made.map(({ id }) => id) as [string, string];
    await read(a, b);
    return { sim, clock, projectCache, configBudget, read, held, a, b };
  }

  it("is there for a pass, and is no part of what is held of the deployment", async () => {
    const { projectCache, held, a, b } = await observed(1_000_000);
    expect(JSON.stringify(projectCache.inventory.get(a)).length).toBeLessThan(2_000);
    for (const id of [a, b]) expect(imageOf(held(id)?.latestSpec?.data)).toBe("nginx:1.27");
  });

  it("is dropped beyond the budget, and is there again once it is read: a pass has it, however many there are", async () => {
    const { read, held, a, b } = await observed(150_000);
    expect(held(a)).toBeUndefined();
    expect(held(b)).toBeDefined();
    await read(a);
    expect(held(a)).toBeDefined();
    expect(held(b)).toBeUndefined();
  });

  it("that is another one is a change as ever, and what is dropped is none: a deployment is the same as long as it is", async () => {
    const { sim, clock, projectCache, read, a, b } = await observed(150_000);
    const since = () => projectCache.inventory.get(a)?.sameSince;
    const first = since();
    await read(a, b, a);
    expect(since()).toBe(first);
    await clock.advance(1_000);
    sim.console.deployments.edit(a, { ...large("a"), image: "other" });
    await read(a);
    expect(since()).not.toBe(first);
  });

  it("takes no room where no object has the deployment any more, and where all is stopped", async () => {
    const { projectCache, configBudget, a } = await observed(1_000_000);
    const before = configBudget.size;
    projectCache.forget(`ns/${a}`);
    expect(configBudget.size).toBeLessThan(before);
    projectCache.stop();
    expect(configBudget.size).toBe(0);
  });
});
