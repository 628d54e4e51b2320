/**
 * What a spec refers to: keys of Secrets and ConfigMaps of its namespace, read in the background and kept in memory
 * only. A Secret's value goes nowhere from here but into a project secret, whose name ends in a hash of it: so a new
 * value is a new name, and with that a rollout, and going back finds the old value.
 */
import { createHash, scryptSync } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { isNotFound } from "../../kube/errors.ts";
import type { ConfigMap, Resource, Secret } from "../../kube/resource.ts";
import { DUE } from "../../reconcile/decision.ts";
import type { ReadError } from "../../reconcile/outcome.ts";
import { Lookup } from "../lookup.ts";
import { hashOf, leavesOf } from "./compare.ts";
import { configOf, type Reference, referencesOf, secretValue } from "./config.ts";
import type { Desired } from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { PaperspaceDeployment } from "./types.ts";

export interface ReferencesParts {
  secrets: Pick<Resource<Secret>, "get">;
  configMaps: Pick<Resource<ConfigMap>, "get">;
  clock: Clock;
  /** How long what was read is believed, in milliseconds: a rotation is noticed within it. */
  resyncMs: number;
  /** How soon what is missing is looked for again. */
  recheckMs: number;
  enqueue(key: string): void;
  /** What a failed read means for the object that needs it. */
  readErrorOf(error: unknown): ReadError;
}

/** Values by key, or null where there is no such Secret or ConfigMap. A value that is no text is undefined. */
type Held = Readonly<Record<string, string | undefined>> | null;

/** other-resources.md, secrets: what a project secret may hold, in characters. */
const LONGEST_VALUE = 8192;
/** scrypt's cost: a short password must not be found from the name of its project secret. */
const COST = { N: 4096, r: 8, p: 1 };

export class References {
  readonly #parts: ReferencesParts;
  /** By "Secret/namespace/name" or "ConfigMap/namespace/name". */
  readonly #backingOff: Lookup<Held>;
  /** Digests by owner and value's hash: each costs some milliseconds of work. */
  readonly #digests = new Map<string, string>();

  constructor(parts: ReferencesParts) {
    this.#parts = parts;
    this.#backingOff = new Lookup<Held>({
      clock: parts.clock,
      enqueue: parts.enqueue,
      read: (id) => this.#read(id),
      maxAgeMs: (backingOff) => (backingOff === null ? parts.recheckMs : parts.resyncMs) * DUE,
    });
  }

  /** The spec's configuration. What is not known yet is read, and the key queued then. */
  desired(key: string, object: PaperspaceDeployment, name: string): Desired {
    const { spec } = object;
    const secrets = new Map<string, string>();
    const values = new Map<string, string>();
    const missing: Extract<Desired, { state: "missing" }>[] = [];
    let unknown: Extract<Desired, { state: "unknown" }> | undefined;
    for (const reference of referencesOf(spec)) {
      const backingOff = this.#heldBy(key, object, reference);
      if (backingOff === undefined) unknown = { ...this.#unknown(object, reference), ...unknown };
      else {
        const value = valueIn(backingOff, reference);
        const fault = faultOf(reference, backingOff, value);
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

  /** The value that goes into this project secret; undefined where it is not known any more. */
  valueOf(object: PaperspaceDeployment, projectSecret: string): string | undefined {
    for (const reference of referencesOf(object.spec)) {
      if (reference.source !== "Secret") continue;
      const value = valueIn(this.#backingOff.last(heldId(object, reference)), reference);
      if (value !== undefined && this.#nameOf(object, reference, value) === projectSecret) return value;
    }
    return undefined;
  }

  /** Whatever was read is old, because the user says so. */
  lookAnew(object: PaperspaceDeployment): void {
    for (const reference of referencesOf(object.spec)) this.#backingOff.invalidate(heldId(object, reference));
  }

  #heldBy(key: string, object: PaperspaceDeployment, reference: Reference): Held | undefined {
    const id = heldId(object, reference);
    const backingOff = this.#backingOff.get(id, key);
    if (backingOff === undefined) this.#backingOff.fetch(id, key);
    return backingOff;
  }

  #unknown(object: PaperspaceDeployment, reference: Reference): Extract<Desired, { state: "unknown" }> {
    const id = heldId(object, reference);
    const error = this.#backingOff.readError(id);
    if (error === undefined) return { state: "unknown" };
    const readError = this.#parts.readErrorOf(error);
    const message = `${reference.field}: the ${reference.source} ${reference.name} cannot be read: ${readError.message}`;
    return {
      state: "unknown",
      readError: { ...readError, message, atLeastMs: this.#backingOff.dueInMs(id) },
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
    const known = this.#digests.get(id);
    if (known !== undefined) return known;
    const digest = scryptSync(value, uid, 10, COST).toString("hex");
    this.#digests.set(id, digest);
    return digest;
  }

  async #read(id: string): Promise<Held> {
    const [source, namespace = "", name = ""] = id.split("/");
    try {
      if (source === "Secret") return decoded((await this.#parts.secrets.get(namespace, name)).data);
      const { data = {}, binaryData } = await this.#parts.configMaps.get(namespace, name);
      return { ...decoded(binaryData), ...data };
    } catch (error) {
      if (isNotFound(error)) return null;
      throw error;
    }
  }
}

/** The same for all project secrets of one object: by it they are known for its own. */
export function ownerMark(uid: string): string {
  return createHash("sha256").update(uid).digest("hex").slice(0, 12);
}

function faultOf(
  { source, name, key, field }: Reference,
  backingOff: Held,
  value: string | undefined,
): Extract<Desired, { state: "missing" }> | undefined {
  const secret = source === "Secret";
  const gone = secret ? REASON.SecretNotFound : REASON.ConfigMapNotFound;
  const fault = (reason: string, message: string) =>
    ({ state: "missing", reason, message: `${field}: ${message}` }) as const;
  if (backingOff === null)
    return fault(gone, `there is no ${source} "${name}" in this namespace: make it, or correct the name`);
  if (!Object.hasOwn(backingOff, key)) {
    const there = Object.keys(backingOff).join(", ") || "nothing";
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
function valueIn(backingOff: Held | undefined, { key }: Reference): string | undefined {
  return backingOff && Object.hasOwn(backingOff, key) ? backingOff[key] : undefined;
}

function idOf({ source, name, key }: Pick<Reference, "source" | "name" | "key">): string {
  return `${source}/${name}/${key}`;
}

function heldId({ metadata }: PaperspaceDeployment, { source, name }: Reference): string {
  return `${source}/${metadata.namespace ?? ""}/${name}`;
}

function decoded(data: Record<string, string> = {}): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(data).map(([key, value]) => [key, text(value)]));
}

/** Takes nothing away, a byte order mark neither. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function text(base64: string): string | undefined {
  try {
    return UTF8.decode(Buffer.from(base64, "base64"));
  } catch {
    return undefined;
  }
}
