import { describe, expect, it } from "vitest";
import { PluginEnv, type PluginEnvOptions, type WaitingOptions } from "../../test/plugin/plugin-env.ts";
import { REASON } from "../kinds/machine/reasons.ts";
import { KubeError } from "../kube/errors.ts";
import { TYPES } from "./kinds.ts";

const SINCE = "2026-01-31T05:00:00Z";
const LATER = "2026-01-31T07:30:00Z";
const H100 = { machineType: "H100", region: "ny2" };
const A6000 = { machineType: "A6000", region: "ca1" };
const MINUTE = 60_000;

const first = (of: number) => ({ ...H100, position: 1, of });
const plain = (more: Partial<WaitingOptions> = {}): WaitingOptions => ({
  spec: { ...H100, capacity: {} },
  since: SINCE,
  ...more,
});
const ALL = /v1alpha1\/paperspacemachines$/;

interface Shown {
  short: Record<string, unknown>[];
  waiting: Record<string, unknown>[];
}

async function shown(plugin: PluginEnv, line = "capacity"): Promise<Shown> {
  expect(await plugin.run(`${line} -o json`)).toBe(0);
  return JSON.parse(plugin.out);
}

function queued(options?: PluginEnvOptions): PluginEnv {
  const plugin = new PluginEnv(options);
  plugin.waiting("team-b", "theirs", plain({ position: first(2) }));
  plugin.waiting("team-a", "ours", plain({ since: LATER, position: { ...H100, position: 2, of: 2 } }));
  return plugin;
}

describe("what is short", () => {
  it("is shown with since when, how many wait, and who is next, who may be of any namespace", async () => {
    const { short, waiting } = await shown(queued());
    expect(short).toEqual([
      {
        team: "te1",
        ...H100,
        since: SINCE,
        lastFailed: null,
        waiting: 2,
        next: { namespace: "team-b", name: "theirs" },
      },
    ]);
    expect(waiting.map(({ name }) => name)).toEqual(["theirs", "ours"]);
  });

  it("shows names of other namespaces only with the right to see them, and still how many wait", async () => {
    const plugin = queued();
    plugin.forbid(ALL);
    expect(await plugin.run("capacity")).toBe(0);
    expect(plugin.err).toContain(
      "you may not list paperspacemachines.paperspace.com in all namespaces: this is namespace team-a",
    );
    expect(plugin.out).toMatch(/H100 +ny2 +30m +<none> +2 +<unknown>\n/);
    expect(plugin.out + plugin.err).not.toMatch(/team-b|theirs/);
  });

  it("does not say how many wait where objects that may not be seen could, and none that may be says so", async () => {
    const plugin = new PluginEnv();
    plugin.waiting("team-a", "ours", { spec: H100, since: SINCE });
    expect((await shown(plugin, "capacity -n team-a")).short[0]).toMatchObject({ waiting: null, next: null });
  });

  it("names the right that is missing where not even the namespace may be read", async () => {
    const plugin = queued();
    plugin.forbid(/paperspacemachines$/);
    expect(await plugin.run("capacity")).toBe(1);
    expect(plugin.err).toContain("you may not list paperspacemachines.paperspace.com in namespace team-a");
  });

  it("keeps teams apart: each has a queue of its own", async () => {
    const plugin = queued();
    plugin.waiting("team-c", "far", plain({ position: first(1), status: { teamId: "te2" } }));
    const { short } = await shown(plugin);
    expect(short.map(({ team, waiting }) => [team, waiting]).toSorted()).toEqual([
      ["te1", 2],
      ["te2", 1],
    ]);
    plugin.out = "";
    await plugin.run("capacity");
    expect(plugin.out).toMatch(/^TEAM +TYPE/);
  });

  it("takes the two forms of a region, and any letter case of a type, for one place", async () => {
    const plugin = queued();
    const spec = { machineType: "h100", region: "East Coast (NY2)" };
    plugin.waiting("team-c", "other", { spec, since: LATER });
    expect((await shown(plugin)).short.map(({ waiting }) => waiting)).toEqual([3]);
  });
});

describe("who waits", () => {
  const placement = {
    candidates: [
      { machineType: "H100", regions: ["ny2"] },
      { machineType: "A6000", regions: ["ca1"] },
    ],
  };
  const tried = (outcome: string) => [{ candidate: H100, outcome, at: LATER }];

  it("waits for all its candidates, the nearest queue first", async () => {
    const plugin = new PluginEnv();
    const position = { ...A6000, position: 1, of: 1 };
    plugin.waiting("team-a", "box", { spec: { placement }, since: SINCE, position });
    const { waiting, short } = await shown(plugin);
    expect(waiting[0]?.hardware).toEqual([A6000, H100]);
    expect(short).toHaveLength(2);
  });

  it("does not wait for a candidate that was refused for what the spec names", async () => {
    const plugin = new PluginEnv();
    const status = { placement: { tried: tried("Refused") } };
    plugin.waiting("team-a", "box", { spec: { placement }, since: SINCE, status });
    expect((await shown(plugin)).waiting[0]?.hardware).toEqual([A6000]);
  });

  it("does not wait for a candidate that costs more than its maximum", async () => {
    const plugin = new PluginEnv();
    const status = { placement: { tooDear: [{ ...H100, rate: 5.95 }] } };
    plugin.waiting("team-a", "box", { spec: { placement }, since: SINCE, status });
    const { waiting, short } = await shown(plugin);
    expect(waiting[0]?.hardware).toEqual([A6000]);
    expect(short.map(({ machineType }) => machineType)).toEqual(["A6000"]);
  });

  it("shows when a machine last came to nothing at the place: it is left alone after that", async () => {
    const plugin = queued();
    const status = { placement: { tried: tried("NoHardware") } };
    plugin.waiting("team-c", "box", { spec: { placement }, since: SINCE, status });
    const { short } = await shown(plugin);
    expect(short.map(({ machineType, lastFailed }) => [machineType, lastFailed])).toContainEqual([
      "H100",
      LATER,
    ]);
  });

  it("waits for its own hardware alone once its machine is there: it is not moved", async () => {
    const plugin = new PluginEnv();
    const status = { id: "ps1", ...A6000, placement: { chosen: A6000 } };
    plugin.waiting("team-a", "box", { spec: { placement }, since: SINCE, status });
    expect((await shown(plugin)).waiting[0]?.hardware).toEqual([A6000]);
  });

  it("is no longer next once it has given up, and is shown: its user waits for it", async () => {
    const plugin = new PluginEnv();
    const status = { operation: null, capacity: { waitingSince: SINCE } };
    plugin.waiting("team-a", "box", plain({ reason: REASON.CapacityUnavailable, status }));
    expect((await shown(plugin)).short[0]).toMatchObject({ waiting: 0, next: null });
    plugin.out = "";
    await plugin.run("capacity");
    expect(plugin.out).toMatch(/box .* gave up +0 +CapacityUnavailable\n/);
  });

  it.each([
    ["paused", { type: "Paused", status: "True", reason: "Paused" }],
    ["on by now", { type: "Ready", status: "True", reason: REASON.Available }],
    ["busy with something else", { type: "Ready", status: "False", reason: REASON.QuotaExceeded }],
  ])("is none that is %s", async (_, condition) => {
    const plugin = new PluginEnv();
    const ready = { type: "Ready", status: "False", reason: REASON.WaitingForCapacity };
    const conditions = condition.type === "Ready" ? [condition] : [ready, condition];
    plugin.waiting("team-a", "box", plain({ status: { conditions } }));
    expect(await plugin.run("capacity")).toBe(0);
    expect([plugin.out, plugin.err]).toEqual(["", "No machine waits for hardware.\n"]);
  });
});

describe("--watch", () => {
  it("on a terminal rewrites the tables in place, and no more lines than it has", async () => {
    const plugin = queued({ terminal: true, rows: 8 });
    const run = plugin.run("capacity --watch");
    await plugin.clock.advance(0);
    expect(plugin.out).toContain("ours");
    plugin.out = "";
    plugin.waiting("team-c", "new", plain({ since: LATER }));
    await plugin.clock.advance(5_000);
    expect(plugin.out).toMatch(/^.\[6A\r.\[J/);
    expect(plugin.out).toContain("… and 2 more lines");
    expect(plugin.out.match(/\n/g)).toHaveLength(6);
    plugin.stop.abort(new Error("SIGINT"));
    expect(await run).toBe(0);
  });

  it("elsewhere prints them again only when something changed, not for the clock", async () => {
    const plugin = queued();
    const run = plugin.run("capacity -w");
    await plugin.clock.advance(MINUTE);
    const once = plugin.out;
    expect(once.match(/TYPE/g)).toHaveLength(1);
    plugin.kube.storage.delete(TYPES.psm, "team-b", "theirs");
    await plugin.clock.advance(MINUTE);
    expect(plugin.out.slice(once.length)).toMatch(/^\nTYPE/);
    plugin.stop.abort(new Error("SIGINT"));
    expect(await run).toBe(0);
  });

  it("goes on when the cluster does not answer for a while, and says so once", async () => {
    const plugin = queued();
    const run = plugin.run("capacity -w");
    await plugin.clock.advance(0);
    plugin.kube.intercept = () => {
      throw new KubeError({ code: "KUBE_UNREACHABLE", message: "no connection" });
    };
    await plugin.clock.advance(MINUTE);
    plugin.kube.intercept = () => undefined;
    await plugin.clock.advance(MINUTE);
    expect(plugin.err).toBe("note: no connection; trying again\nnote: the cluster can be read again\n");
    plugin.stop.abort(new Error("SIGINT"));
    expect(await run).toBe(0);
  });

  it("is refused together with a format that is no table, before anything is read", async () => {
    const plugin = queued();
    plugin.kube.calls.length = 0;
    expect(await plugin.run("capacity -w -o json")).toBe(2);
    expect(plugin.kube.calls).toEqual([]);
  });
});
