import { describe, expect, it } from "vitest";
import { all, answering, MAY, PROJECT, simulated } from "../../../test/decide/deployment/api.ts";
import { configured, EVERYTHING } from "../../../test/decide/deployment/config.ts";
import { firstItems } from "./api.ts";

const DATE = "2026-06-01T00:00:00Z";
const GIT = { "x-git-host": "github", "x-git-sha": "abc" };

describe("a deployment as the API may give it", () => {
  it("needs an id and a name, and nothing else: what is null or absent must not hide all others of the list", async () => {
    const bare = { id: "d1", name: "web" };
    const nulls = { ...bare, projectId: null, endpoint: null, dtCreated: null, latestSpec: null };
    const empty = { ...bare, latestSpec: { id: "s1" } };
    const spec = { id: "s1", data: null, externalApplied: null, dtHealthy: null, error: null };
    for (const given of [bare, nulls, empty, { ...bare, latestSpec: spec }])
      expect((await answering(given).api.get("d1")).body).toEqual(given);
    const page = { hasMore: false, items: [bare, nulls, empty] };
    expect(await all(answering(page).api.list(PROJECT))).toHaveLength(3);
  });

  it("keeps data of any version unchanged: it is interpreted elsewhere", async () => {
    for (const data of [{ apiVersion: "v7" }, "text", 5, []]) {
      const { api } = answering({ id: "d1", name: "web", latestSpec: { id: "s1", data } });
      expect((await api.get("d1")).body.latestSpec?.data).toEqual(data);
    }
  });

  it("without an id is an error with a code", async () => {
    for (const given of [{ name: "web" }, { id: "", name: "web" }])
      await expect(answering(given).api.get("d1")).rejects.toMatchObject({ code: "PS_UNEXPECTED" });
  });

  it("whose spec has none has an unreadable one: null would mean that the configuration is invalid", async () => {
    const { body } = await answering({ id: "d1", name: "web", latestSpec: {} }).api.get("d1");
    expect(body).toEqual({ id: "d1", name: "web", unreadable: ["latestSpec"] });
  });
});

describe("runs as the API may give them", () => {
  const only = async (run: object) => (await answering([{ id: "r1", ...run }]).api.runs("d1"))[0];

  it("count zero where numbers are missing, since null and absent are both allowed", async () => {
    const none = { replicas: 0, ready: 0, available: 0, instances: [] };
    expect(await only({})).toEqual(none);
    const nulls = { replicas: null, readyReplicas: null, availableReplicas: null, instances: null };
    expect(await only(nulls)).toEqual(none);
    expect(await answering([]).api.runs("d1")).toEqual([]);
    const counted = { replicas: 3, readyReplicas: 2, availableReplicas: 1, instances: [] };
    expect(await only(counted)).toEqual({ replicas: 3, ready: 2, available: 1, instances: [] });
  });

  it("name an instance as logs and metrics do, and keep whatever state it is in", async () => {
    const instances = [
      { id: "x1", instanceId: "i1", state: "a-state-of-tomorrow", stateMessage: "hm", dtCreated: DATE },
      { id: "x2", instanceId: null, state: null, stateMessage: null, dtCreated: null, dtFinished: null },
      { id: "x3" },
    ];
    expect((await only({ instances }))?.instances).toEqual([
      { id: "i1", state: "a-state-of-tomorrow", message: "hm", createdAt: DATE },
      { id: "x2", state: "unknown" },
      { id: "x3", state: "unknown" },
    ]);
  });

  it("leave out instances that have ended: their failures are over, and would be reported for ever", async () => {
    const instances = [
      { id: "x1", state: "failed", dtFinished: DATE },
      { id: "x2", state: "running" },
    ];
    expect((await only({ instances }))?.instances).toEqual([{ id: "x2", state: "running" }]);
  });

  it("come newest first, as they are read; waiting for them may take only a share of the budget", async () => {
    const { api, requests } = answering([
      { id: "r2", replicas: 2 },
      { id: "r1", replicas: 1 },
    ]);
    expect((await api.runs("d?1")).map(({ replicas }) => replicas)).toEqual([2, 1]);
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /v1/deployments/d%3F1/runs",
    ]);
  });
});

describe("the upsert", () => {
  it("sends the configuration whole, with its origin, and by its id: another deployment may have the name by now", async () => {
    const { api, calls, sim } = simulated();
    const config = configured();
    const made = await api.upsert({ projectId: PROJECT, config }, { ...MAY, headers: {} });
    const id = made.body.deploymentId;
    const renamed = { projectId: PROJECT, config: { ...config, name: "other" }, deploymentId: id };
    expect((await api.upsert(renamed, { ...MAY, headers: {} })).body.deploymentId).toBe(id);
    expect(calls("POST", /deployments$/).map(({ body }) => body)).toEqual([
      { projectId: PROJECT, config },
      renamed,
    ]);
    expect(sim.world.deployments.get(id)?.name).toBe("other");
  });

  it("carries the headers with its origin", async () => {
    const { api, requests } = answering({ deploymentId: "d1" });
    await api.upsert({ projectId: PROJECT, config: configured() }, { ...MAY, headers: GIT });
    expect(requests[0]?.headers).toMatchObject(GIT);
  });

  it("is sent once at most, and not where the gate refuses: a second one might undo another actor's change", async () => {
    const { api, sim, calls, clock } = simulated();
    const body = { projectId: PROJECT, config: configured() };
    await expect(api.upsert(body, { gate: () => "paused", headers: {} })).rejects.toMatchObject({
      code: "PS_NOT_SENT",
    });
    sim.faults.add({ do: { cut: "after" } });
    const lost = api.upsert(body, { ...MAY, headers: {} });
    lost.catch(() => {});
    await clock.advance(600_000);
    await expect(lost).rejects.toMatchObject({ effect: "unknown" });
    expect(calls("POST", /deployments$/)).toHaveLength(1);
  });
});

describe("reading over a simulated account", () => {
  async function populated(count: number, behaviour: Parameters<typeof simulated>[0] = {}) {
    const parts = simulated(behaviour);
    for (let n = 0; n < count; n++)
      parts.sim.console.deployments.create(PROJECT, { name: `web-${n}` }, { settled: true });
    return parts;
  }

  it("lists a project to its end, oldest first: one created meanwhile comes last and is not missed", async () => {
    const { api, calls } = await populated(130);
    const found = await all(api.list(PROJECT));
    expect(found.map(({ name }) => name)).toEqual(Array.from({ length: 130 }, (_, n) => `web-${n}`));
    expect(calls("GET", /deployments$/)).toHaveLength(2);
  });

  it("finds by name only what has that name, or one that the API may take for it, whatever its filter means", async () => {
    const parts = await populated(12);
    expect((await parts.api.named(PROJECT, "web-1")).map(({ name }) => name)).toEqual(["web-1"]);
    expect(await parts.api.named(PROJECT, "web")).toEqual([]);
    const { api } = answering({
      hasMore: false,
      items: [
        { id: "d1", name: "Web" },
        { id: "d2", name: "web" },
        { id: "d3", name: "web-1" },
      ],
    });
    expect((await api.named(PROJECT, "web")).map(({ id }) => id)).toEqual(["d1", "d2"]);
  });

  it("reads a deployment whatever its stored form, and its history from either end only as far as needed", async () => {
    const { api, sim, calls } = await populated(1, { storedHealthChecks: "healthchecks" });
    const [record] = sim.world.deployments.values();
    const id = record?.id ?? "";
    for (let n = 0; n < 130; n++) sim.console.deployments.edit(id, { image: `nginx:${n}` });
    const imageOf = (spec: { data?: unknown } | undefined) => (spec?.data as { image?: string })?.image;
    expect(imageOf((await firstItems(api.history(id, "asc", 1), 1))[0])).toBe("nginx:1.27");
    expect(imageOf((await firstItems(api.history(id, "desc", 1), 1))[0])).toBe("nginx:129");
    const some = await firstItems(api.history(id, "desc", 120), 120);
    expect(some).toHaveLength(120);
    expect(calls("GET", /history$/).map(({ query }) => query)).toMatchObject([
      { order: "asc", limit: "1" },
      { order: "desc", limit: "1" },
      { order: "desc", limit: "120" },
    ]);
    expect((await api.get(id)).body).toMatchObject({ id, name: "web-0", latestSpec: { id: some[0]?.id } });
  });

  it("reports that a deployment is gone by a code of its own", async () => {
    const { api, sim } = await populated(1);
    const [record] = sim.world.deployments.values();
    await api.delete(record?.id ?? "", MAY);
    await expect(api.get(record?.id ?? "")).rejects.toMatchObject({ code: "PS_NOT_FOUND" });
    await expect(api.delete(record?.id ?? "", MAY)).rejects.toMatchObject({ code: "PS_NOT_FOUND" });
  });
});

describe("secrets of a project", () => {
  it("are put, seen by their names alone, and removed; the value is in nothing that is read", async () => {
    const { api, sim } = simulated();
    await api.putSecret(PROJECT, { name: "k8s_hub", value: "hunter2" }, MAY);
    expect(await api.secrets(PROJECT)).toEqual(["k8s_hub"]);
    expect(JSON.stringify(sim.calls.list())).not.toContain("hunter2");
    await api.removeSecret(PROJECT, "k8s_hub", MAY);
    expect(await api.secrets(PROJECT)).toEqual([]);
  });

  it("are listed to the end, since what is not listed is put once more", async () => {
    const { api } = simulated();
    for (let n = 0; n < 130; n++) await api.putSecret(PROJECT, { name: `s${n}`, value: "v" }, MAY);
    expect(new Set(await api.secrets(PROJECT)).size).toBe(130);
  });

  it("report by codes that one exists already, and that one is gone: both are no failures for the operator", async () => {
    const { api } = simulated();
    await api.putSecret(PROJECT, { name: "k8s_hub", value: "1" }, MAY);
    await expect(api.putSecret(PROJECT, { name: "k8s_hub", value: "1" }, MAY)).rejects.toMatchObject({
      code: "PS_CONFLICT",
    });
    await expect(api.removeSecret(PROJECT, "other", MAY)).rejects.toMatchObject({ code: "PS_NOT_FOUND" });
  });

  it("and a configuration that names them fit the vendor's schema, in all of its parts", async () => {
    const { api } = simulated();
    const body = { projectId: PROJECT, config: configured(EVERYTHING) };
    const { deploymentId } = (await api.upsert(body, { ...MAY, headers: {} })).body;
    expect((await api.get(deploymentId)).body.latestSpec?.data).toMatchObject({ name: "web" });
  });
});
