/**
 * The configuration of a spec, with the Secrets and ConfigMaps of its namespace that it refers to. A Secret's value goes
 * nowhere from here but into a project secret, whose name ends in a hash of it: so a new value is a new name, and with
 * that a rollout, and going back finds the old value. How Secrets and ConfigMaps are read is in ../kube-refs.ts.
 */
import { createHash, scryptSync } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import type { ConfigMap, Resource, Secret } from "../../kube/resource.ts";
import { STALE_FRACTION } from "../../reconcile/decision.ts";
import type { ReadError } from "../../reconcile/outcome.ts";
import { type KubeRef, KubeRefs, type RefContent } from "../kube-refs.ts";
import { hashOf, leavesOf } from "./compare.ts";
import { configOf, type Reference, referencesOf, secretValue } from "./config.ts";
import type { Desired } from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { PaperspaceDeployment } from "./types.ts";

export interface ReferencesParts {
  secrets: Pick<Resource<Secret>, "get">;
  configMaps: Pick<Resource<ConfigMap>, "get">;
  clock: Clock;
  /** Stale time of what was read, in milliseconds: a rotation is noticed within it. */
  resyncMs: number;
  /** How soon what is missing is read again. */
  recheckMs: number;
  enqueue(key: string): void;
  /** What a failed read means for the object that needs it. */
  readErrorOf(error: unknown): ReadError;
}

/** other-resources.md, secrets: what a project secret may hold, in characters. */
const LONGEST_VALUE = 8192;
/** scrypt's cost: a short password must not be found from the name of its project secret. */
const COST = { N: 4096, r: 8, p: 1 };
/** Every object has a pass in each resync: what none has used for so many of them is referred to by none. */
const UNUSED_TURNS = 3;
/** Digests that are kept: the oldest goes first, and costs some milliseconds when it is needed again. */
const MOST_DIGESTS = 10_000;

export class References {
  readonly #parts: ReferencesParts;
  readonly #refs: KubeRefs;
  /** Digests by owner and value's hash: each costs some milliseconds of work. */
  readonly #digests = new Map<string, string>();

  constructor(parts: ReferencesParts) {
    const { resyncMs, recheckMs, ...others } = parts;
    this.#parts = parts;
    this.#refs = new KubeRefs({
      ...others,
      forbiddenIs: "error",
      gcTimeMs: UNUSED_TURNS * resyncMs,
      staleTimeMs: ({ state }) => (state === "notFound" ? recheckMs : resyncMs) * STALE_FRACTION,
    });
  }

  /** The spec's configuration, as far as what it refers to was read. Begins no read. */
  desired(object: PaperspaceDeployment, name: string): Desired {
    const { spec } = object;
    const secrets = new Map<string, string>();
    const values = new Map<string, string>();
    const missing: Extract<Desired, { state: "missing" }>[] = [];
    let unknown: Extract<Desired, { state: "unknown" }> | undefined;
    for (const reference of referencesOf(spec)) {
      const content = this.#refs.get(refOf(object, reference));
      if (content === undefined) unknown = { ...this.#unknown(object, reference), ...unknown };
      else {
        const value = valueIn(content, reference);
        const fault = faultOf(reference, content, value);
        if (fault) missing.push(fault);
        else if (value !== undefined)
          values.set(idOf(reference), this.#inConfig(object, reference, value, secrets));
      }
    }
    const [first] = missing;
    if (first) return { ...first, message: missing.map(({ message }) => message).join("; ") };
    if (unknown) return unknown;
    const config = configOf(spec, name, (reference) => values.get(idOf(reference)) ?? "");
    const leaves = leavesOf(config);
    return { state: "known", config, leaves, hash: hashOf(leaves), secrets: [...secrets.values()] };
  }

  /** Reads what is missing or stale of what the spec refers to, and queues the key then. */
  fetchStale(key: string, object: PaperspaceDeployment): void {
    for (const reference of referencesOf(object.spec)) this.#refs.fetchIfStale(refOf(object, reference), key);
  }

  /** The value that goes into this project secret; undefined where it is not cached any more. */
  valueOf(object: PaperspaceDeployment, projectSecret: string): string | undefined {
    for (const reference of referencesOf(object.spec)) {
      if (reference.source !== "Secret") continue;
      const value = valueIn(this.#refs.get(refOf(object, reference)), reference);
      if (value !== undefined && this.#nameOf(object, reference, value) === projectSecret) return value;
    }
    return undefined;
  }

  /** At the user's request: all of it is read again. */
  invalidate(object: PaperspaceDeployment): void {
    for (const reference of referencesOf(object.spec)) this.#refs.invalidate(refOf(object, reference));
  }

  #unknown(object: PaperspaceDeployment, reference: Reference): Extract<Desired, { state: "unknown" }> {
    const ref = refOf(object, reference);
    const error = this.#refs.error(ref);
    if (error === undefined) return { state: "unknown" };
    const readError = this.#parts.readErrorOf(error);
    const message = `${reference.field}: the ${reference.source} ${reference.name} cannot be read: ${readError.message}`;
    return {
      state: "unknown",
      readError: { ...readError, message, atLeastMs: this.#refs.retryInMs(ref) },
    };
  }

  /** What stands in the configuration for it. */
  #inConfig(
    object: PaperspaceDeployment,
    reference: Reference,
    value: string,
    secrets: Map<string, string>,
  ): string {
    if (reference.source === "ConfigMap") return value;
    const name = this.#nameOf(object, reference, value);
    secrets.set(idOf(reference), name);
    return secretValue(name);
  }

  /** Letters, digits and underscores, a letter first, 128 at most (other-resources.md, secrets). */
  #nameOf({ metadata }: PaperspaceDeployment, { name, key }: Reference, value: string): string {
    const { uid = "" } = metadata;
    const readable = `${name}_${key}`.replace(/[^A-Za-z0-9]+/g, "_").slice(0, 60);
    return `k8s_${readable}_${ownerMark(uid)}_${this.#digest(uid, value)}`;
  }

  #digest(uid: string, value: string): string {
    const id = createHash("sha256").update(`${uid}/${value}`).digest("base64");
    const cached = this.#digests.get(id);
    if (cached !== undefined) return cached;
    const digest = scryptSync(value, uid, 10, COST).toString("hex");
    const [oldest] = this.#digests.keys();
    if (oldest !== undefined && this.#digests.size >= MOST_DIGESTS) this.#digests.delete(oldest);
    this.#digests.set(id, digest);
    return digest;
  }
}

/** The same for all project secrets of one object: they are recognised by it. */
export function ownerMark(uid: string): string {
  return createHash("sha256").update(uid).digest("hex").slice(0, 12);
}

function faultOf(
  { source, name, key, field }: Reference,
  content: RefContent,
  value: string | undefined,
): Extract<Desired, { state: "missing" }> | undefined {
  const secret = source === "Secret";
  const gone = secret ? REASON.SecretNotFound : REASON.ConfigMapNotFound;
  const fault = (reason: string, message: string) =>
    ({ state: "missing", reason, message: `${field}: ${message}` }) as const;
  if (content.state !== "found")
    return fault(gone, `there is no ${source} "${name}" in this namespace: make it, or correct the name`);
  if (!Object.hasOwn(content.values, key)) {
    const there = Object.keys(content.values).join(", ") || "nothing";
    return fault(gone, `the ${source} "${name}" has no key "${key}" (it has: ${there})`);
  }
  if (value === undefined)
    return fault(REASON.ValueInvalid, `key "${key}" of the ${source} "${name}" is not UTF-8 text`);
  if (value === "")
    return fault(
      REASON.ValueInvalid,
      `key "${key}" of the ${source} "${name}" is empty, and Paperspace takes no empty value`,
    );
  if (value.length > LONGEST_VALUE)
    return fault(
      REASON.ValueInvalid,
      `key "${key}" of the ${source} "${name}" has ${value.length} characters, and Paperspace takes ${LONGEST_VALUE} at most`,
    );
  return undefined;
}

/** A key may be named like what every object has ("constructor"). */
function valueIn(content: RefContent | undefined, { key }: Reference): string | undefined {
  return content?.state === "found" && Object.hasOwn(content.values, key) ? content.values[key] : undefined;
}

function idOf({ source, name, key }: Pick<Reference, "source" | "name" | "key">): string {
  return `${source}/${name}/${key}`;
}

function refOf({ metadata }: PaperspaceDeployment, { source, name }: Reference): KubeRef {
  return { kind: source, namespace: metadata.namespace ?? "", name };
}
