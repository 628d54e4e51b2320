/**
 * The shape of every Kubernetes object, and the keys by which this program refers to them. Nothing here sends requests
 * or depends on a kind.
 */
import { memoized } from "../base/memoized.ts";

/** metadata of an object as the API server returns it; on the way in most of it is optional or ignored. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
  /** Not of Kubernetes: bytes of the annotations that the store has dropped, which the API server counts all the same. */
  droppedAnnotationBytes?: number;
  /** Not of Kubernetes: the object is too large to be held, and most of it is missing here. */
  partial?: true;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
}

export interface KubeList<T extends KubeObject> {
  apiVersion?: string;
  kind?: string;
  metadata: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items: T[];
}

/** metav1.Condition. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  observedGeneration?: number;
  lastTransitionTime: string;
  reason: string;
  message: string;
}

/** "namespace/name", or "name" for a cluster-scoped object. Neither part can hold a slash. */
export type ObjectKey = string;

export function keyOf(object: { metadata: { name: string; namespace?: string } }): ObjectKey {
  const { namespace, name } = object.metadata;
  return namespace ? `${namespace}/${name}` : name;
}

/** The opposite of keyOf; namespace is "" for a cluster-scoped object. */
export function splitKey(key: ObjectKey): { namespace: string; name: string } {
  const slash = key.indexOf("/");
  return slash < 0
    ? { namespace: "", name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/**
 * How an object of `namespace` refers to another one in its status and Events: one of another namespace is not named, since
 * who may read this object may know nothing of that namespace.
 */
export function shownKey(key: ObjectKey, namespace = ""): string {
  return splitKey(key).namespace === namespace ? key : "an object of another namespace";
}

/**
 * Compares two resourceVersions: negative when `a` is older. They are decimal numbers of any length, without leading
 * zeros; an absent one is older than all.
 */
export function compareVersions(a = "", b = ""): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * metav1.Time: whole seconds, UTC. `ms` counts from the epoch. Each pass writes the same deadlines again, and each costs
 * more than the rest of a decision.
 */
export const toTime: (ms: number) => string = memoized(
  (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`,
);

/** metav1.MicroTime: the API server requires exactly six digits after the point. */
export function toMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`;
}
