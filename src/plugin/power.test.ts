import { describe, expect, it } from "vitest";
import { PluginEnv } from "../../test/plugin/plugin-env.ts";
import { ANNOTATION } from "../reconcile/record.ts";
import { TYPES } from "./kinds.ts";

const NOW = "2026-01-31T08:00:00Z";
const find = (plugin: PluginEnv, name = "trainer") => plugin.kube.storage.find(TYPES.psm, "team-a", name);
const annotation = (plugin: PluginEnv, name: keyof typeof ANNOTATION) =>
  find(plugin)?.metadata.annotations?.[ANNOTATION[name]];

function machine(annotations: Record<string, string> = {}): PluginEnv {
  const plugin = new PluginEnv();
  plugin.owner("psm", "trainer", { id: "ps1", annotations });
  plugin.kube.calls.length = 0;
  return plugin;
}

describe("a request", () => {
  it.each([
    ["start", "startRequestedAt"],
    ["stop", "stopRequestedAt"],
    ["restart", "restartRequestedAt"],
  ] as const)("%s is its annotation with the time, and leaves the spec as Git has it", async (verb, name) => {
    const plugin = machine();
    const before = find(plugin);
    expect(await plugin.run(`${verb} psm/trainer`)).toBe(0);
    expect(annotation(plugin, name)).toBe(NOW);
    expect(find(plugin)?.spec).toEqual(before?.spec);
    expect(plugin.out).toBe(`psm/trainer: ${verb} was requested\n`);
    expect(plugin.kube.calls.filter(({ method }) => method !== "GET")).toHaveLength(1);
  });

  it("wake names the time until when, by the duration that is given", async () => {
    const plugin = machine();
    expect(await plugin.run("wake psm/trainer")).toBe(0);
    expect(annotation(plugin, "awakeUntil")).toBe("2026-01-31T12:00:00Z");
    expect(await plugin.run("wake psm/trainer --for 90m")).toBe(0);
    expect(annotation(plugin, "awakeUntil")).toBe("2026-01-31T09:30:00Z");
  });

  it("extend goes on from the end that comes next, or from now where there is none", async () => {
    const plugin = machine();
    const lifetime = { stopsAt: "2026-01-31T10:00:00Z", deletesAt: "2026-02-05T10:00:00Z" };
    plugin.kube.storage.patch(
      TYPES.psm,
      "team-a",
      "trainer",
      { metadata: { name: "trainer" }, status: { lifetime } } as never,
      "status",
    );
    expect(await plugin.run("extend psm/trainer --for 2h")).toBe(0);
    expect(annotation(plugin, "extendedUntil")).toBe("2026-01-31T12:00:00Z");
    expect(plugin.err).toContain("no spec.lifetime");
    const bare = machine();
    expect(await bare.run("extend psm/trainer")).toBe(0);
    expect(annotation(bare, "extendedUntil")).toBe("2026-01-31T12:00:00Z");
  });

  it("for several changes nothing where one of them is not there: a name may be misspelt", async () => {
    const plugin = machine();
    expect(await plugin.run("stop psm/trainer psm/trainr")).toBe(1);
    expect(plugin.err).toContain('there is no PaperspaceMachine "trainr"');
    expect(annotation(plugin, "stopRequestedAt")).toBeUndefined();
  });

  it("says what stands in its way, since the object looks the same afterwards", async () => {
    const paused = machine({ [ANNOTATION.paused]: "true" });
    expect(await paused.run("start psm/trainer")).toBe(0);
    expect(paused.err).toContain("paperspace.com/paused");
    const plugin = machine();
    plugin.kube.storage.patch(TYPES.psm, "team-a", "trainer", {
      metadata: { name: "trainer" },
      spec: { powerState: "Stopped" },
    } as never);
    expect(await plugin.run("wake psm/trainer")).toBe(0);
    expect(plugin.err).toContain("powerState is Stopped");
  });

  it("is for machines, which are to be named", async () => {
    const plugin = machine();
    expect(await plugin.run("stop psd/api")).toBe(2);
    expect(plugin.err).toContain("give psm/NAME");
    expect(await plugin.run("stop")).toBe(2);
    expect(await plugin.run("wake psm/trainer --for ever")).toBe(2);
    expect(plugin.kube.calls).toEqual([]);
  });
});
