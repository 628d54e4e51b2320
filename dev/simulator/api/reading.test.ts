import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BETA, MACHINE, refusal, setUp } from "../../../test/simulator/simulation.ts";
import type { Behaviour } from "../world/behaviour.ts";
import type { EventView, MachineView } from "../world/records.ts";
import type { Page } from "./paging.ts";

/** All pages of a list, following the cursor as a client does. */
async function pages<T>(
  ok: ReturnType<typeof setUp>["ok"],
  path: string,
  between: () => Promise<unknown> = async () => {},
) {
  const items: T[] = [];
  let after = "";
  for (;;) {
    const page = await ok<Page<T>>("GET", `${path}${after}`);
    items.push(...page.items);
    if (!page.hasMore) return items;
    after = `&after=${encodeURIComponent(page.nextPage ?? "")}`;
    await between();
  }
}

describe("pages", () => {
  it("lists every machine once in either order, even where all dates are the same", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom("asc", "desc"),
        fc.constantFrom("dtCreated", "name", "state"),
        fc.constantFrom("keyset", "offset"),
        async (count, limit, order, orderBy, pageStability) => {
          const { sim, ok } = setUp({ vendorOpenapi: false, behaviour: { pageStability } });
          for (let i = 0; i < count; i++) sim.console.create("te-alpha", { name: `m${i % 3}` });
          const all = await pages<MachineView>(
            ok,
            `/machines?limit=${limit}&order=${order}&orderBy=${orderBy}`,
          );
          expect(all.map((m) => m.id).sort()).toEqual([...sim.world.machines.keys()].sort());
        },
      ),
      { numRuns: 60 },
    );
  });

  it("sorts newest first by default", async () => {
    const { clock, create, ok } = setUp();
    for (const name of ["a", "b", "c"]) {
      await create({ name });
      await clock.advance(1_000);
    }
    const names = async (query: string) =>
      (await ok<Page<MachineView>>("GET", `/machines${query}`)).items.map((m) => m.name);
    expect(await names("")).toEqual(["c", "b", "a"]);
    expect(await names("?order=asc")).toEqual(["a", "b", "c"]);
    expect(await names("?orderBy=name")).toEqual(["c", "b", "a"]);
  });

  it.each([
    ["keyset", ["a", "b", "c", "d"]],
    ["offset", ["a", "b", "d"]],
  ] as const)(
    "goes on after a deletion between two pages as pageStability specifies: %s",
    async (rule, seen) => {
      const { sim, ok } = setUp({ behaviour: { pageStability: rule } });
      const [a] = ["a", "b", "c", "d"].map((name) => sim.console.create("te-alpha", { name }));
      const gone = async () => a && !a.dtDeleted && sim.console.delete(a.id, true);
      const listed = await pages<MachineView>(ok, "/machines?limit=2&order=asc&orderBy=name", gone);
      expect(listed.map((m) => m.name)).toEqual(seen);
    },
  );

  it("meets a machine twice with offset cursors when another one is created between two pages", async () => {
    const { sim, ok } = setUp({ behaviour: { pageStability: "offset" } });
    for (const name of ["a", "b", "c"]) sim.console.create("te-alpha", { name });
    let made = false;
    const more = async () => {
      if (!made) sim.console.create("te-alpha", { name: "d" });
      made = true;
    };
    const listed = await pages<MachineView>(ok, "/machines?limit=2", more);
    expect(listed.map((m) => m.name)).toEqual(["c", "b", "b", "a"]);
  });

  it.each([
    ["0", 400],
    ["121", 400],
    ["ten", 400],
    ["1.5", 400],
    ["1", 200],
    ["120", 200],
  ])("takes whole limits from 1 to 120 only: %s", async (limit, status) => {
    const { call } = setUp();
    expect((await call("GET", `/machines?limit=${limit}`)).status).toBe(status);
  });

  it("may bring a limit in instead of refusing it", async () => {
    const { sim, ok } = setUp({ behaviour: { limitOutOfRange: "clamp" } });
    for (let i = 0; i < 3; i++) sim.console.create("te-alpha");
    expect((await ok<Page<MachineView>>("GET", "/machines?limit=0")).items).toHaveLength(1);
    expect((await ok<Page<MachineView>>("GET", "/machines?limit=1000")).items).toHaveLength(3);
  });

  it.each([
    ["absent", undefined],
    ["null", null],
    ["empty", ""],
  ] as const)("ends the last page as nextPageWhenLast specifies: %s", async (rule, cursor) => {
    const { ok } = setUp({ behaviour: { nextPageWhenLast: rule } });
    const page = await ok<Page<MachineView>>("GET", "/machines");
    expect(page.nextPage).toBe(cursor);
    expect(page.hasMore).toBe(false);
  });

  it("refuses a cursor it never gave out", async () => {
    const { call } = setUp();
    expect(refusal(await call("GET", "/machines?after=page2")).code).toBe("BAD_REQUEST");
  });

  it("uses a page size of its own where the client names none", async () => {
    const { sim, ok } = setUp({ behaviour: { defaultPageSize: 2 } });
    for (let i = 0; i < 3; i++) sim.console.create("te-alpha");
    expect(await ok<Page<MachineView>>("GET", "/machines")).toMatchObject({ hasMore: true });
  });
});

describe("filters", () => {
  it.each([
    ["exact", ["train"]],
    ["prefix", ["train", "train-2"]],
    ["contains", ["re-train", "train", "train-2"]],
  ] as const)("compares names as nameFilter specifies: %s", async (rule, wanted) => {
    const { sim, ok } = setUp({ behaviour: { nameFilter: rule } });
    for (const name of ["train", "train-2", "re-train", "other"]) sim.console.create("te-alpha", { name });
    const { items } = await ok<Page<MachineView>>("GET", "/machines?name=train&orderBy=name&order=asc");
    expect(items.map((m) => m.name)).toEqual(wanted);
  });

  it("finds machines by region in every spelling, by type and by agent", async () => {
    const { sim, ok } = setUp();
    sim.console.create("te-alpha", { region: "ca1" });
    sim.console.create("te-alpha", { region: "ny2", machineType: "A4000", templateId: "tdesk22u" }, "ready");
    const count = async (query: string) =>
      (await ok<Page<MachineView>>("GET", `/machines?${query}`)).items.length;
    expect(await count("region=ny2")).toBe(1);
    expect(await count(`region=${encodeURIComponent("East Coast (NY2)")}`)).toBe(1);
    expect(await count("machineType=A4000")).toBe(1);
    expect(await count("agentType=LinuxDesktop")).toBe(1);
    expect(await count("region=ams1")).toBe(0);
  });

  it.each([
    ["ignore", 200],
    ["error", 400],
  ] as const)("treats an unknown query parameter as configured: %s", async (rule, status) => {
    const { call } = setUp({ behaviour: { unknownQuery: rule } });
    expect((await call("GET", "/machines?colour=red")).status).toBe(status);
  });
});

describe("reading what was just written", () => {
  it("may miss a new machine by id and in lists, as the old API did", async () => {
    const { clock, call, create, ok } = setUp({
      behaviour: { getAfterCreateMissMs: 3_000, listAfterCreateMissMs: 8_000 },
    });
    const { data } = await create();
    const look = async () => [
      (await call("GET", `/machines/${data.id}`)).status,
      (await ok<Page<MachineView>>("GET", "/machines")).items.length,
    ];
    expect(await look()).toEqual([404, 0]);
    await clock.advance(3_000);
    expect(await look()).toEqual([200, 0]);
    await clock.advance(5_000);
    expect(await look()).toEqual([200, 1]);
  });

  it("may show events late, and drop old ones", async () => {
    const behaviour: Partial<Behaviour> = {
      eventGetDelayMs: 2_000,
      eventListDelayMs: 5_000,
      eventRetentionMs: 60_000,
    };
    const { clock, call, create, ok } = setUp({ behaviour });
    const { event } = await create({ startOnCreate: false });
    const look = async () => [
      (await call("GET", `/machine-events/${event.id}`)).status,
      (await ok<Page<EventView>>("GET", "/machine-events")).items.length,
    ];
    expect(await look()).toEqual([404, 0]);
    await clock.advance(2_000);
    expect(await look()).toEqual([200, 0]);
    await clock.advance(3_000);
    expect(await look()).toEqual([200, 1]);
    await clock.advance(60_000);
    expect(await look()).toEqual([404, 0]);
  });

  it.each([
    ["kept", 200],
    ["gone", 404],
  ] as const)("treats the events of a deleted machine as configured: %s", async (rule, status) => {
    const { clock, call, create, ok } = setUp({ behaviour: { eventsOfDeleted: rule } });
    const { data, event } = await create();
    await ok("DELETE", `/machines/${data.id}`);
    await clock.advance(90_000);
    expect((await call("GET", `/machine-events/${event.id}`)).status).toBe(status);
  });

  it.each([
    ["schema", ""],
    ["legacy", null],
  ] as const)("reads placeholders right after create as configured: %s", async (rule, os) => {
    const { create } = setUp({ behaviour: { createPlaceholders: rule } });
    expect((await create()).data.os).toBe(os);
  });

  it("may bring a static address late and leave auto shutdown fields empty", async () => {
    const { clock, create, machine } = setUp({
      behaviour: { staticAddressAt: "start", autoShutdownDefaults: "null" },
    });
    const { data } = await create({ publicIpType: "static" });
    expect(data).toMatchObject({ publicIp: null, autoShutdownTimeout: null, autoShutdownForce: null });
    await clock.advance(90_000);
    expect((await machine(data.id)).publicIp).not.toBeNull();
  });
});

describe("teams", () => {
  it("shows nothing of another team, so that a foreign key looks at an account of its own", async () => {
    const { call, create, ok } = setUp();
    const { data, event } = await create();
    expect((await ok<Page<MachineView>>("GET", "/machines", undefined, BETA)).items).toEqual([]);
    expect((await ok<Page<EventView>>("GET", "/machine-events", undefined, BETA)).items).toEqual([]);
    for (const [method, path] of [
      ["GET", `/machines/${data.id}`],
      ["DELETE", `/machines/${data.id}`],
      ["GET", `/machine-events/${event.id}`],
      ["GET", `/machines/${data.id}/accessors`],
    ] as const) {
      expect(refusal(await call(method, path, undefined, BETA)).code, path).toBe("NOT_FOUND");
    }
  });

  it("may answer FORBIDDEN where it would answer NOT_FOUND", async () => {
    const { call, create } = setUp({ behaviour: { foreignMachines: "forbidden", foreignTeams: "notFound" } });
    const { data } = await create();
    expect((await call("GET", `/machines/${data.id}`, undefined, BETA)).status).toBe(403);
    expect((await call("GET", "/teams/te-alpha/users", undefined, BETA)).status).toBe(404);
  });

  it("returns team and quota in the session, the same for every key of the team", async () => {
    const { ok } = setUp();
    const first = await ok<{ team: object }>("GET", "/auth/session");
    expect(first.team).toMatchObject({ id: "te-alpha", namespace: "alpha", maxMachines: 100 });
    expect(await ok("GET", "/auth/session", undefined, "sim-key-alpha-2")).toEqual(first);
  });

  it("lists the members of the own team by role, and of no other", async () => {
    const { call, ok } = setUp();
    const emails = async (query: string) =>
      (await ok<Page<{ user: { email: string } }>>("GET", `/teams/te-alpha/users${query}`)).items.map(
        (u) => u.user.email,
      );
    expect(await emails("")).toHaveLength(4);
    expect(await emails("?role=owner")).toEqual(["owner@alpha.example"]);
    expect(await emails("?role=admin")).toEqual(["admin@alpha.example"]);
    expect((await call("GET", "/teams/te-beta/users")).status).toBe(403);
    expect((await call("GET", "/teams/te-nobody/users")).status).toBe(404);
  });

  it("lists templates with the machine types each can run on, without a key too", async () => {
    const { call, ok } = setUp();
    const { items } = await ok<
      Page<{ id: string; availableMachineTypes: { machineTypeLabel: string; isAvailable: boolean }[] }>
    >("GET", "/os-templates?order=asc");
    const types = items.find((t) => t.id === "tdesk22u")?.availableMachineTypes;
    expect(types).toContainEqual({ machineTypeLabel: "A4000", isAvailable: true });
    expect(types).toContainEqual({ machineTypeLabel: "H100", isAvailable: false });
    expect((await call("GET", "/os-templates", undefined, null)).status).toBe(200);
  });
});

describe("accessors and desktop", () => {
  it("adds, reads and removes a user's access, and the answer to a removal contains the time", async () => {
    const { call, ok, create } = setUp();
    const { data } = await create({ accessorIds: ["ualphaadmin"] });
    const path = `/machines/${data.id}/accessors`;
    const ids = async () =>
      (await ok<Page<{ user: { id: string } }>>("GET", `${path}?order=asc`)).items.map((a) => a.user.id);
    expect(await ids()).toEqual(["ualphaadmin"]);
    await ok("POST", path, { userId: "ualphauser1" });
    await ok("POST", path, { userId: "ualphauser1" });
    expect(await ids()).toEqual(["ualphaadmin", "ualphauser1"]);
    const removed = await ok<{ dtDeleted: string | null }>("DELETE", `${path}/ualphaadmin`);
    expect(removed.dtDeleted).not.toBeNull();
    expect(await ids()).toEqual(["ualphauser1"]);
    expect((await call("GET", `${path}/ualphaadmin`)).status).toBe(404);
    expect((await call("DELETE", `${path}/ualphaadmin`)).status).toBe(404);
    expect((await call("POST", path, { userId: "ubetaowner0" })).status).toBe(404);
  });

  it("may keep removed accessors visible and refuse to add one twice", async () => {
    const { call, ok, create } = setUp({
      behaviour: { removedAccessors: "dtDeleted", readdAccessor: "error" },
    });
    const { data } = await create({ accessorIds: ["ualphaadmin"] });
    const path = `/machines/${data.id}/accessors`;
    expect((await call("POST", path, { userId: "ualphaadmin" })).status).toBe(409);
    await ok("DELETE", `${path}/ualphaadmin`);
    expect((await ok<Page<object>>("GET", path)).items).toHaveLength(1);
    expect((await call("GET", `${path}/ualphaadmin`)).status).toBe(200);
  });

  it("gives a desktop only where the machine has one and is on", async () => {
    const { sim, call, ok } = setUp();
    const desktopOf = (templateId: string, state: "ready" | "off") => {
      const { id } = sim.console.create("te-alpha", { machineType: "A4000", templateId }, state);
      return ok("GET", `/machines/${id}/desktop`);
    };
    expect(await desktopOf("tdesk22u", "ready")).toHaveProperty("vnc.password");
    expect(await desktopOf("twin10vd", "ready")).toHaveProperty("windows.port", 3389);
    expect(await desktopOf("t0nspur5", "ready")).toEqual({});
    expect(await desktopOf("tdesk22u", "off")).toEqual({});
    sim.world.setBehaviour({ desktopWhenOff: "error" });
    const { id } = sim.console.create("te-alpha", MACHINE, "off");
    expect((await call("GET", `/machines/${id}/desktop`)).status).toBe(409);
  });
});
