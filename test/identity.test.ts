/**
 * Ownership of machines. Manifests copied, restored, replaced and applied in a second cluster, as kubectl and backups
 * do it: never a second machine for one object, never a machine deleted by the wrong object, and a conflict is resolved
 * by the line that the condition prints.
 */
import { describe, expect } from "vitest";
import { parse, stringify } from "yaml";
import { startControlPlane } from "../dev/control-plane/control-plane.ts";
import { compareVersions } from "../src/kube/objects.ts";
import { checkConformance, TestEnv, test } from "./support/cluster.ts";
import { installCrds } from "./support/crds.ts";
import { type Manifest, manifest } from "./support/manifest.ts";
import { newSimulator } from "./support/simulator.ts";

const NAME = "one";

/** What a backup keeps: everything but what only this cluster gave. */
async function backup(testEnv: TestEnv): Promise<Manifest & { status: object }> {
  const object = parse(await testEnv.kubectl(`get psm ${NAME} -o yaml`));
  for (const field of ["uid", "resourceVersion", "creationTimestamp", "namespace", "generation"])
    delete object.metadata[field];
  return object;
}

/** The disaster: the objects are gone from the cluster without the operator. */
async function lose(testEnv: TestEnv): Promise<void> {
  await Promise.all(testEnv.daemons.map((daemon) => daemon.kill()));
  await testEnv.objectsOf.mergePatch(testEnv.namespace, NAME, { metadata: { finalizers: null } });
  await testEnv.delete(NAME);
}

/** Runs the kubectl line that the condition prints, as it stands there. */
async function followMessage(testEnv: TestEnv, message: string): Promise<void> {
  const line = /kubectl annotate .*$/.exec(message)?.[0];
  expect(line).toBeDefined();
  const result = await testEnv.shell(line ?? "");
  expect(result).toMatchObject({ code: 0, err: "" });
}

/**
 * Replaces the object by its bare manifest. kubectl reads the version that it replaces, so that a write of the operator in
 * between is a Conflict, and the user does as the error says: try again.
 */
async function replace(testEnv: TestEnv): Promise<Manifest> {
  for (;;) {
    const { code, out, err } = await testEnv.shell("kubectl replace -o json -f -", manifest(NAME));
    if (code === 0) return JSON.parse(out);
    if (!err.includes("(Conflict)")) throw new Error(`kubectl replace ended with ${code}:\n${err}`);
  }
}

function ids(testEnv: TestEnv): string[] {
  return testEnv.machines().map(({ id }) => id);
}

/** Calls that change something. */
function writes(testEnv: TestEnv, since = 0) {
  return testEnv.sim.calls
    .list({ since })
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path}`);
}

function lastCall(testEnv: TestEnv): number {
  return testEnv.sim.calls.list().at(-1)?.seq ?? 0;
}

describe.concurrent("an object and its machine", () => {
  test("a manifest copied with its annotations into another namespace owns nothing, and is deleted without harm", async ({
    testEnv,
  }) => {
    const other = await TestEnv.open({ sim: testEnv.sim });
    try {
      await testEnv.daemon({ flags: [`--watch-namespaces=${testEnv.namespace},${other.namespace}`] });
      await testEnv.apply(manifest(NAME));
      const { status } = await testEnv.ready(NAME);
      const { metadata, ...copy } = await backup(testEnv);
      const { finalizers: _, ...kept } = metadata;
      const since = lastCall(testEnv);
      await other.apply({ ...copy, metadata: kept });
      const { message } = await other.reason(NAME, "Stalled", "IdentityConflict");
      expect(message).toContain(`paperspace.com/adopt=${status?.id}@${other.get(NAME)?.metadata.uid}`);
      await other.eventOf(NAME, "Warning", "IdentityConflict");
      await other.edit(NAME, { spec: { powerState: "Stopped" } });
      await other.reason(NAME, "Stalled", "IdentityConflict");
      await other.delete(NAME);
      expect(writes(testEnv, since)).toEqual([]);
      expect((await testEnv.ready(NAME)).status?.id).toBe(status?.id);
      await testEnv.delete(NAME);
      expect(testEnv.machines()).toEqual([]);
      expect(testEnv.everMade()).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  test("an object restored from a backup without status owns its machine again once the printed line is run", async ({
    testEnv,
  }) => {
    await testEnv.daemon();
    await testEnv.apply(manifest(NAME));
    const { status } = await testEnv.ready(NAME);
    const { status: _, ...saved } = await backup(testEnv);
    await lose(testEnv);
    const since = lastCall(testEnv);
    await testEnv.kubectl("create -f -", saved);
    await testEnv.daemon();
    const { message } = await testEnv.reason(NAME, "Stalled", "IdentityConflict");
    expect(writes(testEnv, since)).toEqual([]);
    await followMessage(testEnv, message);
    expect((await testEnv.ready(NAME)).status?.id).toBe(status?.id);
    expect(writes(testEnv, since)).toEqual([]);
    await testEnv.delete(NAME);
    expect(testEnv.machines()).toEqual([]);
    expect(testEnv.everMade()).toHaveLength(1);
  });

  test("a restored object that is deleted instead leaves the machine alone", async ({ testEnv }) => {
    await testEnv.daemon();
    await testEnv.apply(manifest(NAME));
    const { status } = await testEnv.ready(NAME);
    const { status: _, ...saved } = await backup(testEnv);
    await lose(testEnv);
    await testEnv.kubectl("create -f -", saved);
    await testEnv.daemon();
    await testEnv.reason(NAME, "Stalled", "IdentityConflict");
    await testEnv.delete(NAME);
    expect(ids(testEnv)).toEqual([status?.id]);
    expect(testEnv.sim.calls.list({ method: "DELETE" })).toEqual([]);
  });

  test("a status restored without the annotations is a conflict as well, however often it is reconciled", async ({
    testEnv,
  }) => {
    await testEnv.daemon({ flags: ["--resync-interval=1s"] });
    await testEnv.apply(manifest(NAME));
    const { status } = await testEnv.ready(NAME);
    const saved = await backup(testEnv);
    await lose(testEnv);
    const since = lastCall(testEnv);
    await testEnv.kubectl("create -f -", manifest(NAME));
    await testEnv.objectsOf.patchStatus(testEnv.namespace, NAME, { status: saved.status });
    const daemon = await testEnv.daemon({ flags: ["--resync-interval=1s"] });
    const { message } = await testEnv.reason(NAME, "Stalled", "IdentityConflict");
    const passes = () => daemon.logged().filter(({ msg }) => msg === "decided").length;
    const before = passes();
    await testEnv.until("it was reconciled three times more", () => passes() >= before + 3);
    await testEnv.reason(NAME, "Stalled", "IdentityConflict");
    expect(writes(testEnv, since)).toEqual([]);
    await followMessage(testEnv, message);
    expect((await testEnv.ready(NAME)).status?.id).toBe(status?.id);
    expect(testEnv.everMade()).toHaveLength(1);
  });

  test("kubectl replace without annotations removes nothing for good: record and finalizer are restored", async ({
    testEnv,
  }) => {
    await testEnv.daemon();
    await testEnv.apply(manifest(NAME));
    const before = await testEnv.ready(NAME);
    const since = lastCall(testEnv);
    const replaced = await replace(testEnv);
    await testEnv.until("its marks are back", () => {
      const { annotations, finalizers, resourceVersion } = testEnv.get(NAME)?.metadata ?? {};
      // What is seen here may still be from before the replace.
      if (compareVersions(resourceVersion, replaced.metadata.resourceVersion) <= 0) return false;
      return annotations?.["paperspace.com/record"] && finalizers?.includes("paperspace.com/finalizer");
    });
    const after = await testEnv.ready(NAME);
    expect(after.metadata.annotations?.["paperspace.com/record"]).toBe(
      before.metadata.annotations?.["paperspace.com/record"],
    );
    expect(writes(testEnv, since)).toEqual([]);
    await testEnv.delete(NAME);
    expect(testEnv.machines()).toEqual([]);
    expect(testEnv.everMade()).toHaveLength(1);
  });

  test("kubectl replace in the middle of a create whose answer was lost makes no second machine", async ({
    testEnv,
  }) => {
    testEnv.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
    // The account is searched only once the list works, so that the replace surely comes first.
    const blind = testEnv.sim.faults.add({
      match: { method: "GET", path: "/machines$", times: "always" },
      do: { status: 503 },
    });
    await testEnv.daemon();
    await testEnv.apply(manifest(NAME));
    await testEnv.reason(NAME, "Reconciling", "ResolvingCreate");
    await replace(testEnv);
    await testEnv.until("the annotation is gone", () => {
      return !testEnv.get(NAME)?.metadata.annotations?.["paperspace.com/create-pending"];
    });
    testEnv.sim.faults.remove(blind.id);
    const { status } = await testEnv.ready(NAME);
    expect(testEnv.everMade().map(({ id }) => id)).toEqual([status?.id]);
  });

  test("a copied create-pending creates nothing until the printed line is run", async ({ testEnv }) => {
    const stranger = {
      name: "one-0123456789ab",
      team: "te-alpha",
      uid: "11111111-1111-4111-8111-111111111111",
      time: "2026-01-01T00:00:00Z",
    };
    await testEnv.daemon();
    const annotations = { "paperspace.com/create-pending": JSON.stringify(stranger) };
    await testEnv.apply(manifest(NAME, {}, { annotations }));
    const { message } = await testEnv.reason(NAME, "Stalled", "IdentityConflict");
    expect(writes(testEnv)).toEqual([]);
    await followMessage(testEnv, message);
    await testEnv.ready(NAME);
    expect(testEnv.everMade()).toHaveLength(1);
  });

  test("a machine that another object owns is not taken over by adoptId", async ({ testEnv }) => {
    await testEnv.daemon();
    await testEnv.apply(manifest(NAME));
    const { status } = await testEnv.ready(NAME);
    const since = lastCall(testEnv);
    await testEnv.apply(manifest("thief", { adoptId: status?.id }));
    expect((await testEnv.reason("thief", "Stalled", "AlreadyOwned")).message).toContain(`/${NAME}`);
    await testEnv.delete("thief");
    expect(writes(testEnv, since)).toEqual([]);
    expect(ids(testEnv)).toEqual([status?.id]);
  });
});

test("the same objects in a second cluster on the same account: no machine is shared, none is lost", async () => {
  const second = await startControlPlane();
  const sim = await newSimulator();
  const testEnvs: TestEnv[] = [];
  try {
    await installCrds(second.kubectl, second.env);
    const here = await TestEnv.open({ sim });
    const there = await TestEnv.open({ sim, cluster: second });
    testEnvs.push(here, there);
    await Promise.all(testEnvs.map((testEnv) => testEnv.daemon()));
    await here.apply(manifest(NAME), manifest("two"));
    const mine = (await here.ready(NAME)).status?.id;
    await here.ready("two");
    // As a backup tool brings it: with annotations. And as Git brings it: without.
    const { status: _, ...copy } = await backup(here);
    await there.kubectl("create -f -", stringify(copy));
    await there.apply(manifest("two"));
    await there.reason(NAME, "Stalled", "IdentityConflict");
    const theirs = (await there.ready("two")).status?.id;
    expect(ids(here).toSorted()).toEqual([mine, here.get("two")?.status?.id, theirs].toSorted());
    await there.delete(NAME, "two");
    expect(ids(here).toSorted()).toEqual([mine, here.get("two")?.status?.id].toSorted());
    await here.delete(NAME);
    expect(ids(here)).toEqual([here.get("two")?.status?.id]);
    expect(here.everMade()).toHaveLength(3);
  } catch (error) {
    for (const testEnv of testEnvs) console.log(testEnv.report());
    throw error;
  } finally {
    await Promise.all(testEnvs.map((testEnv) => testEnv.close()));
    await sim.stop();
    await second.stop();
  }
});

checkConformance();
