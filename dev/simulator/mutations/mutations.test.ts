import { describe, expect, it } from "vitest";
import { setUp } from "../../../test/simulator/simulation.ts";
import { combinationOf, MUTATIONS } from "./catalogue.ts";

const SETTINGS = {
  autoSnapshotEnabled: true,
  autoSnapshotFrequency: "weekly",
  autoSnapshotSaveCount: 2,
  autoShutdownEnabled: true,
  autoShutdownTimeout: 8,
  autoShutdownForce: false,
};
const CONFIG = {
  apiVersion: "v1",
  name: "web",
  image: "acme/model",
  env: [
    { name: "MODE", value: " x " },
    { name: "B", value: "y" },
  ],
  basicAuthKey: "secret:door",
  healthChecks: { readiness: { path: "/ready" }, liveness: { path: "/live/" } },
  resources: {
    machineType: "C4",
    ports: [80],
    replicas: 1,
    autoscaling: {
      enabled: true,
      maxReplicas: 2,
      metrics: [{ metric: "requestDuration", summary: "average", value: 0.1 }],
    },
  },
};

/** All that a client may see of a machine, its neighbour and a deployment in their first minutes, call by call. */
async function seen(mutations: readonly string[]): Promise<string[]> {
  const { sim, clock, call } = setUp({ vendorOpenapi: false, mutations });
  const answers: string[] = [];
  const ask = async (method: string, path: string, body?: unknown) => {
    const { status, body: text } = await call(method, path, body);
    answers.push(`${method} ${path} ${status} ${text.length > 10_000 ? text.length : text}`);
  };
  for (const name of ["Neighbour ", "Box "])
    await ask("POST", "/machines", { ...MACHINE, name, ...SETTINGS });
  await ask("POST", "/deployments", { projectId: "p-alpha", config: CONFIG });
  const [, box] = [...sim.world.machines.keys()];
  const [web] = [...sim.world.deployments.keys()];
  for (let minute = 0; minute < 3; minute++) {
    for (const path of [
      "/machines?limit=120",
      `/machines/${box}`,
      "/machine-events?limit=120",
      "/machines/none",
      "/machines/",
      "/projects/p-alpha/deployments?limit=120",
      `/deployments/${web}`,
      `/deployments/${web}/runs`,
    ])
      await ask("GET", path);
    await ask("PUT", `/machines/${box}`, { autoShutdownTimeout: 9 + minute });
    await ask("GET", `/machines/${box}`);
    await clock.advance(20_000);
  }
  return answers;
}

const MACHINE = {
  machineType: "A4000",
  templateId: "t0nspur5",
  diskSize: 50,
  region: "ny2",
  networkId: "nalpha0ny2",
};

describe("a mutation", () => {
  it("has a name of its own, and the source that makes it thinkable", () => {
    expect(new Set(MUTATIONS.map(({ name }) => name)).size).toBe(MUTATIONS.length);
    expect(MUTATIONS.filter(({ source }) => !/\.md/.test(source))).toEqual([]);
  });

  it("changes what a client sees, the same way each time: one that does nothing would show nothing", async () => {
    const honest = await seen([]);
    expect(await seen([])).toEqual(honest);
    const idle = [];
    for (const { name } of MUTATIONS) {
      const answers = await seen([name]);
      if (answers.join() === honest.join()) idle.push(name);
      expect(await seen([name])).toEqual(answers);
    }
    expect(idle).toEqual([]);
  });

  it("that is not known is refused by its name, and what was in force stays so", () => {
    const { sim } = setUp({ vendorOpenapi: false, mutations: ["numbers-as-text"] });
    expect(() => sim.mutations.use(["nonsense"])).toThrow('"nonsense"');
    expect(sim.mutations.names).toEqual(["numbers-as-text"]);
    sim.reset();
    expect(sim.mutations.names).toEqual([]);
  });
});

describe("a combination", () => {
  it("is the same for the same seed, within what the operator guarantees, and over time of all mutations", () => {
    expect(combinationOf(7)).toEqual(combinationOf(7));
    const drawn = new Set(Array.from({ length: 500 }, (_, seed) => combinationOf(seed)).flat());
    const within = MUTATIONS.filter(({ beyond }) => !beyond).map(({ name }) => name);
    expect([...drawn].sort()).toEqual(within.sort());
    const omitting = MUTATIONS.filter(({ omits }) => omits).map(({ name }) => name);
    expect(omitting.length).toBeGreaterThan(1);
    const both = (seed: number) => combinationOf(seed).filter((name) => omitting.includes(name)).length > 1;
    expect(Array.from({ length: 5_000 }, (_, seed) => seed).filter(both)).toEqual([]);
  });
});

describe("a list that lags", () => {
  it("shows things as they were, and never as they were longer ago than the lag", async () => {
    const { clock, ok, create } = setUp({ vendorOpenapi: false, mutations: ["lists-lag-60s"] });
    const names = async () => (await ok<{ items: { name: string }[] }>("GET", "/machines?limit=120")).items;
    const { data } = await create();
    expect(await names()).toEqual([]);
    await clock.advance(59_000);
    expect(await names()).toEqual([]);
    await clock.advance(2_000);
    expect(await names()).toHaveLength(1);
    await ok("PUT", `/machines/${data.id}`, { name: "renamed" });
    expect(await names()).toMatchObject([{ name: "trainer" }]);
    await clock.advance(61_000);
    expect(await names()).toMatchObject([{ name: "renamed" }]);
    await ok("DELETE", `/machines/${data.id}`);
    await clock.advance(29_000);
    await names();
    await clock.advance(32_000);
    expect(await names()).toHaveLength(1);
    await clock.advance(61_000);
    expect(await names()).toEqual([]);
  });
});

describe("what an API writes otherwise", () => {
  it("it writes so in old answers too, in whichever order the two are drawn: it has stored one thing only", async () => {
    const form = "names-lower-case";
    for (const mutations of [
      [form, "reads-lag-60s"],
      ["reads-lag-60s", form],
    ]) {
      const { clock, ok } = setUp({ vendorOpenapi: false, mutations });
      const { deploymentId } = await ok<{ deploymentId: string }>("POST", "/deployments", {
        projectId: "p-alpha",
        config: CONFIG,
      });
      await clock.advance(90_000);
      const names = async () => {
        const { latestSpec } = await ok<{ latestSpec: { data: typeof CONFIG } }>(
          "GET",
          `/deployments/${deploymentId}`,
        );
        return latestSpec.data.env.map(({ name }) => name);
      };
      const former = await names();
      const env = [{ name: "LATER", value: "x" }];
      await ok("POST", "/deployments", { deploymentId, projectId: "p-alpha", config: { ...CONFIG, env } });
      expect([former, await names()]).toEqual([
        ["mode", "b"],
        ["mode", "b"],
      ]);
      await clock.advance(61_000);
      expect(await names()).toEqual(["later"]);
    }
  });
});

describe("a list that lacks items", () => {
  it("has each in one of two lists, also where its pages are small: what none shows looks as what is not there", async () => {
    const { ok, create } = setUp({
      vendorOpenapi: false,
      mutations: ["pages-small", "lists-miss-one-of-two"],
    });
    const made = new Set<string>();
    for (let n = 0; n < 4; n++) made.add((await create()).data.id);
    const list = async () => {
      const ids: string[] = [];
      for (let after = ""; ; ) {
        const path = `/machines?limit=120${after && `&after=${after}`}`;
        const page = await ok<{ items: { id: string }[]; hasMore: boolean; nextPage?: string }>("GET", path);
        ids.push(...page.items.map(({ id }) => id));
        if (!page.hasMore) return ids;
        after = page.nextPage ?? "";
      }
    };
    const [first, second] = [await list(), await list()];
    expect(new Set([...first, ...second])).toEqual(made);
    expect(first.length + second.length).toBe(made.size);
  });
});
