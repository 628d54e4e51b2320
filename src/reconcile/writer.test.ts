import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KubeError } from "../kube/errors.ts";
import type { ManagedObject } from "./managed.ts";
import { mergePatch, ObjectWriter } from "./writer.ts";

/** RFC 7386, as an API server applies it. */
function applied(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = applied(result[key], value);
  }
  return result;
}

describe("mergePatch", () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 2 }));
  const key = fc.constantFrom("a", "b", "c");
  const tree = fc.letrec((tie) => ({
    object: fc.dictionary(key, fc.oneof({ maxDepth: 3 }, leaf, tie("object")), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  })).object;

  it("turns any status into any other, so that status shows what was observed", () => {
    fc.assert(
      fc.property(tree, tree, (from, to) => {
        const patch = mergePatch(from, to);
        if (patch === undefined) expect(from).toEqual(to);
        else expect(applied(from, patch)).toEqual(to);
      }),
    );
  });

  it("is nothing for equal statuses, so that an idle object costs no write", () => {
    fc.assert(fc.property(tree, (status) => mergePatch(status, structuredClone(status)) === undefined));
  });
});

describe("ObjectWriter", () => {
  const object: ManagedObject = {
    metadata: { name: "box", namespace: "default", uid: "uid-1", resourceVersion: "1" },
    spec: {},
  };
  const conflict = new KubeError({ code: "KUBE_CONFLICT", message: "changed", status: 409 });
  const nothing = { observeWrite() {} };

  it("saves an id against an object that changes meanwhile, since a lost id is a lost machine", async () => {
    const seen: unknown[] = [];
    const writer = new ObjectWriter<ManagedObject>(
      {
        get: async () => ({ ...object, metadata: { ...object.metadata, resourceVersion: "7" } }),
        mergePatch: async (_namespace, _name, patch) => {
          seen.push((patch as ManagedObject).metadata.resourceVersion);
          if (seen.length === 1) throw conflict;
          return object;
        },
        patchStatus: async () => object,
      },
      nothing,
    );
    await writer.saveAnnotations(object, { record: "{}" });
    expect(seen).toEqual(["1", "7"]);
  });

  it("does not save onto another object of the same name, since that would give it the machine", async () => {
    const writer = new ObjectWriter<ManagedObject>(
      {
        get: async () => ({ ...object, metadata: { ...object.metadata, uid: "uid-2" } }),
        mergePatch: async () => {
          throw conflict;
        },
        patchStatus: async () => object,
      },
      nothing,
    );
    await expect(writer.saveAnnotations(object, { record: "{}" })).rejects.toBe(conflict);
  });

  it("sends nothing where the status is the same already", async () => {
    const writer = new ObjectWriter<ManagedObject>(
      {
        get: async () => object,
        mergePatch: async () => object,
        patchStatus: async () => {
          throw new Error("a needless write");
        },
      },
      nothing,
    );
    const status = { id: "ps1", conditions: [] };
    const shown = { ...object, status: structuredClone(status) };
    await expect(writer.status(shown, status)).resolves.toBe(shown);
  });
});
