/**
 * Keeps a Secret with an API key from going while an object still needs it: without the key no machine can be deleted,
 * and a namespace that is deleted whole would take the key first (DESIGN section 4).
 */
import { isForbidden, isNotFound } from "../kube/errors.ts";
import { keyOf } from "../kube/objects.ts";
import type { Resource, Secret } from "../kube/resource.ts";
import type { Credentials } from "./credentials.ts";
import { INTENT_CREATE } from "./facts.ts";
import type { CloudAccount, ManagedObject } from "./kind.ts";
import { ANNOTATION, FINALIZER } from "./record.ts";

export interface SecretHoldParts<A extends CloudAccount> {
  secrets: Pick<Resource<Secret>, "get" | "mergePatch">;
  credentials: Pick<Credentials<A>, "note" | "referenceOf">;
  /** All objects of the kind. */
  objects(): ManagedObject[];
}

export class SecretHold<A extends CloudAccount> {
  readonly #parts: SecretHoldParts<A>;
  /** UIDs by key of objects whose finalizer is off, though the store may not know it yet. */
  readonly #released = new Map<string, string>();
  /** Releases of one Secret's users go one after the other, so that one of them is the last. */
  readonly #turns = new Map<string, Promise<void>>();

  constructor(parts: SecretHoldParts<A>) {
    this.#parts = parts;
  }

  /** Puts our finalizer on. Where the rights for that are missing, the work goes on without. */
  async take(secret: Secret): Promise<void> {
    const { finalizers = [], deletionTimestamp } = secret.metadata;
    // The server lets nobody add a finalizer to what is being deleted.
    if (finalizers.includes(FINALIZER) || deletionTimestamp) return;
    await this.#patch(secret, [...finalizers, FINALIZER]).catch((error: unknown) => {
      if (!isForbidden(error)) throw error;
    });
  }

  /**
   * Lets an object go by `release`, and its Secret before it where it is the last that needs it. `settle` is called
   * before that: afterwards the object must be able to go without a key, whatever dies in between.
   */
  async letGo(
    object: ManagedObject,
    settle: () => Promise<void>,
    release: () => Promise<void>,
  ): Promise<void> {
    const reference = this.#parts.credentials.referenceOf(object);
    const before = this.#turns.get(reference) ?? Promise.resolve();
    const turn = before
      .catch(() => {})
      .then(async () => {
        const secret = this.#isLast(object, reference) ? await this.#held(reference) : undefined;
        if (secret) {
          await settle();
          const others = (secret.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
          await this.#patch(secret, others);
        }
        await release();
        this.#released.set(keyOf(object), object.metadata.uid ?? "");
      });
    this.#turns.set(reference, turn);
    try {
      await turn;
    } finally {
      if (this.#turns.get(reference) === turn) this.#turns.delete(reference);
    }
  }

  /** The object is gone from the store. */
  forget(key: string): void {
    this.#released.delete(key);
  }

  #isLast(object: ManagedObject, reference: string): boolean {
    return !this.#parts.objects().some((other) => {
      if (other.metadata.uid === object.metadata.uid) return false;
      if (this.#released.get(keyOf(other)) === other.metadata.uid) return false;
      return ownsAnything(other) && this.#parts.credentials.referenceOf(other) === reference;
    });
  }

  /** The Secret as it is now, where it carries our finalizer. */
  async #held(reference: string): Promise<Secret | undefined> {
    const [namespace = "", name = ""] = reference.split("/");
    try {
      const secret = await this.#parts.secrets.get(namespace, name);
      return secret.metadata.finalizers?.includes(FINALIZER) ? secret : undefined;
    } catch (error) {
      if (isNotFound(error) || isForbidden(error)) return undefined;
      throw error;
    }
  }

  async #patch(secret: Secret, finalizers: string[]): Promise<void> {
    const { namespace = "", name, uid, resourceVersion } = secret.metadata;
    const patch = { metadata: { uid, resourceVersion, finalizers } };
    try {
      this.#parts.credentials.note(secret, await this.#parts.secrets.mergePatch(namespace, name, patch));
    } catch (error) {
      // Whatever was wrong with what we knew of it: it is read anew.
      this.#parts.credentials.note(secret, undefined);
      throw error;
    }
  }
}

/** An id, or a create that may have made one. */
function ownsAnything({ metadata, status }: ManagedObject): boolean {
  const { annotations = {} } = metadata;
  if (annotations[ANNOTATION.record] !== undefined || annotations[ANNOTATION.createPending] !== undefined)
    return true;
  return status?.id !== undefined || status?.operation?.intent === INTENT_CREATE;
}
