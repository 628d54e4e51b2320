/**
 * Resolves an object to the account it may use: credentialsSecretRef, else the Secret `paperspace-credentials` of its
 * namespace, else the operator's own key where that namespace is served by it (docs/design.md, Record). Same namespace
 * only.
 */
import type { Clock } from "../base/clock.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { Resource, Secret } from "../kube/resource.ts";
import type { CloudAccount, ManagedObject } from "./managed.ts";
import type { AccountFact } from "./ownership.ts";

export const DEFAULT_SECRET = "paperspace-credentials";
export const DEFAULT_KEY = "apiKey";

/** The cloud's side of credentials; implemented over Paperspace in the composition root. */
export interface CredentialChecker<A extends CloudAccount> {
  /**
   * Probes a key once and remembers the answer; throws where it is refused or cannot be checked. Groups take turns: the
   * namespace that the key comes from, or "" for the operator's own.
   */
  open(key: string, group: string): Promise<A>;
  /** Classifies what `open` threw. */
  explain(error: unknown): Exclude<AccountFact, { state: "valid" }>;
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
  operatorKey?: string | undefined;
  /** Namespaces that the operator's own key serves; "*" means all. */
  operatorKeyNamespaces: readonly string[];
}

type Source =
  | { state: "key"; key: string; origin: string; secret?: Secret }
  | { state: "none"; message: string };
type CachedRead = { at: number; secret: Promise<Secret | undefined> };

export class Credentials<A extends CloudAccount> {
  readonly #options: CredentialsOptions<A>;
  readonly #reads = new Map<string, CachedRead>();

  constructor(options: CredentialsOptions<A>) {
    this.#options = options;
  }

  /** Never throws: a failure is a fact about the account. */
  async resolve(object: ManagedObject): Promise<Resolved<A>> {
    let source: Source;
    try {
      source = await this.#source(object);
    } catch (error) {
      const message = `the Secret with the API key cannot be read: ${text(error)}`;
      return { fact: isForbidden(error) ? { state: "invalid", message } : { state: "unreachable", message } };
    }
    if (source.state === "none") return { fact: { state: "invalid", message: source.message } };
    const { secret } = source;
    try {
      const account = await this.#options.checker.open(source.key, secret?.metadata.namespace ?? "");
      return { fact: { state: "valid", team: account.team }, account, ...(secret && { secret }) };
    } catch (error) {
      const fact = this.#options.checker.explain(error);
      return { fact: { ...fact, message: `${source.origin}: ${fact.message}` } };
    }
  }

  /** "namespace/name" of the Secret that the object's key comes from, whether it exists or not. */
  referenceOf({ metadata, spec }: ManagedObject): string {
    return `${metadata.namespace ?? ""}/${spec.credentialsSecretRef?.name ?? DEFAULT_SECRET}`;
  }

  /** Updates the cache after a write of the operator; undefined invalidates it. */
  note({ metadata }: Secret, now: Secret | undefined): void {
    const id = `${metadata.namespace ?? ""}/${metadata.name}`;
    const cached = this.#reads.get(id);
    if (!now) this.#reads.delete(id);
    else if (cached) this.#reads.set(id, { at: cached.at, secret: Promise.resolve(now) });
  }

  async #source(object: ManagedObject): Promise<Source> {
    const namespace = object.metadata.namespace ?? "";
    const reference = object.spec.credentialsSecretRef;
    const name = reference?.name ?? DEFAULT_SECRET;
    const field = reference?.key ?? DEFAULT_KEY;
    const secret = await this.#read(namespace, name);
    if (secret) return fromSecret(secret, namespace, name, field);
    const { operatorKey, operatorKeyNamespaces: served } = this.#options;
    if (!reference && operatorKey && (served.includes("*") || served.includes(namespace)))
      return { state: "key", key: operatorKey, origin: "the operator's own API key" };
    return {
      state: "none",
      message: `no API key: the Secret "${name}" is not in namespace ${namespace}. Make it: kubectl -n ${namespace} create secret generic ${name} --from-literal=${field}=<key>`,
    };
  }

  #read(namespace: string, name: string): Promise<Secret | undefined> {
    const { clock, secretTtlMs, secrets } = this.#options;
    const id = `${namespace}/${name}`;
    const cached = this.#reads.get(id);
    if (cached && clock.monotonic() - cached.at < secretTtlMs) return cached.secret;
    const secret = secrets.get(namespace, name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      this.#reads.delete(id);
      throw error;
    });
    this.#reads.set(id, { at: clock.monotonic(), secret });
    return secret;
  }
}

function fromSecret(secret: Secret, namespace: string, name: string, field: string): Source {
  const origin = `the Secret ${namespace}/${name}`;
  const value = secret.data?.[field];
  const key = value === undefined ? "" : Buffer.from(value, "base64").toString("utf8").trim();
  if (key !== "") return { state: "key", key, origin, secret };
  const fields = Object.keys(secret.data ?? {}).join(", ") || "nothing";
  return {
    state: "none",
    message: `${origin} has no value under "${field}" (it holds: ${fields}). Put the API key there, or name its key in spec.credentialsSecretRef.key`,
  };
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
