/**
 * The configuration of a spec, with the Secrets and ConfigMaps of its namespace that it refers to. A Secret's value goes
 * nowhere from here but into a project secret, whose name ends in a hash of it: so a new value is a new name, and with
 * that a rollout, and going back finds the old value. The value itself is not kept: a step that stores it reads it once
 * more. Values of ConfigMaps are kept within a budget, and else read again for the next pass. How Secrets and ConfigMaps are read is in ../kube-refs.ts.
 */
import { hash } from "node:crypto";
import { type Clock, nextTurn } from "../../base/clock.ts";
import { isForbidden, isNotFound } from "../../kube/errors.ts";
import { keyOf, splitKey } from "../../kube/objects.ts";
import type { ConfigMap, Resource, Secret } from "../../kube/resource.ts";
import { MOST_JSON, sizeOf } from "../../paperspace/answer-reader.ts";
import { STALE_FRACTION } from "../../reconcile/decision.ts";
import { atLeast, type ReadError } from "../../reconcile/outcome.ts";
import { secretUnreadable } from "../../reconcile/secret-rights.ts";
import { type KubeRef, KubeRefs, type RefContent, type RefData } from "../kube-refs.ts";
import { UNUSED_TURNS } from "../lookup.ts";
import type { MemoryBudget } from "../memory-budget.ts";
import type { SlowHash } from "../slow-hash.ts";
import { configOf, type Reference, referencesOf, refersTo, secretValue } from "./config.ts";
import type { Desired } from "./observation.ts";
import { isKeySecret } from "./permitted-references.ts";
import { placedSpec, targetOf } from "./placement/candidates.ts";
import { projectSecretName } from "./project-secrets.ts";
import { REASON } from "./reasons.ts";
import type { PaperspaceDeployment } from "./types.ts";

export interface ReferencesParts {
  secrets: Pick<Resource<Secret>, "get">;
  configMaps: Pick<Resource<ConfigMap>, "get">;
  /** All objects of the kind in the cluster: only what they name is kept. */
  objects(): readonly PaperspaceDeployment[];
  slowHash: SlowHash;
  /** For what is kept of all Secrets and ConfigMaps, in characters. */
  budget: MemoryBudget;
  /** Whether the value is the operator's own API key. */
  isApiKey(value: string): Promise<boolean>;
  /** Whether any object names this Secret ("namespace/name") as the one with its API key, though it may not use it yet. */
  isKeySecret(reference: string): boolean;
  clock: Clock;
  /** Stale time of what was read, in milliseconds: a rotation is noticed within it. */
  resyncMs: number;
  /** How soon what is missing is read again. */
  recheckMs: number;
  enqueue(key: string): void;
  /** What a failed read means for the object that needs it. */
  readErrorOf(error: unknown): ReadError;
}

/** What is kept of one key, for those that name it (see `useOf`). */
type Kept =
  | { is: "absent" }
  /** It is an API key, or lies beside one. */
  | { is: "apiKey" }
  /** `why`: the end of a sentence about the key. */
  | { is: "unusable"; why: string }
  /** Of a ConfigMap. */
  | { is: "value"; value: string }
  /** Of a Secret, for one object. `print`: a quick hash, by which the same value is recognised. */
  | { is: "digest"; digest: string; print: string };

interface Content {
  byUse: Readonly<Record<string, Kept>>;
}

/** Objects that are searched for a name in a turn of the event loop: each may refer to a hundred. */
const SEARCHED_IN_A_TURN = 256;
/** In characters: Linux starts no program with a variable of 128 KiB. */
const LONGEST_VARIABLE = 131_071;
/** Of a Secret: what a project secret may hold (other-resources.md, secrets). A value of a ConfigMap goes into none. */
const LONGEST_VALUE = { Secret: 8192, ConfigMap: LONGEST_VARIABLE } as const;
/**
 * Of a configuration that is sent: one that could not be read back would be neither assessed nor ever changed again. Less
 * than MOST_JSON by room for what Paperspace fills in.
 */
const MOST_SENT = 1008 * 1024;

export class References {
  readonly #parts: ReferencesParts;
  readonly #refs: KubeRefs<Content>;
  /** By key, as of the last pass: the store does not hold what a large object refers to. */
  readonly #named = new Map<string, readonly Reference[]>();

  constructor(parts: ReferencesParts) {
    const { secrets, configMaps, clock, enqueue, resyncMs, recheckMs, budget } = parts;
    this.#parts = parts;
    this.#refs = new KubeRefs<Content>({
      secrets,
      configMaps,
      clock,
      enqueue,
      budget,
      select: (data, ref) => this.#select(data, ref),
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
    let outdated: ReadError | undefined;
    let characters = 0;
    for (const reference of referencesOf(spec)) {
      const content = this.#refs.get(refOf(object, reference));
      outdated ??= this.#outdated(object, reference);
      const kept = keptOf(content, object, reference);
      const fault = content && faultOf(object, reference, content, kept);
      if (fault) missing.push(fault);
      else if (kept?.is === "value") {
        values.set(idOf(reference), kept.value);
        characters += kept.value.length;
      } else if (kept?.is === "digest") {
        const secret = nameOf(object, reference, kept.digest);
        secrets.set(idOf(reference), secret);
        values.set(idOf(reference), secretValue(secret));
      } else unknown = { ...this.#unknown(object, reference), ...unknown };
    }
    // What is larger could not be read back.
    if (characters > MOST_JSON) missing.push(TOO_LARGE);
    const [first] = missing;
    if (first) return { ...first, message: missing.map(({ message }) => message).join("; ") };
    if (unknown) return unknown;
    const placed = placedSpec(spec, object.status?.placement?.chosen);
    const config = configOf(placed, name, (reference) => values.get(idOf(reference)) ?? "");
    if (sizeOf(config) > MOST_SENT) return CONFIG_TOO_LARGE;
    const target = targetOf(config, [...secrets.values()], spec);
    return { state: "known", ...target, ...(outdated && { outdated }) };
  }

  /** Reads what is missing or stale of what the spec refers to, and queues the key then. */
  fetchStale(key: string, object: PaperspaceDeployment): void {
    const references = referencesOf(object.spec);
    this.#remember(key, references);
    for (const reference of references) {
      const ref = refOf(object, reference);
      const content = this.#refs.get(ref);
      // It was read before this object named the key.
      if (content?.state === "found" && !keptOf(content, object, reference)) this.#refs.fetch(ref, key);
      else this.#refs.fetchIfStale(ref, key);
    }
  }

  /**
   * Reads the value that goes into this project secret; undefined where it is another one by now, or none. Throws what the
   * read throws.
   */
  async valueOf(object: PaperspaceDeployment, projectSecret: string): Promise<string | undefined> {
    for (const reference of referencesOf(object.spec)) {
      const ref = refOf(object, reference);
      const kept = keptOf(this.#refs.get(ref), object, reference);
      if (kept?.is !== "digest" || nameOf(object, reference, kept.digest) !== projectSecret) continue;
      const value = (await this.#read(ref))?.text(reference.key);
      if (value !== undefined && printOf(object.metadata.uid, value) === kept.print) return value;
      this.#refs.invalidate(ref);
    }
    return undefined;
  }

  /** Secrets and ConfigMaps of which something is kept. */
  get size(): number {
    return this.#refs.size;
  }

  /** At the user's request: all of it is read again. */
  invalidate(object: PaperspaceDeployment): void {
    for (const reference of referencesOf(object.spec)) this.#refs.invalidate(refOf(object, reference));
  }

  /** At a new term: another process may have sent newer values meanwhile. */
  reset(): void {
    this.#refs.reset();
    for (const key of this.#named.keys()) this.forget(key);
  }

  /** The object of this key is gone. */
  forget(key: string): void {
    const named = this.#named.get(key);
    if (named) this.#parts.budget.release(named);
    this.#named.delete(key);
  }

  #remember(key: string, references: readonly Reference[]): void {
    this.forget(key);
    if (references.length === 0) return;
    this.#named.set(key, references);
    const { namespace: group } = splitKey(key);
    const size = JSON.stringify(references).length;
    this.#parts.budget.hold(references, { group, size, drop: () => this.#named.delete(key) });
  }

  #unknown(object: PaperspaceDeployment, reference: Reference): Extract<Desired, { state: "unknown" }> {
    const readError = this.#readError(object, reference);
    return { state: "unknown", ...(readError && { readError }) };
  }

  /** Why it cannot be read, where what was read last is older than a rotation may take to be noticed. */
  #outdated(object: PaperspaceDeployment, reference: Reference): ReadError | undefined {
    const isOld = (this.#refs.ageMs(refOf(object, reference)) ?? 0) > this.#parts.resyncMs;
    return isOld ? this.#readError(object, reference) : undefined;
  }

  #readError(object: PaperspaceDeployment, reference: Reference): ReadError | undefined {
    const ref = refOf(object, reference);
    const error = this.#refs.error(ref);
    if (error === undefined) return undefined;
    const readError = this.#parts.readErrorOf(error);
    const isMissingRight = reference.source === "Secret" && isForbidden(error);
    const why = isMissingRight ? secretUnreadable(reference.name) : readError.message;
    const message = `${reference.field}: the ${reference.source} ${reference.name} cannot be read: ${why}`;
    return atLeast({ ...readError, message }, this.#refs.retryInMs(ref));
  }

  async #read(ref: KubeRef): Promise<RefData | undefined> {
    try {
      return await this.#refs.read(ref);
    } catch (error) {
      if (isNotFound(error) || isForbidden(error)) return undefined;
      throw error;
    }
  }

  /** What the objects of the namespace name of it, and nothing else. */
  async #select(data: RefData, ref: KubeRef): Promise<Content> {
    const before = this.#refs.get(ref);
    const hasApiKey =
      data.hasApiKey || (ref.kind === "Secret" && this.#parts.isKeySecret(`${ref.namespace}/${ref.name}`));
    const byUse: Record<string, Kept> = {};
    let searched = 0;
    for (const object of this.#parts.objects()) {
      if (object.metadata.namespace !== ref.namespace) continue;
      if (++searched % SEARCHED_IN_A_TURN === 0) await nextTurn(this.#parts.clock);
      for (const reference of this.#namedBy(object, ref)) {
        const { key } = reference;
        const value = data.text(key);
        const use = useOf(object, reference);
        if (hasApiKey || (value !== undefined && (await this.#parts.isApiKey(value))))
          byUse[use] = { is: "apiKey" };
        else if (value === undefined || value === "" || value.length > LONGEST_VALUE[ref.kind])
          byUse[use] = data.keys.includes(key)
            ? { is: "unusable", why: whyUnusable(ref.kind, value) }
            : { is: "absent" };
        else if (ref.kind === "ConfigMap") byUse[use] = { is: "value", value };
        else byUse[use] = await this.#digest(object, value, keptOf(before, object, reference));
      }
    }
    return { byUse };
  }

  #namedBy(object: PaperspaceDeployment, { kind, name }: KubeRef): readonly Reference[] {
    const { metadata, spec } = object;
    if (!metadata.partial && !refersTo(spec, { kind, name })) return [];
    const all = metadata.partial ? this.#named.get(keyOf(object)) : referencesOf(spec);
    return all?.filter((one) => one.source === kind && one.name === name) ?? [];
  }

  async #digest({ metadata }: PaperspaceDeployment, value: string, before: Kept | undefined): Promise<Kept> {
    const { uid = "" } = metadata;
    const print = printOf(uid, value);
    if (before?.is === "digest" && before.print === print) return before;
    return { is: "digest", digest: await this.#parts.slowHash(value, uid), print };
  }
}

function nameOf({ metadata }: PaperspaceDeployment, reference: Reference, digest: string): string {
  return projectSecretName(metadata.uid ?? "", reference, digest);
}

function printOf(uid: string | undefined, value: string): string {
  return hash("sha256", `${uid}/${value}`, "base64");
}

function faultOf(
  object: PaperspaceDeployment,
  reference: Reference,
  content: RefContent<Content>,
  kept: Kept | undefined,
): Extract<Desired, { state: "missing" }> | undefined {
  const { source, name, key, field } = reference;
  const gone = source === "Secret" ? REASON.SecretNotFound : REASON.ConfigMapNotFound;
  const fault = (reason: string, message: string) =>
    ({ state: "missing", reason, message: `${field}: ${message}` }) as const;
  if (isKeySecret(object, reference) || kept?.is === "apiKey")
    return fault(
      REASON.ApiKeyReferenced,
      `the Secret "${name}" has an API key of Paperspace, which is not handed on to containers: name another Secret`,
    );
  if (content.state !== "found")
    return fault(gone, `there is no ${source} "${name}" in this namespace: make it, or correct the name`);
  if (kept?.is === "absent") return fault(gone, `the ${source} "${name}" has no key "${key}"`);
  if (kept?.is === "unusable")
    return fault(REASON.ValueInvalid, `key "${key}" of the ${source} "${name}" ${kept.why}`);
  return undefined;
}

function whyUnusable(kind: KubeRef["kind"], value: string | undefined): string {
  if (value === undefined) return "is not UTF-8 text";
  if (value === "") return "is empty, and Paperspace takes no empty value";
  const takes = kind === "Secret" ? "Paperspace takes" : "a variable may have";
  return `has ${value.length} characters, and ${takes} ${LONGEST_VALUE[kind]} at most`;
}

const TOO_LARGE = {
  state: "missing",
  reason: REASON.ValueInvalid,
  message: `env: the values of ConfigMaps have more than ${MOST_JSON} characters together: name fewer or smaller ones`,
} as const;

const CONFIG_TOO_LARGE = {
  state: "missing",
  reason: REASON.ValueInvalid,
  message: `the configuration has more than ${MOST_SENT} characters with the values of ConfigMaps: shorten env or command`,
} as const;

/** Undefined where it was not read, or not for this object. */
function keptOf(
  content: RefContent<Content> | undefined,
  object: PaperspaceDeployment,
  reference: Reference,
): Kept | undefined {
  if (content?.state !== "found") return undefined;
  const { byUse } = content.kept;
  const use = useOf(object, reference);
  return Object.hasOwn(byUse, use) ? byUse[use] : undefined;
}

/** The digest of a Secret's value is the object's own; a value of a ConfigMap serves all. */
function useOf({ metadata }: PaperspaceDeployment, { source, key }: Reference): string {
  return source === "Secret" ? `${metadata.uid}/${key}` : key;
}

function idOf({ source, name, key }: Pick<Reference, "source" | "name" | "key">): string {
  return JSON.stringify([source, name, key]);
}

function refOf({ metadata }: PaperspaceDeployment, { source, name }: Reference): KubeRef {
  return { kind: source, namespace: metadata.namespace ?? "", name };
}
