/**
 * Resolves an object to the account it may use: credentialsSecretRef, else the Secret `paperspace-credentials` of its
 * namespace, else the operator's own key where that namespace is served by it (docs/design.md, Record). Same namespace
 * only.
 */
import type { Clock } from "../base/clock.ts";
import { shellCommand } from "../base/shell-command.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { Resource, Secret } from "../kube/resource.ts";
import { keyFault, secretFault } from "./key-secret.ts";
import type { CloudAccount, ManagedObject } from "./managed.ts";
import type { AccountFact } from "./ownership.ts";
import { secretUnreadable } from "./secret-rights.ts";

export const DEFAULT_SECRET = "paperspace-credentials";
export const DEFAULT_KEY = "apiKey";

/** The cloud's side of credentials; implemented over Paperspace in the composition root. */
export interface CredentialChecker<A extends CloudAccount> {
  /**
   * The account of a key, which is probed once; undefined while that is under way: then `answered` is called, and the
   * holder's next call has an answer. Throws where the key is refused or could not be checked.
   */
  open(key: string, caller: CredentialCaller): A | undefined;
  /** Classifies what `open` threw. */
  explain(error: unknown): Exclude<AccountFact, { state: "valid" | "pending" }>;
}

export interface CredentialCaller {
  /** UID of the object. */
  holder: string;
  /** Groups take turns: the namespace that the key comes from, or "" for the operator's own. */
  group: string;
  answered(): void;
}

export interface Resolved<A> {
  fact: AccountFact;
  account?: A;
  /** The Secret that holds the key; absent for the operator's own. */
  secret?: Secret;
}

export interface CredentialsOptions<A extends CloudAccount> {
  secrets: Pick<Resource<Secret>, "get">;
  checker: CredentialChecker<A>;
  clock: Clock;
  /** How long a Secret that was read counts as fresh, in milliseconds: one read serves many objects. */
  secretTtlMs: number;
  /** Throws where it cannot be read just now. */
  operatorKey?: (() => Promise<string>) | undefined;
  /** Namespaces that the operator's own key serves; "*" means all. */
  operatorKeyNamespaces: readonly string[];
  /** Whether a Secret that has not the usual name needs the label of those for API keys. */
  requireLabel?: boolean;
}

type Source =
  | { state: "key"; key: string; origin: string; secret?: Secret }
  | { state: "none" | "unreadable"; message: string };
/** What is kept of a Secret: a Secret may be a megabyte, of which the key is a line. */
interface HeldKey {
  /** Its metadata, and nothing else. */
  secret: Secret;
  /** Empty where there is none. */
  key: string;
  /** Why it may not be used: the end of a sentence about the Secret, or about its value. */
  secretFault?: string;
  keyFault?: string;
}
type CachedRead = {
  namespace: string;
  name: string;
  field: string;
  at: number;
  held: Promise<HeldKey | undefined>;
};

/** In base64. No longer value is an API key, and the beginning is enough to refuse it. */
const LONGEST_VALUE = 4_096;

export class Credentials<A extends CloudAccount> {
  readonly #options: CredentialsOptions<A>;
  /** By namespace, name and field, as JSON. */
  readonly #reads = new Map<string, CachedRead>();

  constructor(options: CredentialsOptions<A>) {
    this.#options = options;
  }

  /**
   * Never throws: a failure is a fact about the account. `answered` is called where the key is being probed, once there is
   * an answer: nothing waits for one here.
   */
  async resolve(object: ManagedObject, answered: () => void): Promise<Resolved<A>> {
    let source: Source;
    try {
      source = await this.#source(object);
    } catch (error) {
      const why = isForbidden(error) ? secretUnreadable(this.#nameOf(object)) : text(error);
      const message = `the Secret with the API key cannot be read: ${why}`;
      return { fact: isForbidden(error) ? { state: "invalid", message } : { state: "unreachable", message } };
    }
    if (source.state !== "key") {
      const state = source.state === "none" ? "invalid" : "unreachable";
      return { fact: { state, message: source.message } };
    }
    const { secret } = source;
    try {
      const holder = object.metadata.uid ?? "";
      const group = secret?.metadata.namespace ?? "";
      const account = this.#options.checker.open(source.key, { holder, group, answered });
      if (!account) return { fact: { state: "pending" } };
      return { fact: { state: "valid", team: account.team }, account, ...(secret && { secret }) };
    } catch (error) {
      const fact = this.#options.checker.explain(error);
      return { fact: { ...fact, message: `${source.origin}: ${fact.message}` } };
    }
  }

  /** "namespace/name" of the Secret that the object's key comes from, whether it exists or not. */
  referenceOf(object: ManagedObject): string {
    return `${object.metadata.namespace ?? ""}/${this.#nameOf(object)}`;
  }

  /** Secrets of which the key is kept. */
  get size(): number {
    return this.#reads.size;
  }

  /** Updates the cache after a write of the operator; undefined invalidates it. */
  note({ metadata }: Secret, now: Secret | undefined): void {
    const { namespace = "", name } = metadata;
    for (const [id, read] of this.#reads) {
      if (read.namespace !== namespace || read.name !== name) continue;
      if (now) this.#reads.set(id, { ...read, held: Promise.resolve(this.#heldKey(now, read.field)) });
      else this.#reads.delete(id);
    }
  }

  /** Whether a value is the operator's own key, which no object may hand on; false while that cannot be read. */
  async isOperatorKey(value: string): Promise<boolean> {
    const key = await this.#options.operatorKey?.().catch(() => undefined);
    return key !== undefined && value.trim() === key.trim();
  }

  #nameOf({ spec }: ManagedObject): string {
    return spec.credentialsSecretRef?.name ?? DEFAULT_SECRET;
  }

  async #source(object: ManagedObject): Promise<Source> {
    const namespace = object.metadata.namespace ?? "";
    const reference = object.spec.credentialsSecretRef;
    const name = this.#nameOf(object);
    const field = reference?.key ?? DEFAULT_KEY;
    const held = await this.#read(namespace, name, field);
    if (held) return sourceIn(held, `${namespace}/${name}`, field);
    const { operatorKey, operatorKeyNamespaces: served } = this.#options;
    if (!reference && operatorKey && (served.includes("*") || served.includes(namespace)))
      return ownSource(operatorKey);
    return {
      state: "none",
      message: `no API key: the Secret "${name}" is not in namespace ${namespace}. Make it, and type the key: ${shellCommand`kubectl -n ${{ namespace }} create secret generic ${{ name }} --from-file=${{ key: field }}=/dev/stdin`}`,
    };
  }

  #read(namespace: string, name: string, field: string): Promise<HeldKey | undefined> {
    const { clock, secretTtlMs, secrets } = this.#options;
    const now = clock.monotonic();
    const id = JSON.stringify([namespace, name, field]);
    const cached = this.#reads.get(id);
    if (cached && now - cached.at < secretTtlMs) return cached.held;
    // What is too old for any object is of none any more, for all that is known.
    for (const [other, { at }] of this.#reads) if (now - at >= secretTtlMs) this.#reads.delete(other);
    const read = async () => {
      try {
        return this.#heldKey(await secrets.get(namespace, name), field);
      } catch (error) {
        if (isNotFound(error)) return undefined;
        this.#reads.delete(id);
        throw error;
      }
    };
    const held = read();
    this.#reads.set(id, { namespace, name, field, at: now, held });
    return held;
  }

  /** Of a value that is not sent nothing is kept. */
  #heldKey(secret: Secret, field: string): HeldKey {
    const { annotations: _a, labels: _l, managedFields: _m, ...metadata } = secret.metadata;
    const needsLabel = this.#options.requireLabel === true && metadata.name !== DEFAULT_SECRET;
    const held = { secret: { metadata }, key: "" };
    const fault = secretFault(secret, { needsLabel });
    if (fault !== undefined) return { ...held, secretFault: fault };
    const key = valueIn(secret, field);
    const wrong = key === "" ? undefined : keyFault(key);
    return wrong === undefined ? { ...held, key } : { ...held, keyFault: wrong };
  }
}

function valueIn({ data = {} }: Secret, field: string): string {
  const value = Object.hasOwn(data, field) ? (data[field] ?? "") : "";
  return Buffer.from(value.slice(0, LONGEST_VALUE), "base64").toString("utf8").trim();
}

function sourceIn(held: HeldKey, name: string, field: string): Source {
  const { secret, key } = held;
  const origin = `the Secret ${name}`;
  if (held.secretFault) return { state: "none", message: `${origin} ${held.secretFault}` };
  if (held.keyFault)
    return { state: "none", message: `the value under "${field}" of ${origin} ${held.keyFault}` };
  if (key !== "") return { state: "key", key, origin, secret };
  return {
    state: "none",
    message: `${origin} has no value under "${field}". Put the API key there, or name its key in spec.credentialsSecretRef.key`,
  };
}

const OWN = "the operator's own API key";

async function ownSource(operatorKey: () => Promise<string>): Promise<Source> {
  try {
    return { state: "key", key: await operatorKey(), origin: OWN };
  } catch (error) {
    return { state: "unreadable", message: `${OWN} cannot be read: ${text(error)}` };
  }
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
