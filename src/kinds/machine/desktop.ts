/**
 * The Secret that tells how to reach a machine's desktop. It is owned by the object, so that it goes with it; what is in
 * it goes nowhere else, neither into status nor into logs or events.
 */
import type { Clock } from "../../base/clock.ts";
import { isForbidden, isNotFound } from "../../kube/errors.ts";
import type { Resource, Secret } from "../../kube/resource.ts";
import { DUE } from "../../reconcile/decision.ts";
import { Lookup } from "../lookup.ts";
import type { DesktopFact } from "./observation.ts";
import type { Desktop } from "./related-api.ts";
import { machineDefinition, type PaperspaceMachine } from "./types.ts";

export interface DesktopSecretsParts {
  secrets: Pick<Resource<Secret>, "get" | "create" | "mergePatch" | "delete">;
  clock: Clock;
  resyncMs: number;
  enqueue(key: string): void;
}

/** What a Secret holds of interest; null where there is none, a word where we may not look. */
type Held = { owner: string | undefined; data: Record<string, string> } | "forbidden" | null;

/** A Secret that somebody else changed or deleted is noticed after so many resyncs. */
const SLOW_TURNS = 6;

export class DesktopSecrets {
  readonly #parts: DesktopSecretsParts;
  /** By "namespace/name". */
  readonly #backingOff: Lookup<Held>;

  constructor(parts: DesktopSecretsParts) {
    this.#parts = parts;
    this.#backingOff = new Lookup<Held>({
      clock: parts.clock,
      enqueue: parts.enqueue,
      read: (id) => this.#read(id),
      maxAgeMs: (backingOff) => (backingOff === "forbidden" ? DUE : SLOW_TURNS) * parts.resyncMs,
    });
  }

  /** How the Secret compares to what the API says; undefined where one of them is not known. */
  judge(
    key: string,
    object: PaperspaceMachine,
    desktop: Desktop | null | undefined,
  ): DesktopFact | undefined {
    if (desktop === undefined) return undefined;
    if (desktop === null) return "none";
    const backingOff = this.#backingOff.get(idOf(object), key);
    if (backingOff === undefined || backingOff === "forbidden") return backingOff;
    if (backingOff === null) return "stale";
    if (backingOff.owner !== object.metadata.uid) return "taken";
    return sameData(backingOff.data, dataOf(desktop)) ? "current" : "stale";
  }

  ask(key: string, object: PaperspaceMachine): void {
    this.#backingOff.fetch(idOf(object), key);
  }

  readError(object: PaperspaceMachine): unknown {
    return this.#backingOff.readError(idOf(object));
  }

  /** Makes it, or brings it up to date; one that is not the object's is left alone. */
  async write(object: PaperspaceMachine, desktop: Desktop): Promise<void> {
    const { namespace = "" } = object.metadata;
    const id = idOf(object);
    const name = nameOf(object);
    const data = encoded(dataOf(desktop));
    // Whatever comes of it, what was known of the Secret is old.
    this.#backingOff.invalidate(id);
    const there = await this.#get(namespace, name);
    if (!there) {
      const metadata = { name, namespace, labels: LABELS, ownerReferences: [ownerReference(object)] };
      await this.#parts.secrets.create(namespace, { metadata, type: "Opaque", data });
      return;
    }
    if (ownerOf(there) !== object.metadata.uid) return;
    const { uid, resourceVersion } = there.metadata;
    const gone = Object.keys(there.data ?? {}).filter((field) => !(field in data));
    const patch = {
      metadata: { uid, resourceVersion },
      data: { ...data, ...Object.fromEntries(gone.map((field) => [field, null])) },
    };
    await this.#parts.secrets.mergePatch(namespace, name, patch);
  }

  /** Takes it away where it is the object's own; throws where it changed meanwhile, since it is still there then. */
  async remove(object: PaperspaceMachine, name: string): Promise<void> {
    const { namespace = "", uid: owner } = object.metadata;
    this.#backingOff.invalidate(`${namespace}/${name}`);
    const there = await this.#get(namespace, name);
    if (!there || ownerOf(there) !== owner) return;
    const { uid, resourceVersion } = there.metadata;
    try {
      await this.#parts.secrets.delete(namespace, name, {
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #read(id: string): Promise<Held> {
    const [namespace = "", name = ""] = id.split("/");
    try {
      const secret = await this.#get(namespace, name);
      return secret ? { owner: ownerOf(secret), data: decoded(secret.data ?? {}) } : null;
    } catch (error) {
      if (isForbidden(error)) return "forbidden";
      throw error;
    }
  }

  async #get(namespace: string, name: string): Promise<Secret | undefined> {
    try {
      return await this.#parts.secrets.get(namespace, name);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }
}

const LABELS = { "app.kubernetes.io/managed-by": "paperspace-operator" };

function nameOf({ spec }: PaperspaceMachine): string {
  return spec.desktopSecretRef?.name ?? "";
}

function idOf(object: PaperspaceMachine): string {
  return `${object.metadata.namespace ?? ""}/${nameOf(object)}`;
}

/** The cluster's garbage collector takes the Secret with the object. */
function ownerReference({ metadata }: PaperspaceMachine) {
  const { group, version, kind } = machineDefinition;
  return {
    apiVersion: `${group}/${version}`,
    kind,
    name: metadata.name,
    uid: metadata.uid ?? "",
    controller: true,
  };
}

function ownerOf({ metadata }: Secret): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)?.uid;
}

function dataOf(desktop: Desktop): Record<string, string> {
  return { ...desktop };
}

function sameData(a: Record<string, string>, b: Record<string, string>): boolean {
  const fields = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...fields].every((field) => a[field] === b[field]);
}

function encoded(data: Record<string, string>): Record<string, string> {
  return mapped(data, (value) => Buffer.from(value).toString("base64"));
}

function decoded(data: Record<string, string>): Record<string, string> {
  return mapped(data, (value) => Buffer.from(value, "base64").toString("utf8"));
}

function mapped(data: Record<string, string>, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(data).map(([field, value]) => [field, change(value)]));
}
