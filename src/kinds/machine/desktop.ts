/**
 * The Secret with the access to a machine's desktop. It is owned by the object, so that garbage collection takes it with
 * the object; what is in it goes nowhere else, neither into status nor into logs or events.
 */
import { hash } from "node:crypto";
import type { Clock } from "../../base/clock.ts";
import { isNotFound } from "../../kube/errors.ts";
import type { Resource, Secret } from "../../kube/resource.ts";
import { STALE_FRACTION } from "../../reconcile/decision.ts";
import { controllerUid, type KubeRef, KubeRefs } from "../kube-refs.ts";
import type { DesktopFact } from "./observation.ts";
import type { Desktop } from "./related-api.ts";
import { machineDefinition, type PaperspaceMachine } from "./types.ts";

export interface DesktopSecretsParts {
  secrets: Pick<Resource<Secret>, "get" | "create" | "mergePatch" | "delete">;
  clock: Clock;
  resyncMs: number;
  enqueue(key: string): void;
}

/** A Secret that another actor changed or deleted is noticed after so many resyncs. */
const SLOW_TURNS = 6;

/** The Secret may be another one's, and large. */
interface Kept {
  /** UID of the object that controls it. */
  owner?: string;
  digest: string;
}

export class DesktopSecrets {
  readonly #parts: DesktopSecretsParts;
  readonly #refs: KubeRefs<Kept>;

  constructor(parts: DesktopSecretsParts) {
    const { resyncMs, ...others } = parts;
    this.#parts = parts;
    this.#refs = new KubeRefs<Kept>({
      ...others,
      select: ({ owner, keys, text }) => ({
        ...(owner !== undefined && { owner }),
        digest: digestOf(keys.map((key) => [key, text(key)])),
      }),
      forbiddenIs: "content",
      gcTimeMs: 2 * SLOW_TURNS * resyncMs,
      staleTimeMs: ({ state }) => (state === "forbidden" ? STALE_FRACTION : SLOW_TURNS) * resyncMs,
    });
  }

  /** How the Secret compares to what the API answered; undefined where one of them is missing. Begins no read. */
  compare(object: PaperspaceMachine, desktop: Desktop | null | undefined): DesktopFact | undefined {
    if (desktop === undefined) return undefined;
    if (desktop === null) return "none";
    const content = this.#refs.get(refOf(object));
    if (content === undefined) return undefined;
    if (content.state === "forbidden") return "forbidden";
    if (content.state === "notFound") return "stale";
    const { owner, digest } = content.kept;
    if (owner !== object.metadata.uid) return "taken";
    return digest === digestOf(Object.entries(dataOf(desktop))) ? "current" : "stale";
  }

  /** Reads it where that is missing, and queues the key then: what is missing may be the answer of the API alone. */
  fetch(key: string, object: PaperspaceMachine): void {
    this.#refs.fetchIfStale(refOf(object), key);
  }

  /** As `fetch`, where it was read before and is stale. */
  refetch(key: string, object: PaperspaceMachine): void {
    if (this.#refs.get(refOf(object))) this.#refs.fetchIfStale(refOf(object), key);
  }

  /** Why the last read failed, and the milliseconds until the next is made; undefined once one succeeds. */
  error(object: PaperspaceMachine): { error: unknown; retryInMs: number } | undefined {
    const error = this.#refs.error(refOf(object));
    return error === undefined ? undefined : { error, retryInMs: this.#refs.retryInMs(refOf(object)) };
  }

  /** Creates the Secret, or updates it; one that the object does not own is left alone. */
  async write(object: PaperspaceMachine, desktop: Desktop): Promise<void> {
    const ref = refOf(object);
    const { namespace, name } = ref;
    const data = encoded(dataOf(desktop));
    // Whatever the result, the cached Secret is stale.
    this.#refs.invalidate(ref);
    const existing = await this.#get(namespace, name);
    if (!existing) {
      const metadata = { name, namespace, labels: LABELS, ownerReferences: [ownerReference(object)] };
      await this.#parts.secrets.create(namespace, { metadata, type: "Opaque", data });
      return;
    }
    if (controllerUid(existing) !== object.metadata.uid) return;
    const { uid, resourceVersion } = existing.metadata;
    const gone = Object.keys(existing.data ?? {}).filter((field) => !(field in data));
    const patch = {
      metadata: { uid, resourceVersion },
      data: { ...data, ...Object.fromEntries(gone.map((field) => [field, null])) },
    };
    await this.#parts.secrets.mergePatch(namespace, name, patch);
  }

  /** Deletes it where it is the object's own; throws where it changed meanwhile, since it still exists then. */
  async remove(object: PaperspaceMachine, name: string): Promise<void> {
    const { namespace = "", uid: owner } = object.metadata;
    this.#refs.invalidate({ kind: "Secret", namespace, name });
    const existing = await this.#get(namespace, name);
    if (!existing || controllerUid(existing) !== owner) return;
    const { uid, resourceVersion } = existing.metadata;
    try {
      await this.#parts.secrets.delete(namespace, name, {
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
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

function refOf({ metadata, spec }: PaperspaceMachine): KubeRef {
  return { kind: "Secret", namespace: metadata.namespace ?? "", name: spec.desktopSecretRef?.name ?? "" };
}

/** The cluster's garbage collector deletes the Secret with the object. */
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

function dataOf(desktop: Desktop): Record<string, string> {
  return { ...desktop };
}

/** Of all that a Secret holds, in whatever order; a value that is no text is like no other. */
function digestOf(data: readonly (readonly [key: string, value: string | undefined])[]): string {
  const sorted = data.toSorted(([a], [b]) => (a < b ? -1 : 1));
  const forms = sorted.map(([key, value]) => [key, value ?? null]);
  return hash("sha256", JSON.stringify(forms), "base64");
}

function encoded(data: Record<string, string>): Record<string, string> {
  const base64 = (value: string) => Buffer.from(value).toString("base64");
  return Object.fromEntries(Object.entries(data).map(([field, value]) => [field, base64(value)]));
}
