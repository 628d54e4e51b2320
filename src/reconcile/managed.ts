/**
 * The managed part of every kind: what the generic code reads of a custom resource and keeps in its status, the account
 * that a credential opens, and the names of a kind. No behaviour; the contract of a kind is in kind.ts.
 */
import type { Condition, KubeObject } from "../kube/objects.ts";
import type { Requests } from "./record.ts";

/** The part of a custom resource that the generic code reads. */
export interface ManagedObject extends KubeObject {
  spec: {
    managementPolicy?: "Manage" | "Observe";
    deletionProtection?: boolean;
    deletionPolicy?: "Delete" | "Orphan";
    onExternalDeletion?: "Stall" | "Recreate";
    adoptId?: string;
    credentialsSecretRef?: { name: string; key?: string };
  };
  status?: ManagedStatus;
}

export interface ManagedStatus {
  observedGeneration?: number;
  id?: string;
  /** Since when the object owns what `id` names, RFC 3339; absent: since before that was kept. */
  ownedSince?: string;
  teamId?: string;
  /** UID of the object that this status was written for: it reveals a restored or copied status. */
  uid?: string;
  name?: string;
  operation?: Operation;
  /** Cloud names of creates that were given up: a late answer is found by them. */
  abandoned?: string[];
  /** What it owned and gave up as gone, oldest first. */
  disowned?: Disowned[];
  /** Name of the Secret that carries the operator's finalizer on behalf of this object. */
  credentialsSecret?: string;
  /** Mirror of the requests in the record. */
  handled?: Requests;
  conditions?: Condition[];
}

/** A resource that was given up because it was gone for certain; RFC 3339 of this operator's clock. */
export interface Disowned {
  id: string;
  at: string;
  /** It was deleted by the operator, to be replaced. */
  replaced?: boolean;
}

/** A cloud write under way, as written to status before it is sent. Times are RFC 3339 of this operator's clock. */
export interface Operation {
  intent: string;
  requestedAt: string;
  deadline: string;
  /** The API's event of the write, once it is answered. */
  eventId?: string;
  /** Cloud name in the create request. */
  name?: string;
  /** Distinguishes this object's create from another one of the same name. */
  mark?: string;
  /** When its event was first observed to have failed. */
  failedAt?: string;
  /** The generation and the request to reconcile for which it failed: a change of either is worth an early retry. */
  failedFor?: string;
  /** State that the operation leads to, where the intent does not imply it. */
  target?: string;
  /** The requests by annotation that it carries out. */
  requests?: Requests;
}

/** What a valid credential opens. */
export interface CloudAccount {
  readonly team: string;
  /** Distinguishes credentials without revealing them. */
  readonly fingerprint: string;
}

export interface KindDefinition {
  group: string;
  version: string;
  kind: string;
  plural: string;
  shortName: string;
  /** The word for the resource in the cloud: "machine". */
  noun: string;
}

/** A step of a kind: the action, and its target where one object can have several. */
export interface Step {
  do: string;
  of?: string;
}

/**
 * What a step sends to the cloud. A delete has a reserve of the budget, since it ends costs, and creates and changes of a
 * namespace take turns, so that a user's change does not wait for all machines of a bulk.
 */
export type Sends = "create" | "change" | "delete";

/** Key of a step's back-off: "assign/script1". */
export function stepName({ do: what, of }: Step): string {
  return of === undefined ? what : `${what}/${of}`;
}
