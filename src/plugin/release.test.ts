import { describe, expect, it } from "vitest";
import { Stage, type StageOptions } from "../../test/plugin/plugin-env.ts";
import type { KubeObject } from "../kube/objects.ts";
import { leases, SECRETS } from "../kube/resource.ts";
import { ANNOTATION, FINALIZER } from "../reconcile/record.ts";
import { type Short, TYPES } from "./kinds.ts";

const MACHINE = "psabc123";
const DEPLOYMENT = "0b7e3d5e-0000-4000-8000-000000000001";
/** Longer than anything that is waited for. */
const LONG_MS = 60_000;

async function stageWith(options: StageOptions = {}): Promise<Stage> {
  const stage = new Stage(options);
  stage.owner("psm", "trainer", { id: MACHINE });
  stage.owner("psd", "api", { id: DEPLOYMENT, state: "Healthy" });
  await stage.heldSecret();
  stage.kube.calls.length = 0;
  return stage;
}

const find = (stage: Stage, short: Short, name: string, namespace = "team-a") =>
  stage.kube.storage.find(TYPES[short], namespace, name);
const secret = (stage: Stage, name = "paperspace-credentials", namespace = "team-a") =>
  stage.kube.storage.find({ ...SECRETS }, namespace, name);
const finalizers = (object: KubeObject | undefined) => object?.metadata.finalizers ?? [];
const writes = ({ kube }: Stage) => kube.calls.filter(({ method }) => method !== "GET");

describe("what is let go", () => {
  it("is shown, asked about, and then free of the finalizer; nothing else of it changes", async () => {
    const stage = await stageWith({ answer: "yes" });
    const before = find(stage, "psm", "trainer");
    expect(await stage.runThrough("release psm/trainer", LONG_MS)).toBe(0);
    expect(stage.questions).toEqual(['Let this object go? Type "yes": ']);
    expect(`\n${stage.out}`).toMatchInlineSnapshot(`
      "
      NAMESPACE   OBJECT        ID         STATE   RELEASED
      team-a      psm/trainer   psabc123   ready   object stays, machine stays
      team-a psm/trainer released: machine psabc123 stays; spec.adoptId: psabc123 takes it over
      "
    `);
    expect(stage.err).toContain("goes on costing money");
    const { finalizers: _, resourceVersion: __, ...metadata } = before?.metadata ?? { name: "" };
    expect(find(stage, "psm", "trainer")).toEqual({
      ...before,
      metadata: { ...metadata, resourceVersion: expect.any(String) },
    });
    expect(find(stage, "psd", "api")?.metadata.finalizers).toEqual([FINALIZER]);
    for (const { method, body } of writes(stage)) {
      expect(method).toBe("PATCH");
      expect(Object.keys(body as object)).toEqual(["metadata"]);
    }
  });

  it("can be deleted at once afterwards, without an operator", async () => {
    const stage = await stageWith();
    await stage.runThrough("release psm/trainer --yes", LONG_MS);
    stage.kube.storage.delete(TYPES.psm, "team-a", "trainer");
    expect(find(stage, "psm", "trainer")).toBeUndefined();
  });

  it("goes at once where it was being deleted, and is not looked for again", async () => {
    const stage = new Stage();
    stage.owner("psm", "trainer", { id: MACHINE, deleting: true });
    expect(await stage.run("release psm/trainer -y")).toBe(0);
    expect(stage.out).toContain("object goes at once, machine stays");
    expect(find(stage, "psm", "trainer")).toBeUndefined();
  });

  it("is everything of both kinds with --all, in one namespace or in all", async () => {
    const stage = await stageWith();
    stage.owner("psm", "far", { namespace: "team-b", id: "psfar" });
    expect(await stage.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(finalizers(find(stage, "psd", "api"))).toEqual([]);
    expect(finalizers(find(stage, "psm", "far", "team-b"))).toEqual([FINALIZER]);
    expect(await stage.runThrough("release --all -A --yes", LONG_MS)).toBe(0);
    expect(finalizers(find(stage, "psm", "far", "team-b"))).toEqual([]);
  });

  it("is more than one page of objects", async () => {
    const stage = new Stage();
    for (let i = 0; i < 501; i++) stage.owner("psm", `box-${i}`, { id: `ps${i}` });
    expect(await stage.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(stage.out.match(/released:/g)).toHaveLength(501);
  }, 60_000);

  it("owns nothing where its record is another's, or where it has none; an open create is told", async () => {
    const stage = new Stage();
    stage.owner("psm", "copy", { id: MACHINE, uid: "another" });
    const uid = "00000000-0000-4000-8000-000000000002";
    const attempt = { name: "unborn-0123", team: "te1", uid, time: "2026-01-31T08:00:00Z" };
    stage.owner("psm", "unborn", { annotations: { [ANNOTATION.createPending]: JSON.stringify(attempt) } });
    expect(await stage.runThrough("release psm/copy psm/unborn --yes", LONG_MS)).toBe(0);
    expect(stage.out).toMatch(/psm\/copy +<none>/);
    expect(stage.out).toContain("psm/copy released: it owned nothing");
    expect(stage.out).not.toContain(MACHINE);
    expect(stage.err).toContain("It may have made a machine named unborn-0123: look for it");
    expect(stage.err).not.toContain("costing");
  });

  it("is the object that was shown: one that changes meanwhile is tried again, another of its name is not touched", async () => {
    const stage = await stageWith();
    let meddled = 0;
    stage.kube.intercept = ({ method, path }) => {
      if (method === "PATCH" && path.endsWith("/trainer") && meddled++ === 0)
        stage.kube.storage.patch(TYPES.psm, "team-a", "trainer", {
          metadata: { name: "trainer", labels: { a: "b" } },
        });
      return undefined;
    };
    expect(await stage.runThrough("release psm/trainer --yes", LONG_MS)).toBe(0);
    expect([meddled, finalizers(find(stage, "psm", "trainer"))]).toEqual([2, []]);
    let replaced = false;
    stage.kube.intercept = ({ method, path }) => {
      if (method === "PATCH" && path.endsWith("/api") && !replaced) {
        replaced = true;
        stage.kube.storage.patch(TYPES.psd, "team-a", "api", { metadata: { name: "api", finalizers: [] } });
        stage.kube.storage.delete(TYPES.psd, "team-a", "api");
        stage.owner("psd", "api", { id: "another" });
      }
      return undefined;
    };
    expect(await stage.runThrough("release psd/api --yes", LONG_MS)).toBe(0);
    expect(finalizers(find(stage, "psd", "api"))).toEqual([FINALIZER]);
  });

  it("is nothing the second time", async () => {
    const stage = await stageWith();
    await stage.runThrough("release --all --yes", LONG_MS);
    stage.kube.calls.length = 0;
    expect(await stage.run("release psm/trainer")).toBe(0);
    expect(stage.err).toContain("Released already: psm/trainer.\n");
    expect(await stage.run("release --all")).toBe(0);
    expect(stage.err).toContain("All objects are released already.\n");
    expect(writes(stage)).toEqual([]);
  });
});

describe("without a clear yes", () => {
  it.each(["", "y", "no", "yes please"])("%j changes nothing", async (answer) => {
    const stage = await stageWith({ answer });
    expect(await stage.run("release --all")).toBe(1);
    expect(stage.out).toContain(MACHINE);
    expect(stage.err).toMatch(/error: nothing was changed\n$/);
    expect(writes(stage)).toEqual([]);
  });

  it("and without a terminal, it shows what would be let go, and names --yes", async () => {
    const stage = await stageWith();
    expect(await stage.run("release --all")).toBe(1);
    expect(stage.out).toContain(MACHINE);
    expect(stage.err).toContain("there is no terminal to ask on; give --yes\n");
    expect(writes(stage)).toEqual([]);
  });
});

describe("Secrets", () => {
  it("are let go with the last object that needs them, and keep others' finalizers", async () => {
    const stage = await stageWith();
    await stage.runThrough("release psm/trainer --yes", LONG_MS);
    expect(finalizers(secret(stage))).toContain(FINALIZER);
    await stage.runThrough("release psd/api --yes", LONG_MS);
    expect(finalizers(secret(stage))).toEqual(["example.com/other"]);
    expect(stage.out).toContain("team-a secret/paperspace-credentials released\n");
  });

  it("are those that the objects name, each by itself", async () => {
    const stage = await stageWith();
    await stage.heldSecret("mine");
    stage.owner("psm", "box", { id: "ps2", secret: "mine" });
    await stage.runThrough("release psm/box --yes", LONG_MS);
    expect(finalizers(secret(stage, "mine"))).not.toContain(FINALIZER);
    expect(finalizers(secret(stage))).toContain(FINALIZER);
  });

  it("are also those that no object names any more, with --all; where they may not be listed, that is said", async () => {
    const stage = new Stage();
    await stage.heldSecret("left");
    expect(await stage.run("release --all")).toBe(0);
    expect(stage.err).toBe("There are no objects.\n");
    expect(finalizers(secret(stage, "left"))).not.toContain(FINALIZER);
    const other = await stageWith();
    other.forbid(/secrets$/);
    expect(await other.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(other.err).toContain("you may not list Secrets");
    expect(finalizers(secret(other))).not.toContain(FINALIZER);
  });

  it("that are not held, or not there, are no trouble", async () => {
    const stage = new Stage();
    stage.owner("psm", "trainer", { id: MACHINE });
    expect(await stage.runThrough("release psm/trainer --yes", LONG_MS)).toBe(0);
    expect(stage.out).not.toContain("secret/");
  });
});

describe("while an operator leads", () => {
  it("nothing is let go, and how to stop it is said; --force does it all the same", async () => {
    const stage = await stageWith();
    await stage.lease("pod-1", 4_000);
    expect(await stage.run("release --all --yes")).toBe(1);
    expect([stage.out, stage.err]).toEqual([
      "",
      "error: an operator is running (lease system/paperspace-operator, renewed 4s ago): it would hold on to what is let go, or delete it at Paperspace. Stop it first: helm uninstall, or kubectl -n system scale deployment paperspace-operator --replicas=0. Or give --force\n",
    ]);
    expect(writes(stage).filter(({ path }) => !path.includes("leases"))).toEqual([]);
    expect(await stage.runThrough("release --all --yes --force", LONG_MS)).toBe(0);
    expect(finalizers(find(stage, "psm", "trainer"))).toEqual([]);
  });

  it("is seen by its lease whatever the release is called, in the namespace that is given or in all", async () => {
    const stage = await stageWith();
    await stage.lease("pod-1", 0, "gpu-paperspace-operator");
    expect(await stage.run("release --all --yes --operator-namespace system")).toBe(1);
    expect(await stage.runThrough("release --all --yes --operator-namespace elsewhere", LONG_MS)).toBe(0);
  });

  it("is not taken for dead because our clock is ahead: its lease is looked at again", async () => {
    const stage = await stageWith();
    await stage.lease("pod-1", 3_600_000);
    const renew = () =>
      leases(stage.kube).mergePatch("system", "paperspace-operator", { spec: { renewTime: "x" } });
    const run = stage.run("release --all --yes");
    await stage.clock.advance(5_000);
    await renew();
    await stage.clock.advance(LONG_MS);
    expect(await run).toBe(1);
    expect(stage.err).toContain("waiting 15 s");
    expect(stage.err).toContain("error: an operator is running");
    expect(finalizers(find(stage, "psm", "trainer"))).toEqual([FINALIZER]);
  });

  it("that died without a word does not hinder for longer than its lease", async () => {
    const stage = await stageWith();
    await stage.lease("pod-1", 3_600_000);
    expect(await stage.runThrough("release --all --yes", LONG_MS)).toBe(0);
  });

  it("that stopped in good order, or another program's lease, does not hinder at all", async () => {
    const stage = await stageWith();
    await stage.lease("");
    await stage.lease("somebody", 0, "kube-controller-manager");
    expect(await stage.runThrough("release --all --yes", LONG_MS)).toBe(0);
    expect(stage.err).not.toContain("waiting");
  });

  it("that has come while the user was thinking is noticed before anything is changed", async () => {
    const answer = async () => {
      await stage.lease("pod-2");
      return "yes";
    };
    const stage = await stageWith({ answer });
    expect(await stage.runThrough("release --all", LONG_MS)).toBe(1);
    expect(stage.questions).toHaveLength(1);
    expect(stage.err).toContain("error: an operator is running");
    expect(finalizers(find(stage, "psm", "trainer"))).toEqual([FINALIZER]);
  });

  it("under a lease of another name shows itself: it has its finalizer back", async () => {
    const stage = await stageWith();
    const run = stage.run("release psm/trainer --yes");
    await stage.clock.settle();
    stage.kube.storage.patch(TYPES.psm, "team-a", "trainer", {
      metadata: { name: "trainer", finalizers: [FINALIZER] },
    });
    await stage.clock.advance(LONG_MS);
    expect(await run).toBe(1);
    expect(stage.err).toContain("error: an operator is running: it holds team-a psm/trainer again");
  });

  it("that cannot be seen stops it, unless --force", async () => {
    const stage = await stageWith();
    stage.forbid(/leases/);
    expect(await stage.run("release --all --yes")).toBe(1);
    expect(stage.err).toContain("give --operator-namespace, ask for that right, or give --force");
    expect(await stage.runThrough("release --all --yes --force", LONG_MS)).toBe(0);
  });
});

describe("what is wanting is said", () => {
  it("an object that is not there, before any other is touched", async () => {
    const stage = await stageWith();
    expect(await stage.run("release psm/trainer psm/nobody --yes")).toBe(1);
    expect(stage.err).toBe('error: there is no PaperspaceMachine "nobody" in namespace team-a\n');
    expect(writes(stage)).toEqual([]);
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
    const stage = await stageWith();
    stage.forbid(path, method);
    expect(await stage.runThrough(`release ${words} --yes`, LONG_MS)).toBe(1);
    expect(stage.err).toContain(`error: ${error}\n`);
  });
});
