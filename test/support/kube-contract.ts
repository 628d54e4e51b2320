/**
 * What this project relies on in an API server, as executable statements. They run against the fake in the unit tests
 * and against a real kube-apiserver in the suites, so that the fake stays correct.
 */
import { expect } from "vitest";
import { isAlreadyExists, isConflict, isGone, isInvalid, isNotFound } from "../../src/kube/errors.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import type { Lease, Resource } from "../../src/kube/resource.ts";
import { lines } from "../../src/runtime/watch-stream.ts";

/** The custom resource needs a status subresource and a schema that keeps any field of spec and status. */
export interface Subject {
  things: Resource<KubeObject>;
  leases: Resource<Lease>;
  namespace: string;
}

interface Line {
  type: string;
  object: KubeObject;
}

const spec = { size: 1, list: [1, 2], inner: { a: "a", b: "b" } };

export const KUBE_CONTRACT: Record<string, (subject: Subject) => Promise<void>> = {
  async "create sets uid, version and generation, drops status, and refuses a second one of the name"({
    things,
    namespace,
  }) {
    const made = await things.create(namespace, {
      metadata: { name: "create" },
      spec,
      status: { state: "on" },
    });
    expect(made).toMatchObject({ kind: things.type.kind, apiVersion: things.apiVersion, spec });
    expect(made.metadata).toMatchObject({ name: "create", namespace, generation: 1 });
    expect(made.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(made.metadata.resourceVersion).toMatch(/^[1-9][0-9]*$/);
    expect(made.status).toBeUndefined();
    await expect(things.create(namespace, { metadata: { name: "create" } })).rejects.toSatisfy(
      isAlreadyExists,
    );
    expect(await things.get(namespace, "create")).toEqual(made);
    await expect(things.get(namespace, "absent")).rejects.toSatisfy(isNotFound);
  },

  async "a merge patch merges maps, replaces lists, and deletes what is null"({ things, namespace }) {
    await things.create(namespace, { metadata: { name: "merge", labels: { x: "x", y: "y" } }, spec });
    const patched = await things.mergePatch(namespace, "merge", {
      metadata: { labels: { x: null } },
      spec: { list: [3], inner: { b: null, c: "c" } },
    });
    expect(patched.spec).toEqual({ size: 1, list: [3], inner: { a: "a", c: "c" } });
    expect(patched.metadata.labels).toEqual({ y: "y" });
  },

  async "a patch with a stale resourceVersion or a foreign uid is a conflict; one with the right ones is not"({
    things,
    namespace,
  }) {
    const made = await things.create(namespace, { metadata: { name: "locked" }, spec });
    const { uid, resourceVersion } = made.metadata;
    const annotate = (metadata: object) =>
      things.mergePatch(namespace, "locked", { metadata: { annotations: { n: "1" }, ...metadata } });
    await expect(annotate({ uid: "11111111-1111-4111-8111-111111111111" })).rejects.toSatisfy(isConflict);
    await annotate({ uid, resourceVersion });
    await expect(annotate({ resourceVersion, annotations: { n: "2" } })).rejects.toSatisfy(isConflict);
    await expect(
      things.patchStatus(namespace, "locked", { metadata: { resourceVersion }, status: {} }),
    ).rejects.toSatisfy(isConflict);
    await expect(things.mergePatch(namespace, "absent", {})).rejects.toSatisfy(isNotFound);
  },

  async "generation moves with spec, and neither with metadata nor with status"({ things, namespace }) {
    await things.create(namespace, { metadata: { name: "generation" }, spec });
    const steps = [
      await things.mergePatch(namespace, "generation", { metadata: { annotations: { a: "b" } } }),
      await things.patchStatus(namespace, "generation", { status: { state: "on" } }),
      await things.mergePatch(namespace, "generation", { spec: { size: 2 } }),
    ];
    expect(steps.map((step) => step.metadata.generation)).toEqual([1, 1, 2]);
  },

  async "/status takes only status, and the object itself everything but status"({ things, namespace }) {
    await things.create(namespace, { metadata: { name: "status" }, spec });
    const first = await things.patchStatus(namespace, "status", {
      metadata: { labels: { no: "no" } },
      spec: { size: 9 },
      status: { state: "on" },
    });
    expect([first.spec, first.status, first.metadata.labels]).toEqual([spec, { state: "on" }, undefined]);
    const second = await things.mergePatch(namespace, "status", {
      spec: { size: 2 },
      status: { state: "off" },
    });
    expect([second.spec, second.status]).toEqual([{ ...spec, size: 2 }, { state: "on" }]);
    const third = await things.replaceStatus({ ...second, spec: { size: 7 }, status: { other: 1 } });
    expect([third.spec, third.status]).toEqual([{ ...spec, size: 2 }, { other: 1 }]);
    await expect(things.replaceStatus(second)).rejects.toSatisfy(isConflict);
  },

  async "a write that changes nothing is no write: the version stays"({ things, namespace }) {
    await things.create(namespace, { metadata: { name: "noop" }, spec });
    const before = await things.patchStatus(namespace, "noop", { status: { state: "on" } });
    const after = [
      await things.patchStatus(namespace, "noop", { status: { state: "on" } }),
      await things.mergePatch(namespace, "noop", { spec: { size: 1 } }),
    ];
    for (const one of after) expect(one.metadata.resourceVersion).toBe(before.metadata.resourceVersion);
  },

  async "deletion waits for finalizers: it sets the time and a new generation, and the removal of the last finalizer ends it"({
    things,
    namespace,
  }) {
    const name = "finalized";
    const made = await things.create(namespace, {
      metadata: { name, finalizers: ["test/a", "test/b"] },
      spec,
    });
    await expect(
      things.delete(namespace, name, { uid: "11111111-1111-4111-8111-111111111111" }),
    ).rejects.toSatisfy(isConflict);
    await things.delete(namespace, name, { uid: made.metadata.uid as string });
    const dying = await things.get(namespace, name);
    expect(dying.metadata).toMatchObject({ generation: 2, deletionGracePeriodSeconds: 0 });
    expect(dying.metadata.deletionTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    await things.delete(namespace, name);
    expect((await things.get(namespace, name)).metadata.resourceVersion).toBe(dying.metadata.resourceVersion);
    await expect(
      things.mergePatch(namespace, name, { metadata: { finalizers: ["test/a", "test/b", "test/c"] } }),
    ).rejects.toSatisfy(isInvalid);
    await things.mergePatch(namespace, name, { metadata: { finalizers: ["test/b"] } });
    await things.mergePatch(namespace, name, { metadata: { finalizers: null } });
    await expect(things.get(namespace, name)).rejects.toSatisfy(isNotFound);
    await expect(things.delete(namespace, name)).rejects.toSatisfy(isNotFound);
  },

  async "lists page by continue, all pages of one version"({ things, namespace }) {
    for (const name of ["page-a", "page-b", "page-c"]) {
      await things.create(namespace, { metadata: { name, labels: { page: "yes" } }, spec });
    }
    const all = await things.list({ namespace, labelSelector: "page=yes" });
    expect(all.items.map((item) => item.metadata.name)).toEqual(["page-a", "page-b", "page-c"]);
    const first = await things.list({ namespace, limit: 2 });
    expect(first.items).toHaveLength(2);
    await things.mergePatch(namespace, "page-a", { spec: { size: 5 } });
    const next = await things.list({ namespace, limit: 2, continue: first.metadata.continue as string });
    expect(next.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    await expect(things.list({ namespace, limit: 2, continue: "bm90IGEgdG9rZW4" })).rejects.toSatisfy(
      (error) => isGone(error) || (error as { status: number }).status === 400,
    );
  },

  async "a streaming list sends all objects, then the bookmark of their version, then what happens"({
    things,
    namespace,
  }) {
    const name = "streamed";
    await things.create(namespace, { metadata: { name, labels: { stream: "yes" } }, spec });
    const stop = new AbortController();
    const stream = await things.watch(
      {
        namespace,
        labelSelector: "stream=yes",
        sendInitialEvents: true,
        allowWatchBookmarks: true,
        resourceVersionMatch: "NotOlderThan",
      },
      { signal: stop.signal },
    );
    const read = reader(stream);
    expect(await read()).toMatchObject({ type: "ADDED", object: { metadata: { name } } });
    const mark = await read();
    expect(mark.type).toBe("BOOKMARK");
    expect(mark.object.metadata.annotations?.["k8s.io/initial-events-end"]).toBe("true");
    expect(mark.object.metadata.resourceVersion).toMatch(/^[1-9][0-9]*$/);
    // A real server may send a bookmark at any time.
    const next = async () => {
      let line = await read();
      while (line.type === "BOOKMARK") line = await read();
      return line;
    };
    const changed = await things.mergePatch(namespace, name, { spec: { size: 2 } });
    expect(await next()).toEqual({ type: "MODIFIED", object: changed });
    await things.delete(namespace, name);
    const gone = await next();
    expect(gone).toMatchObject({ type: "DELETED", object: { metadata: { uid: changed.metadata.uid } } });
    expect(Number(gone.object.metadata.resourceVersion)).toBeGreaterThan(
      Number(changed.metadata.resourceVersion),
    );
    stop.abort(new Error("read enough"));
    await expect(next()).rejects.toThrow("read enough");
  },

  async "a watch from a version sends everything after it, once"({ things, namespace }) {
    const made = await things.create(namespace, {
      metadata: { name: "watched", labels: { watch: "yes" } },
      spec,
    });
    await things.patchStatus(namespace, "watched", { status: { state: "on" } });
    await things.delete(namespace, "watched");
    const stop = new AbortController();
    const stream = await things.watch(
      { namespace, labelSelector: "watch=yes", resourceVersion: made.metadata.resourceVersion as string },
      { signal: stop.signal },
    );
    const read = reader(stream);
    expect([(await read()).type, (await read()).type]).toEqual(["MODIFIED", "DELETED"]);
    stop.abort(new Error("read enough"));
    await expect(read()).rejects.toThrow("read enough");
  },

  async "a lease has no status, and no generation that its spec would move"({ leases, namespace }) {
    await leases.create(namespace, { metadata: { name: "lease" }, spec: { holderIdentity: "a" } });
    const patched = await leases.mergePatch(namespace, "lease", { spec: { holderIdentity: "b" } });
    expect([patched.spec, patched.metadata.generation]).toEqual([{ holderIdentity: "b" }, undefined]);
    await expect(leases.patchStatus(namespace, "lease", {})).rejects.toSatisfy(isNotFound);
  },
};

function reader(stream: AsyncIterable<Uint8Array>): () => Promise<Line> {
  const read = lines(stream);
  return async () => JSON.parse((await read.next()).value as string) as Line;
}
