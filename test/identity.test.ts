/**
 * Whose machine is it? Manifests copied, restored, replaced and applied in a second cluster, as kubectl and backups do
 * it: never a second machine for one object, never a machine deleted by the wrong object, and the way out of a conflict
 * is the line that the condition prints.
 */
import { describe, expect } from "vitest";
import { parse, stringify } from "yaml";
import { startControlPlane } from "../dev/control-plane/control-plane.ts";
import { compareVersions } from "../src/kube/objects.ts";
import { checkConformance, Place, test } from "./support/cluster.ts";
import { installCrds } from "./support/crds.ts";
import { type Manifest, manifest } from "./support/manifest.ts";
import { newSimulator } from "./support/simulator.ts";

const NAME = "one";

/** What a backup keeps: everything but what only this cluster gave. */
async function backup(place: Place): Promise<Manifest & { status: object }> {
  const object = parse(await place.kubectl(`get psm ${NAME} -o yaml`));
  for (const field of ["uid", "resourceVersion", "creationTimestamp", "namespace", "generation"])
    delete object.metadata[field];
  return object;
}

/** The disaster: the objects are gone from the cluster, the operator had no say in it. */
async function lose(place: Place): Promise<void> {
  await Promise.all(place.daemons.map((daemon) => daemon.kill()));
  await place.kubectl(`patch psm ${NAME} --type=merge -p '{"metadata":{"finalizers":null}}'`);
  await place.kubectl(`delete psm ${NAME} --ignore-not-found --timeout=30s`);
}

/** Runs the kubectl line that the condition prints, as it stands there. */
async function doAsTold(place: Place, message: string): Promise<void> {
  const line = /kubectl annotate .*$/.exec(message)?.[0];
  expect(line).toBeDefined();
  const said = await place.shell(line ?? "");
  expect(said).toMatchObject({ code: 0, err: "" });
}

function ids(place: Place): string[] {
  return place.machines().map(({ id }) => id);
}

/** Calls that change something. */
function writes(place: Place, since = 0) {
  return place.sim.calls
    .list({ since })
    .filter(({ method }) => method !== "GET")
    .map(({ method, path }) => `${method} ${path}`);
}

function lastCall(place: Place): number {
  return place.sim.calls.list().at(-1)?.seq ?? 0;
}

describe.concurrent("an object and its machine", () => {
  test("a manifest copied with its annotations into another namespace owns nothing, and goes without harm", async ({
    place,
  }) => {
    const other = await Place.open({ sim: place.sim });
    try {
      await place.daemon({ flags: [`--watch-namespaces=${place.namespace},${other.namespace}`] });
      await place.apply(manifest(NAME));
      const { status } = await place.ready(NAME);
      const { metadata, ...copy } = await backup(place);
      const { finalizers: _, ...kept } = metadata;
      const since = lastCall(place);
      await other.apply({ ...copy, metadata: kept });
      const { message } = await other.reason(NAME, "Stalled", "IdentityConflict");
      expect(message).toContain(`paperspace.com/adopt=${status?.id}@${other.get(NAME)?.metadata.uid}`);
      await other.eventOf(NAME, "Warning", "IdentityConflict");
      await other.kubectl(`patch psm ${NAME} --type=merge -p '{"spec":{"powerState":"Stopped"}}'`);
      await other.reason(NAME, "Stalled", "IdentityConflict");
      await other.kubectl(`delete psm ${NAME} --timeout=30s`);
      expect(writes(place, since)).toEqual([]);
      expect((await place.ready(NAME)).status?.id).toBe(status?.id);
      await place.kubectl(`delete psm ${NAME} --timeout=30s`);
      expect(place.machines()).toEqual([]);
      expect(place.everMade()).toHaveLength(1);
    } finally {
      await other.close();
    }
  });

  test("an object restored from a backup without status owns its machine again once the printed line is run", async ({
    place,
  }) => {
    await place.daemon();
    await place.apply(manifest(NAME));
    const { status } = await place.ready(NAME);
    const { status: _, ...saved } = await backup(place);
    await lose(place);
    const since = lastCall(place);
    await place.kubectl("create -f -", saved);
    await place.daemon();
    const { message } = await place.reason(NAME, "Stalled", "IdentityConflict");
    expect(writes(place, since)).toEqual([]);
    await doAsTold(place, message);
    expect((await place.ready(NAME)).status?.id).toBe(status?.id);
    expect(writes(place, since)).toEqual([]);
    await place.kubectl(`delete psm ${NAME} --timeout=30s`);
    expect(place.machines()).toEqual([]);
    expect(place.everMade()).toHaveLength(1);
  });

  test("a restored object that is deleted instead leaves the machine alone", async ({ place }) => {
    await place.daemon();
    await place.apply(manifest(NAME));
    const { status } = await place.ready(NAME);
    const { status: _, ...saved } = await backup(place);
    await lose(place);
    await place.kubectl("create -f -", saved);
    await place.daemon();
    await place.reason(NAME, "Stalled", "IdentityConflict");
    await place.kubectl(`delete psm ${NAME} --timeout=30s`);
    expect(ids(place)).toEqual([status?.id]);
    expect(place.sim.calls.list({ method: "DELETE" })).toEqual([]);
  });

  test("a status restored without the annotations is a conflict as well, however often it is looked at", async ({
    place,
  }) => {
    await place.daemon({ flags: ["--resync-interval=1s"] });
    await place.apply(manifest(NAME));
    const { status } = await place.ready(NAME);
    const saved = await backup(place);
    await lose(place);
    const since = lastCall(place);
    await place.kubectl("create -f -", manifest(NAME));
    await place.objectsOf.patchStatus(place.namespace, NAME, { status: saved.status });
    const daemon = await place.daemon({ flags: ["--resync-interval=1s"] });
    const { message } = await place.reason(NAME, "Stalled", "IdentityConflict");
    const passes = () => daemon.logged().filter(({ msg }) => msg === "decided").length;
    const before = passes();
    await place.until("it was looked at three times more", () => passes() >= before + 3);
    await place.reason(NAME, "Stalled", "IdentityConflict");
    expect(writes(place, since)).toEqual([]);
    await doAsTold(place, message);
    expect((await place.ready(NAME)).status?.id).toBe(status?.id);
    expect(place.everMade()).toHaveLength(1);
  });

  test("kubectl replace without annotations takes nothing away: record and finalizer come back", async ({
    place,
  }) => {
    await place.daemon();
    await place.apply(manifest(NAME));
    const before = await place.ready(NAME);
    const since = lastCall(place);
    const replaced = JSON.parse(await place.kubectl("replace -o json -f -", manifest(NAME)));
    await place.until("its marks are back", () => {
      const { annotations, finalizers, resourceVersion } = place.get(NAME)?.metadata ?? {};
      // What is seen here may still be from before the replace.
      if (compareVersions(resourceVersion, replaced.metadata.resourceVersion) <= 0) return false;
      return annotations?.["paperspace.com/record"] && finalizers?.includes("paperspace.com/finalizer");
    });
    const after = await place.ready(NAME);
    expect(after.metadata.annotations?.["paperspace.com/record"]).toBe(
      before.metadata.annotations?.["paperspace.com/record"],
    );
    expect(writes(place, since)).toEqual([]);
    await place.kubectl(`delete psm ${NAME} --timeout=30s`);
    expect(place.machines()).toEqual([]);
    expect(place.everMade()).toHaveLength(1);
  });

  test("kubectl replace in the middle of a create whose answer was lost makes no second machine", async ({
    place,
  }) => {
    place.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
    // The account is searched only once the list works, so that the replace surely comes first.
    const blind = place.sim.faults.add({
      match: { method: "GET", path: "/machines$", times: "always" },
      do: { status: 503 },
    });
    await place.daemon();
    await place.apply(manifest(NAME));
    await place.reason(NAME, "Reconciling", "ResolvingCreate");
    await place.kubectl("replace -f -", manifest(NAME));
    await place.until("the annotation is gone", () => {
      return !place.get(NAME)?.metadata.annotations?.["paperspace.com/create-pending"];
    });
    place.sim.faults.remove(blind.id);
    const { status } = await place.ready(NAME);
    expect(place.everMade().map(({ id }) => id)).toEqual([status?.id]);
  });

  test("a copied create-pending creates nothing until the printed line is run", async ({ place }) => {
    const stranger = {
      name: "one-0123456789ab",
      team: "te-alpha",
      uid: "11111111-1111-4111-8111-111111111111",
      time: "2026-01-01T00:00:00Z",
    };
    await place.daemon();
    const annotations = { "paperspace.com/create-pending": JSON.stringify(stranger) };
    await place.apply(manifest(NAME, {}, { annotations }));
    const { message } = await place.reason(NAME, "Stalled", "IdentityConflict");
    expect(writes(place)).toEqual([]);
    await doAsTold(place, message);
    await place.ready(NAME);
    expect(place.everMade()).toHaveLength(1);
  });

  test("a machine that another object owns is not taken over by adoptId", async ({ place }) => {
    await place.daemon();
    await place.apply(manifest(NAME));
    const { status } = await place.ready(NAME);
    const since = lastCall(place);
    await place.apply(manifest("thief", { adoptId: status?.id }));
    expect((await place.reason("thief", "Stalled", "AlreadyOwned")).message).toContain(`/${NAME}`);
    await place.kubectl("delete psm thief --timeout=30s");
    expect(writes(place, since)).toEqual([]);
    expect(ids(place)).toEqual([status?.id]);
  });
});

test("the same objects in a second cluster on the same account: no machine is shared, none is lost", async () => {
  const second = await startControlPlane();
  const sim = await newSimulator();
  const places: Place[] = [];
  try {
    await installCrds(second.kubectl, second.env);
    const here = await Place.open({ sim });
    const there = await Place.open({ sim, cluster: second });
    places.push(here, there);
    await Promise.all(places.map((place) => place.daemon()));
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
    await there.kubectl(`delete psm ${NAME} two --timeout=30s`);
    expect(ids(here).toSorted()).toEqual([mine, here.get("two")?.status?.id].toSorted());
    await here.kubectl(`delete psm ${NAME} --timeout=30s`);
    expect(ids(here)).toEqual([here.get("two")?.status?.id]);
    expect(here.everMade()).toHaveLength(3);
  } catch (error) {
    for (const place of places) console.log(place.report());
    throw error;
  } finally {
    await Promise.all(places.map((place) => place.close()));
    await sim.stop();
    await second.stop();
  }
});

checkConformance();
