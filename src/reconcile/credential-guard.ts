/**
 * Keeps a Secret with an API key from being deleted while an object of any kind still needs it: without the key nothing
 * can be deleted in the cloud, and the deletion of a namespace would remove the key first (docs/design.md, Deletion).
 */
import { isForbidden, isNotFound } from "../kube/errors.ts";
import { splitKey } from "../kube/objects.ts";
import type { Resource, Secret } from "../kube/resource.ts";
import type { Credentials } from "./credentials.ts";
import type { CloudAccount, ManagedObject } from "./managed.ts";
import { INTENT_CREATE } from "./ownership-facts.ts";
import { ANNOTATION, FINALIZER, isOurFinalizer, kindFinalizer } from "./record.ts";

/** A kind that this operator serves. */
export interface GuardedKind {
  /** Its plural. */
  readonly name: string;
  /** Its objects that need their key (see `needsKey`). */
  keyUsers(): readonly ManagedObject[];
}

export interface CredentialGuardParts<A extends CloudAccount> {
  secrets: Pick<Resource<Secret>, "get" | "mergePatch">;
  credentials: Pick<Credentials<A>, "note" | "referenceOf">;
  kinds(): readonly GuardedKind[];
  /** Whether all kinds are listed: before that it is not known which object is the last that needs a Secret. */
  complete(): boolean;
  /**
   * Whether an object of a kind that this operator does not serve needs a Secret; undefined where that may not be read.
   * Absent where it serves all kinds.
   */
  isNeededElsewhere?(reference: string): Promise<boolean | undefined>;
}

/** A pass that protects a Secret before there is anything to be seen of it on the object. */
interface Protection {
  kind: string;
  reference: string;
}

export class CredentialGuard<A extends CloudAccount> {
  readonly #parts: CredentialGuardParts<A>;
  /**
   * UIDs of objects whose finalizer is removed, though the store may not show it yet. Not keys: each kind may have an
   * object of the same key.
   */
  readonly #released = new Set<string>();
  /** By UID, of the passes that run. */
  readonly #protecting = new Map<string, Protection>();
  /** The users of one Secret are released one after the other, so that one of them is the last. */
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(parts: CredentialGuardParts<A>) {
    this.#parts = parts;
  }

  /**
   * Adds the finalizer of the object's kind. Where the rights for that are missing, the pass continues without it. Until
   * `passEnded` the object counts as a user of the Secret.
   */
  async protect(secret: Secret, object: ManagedObject, kind: string): Promise<void> {
    const { namespace, name, finalizers = [], deletionTimestamp } = secret.metadata;
    this.#protecting.set(uidOf(object), { kind, reference: `${namespace ?? ""}/${name}` });
    const finalizer = this.#parts.isNeededElsewhere ? kindFinalizer(kind) : FINALIZER;
    // The API server refuses a new finalizer on an object that is being deleted.
    if (finalizers.includes(finalizer) || deletionTimestamp) return;
    await this.#patch(secret, [...finalizers, finalizer]).catch((error: unknown) => {
      if (!isForbidden(error)) throw error;
    });
  }

  passEnded(object: ManagedObject): void {
    this.#protecting.delete(uidOf(object));
  }

  /**
   * Releases an object by `release`, and before it the Secrets where no other object needs them. `settle` is called
   * before the Secret is released: afterwards the object must be releasable without a key, wherever the process dies.
   * False where nothing was done, since not all kinds are listed yet.
   */
  async release(
    object: ManagedObject,
    settle: () => Promise<void>,
    release: () => Promise<void>,
  ): Promise<boolean> {
    if (!(await this.releaseFormer(object))) return false;
    const reference = this.#parts.credentials.referenceOf(object);
    return this.#inTurn(reference, async () => {
      if (!(await this.#free(reference, object, settle))) return false;
      await release();
      this.#released.add(uidOf(object));
      this.#protecting.delete(uidOf(object));
      return true;
    });
  }

  /**
   * Releases the Secret that the object had its key from before `credentialsSecretRef` changed, where no other object
   * needs it. False where not all kinds are listed yet.
   */
  async releaseFormer(object: ManagedObject): Promise<boolean> {
    const former = this.#formerOf(object);
    return former === undefined || this.#inTurn(former, () => this.#free(former, object));
  }

  /** Releases a Secret where no object needs it. False where not all kinds are listed yet. */
  review(reference: string): Promise<boolean> {
    return this.#inTurn(reference, () => this.#free(reference));
  }

  /** "namespace/name" of the Secrets that may carry our finalizer on behalf of this object. */
  referencesOf(object: ManagedObject): string[] {
    const former = this.#formerOf(object);
    const reference = this.#parts.credentials.referenceOf(object);
    return former === undefined ? [reference] : [reference, former];
  }

  /** Whether `release` has released the object, and its Secrets with it. */
  isReleased(object: ManagedObject): boolean {
    return this.#released.has(uidOf(object));
  }

  #formerOf(object: ManagedObject): string | undefined {
    const { metadata, status } = object;
    if (status?.credentialsSecret === undefined) return undefined;
    const former = `${metadata.namespace ?? ""}/${status.credentialsSecret}`;
    return former === this.#parts.credentials.referenceOf(object) ? undefined : former;
  }

  async #inTurn(reference: string, action: () => Promise<boolean>): Promise<boolean> {
    const before = this.#turns.get(reference) ?? Promise.resolve();
    const turn = before.catch(() => {}).then(action);
    this.#turns.set(reference, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(reference) === turn) this.#turns.delete(reference);
    }
  }

  /** Removes the finalizers that no object but `except` needs. */
  async #free(
    reference: string,
    except?: ManagedObject,
    settle: () => Promise<void> = async () => {},
  ): Promise<boolean> {
    const idle = this.#idleKinds(reference, except);
    const secret = idle.length > 0 ? await this.#protectedSecret(reference) : undefined;
    const unneeded = secret ? await this.#unneeded(secret, reference, idle) : [];
    if (!secret || unneeded.length === 0) return true;
    if (!this.#parts.complete()) return false;
    await settle();
    const kept = (secret.metadata.finalizers ?? []).filter((finalizer) => !unneeded.includes(finalizer));
    await this.#patch(secret, kept);
    return true;
  }

  /** The kinds that have no object which needs the Secret; where one finalizer stands for all kinds, all or none. */
  #idleKinds(reference: string, except: ManagedObject | undefined): string[] {
    const kinds = this.#parts.kinds().map((kind) => ({ name: kind.name, users: kind.keyUsers() }));
    // An object that no store holds any more cannot come back.
    const listed = new Set(kinds.flatMap(({ users }) => users.map(uidOf)));
    for (const uid of this.#released) if (!listed.has(uid)) this.#released.delete(uid);
    const isOther = (uid: string) => (!except || uid !== uidOf(except)) && !this.#released.has(uid);
    const protecting = [...this.#protecting].filter(
      ([uid, protection]) => isOther(uid) && protection.reference === reference,
    );
    const idle = kinds.filter(
      ({ name, users }) =>
        !users.some((user) => isOther(uidOf(user)) && this.referencesOf(user).includes(reference)) &&
        !protecting.some(([, { kind }]) => kind === name),
    );
    const isPartial = this.#parts.isNeededElsewhere !== undefined;
    return isPartial || idle.length === kinds.length ? idle.map(({ name }) => name) : [];
  }

  async #unneeded(secret: Secret, reference: string, idle: readonly string[]): Promise<string[]> {
    const { isNeededElsewhere } = this.#parts;
    const ours = (secret.metadata.finalizers ?? []).filter(isOurFinalizer);
    if (!isNeededElsewhere) return ours;
    const unneeded = idle.map(kindFinalizer).filter((finalizer) => ours.includes(finalizer));
    const isShared = ours.includes(FINALIZER) && idle.length === this.#parts.kinds().length;
    // It was put there for all kinds: by an operator that served them all, or an older one.
    if (isShared && (await isNeededElsewhere(reference)) === false) unneeded.push(FINALIZER);
    return unneeded;
  }

  /** The Secret as it is now, where it carries a finalizer of ours. */
  async #protectedSecret(reference: string): Promise<Secret | undefined> {
    const { namespace, name } = splitKey(reference);
    try {
      const secret = await this.#parts.secrets.get(namespace, name);
      return secret.metadata.finalizers?.some(isOurFinalizer) ? secret : undefined;
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
