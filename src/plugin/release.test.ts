import { describe, expect, it } from "vitest";
import { PluginEnv, type PluginEnvOptions } from "../../test/plugin/plugin-env.ts";
import type { KubeObject } from "../kube/objects.ts";
import { leases, SECRETS } from "../kube/resource.ts";
import { ANNOTATION, FINALIZER } from "../reconcile/record.ts";
import { type ShortName, TYPES } from "./kinds.ts";

const MACHINE = "psabc123";
const DEPLOYMENT = "0b7e3d5e-0000-4000-8000-000000000001";
/** Longer than any wait of the command. */
const LONG_MS = 60_000;

async function pluginWith(options: PluginEnvOptions = {}): Promise<PluginEnv> {
  const plugin = new PluginEnv(options);
  plugin.owner("psm", "trainer", { id: MACHINE });
  plugin.owner("psd", "api", { id: DEPLOYMENT, state: "Healthy" });
  await plugin.secretWithFinalizer();
  plugin.kube.calls.length = 0;
  return plugin;
}

const find = (plugin: PluginEnv, short: ShortName, name: string, namespace = "team-a") =>
  plugin.kube.storage.find(TYPES[short], namespace, name);
const secret = (plugin: PluginEnv, name = "paperspace-credentials", namespace = "team-a") =>
  plugin.kube.storage.find({ ...SECRETS }, namespace, name);
const finalizers = (object: KubeObject | undefined) => object?.metadata.finalizers ?? [];
const writes = ({ kube }: PluginEnv) => kube.calls.filter(({ method }) => method !== "GET");

describe("a released object", () => {
  it("is shown, confirmed, and then without the finalizer; nothing else of it changes", async () => {
    const plugin = await pluginWith({ answer: "yes" });
    const before = find(plugin, "psm", "trainer");
    expect(await plugin.runThrough("release psm/trainer", LONG_MS)).toBe(0);
    expect(plugin.questions).toEqual(['Release this object? Type "yes": ']);
    expect(`\n${plugin.out}`).toMatchInlineSnapshot(`
      "
      NAMESPACE   OBJECT        ID         STATE   RELEASED
      team-a      psm/trainer   psabc123   ready   object stays, machine stays
      team-a psm/trainer released: machine psabc123 stays; spec.adoptId: psabc123 takes it over
      "
    `);
    expect(plugin.err).toContain("goes on costing money");
    const { finalizers: _, resourceVersion: __, ...metadata } = before?.metadata ?? { name: "" };
    expect(find(plugin, "psm", "trainer")).toEqual({
      ...before,
      metadata: { ...metadata, resourceVersion: expect.any(String) },
    });
    expect(find(plugin, "psd", "api")?.metadata.finalizers).toEqual([FINALIZER]);
    for (const { method, body } of writes(plugin)) {
      expect(method).toBe("PATCH");
      expect(Object.keys(body as object)).toEqual(["metadata"]);
    }
  });

  it("can be deleted at once afterwards, without an operator", async () => {
    const plugin = await pluginWith();
    await plugin.runThrough("release psm/trainer --yes", LONG_MS);
    plugin.kube.storage.delete(TYPES.psm, "team-a", "trainer");
    expect(find(plugin, "psm", "trainer")).toBeUndefined();
  });

  it("is gone at once where it was being deleted, and is not read again", async () => {
    const plugin = new PluginEnv();
    plugin.owner("psm", "trainer", { id: MACHINE, deleting: true });
    expect(await plugin.run("release psm/trainer -y")).toBe(0);
    expect(plugin.out).toContain("object goes at once, machine stays");
    expect(find(plugin, "psm", "trainer")).toBeUndefined();
  });

  it("with --all is each object of both kinds, in one namespace or in all", async () => {
    const plugin = await pluginWith();
    plugin.owner("psm", "far", { namespace: "team-b", id: "psfar" });
    expect(await plugin.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(finalizers(find(plugin, "psd", "api"))).toEqual([]);
    expect(finalizers(find(plugin, "psm", "far", "team-b"))).toEqual([FINALIZER]);
    expect(await plugin.runThrough("release --all -A --yes", LONG_MS)).toBe(0);
    expect(finalizers(find(plugin, "psm", "far", "team-b"))).toEqual([]);
  });

  it("may be on any page of the list", async () => {
    const plugin = new PluginEnv();
    for (let i = 0; i < 501; i++) plugin.owner("psm", `box-${i}`, { id: `ps${i}` });
    expect(await plugin.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(plugin.out.match(/released:/g)).toHaveLength(501);
  }, 60_000);

  it("owns nothing where its record belongs to another object, or is missing; an open create is reported", async () => {
    const plugin = new PluginEnv();
    plugin.owner("psm", "copy", { id: MACHINE, uid: "another" });
    const uid = "00000000-0000-4000-8000-000000000002";
    const attempt = { name: "unborn-0123", team: "te1", uid, time: "2026-01-31T08:00:00Z" };
    plugin.owner("psm", "unborn", { annotations: { [ANNOTATION.createPending]: JSON.stringify(attempt) } });
    expect(await plugin.runThrough("release psm/copy psm/unborn --yes", LONG_MS)).toBe(0);
    expect(plugin.out).toMatch(/psm\/copy +<none>/);
    expect(plugin.out).toContain("psm/copy released: it owned nothing");
    expect(plugin.out).not.toContain(MACHINE);
    expect(plugin.err).toContain("It may have made a machine named unborn-0123: look for it");
    expect(plugin.err).not.toContain("costing");
  });

  it("is the one that was shown: a conflict is retried, another object of its name is not touched", async () => {
    const plugin = await pluginWith();
    let meddled = 0;
    plugin.kube.intercept = ({ method, path }) => {
      if (method === "PATCH" && path.endsWith("/trainer") && meddled++ === 0)
        plugin.kube.storage.patch(TYPES.psm, "team-a", "trainer", {
          metadata: { name: "trainer", labels: { a: "b" } },
        });
      return undefined;
    };
    expect(await plugin.runThrough("release psm/trainer --yes", LONG_MS)).toBe(0);
    expect([meddled, finalizers(find(plugin, "psm", "trainer"))]).toEqual([2, []]);
    let replaced = false;
    plugin.kube.intercept = ({ method, path }) => {
      if (method === "PATCH" && path.endsWith("/api") && !replaced) {
        replaced = true;
        plugin.kube.storage.patch(TYPES.psd, "team-a", "api", { metadata: { name: "api", finalizers: [] } });
        plugin.kube.storage.delete(TYPES.psd, "team-a", "api");
        plugin.owner("psd", "api", { id: "another" });
      }
      return undefined;
    };
    expect(await plugin.runThrough("release psd/api --yes", LONG_MS)).toBe(0);
    expect(finalizers(find(plugin, "psd", "api"))).toEqual([FINALIZER]);
  });

  it("is left alone the second time", async () => {
    const plugin = await pluginWith();
    await plugin.runThrough("release --all --yes", LONG_MS);
    plugin.kube.calls.length = 0;
    expect(await plugin.run("release psm/trainer")).toBe(0);
    expect(plugin.err).toContain("Released already: psm/trainer.\n");
    expect(await plugin.run("release --all")).toBe(0);
    expect(plugin.err).toContain("All objects are released already.\n");
    expect(writes(plugin)).toEqual([]);
  });
});

describe("without a clear yes", () => {
  it.each(["", "y", "no", "yes please"])("%j changes nothing", async (answer) => {
    const plugin = await pluginWith({ answer });
    expect(await plugin.run("release --all")).toBe(1);
    expect(plugin.out).toContain(MACHINE);
    expect(plugin.err).toMatch(/error: nothing was changed\n$/);
    expect(writes(plugin)).toEqual([]);
  });

  it("without a terminal it shows what would be released, and names --yes", async () => {
    const plugin = await pluginWith();
    expect(await plugin.run("release --all")).toBe(1);
    expect(plugin.out).toContain(MACHINE);
    expect(plugin.err).toContain("there is no terminal to confirm on; give --yes\n");
    expect(writes(plugin)).toEqual([]);
  });
});

describe("Secrets", () => {
  it("are released with the last object that needs them, and keep the finalizers of others", async () => {
    const plugin = await pluginWith();
    await plugin.runThrough("release psm/trainer --yes", LONG_MS);
    expect(finalizers(secret(plugin))).toContain(FINALIZER);
    await plugin.runThrough("release psd/api --yes", LONG_MS);
    expect(finalizers(secret(plugin))).toEqual(["example.com/other"]);
    expect(plugin.out).toContain("team-a secret/paperspace-credentials released\n");
  });

  it("are those that the objects refer to, each on its own", async () => {
    const plugin = await pluginWith();
    await plugin.secretWithFinalizer("mine");
    plugin.owner("psm", "box", { id: "ps2", secret: "mine" });
    await plugin.runThrough("release psm/box --yes", LONG_MS);
    expect(finalizers(secret(plugin, "mine"))).not.toContain(FINALIZER);
    expect(finalizers(secret(plugin))).toContain(FINALIZER);
  });

  it("with --all are also those that no object refers to any more; a note reports where they may not be listed", async () => {
    const plugin = new PluginEnv();
    await plugin.secretWithFinalizer("left");
    expect(await plugin.run("release --all")).toBe(0);
    expect(plugin.err).toBe("There are no objects.\n");
    expect(finalizers(secret(plugin, "left"))).not.toContain(FINALIZER);
    const other = await pluginWith();
    other.forbid(/secrets$/);
    expect(await other.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(other.err).toContain("you may not list Secrets");
    expect(finalizers(secret(other))).not.toContain(FINALIZER);
  });

  it("without the finalizer, or missing, are no error", async () => {
    const plugin = new PluginEnv();
    plugin.owner("psm", "trainer", { id: MACHINE });
    expect(await plugin.runThrough("release psm/trainer --yes", LONG_MS)).toBe(0);
    expect(plugin.out).not.toContain("secret/");
  });
});

describe("while an operator leads", () => {
  it("nothing is released, and the error names how to stop it; --force releases all the same", async () => {
    const plugin = await pluginWith();
    await plugin.lease("pod-1", 4_000);
    expect(await plugin.run("release --all --yes")).toBe(1);
    expect([plugin.out, plugin.err]).toEqual([
      "",
      "error: an operator is running (lease system/paperspace-operator, renewed 4s ago): it would put its finalizer back, or delete at Paperspace what the objects own. Stop it first: helm uninstall, or kubectl -n system scale deployment paperspace-operator --replicas=0. Or give --force\n",
    ]);
    expect(writes(plugin).filter(({ path }) => !path.includes("leases"))).toEqual([]);
    expect(await plugin.runThrough("release --all --yes --force", LONG_MS)).toBe(0);
    expect(finalizers(find(plugin, "psm", "trainer"))).toEqual([]);
  });

  it("is found by its lease whatever the name of the release, in the given namespace or in all", async () => {
    const plugin = await pluginWith();
    await plugin.lease("pod-1", 0, "gpu-paperspace-operator");
    expect(await plugin.run("release --all --yes --operator-namespace system")).toBe(1);
    expect(await plugin.runThrough("release --all --yes --operator-namespace elsewhere", LONG_MS)).toBe(0);
  });

  it("does not count as dead because our clock is ahead: its lease is read again", async () => {
    const plugin = await pluginWith();
    await plugin.lease("pod-1", 3_600_000);
    const renew = () =>
      leases(plugin.kube).mergePatch("system", "paperspace-operator", { spec: { renewTime: "x" } });
    const run = plugin.run("release --all --yes");
    await plugin.clock.advance(5_000);
    await renew();
    await plugin.clock.advance(LONG_MS);
    expect(await run).toBe(1);
    expect(plugin.err).toContain("waiting 15 s");
    expect(plugin.err).toContain("error: an operator is running");
    expect(finalizers(find(plugin, "psm", "trainer"))).toEqual([FINALIZER]);
  });

  it("that crashed blocks for no longer than its lease", async () => {
    const plugin = await pluginWith();
    await plugin.lease("pod-1", 3_600_000);
    expect(await plugin.runThrough("release --all --yes", LONG_MS)).toBe(0);
  });

  it("that stopped regularly, or another program's lease, does not block", async () => {
    const plugin = await pluginWith();
    await plugin.lease("");
    await plugin.lease("somebody", 0, "kube-controller-manager");
    expect(await plugin.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(plugin.err).not.toContain("waiting");
  });

  it("that started during the prompt is detected before anything is changed", async () => {
    const answer = async () => {
      await plugin.lease("pod-2");
      return "yes";
    };
    const plugin = await pluginWith({ answer });
    expect(await plugin.runThrough("release --all", LONG_MS)).toBe(1);
    expect(plugin.questions).toHaveLength(1);
    expect(plugin.err).toContain("error: an operator is running");
    expect(finalizers(find(plugin, "psm", "trainer"))).toEqual([FINALIZER]);
  });

  it("under a lease of another name shows itself: it has its finalizer back", async () => {
    const plugin = await pluginWith();
    const run = plugin.run("release psm/trainer --yes");
    await plugin.clock.settle();
    plugin.kube.storage.patch(TYPES.psm, "team-a", "trainer", {
      metadata: { name: "trainer", finalizers: [FINALIZER] },
    });
    await plugin.clock.advance(LONG_MS);
    expect(await run).toBe(1);
    expect(plugin.err).toContain(
      "error: an operator is running: it put its finalizer back on team-a psm/trainer",
    );
  });

  it("whose lease may not be read blocks, unless --force", async () => {
    const plugin = await pluginWith();
    plugin.forbid(/leases/);
    expect(await plugin.run("release --all --yes")).toBe(1);
    expect(plugin.err).toContain("give --operator-namespace, ask for that right, or give --force");
    expect(await plugin.runThrough("release --all --yes --force", LONG_MS)).toBe(0);
  });
});

describe("the error names what is missing", () => {
  it("an object that does not exist, before any other is touched", async () => {
    const plugin = await pluginWith();
    expect(await plugin.run("release psm/trainer psm/nobody --yes")).toBe(1);
    expect(plugin.err).toBe('error: there is no PaperspaceMachine "nobody" in namespace team-a\n');
    expect(writes(plugin)).toEqual([]);
  });

  it.each([
    [
      "GET",
      /paperspacemachines$/,
      "--all",
      "you may not list paperspacemachines.paperspace.com in namespace team-a",
    ],
    [
      "GET",
      /trainer$/,
      "psm/trainer",
      "you may not get paperspacemachines.paperspace.com in namespace team-a",
    ],
    [
      "PATCH",
      /trainer$/,
      "psm/trainer",
      "you may not patch paperspacemachines.paperspace.com in namespace team-a",
    ],
    ["PATCH", /secrets/, "--all", "you may not patch secrets in namespace team-a"],
  ])("a right: %s %s", async (method, path, words, error) => {
    const plugin = await pluginWith();
    plugin.forbid(path, method);
    expect(await plugin.runThrough(`release ${words} --yes`, LONG_MS)).toBe(1);
    expect(plugin.err).toContain(`error: ${error}\n`);
  });
});
