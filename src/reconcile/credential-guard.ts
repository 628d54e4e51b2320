/**
 * Keeps a Secret with an API key from being deleted while an object of any kind still needs it: without the key nothing
 * can be deleted in the cloud, and the deletion of a namespace would remove the key first (docs/design.md, Deletion).
 */
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { Resource, Secret } from "../kube/resource.ts";
import type { Credentials } from "./credentials.ts";
import type { CloudAccount, ManagedObject } from "./managed.ts";
import { INTENT_CREATE } from "./ownership-facts.ts";
import { ANNOTATION, FINALIZER } from "./record.ts";

export interface CredentialGuardParts<A extends CloudAccount> {
  secrets: Pick<Resource<Secret>, "get" | "mergePatch">;
  credentials: Pick<Credentials<A>, "note" | "referenceOf">;
  /** The objects of all kinds that need their key (see `needsKey`). */
  users(): readonly ManagedObject[];
  /** Whether all kinds are listed: before that it is not known which object is the last that needs a Secret. */
  complete(): boolean;
}

export class CredentialGuard<A extends CloudAccount> {
  readonly #parts: CredentialGuardParts<A>;
  /**
   * UIDs of objects whose finalizer is removed, though the store may not show it yet. Not keys: each kind may have an
   * object of the same key.
   */
  readonly #released = new Set<string>();
  /** The users of one Secret are released one after the other, so that one of them is the last. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(parts: CredentialGuardParts<A>) {
    this.#parts = parts;
  }

  /** Adds the finalizer. Where the rights for that are missing, the pass continues without it. */
  async protect(secret: Secret): Promise<void> {
    const { finalizers = [], deletionTimestamp } = secret.metadata;
    // The API server refuses a new finalizer on an object that is being deleted.
    if (finalizers.includes(FINALIZER) || deletionTimestamp) return;
    await this.#patch(secret, [...finalizers, FINALIZER]).catch((error: unknown) => {
      if (!isForbidden(error)) throw error;
    });
  }

  /**
   * Releases an object by `release`, and before it the Secret where no other object needs that. `settle` is called
   * before the Secret is released: afterwards the object must be releasable without a key, wherever the process dies.
   * False where nothing was done, since not all kinds are listed yet.
   */
  async release(
    object: ManagedObject,
    settle: () => Promise<void>,
    release: () => Promise<void>,
  ): Promise<boolean> {
    const reference = this.#parts.credentials.referenceOf(object);
    const before = this.#turns.get(reference) ?? Promise.resolve();
    const turn = before.catch(() => {}).then(() => this.#turn(object, reference, settle, release));
    this.#turns.set(reference, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(reference) === turn) this.#turns.delete(reference);
    }
  }

  async #turn(
    object: ManagedObject,
    reference: string,
    settle: () => Promise<void>,
    release: () => Promise<void>,
  ): Promise<boolean> {
    const secret = this.#isLast(object, reference) ? await this.#protectedSecret(reference) : undefined;
    if (secret) {
      if (!this.#parts.complete()) return false;
      await settle();
      const others = (secret.metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
      await this.#patch(secret, others);
    }
    await release();
    this.#released.add(uidOf(object));
    return true;
  }

  #isLast(object: ManagedObject, reference: string): boolean {
    const users = this.#parts.users();
    // An object that no store holds any more cannot come back.
    const listed = new Set(users.map(uidOf));
    for (const uid of this.#released) if (!listed.has(uid)) this.#released.delete(uid);
    return !users.some((other) => {
      if (uidOf(other) === uidOf(object) || this.#released.has(uidOf(other))) return false;
      return this.#parts.credentials.referenceOf(other) === reference;
    });
  }

  /** The Secret as it is now, where it carries our finalizer. */
  async #protectedSecret(reference: string): Promise<Secret | undefined> {
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
      // The cached Secret may be out of date: it is read again.
      this.#parts.credentials.note(secret, undefined);
      throw error;
    }
  }
}

/** Whether an object has an id, or a create that may have made one. Other leftovers are known to its kind only. */
export function needsKey({ metadata, status }: ManagedObject): boolean {
  const { annotations = {} } = metadata;
  if (annotations[ANNOTATION.record] !== undefined || annotations[ANNOTATION.createPending] !== undefined)
    return true;
  return status?.id !== undefined || status?.operation?.intent === INTENT_CREATE;
}

function uidOf({ metadata }: ManagedObject): string {
  return metadata.uid ?? "";
}
