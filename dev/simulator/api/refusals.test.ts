import { describe, expect, it } from "vitest";
import { ALPHA, MACHINE, refusal, setUp } from "../../../test/simulator/simulation.ts";
import type { Behaviour } from "../world/behaviour.ts";

const auth = { authorization: `Bearer ${ALPHA}` };
const json = { ...auth, "content-type": "application/json" };

describe("access", () => {
  it("gives a missing and a wrong key the same answer, message before code", async () => {
    const { call } = setUp();
    for (const key of [null, "sim-key-wrong", ""]) {
      const answer = await call("GET", "/machines", undefined, key);
      expect(answer.status).toBe(401);
      expect(answer.body).toBe(
        '{"message":"You must be logged in to access this method.","code":"UNAUTHORIZED"}',
      );
    }
  });

  it("gives unknown paths and wrong methods the same 404, key or no key", async () => {
    const { call, sim } = setUp();
    for (const [method, path] of [
      ["GET", "/nothing"],
      ["PUT", "/machines"],
      ["POST", "/machines/ps1/start"],
    ] as const) {
      const answer = await call(method, path, undefined, null);
      expect([answer.status, answer.body], path).toEqual([404, '{"message":"Not found","code":"NOT_FOUND"}']);
    }
    expect((await sim.handle({ method: "GET", path: "/machines", headers: auth })).status).toBe(404);
  });

  it("serves a path with a slash behind it as the same path, since a client relies on it", async () => {
    const { call, sim } = setUp();
    const [plain, slashed] = [
      await call("GET", "/machines?limit=5"),
      await call("GET", "/machines/?limit=5"),
    ];
    expect([slashed.status, slashed.body]).toEqual([200, plain.body]);
    sim.world.setBehaviour({ trailingSlash: "notFound" });
    expect((await call("GET", "/machines/")).status).toBe(404);
  });

  it("serves its OpenAPI document to anybody, so that clients can be made from it", async () => {
    const { sim } = setUp();
    for (const path of ["/openapi.json", "/v1/openapi.json"]) {
      const { status, json } = await sim.handle({ method: "GET", path });
      expect(status).toBe(200);
      expect(json).toMatchObject({ paths: { "/machines/{id}": { get: {}, put: {}, delete: {} } } });
    }
    expect(sim.conformance.report().violations).toEqual([]);
  });

  it("answers a session with null without a login, or with 401 where configured", async () => {
    const { sim, call } = setUp();
    const answer = await call("GET", "/auth/session", undefined, "sim-key-wrong");
    expect([answer.status, answer.body]).toEqual([200, "null"]);
    sim.world.setBehaviour({ sessionWithBadKey: "unauthorized" });
    expect((await call("GET", "/auth/session", undefined, "sim-key-wrong")).status).toBe(401);
  });

  it("may want a key for the templates too", async () => {
    const { call } = setUp({ behaviour: { osTemplatesAuth: "required" } });
    expect((await call("GET", "/os-templates", undefined, null)).status).toBe(401);
  });

  it("takes a revoked key for a wrong one, and a new one at once", async () => {
    const { sim, call } = setUp();
    sim.console.revokeKey(ALPHA);
    sim.console.addKey("te-alpha", "sim-key-new");
    expect((await call("GET", "/machines")).status).toBe(401);
    expect((await call("GET", "/machines", undefined, "sim-key-new")).status).toBe(200);
  });
});

describe("bodies", () => {
  it.each([
    ["an unknown field", { ...MACHINE, colour: "red" }, "colour"],
    ["a missing field", { ...MACHINE, diskSize: undefined }, "diskSize"],
    ["an empty name", { ...MACHINE, name: "" }, "/name"],
    ["a disk of no size", { ...MACHINE, diskSize: 0 }, "/diskSize"],
    ["a wrong type", { ...MACHINE, startOnCreate: "yes" }, "/startOnCreate"],
    ["a null, for no field takes one", { ...MACHINE, networkId: null }, "/networkId"],
    ["a value outside its list", { ...MACHINE, autoSnapshotFrequency: "day" }, "/autoSnapshotFrequency"],
  ])("refuses %s and names it, creating nothing", async (_name, body, named) => {
    const { sim, call } = setUp();
    const answer = await call("POST", "/machines", body);
    expect(refusal(answer)).toEqual({ status: 400, code: "BAD_REQUEST" });
    expect(answer.body).toContain(named);
    expect(Object.keys(answer.json as object)).toEqual(["message", "code", "details"]);
    expect(sim.world.machines.size).toBe(0);
  });

  it("closes the body of an update too, so that a typo is no silent success", async () => {
    const { call, machineIn } = setUp();
    const id = await machineIn("ready");
    expect((await call("PUT", `/machines/${id}`, { nmae: "x" })).status).toBe(400);
    expect((await call("PUT", `/machines/${id}`, { region: "ca1" })).status).toBe(400);
    expect((await call("PUT", `/machines/${id}`, {})).status).toBe(200);
  });

  it.each([
    ["details", ["message", "code", "details"]],
    ["issues", ["message", "code", "issues"]],
    ["none", ["message", "code"]],
  ] as const)("lists faults where errorField specifies: %s", async (errorField, keys) => {
    const { call } = setUp({ behaviour: { errorField } });
    const answer = await call("POST", "/machines", {});
    expect(Object.keys(answer.json as object)).toEqual(keys);
  });

  it("distinguishes a body that is not JSON from one that is wrong", async () => {
    const { sim } = setUp();
    const post = (body: string, headers: Record<string, string>) =>
      sim.handle({ method: "POST", path: "/v1/machines", headers, body });
    expect(refusal(await post("{", json)).code).toBe("PARSE_ERROR");
    expect(refusal(await post("", json)).code).toBe("BAD_REQUEST");
    expect(refusal(await post(JSON.stringify(MACHINE), auth)).code).toBe("BAD_REQUEST");
  });

  it("refuses an action with a JSON content type and no body, and takes {} or no content type", async () => {
    const { sim, machineIn } = setUp();
    const id = await machineIn("ready");
    const stop = (headers: Record<string, string>, body?: string) =>
      sim.handle({ method: "PATCH", path: `/v1/machines/${id}/stop`, headers, body });
    expect((await stop(json)).status).toBe(400);
    expect((await stop(json, '{"force":true}')).status).toBe(400);
    expect((await stop(json, "{}")).status).toBe(200);
    sim.world.setBehaviour({ stopWhileStopping: "doneEvent" });
    expect((await stop(auth)).status).toBe(200);
    expect((await stop({ ...auth, "content-type": "text/plain" })).status).toBe(200);
    sim.world.setBehaviour({ emptyJsonBody: "accept" });
    expect((await stop(json)).status).toBe(200);
  });
});

describe("business rules", () => {
  it.each([
    ["an unknown template", { templateId: "tnothing" }, "NOT_FOUND", "invalidTemplateCode"],
    ["an unknown type", { machineType: "Z9" }, "BAD_REQUEST", "invalidMachineTypeCode"],
    [
      "a type the template cannot run on",
      { templateId: "twnlo3zj", machineType: "C5" },
      "BAD_REQUEST",
      "invalidMachineTypeCode",
    ],
    ["a type in other letters", { machineType: "a4000" }, "BAD_REQUEST", "invalidMachineTypeCode"],
    ["NVLink where there is none", { enableNvlink: true }, "BAD_REQUEST", "invalidMachineTypeCode"],
    ["an unknown region", { region: "mars1" }, "BAD_REQUEST", "invalidRegionCode"],
    ["another team's network", { networkId: "nbeta00ny2" }, "NOT_FOUND", "invalidNetworkCode"],
    ["another team's user", { accessorIds: ["ubetaowner0"] }, "NOT_FOUND", "invalidUserCode"],
  ] as const)("refuses %s, with a configurable code", async (_name, change, code, key) => {
    const { sim, call } = setUp();
    expect(refusal(await call("POST", "/machines", { ...MACHINE, ...change })).code).toBe(code);
    sim.world.setBehaviour({ [key]: "PRECONDITION_FAILED" } as Partial<Behaviour>);
    expect((await call("POST", "/machines", { ...MACHINE, ...change })).status).toBe(412);
    expect(sim.world.machines.size).toBe(0);
  });

  it("understands a region in the console's spelling and answers with the short code", async () => {
    const { create } = setUp();
    expect((await create({ region: "Europe (AMS1)" })).data.region).toBe("ams1");
    expect((await create({ region: "NY2" })).data.region).toBe("ny2");
  });

  it("may be lenient about letter case, regions and networks", async () => {
    const { create } = setUp({
      behaviour: { machineTypeCase: "insensitive", unknownRegion: "accept", unknownNetwork: "accept" },
    });
    const { data } = await create({ machineType: "a100-80g", region: "mars1", networkId: "nwhatever" });
    expect(data).toMatchObject({ machineType: "A100-80G", region: "mars1" });
  });

  it("refuses for lack of quota, capacity, standing and disk under codes that can be set", async () => {
    const codes = {
      quotaCode: "FORBIDDEN",
      capacityCode: "CONFLICT",
      badStandingCode: "FORBIDDEN",
      invalidDiskSizeCode: "PRECONDITION_FAILED",
    } as const;
    const { sim, call, machineIn } = setUp({ behaviour: { ...codes, capacityShortage: "refuse" } });
    const id = await machineIn("off");
    expect((await call("PUT", `/machines/${id}`, { diskSize: 10 })).status).toBe(412);
    sim.world.setCapacity("A4000", "ny2", 0);
    expect((await call("POST", "/machines", MACHINE)).status).toBe(409);
    sim.console.setQuota("te-alpha", 1);
    expect((await call("POST", "/machines", MACHINE)).status).toBe(403);
    sim.console.setStanding("te-alpha", false);
    expect((await call("POST", "/machines", MACHINE)).status).toBe(403);
  });

  it("counts machines against the team's quota until they are gone, not until their deletion is requested", async () => {
    const { clock, sim, call, ok, create } = setUp();
    sim.console.setQuota("te-alpha", 1);
    const { data } = await create();
    expect(refusal(await call("POST", "/machines", MACHINE))).toEqual({
      status: 412,
      code: "PRECONDITION_FAILED",
    });
    await ok("DELETE", `/machines/${data.id}`);
    expect((await call("POST", "/machines", MACHINE)).status).toBe(412);
    await clock.advance(90_000);
    expect((await call("POST", "/machines", MACHINE)).status).toBe(200);
  });

  it("lets two machines have one name, since nothing makes names unique", async () => {
    const { create } = setUp();
    const [a, b] = [await create(), await create()];
    expect(a.data.id).not.toBe(b.data.id);
    expect(a.data.name).toBe(b.data.name);
  });

  it("lets a team in bad standing stop and delete, but not create or start", async () => {
    const { sim, call, act, machineIn } = setUp();
    const [on, off] = [await machineIn("ready"), await machineIn("off")];
    sim.console.setStanding("te-alpha", false);
    expect((await call("POST", "/machines", MACHINE)).status).toBe(412);
    expect((await act(off, "start")).status).toBe(412);
    expect((await act(on, "stop")).status).toBe(200);
    expect((await call("DELETE", `/machines/${off}`)).status).toBe(200);
  });
});

describe("the request budget", () => {
  it("answers 429 beyond the burst and serves again at the pace of the refill", async () => {
    const { clock, sim, call } = setUp();
    sim.console.setBudget("te-alpha", { burst: 2, perSecond: 1 });
    const statuses = async (n: number) => {
      const all: number[] = [];
      for (let i = 0; i < n; i++) all.push((await call("GET", "/machines")).status);
      return all;
    };
    expect(await statuses(3)).toEqual([200, 200, 429]);
    await clock.advance(1_000);
    expect(await statuses(2)).toEqual([200, 429]);
  });

  it("is one budget for all keys of a team and another one for another team", async () => {
    const { sim, call } = setUp();
    sim.console.setBudget("te-alpha", { burst: 1, perSecond: 0 });
    expect((await call("GET", "/machines")).status).toBe(200);
    expect((await call("GET", "/machines", undefined, "sim-key-alpha-2")).status).toBe(429);
    expect((await call("GET", "/machines", undefined, "sim-key-beta")).status).toBe(200);
  });

  it("sends Retry-After only where configured, as no header is documented", async () => {
    const { sim, call } = setUp();
    sim.console.setBudget("te-alpha", { burst: 0, perSecond: 0.5 });
    expect((await call("GET", "/machines")).headers).not.toHaveProperty("retry-after");
    sim.world.setBehaviour({ retryAfterHeader: true });
    expect((await call("GET", "/machines")).headers["retry-after"]).toBe("2");
  });
});

describe("answers", () => {
  it("are checked too: one that does not fit its schema is loud, and never sent", async () => {
    const { sim, call, machineIn } = setUp();
    const id = await machineIn("ready");
    Object.assign(sim.world.machines.get(id) ?? {}, { region: 7 });
    await expect(call("GET", `/machines/${id}`)).rejects.toThrow(/does not fit its schema.*region/);
  });
});
