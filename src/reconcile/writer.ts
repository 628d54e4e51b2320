/**
 * The only place that writes our custom resources: metadata by merge patch under the resource version it was decided
 * on, status only where it differs. Each answer goes into the store at once, so that the next pass does not decide on
 * an older object. It reads those that the store holds in part.
 */
import { isDeepStrictEqual } from "node:util";
import { plainCopy } from "../base/plain-text.ts";
import { isConflict, KubeError } from "../kube/errors.ts";
import { compareVersions, keyOf } from "../kube/objects.ts";
import type { Resource } from "../kube/resource.ts";
import type { Store } from "../runtime/store.ts";
import type { ManagedObject } from "./managed.ts";
import { ANNOTATION, FINALIZER, releasedMark } from "./record.ts";

/** How many times a save that must not be lost is tried against a changing object before the pass gives up. */
const SAVE_TRIES = 5;

export class ObjectWriter<O extends ManagedObject> {
  readonly #resource: Pick<Resource<O>, "get" | "mergePatch" | "patchStatus">;
  readonly #store: Pick<Store<O>, "observeWrite">;

  constructor(
    resource: Pick<Resource<O>, "get" | "mergePatch" | "patchStatus">,
    store: Pick<Store<O>, "observeWrite">,
  ) {
    this.#resource = resource;
    this.#store = store;
  }

  /**
   * All of an object of the store. Throws KUBE_CONFLICT where it is another one by now, or an older one: the watch is about
   * to deliver the change.
   */
  async whole(held: O): Promise<O> {
    const { partial, namespace = "", name, uid, resourceVersion } = held.metadata;
    if (!partial) return held;
    const object = await this.#resource.get(namespace, name);
    const { metadata } = object;
    if (metadata.uid === uid && compareVersions(metadata.resourceVersion, resourceVersion) >= 0)
      return object;
    throw new KubeError({ code: "KUBE_CONFLICT", message: `${keyOf(held)} is not the object of the store` });
  }

  addFinalizer(object: O): Promise<O> {
    const finalizers = [...(object.metadata.finalizers ?? []), FINALIZER];
    return this.#metadata(object, { finalizers });
  }

  removeFinalizer(object: O): Promise<O> {
    const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
    // The store is left to the watch here: the answer may arrive after the deletion was observed, and must not undo it.
    return this.#patch(object, {
      finalizers,
      annotations: { [ANNOTATION.released]: releasedMark(object.metadata) },
    });
  }

  /** `null` removes an annotation. Throws KUBE_CONFLICT where the object changed since it was read. */
  annotate(object: O, annotations: Record<string, string | null>): Promise<O> {
    return this.#metadata(object, { annotations });
  }

  /**
   * Saves what the cloud has already done, so losing it to a conflict is not allowed: reads again and retries, as long
   * as it is still the same object.
   */
  saveAnnotations(object: O, annotations: Record<string, string | null>): Promise<O> {
    return this.#save(object, (current) => this.annotate(current, annotations));
  }

  /** As `saveAnnotations`: `statusOf` gives the status to save on the object as it is then. */
  saveStatus(object: O, statusOf: (current: O) => NonNullable<O["status"]>): Promise<O> {
    return this.#save(object, (current) => this.status(current, statusOf(current)));
  }

  async #save(object: O, write: (current: O) => Promise<O>): Promise<O> {
    let current = object;
    for (let tries = 1; ; tries++) {
      try {
        return await write(current);
      } catch (error) {
        if (!isConflict(error) || tries === SAVE_TRIES) throw error;
        const { namespace = "", name, uid } = object.metadata;
        current = await this.#resource.get(namespace, name);
        if (current.metadata.uid !== uid) throw error;
      }
    }
  }

  /**
   * Returns the object as it is afterwards; no call is made where nothing differs. Of every text, what is not plain is
   * removed: a status shows what the API and other users wrote.
   */
  async status(object: O, status: NonNullable<O["status"]>): Promise<O> {
    const patch = mergePatch(object.status ?? {}, plainCopy(status));
    if (patch === undefined) return object;
    const { namespace = "", name, uid, resourceVersion } = object.metadata;
    const body = { metadata: { uid, resourceVersion }, status: patch };
    return this.#observed(await this.#resource.patchStatus(namespace, name, body), object);
  }

  async #metadata(object: O, change: object): Promise<O> {
    return this.#observed(await this.#patch(object, change), object);
  }

  #patch(object: O, change: object): Promise<O> {
    const { namespace = "", name, uid, resourceVersion } = object.metadata;
    return this.#resource.mergePatch(namespace, name, { metadata: { uid, resourceVersion, ...change } });
  }

  /**
   * `base` is the version that was written onto: a write that changes nothing is answered with another actor's version.
   */
  #observed(answer: O, base: O): O {
    this.#store.observeWrite(answer, base);
    return answer;
  }
}

/** RFC 7386 patch that turns `from` into `to`; undefined where they are equal. Lists are replaced whole. */
export function mergePatch(from: unknown, to: unknown): unknown {
  if (!isRecord(from) || !isRecord(to)) return isDeepStrictEqual(from, to) ? undefined : to;
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    if (!(key in to)) patch[key] = null;
    else {
      const change = mergePatch(from[key], to[key]);
      if (change !== undefined) patch[key] = change;
    }
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
