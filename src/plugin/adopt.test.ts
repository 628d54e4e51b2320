import { describe, expect, it } from "vitest";
import { PluginEnv } from "../../test/plugin/plugin-env.ts";
import type { KubeObject } from "../kube/objects.ts";
import { ANNOTATION } from "../reconcile/record.ts";
import { type ShortName, TYPES } from "./kinds.ts";

/** As a backup leaves it: the record is of the object that there was before. */
const RESTORED = { uid: "of-the-object-before" };

const find = (plugin: PluginEnv, short: ShortName, name: string, namespace = "team-a") =>
  plugin.kube.storage.find(TYPES[short], namespace, name);
const order = (plugin: PluginEnv, short: ShortName, name: string, namespace = "team-a") =>
  find(plugin, short, name, namespace)?.metadata.annotations?.[ANNOTATION.adopt];
const uid = (plugin: PluginEnv, short: ShortName, name: string) => find(plugin, short, name)?.metadata.uid;
const writes = ({ kube }: PluginEnv) => kube.calls.filter(({ method }) => method !== "GET");

/** An object whose status and record agree on what it owns. */
function healthy(plugin: PluginEnv): void {
  plugin.owner("psm", "healthy", { id: "ps2" });
  const status = { id: "ps2", teamId: "te1", uid: uid(plugin, "psm", "healthy") };
  plugin.kube.storage.patch(
    TYPES.psm,
    "team-a",
    "healthy",
    { metadata: { name: "healthy" }, status } as KubeObject,
    "status",
  );
}

function restored(): PluginEnv {
  const plugin = new PluginEnv();
  plugin.owner("psm", "trainer", { id: "ps1", ...RESTORED });
  plugin.owner("psd", "api", { id: "d1", ...RESTORED });
  healthy(plugin);
  plugin.kube.calls.length = 0;
  return plugin;
}

describe("after a restore", () => {
  it("prints the lines that the operator asks for, and changes nothing before the user says so", async () => {
    const plugin = restored();
    expect(await plugin.run("adopt --all")).toBe(0);
    expect(plugin.out.split("\n").filter(Boolean)).toEqual([
      `kubectl annotate psd/api -n team-a --overwrite paperspace.com/adopt=d1@${uid(plugin, "psd", "api")}`,
      `kubectl annotate psm/trainer -n team-a --overwrite paperspace.com/adopt=ps1@${uid(plugin, "psm", "trainer")}`,
    ]);
    expect(plugin.err).toContain("Nothing was changed");
    expect(writes(plugin)).toEqual([]);
  });

  it("with --yes does what the lines do, and nothing to what is well", async () => {
    const plugin = restored();
    expect(await plugin.run("adopt --all --yes")).toBe(0);
    expect(order(plugin, "psm", "trainer")).toBe(`ps1@${uid(plugin, "psm", "trainer")}`);
    expect(order(plugin, "psd", "api")).toBe(`d1@${uid(plugin, "psd", "api")}`);
    expect(order(plugin, "psm", "healthy")).toBeUndefined();
    expect(plugin.err).toContain("2 of 2 objects were annotated.");
    expect(writes(plugin)).toHaveLength(2);
  });

  it("leaves to the user what two objects name: a copy looks like a restored object", async () => {
    const plugin = restored();
    plugin.owner("psm", "copy", { id: "ps2", ...RESTORED });
    plugin.owner("psm", "twin", { id: "ps1", ...RESTORED });
    expect(await plugin.run("adopt --all --yes")).toBe(0);
    for (const name of ["copy", "twin", "trainer"]) expect(order(plugin, "psm", name)).toBeUndefined();
    expect(plugin.err).toContain("team-a psm/copy is left to you: team-a psm/healthy names ps2 as well");
    expect(order(plugin, "psd", "api")).toBeDefined();
  });

  it("leaves to the user what no annotation settles, with the operator's own words", async () => {
    const plugin = new PluginEnv();
    const attempt = { name: "x", team: "te1", uid: "another", time: "2026-01-31T08:00:00Z" };
    plugin.owner("psm", "unborn", { annotations: { [ANNOTATION.createPending]: JSON.stringify(attempt) } });
    expect(await plugin.run("adopt --all --yes")).toBe(0);
    expect(plugin.err).toContain("belongs to a create of another object");
    expect(order(plugin, "psm", "unborn")).toBeUndefined();
  });

  it("writes to no object that changed meanwhile: another one may have its name", async () => {
    const plugin = restored();
    plugin.kube.intercept = ({ method, path }) => {
      if (method === "PATCH" && path.endsWith("/trainer"))
        plugin.kube.storage.patch(TYPES.psm, "team-a", "trainer", {
          metadata: { name: "trainer", labels: { a: String(plugin.kube.calls.length) } },
        });
      return undefined;
    };
    expect(await plugin.run("adopt --all --yes")).toBe(1);
    expect(order(plugin, "psm", "trainer")).toBeUndefined();
    expect(plugin.err).toContain("changed meanwhile, so that nothing was written to it: team-a psm/trainer");
  });

  it("covers all namespaces with -A, and what is named alone without --all", async () => {
    const plugin = restored();
    plugin.owner("psm", "far", { namespace: "team-b", id: "ps9", ...RESTORED });
    expect(await plugin.run("adopt psm/trainer --yes")).toBe(0);
    expect([order(plugin, "psd", "api"), order(plugin, "psm", "far", "team-b")]).toEqual([
      undefined,
      undefined,
    ]);
    expect(await plugin.run("adopt --all -A --yes")).toBe(0);
    expect(order(plugin, "psm", "far", "team-b")).toMatch(/^ps9@/);
  });

  it("has nothing to do where no identity is in doubt", async () => {
    const plugin = new PluginEnv();
    healthy(plugin);
    expect(await plugin.run("adopt --all --yes")).toBe(0);
    expect(plugin.err).toContain("No object has an identity conflict.");
  });

  it("names the right that is missing", async () => {
    const plugin = restored();
    plugin.forbid(/trainer/, "PATCH");
    expect(await plugin.run("adopt psm/trainer --yes")).toBe(1);
    expect(plugin.err).toContain("you may not patch paperspacemachines.paperspace.com in namespace team-a");
  });
});
