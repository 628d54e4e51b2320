/**
 * The managed part of spec, status and CEL rules, for kinds that are a table (collection-kind.ts): a kind adds the fields of
 * its own. No behaviour.
 */
import { type TProperties, type TSchema, Type } from "typebox";
import {
  conditionsSchema,
  credentialsSecretSchema,
  operationSchema,
  secretKeyRef,
  stringEnum,
} from "../reconcile/schema.ts";
import type { CrdSource } from "./registration.ts";

/** The spec of a collection kind as the generic code reads it. */
export interface CollectionSpec {
  deletionPolicy?: "Delete" | "Orphan";
  onExternalDeletion?: "Stall" | "Recreate";
  adoptId?: string;
  credentialsSecretRef?: { name: string; key?: string };
}

export interface CollectionSchema {
  /** The word for the resource in the cloud: "project". */
  noun: string;
  description: string;
  spec: TProperties;
  /** What is shown beside id and name. */
  status?: TProperties;
  /** Fields of the spec that the API cannot change. */
  immutable?: readonly string[];
  /** Printer columns beside Ready, Name, Age and ID. */
  columns?: readonly object[];
}

const optionalText = (description: string) => Type.Optional(Type.String({ description }));

export function managedSpec(noun: string): TProperties {
  return {
    deletionPolicy: stringEnum(["Delete", "Orphan"], {
      default: "Delete",
      description: `What becomes of the ${noun} when this object is deleted: Delete deletes it, Orphan leaves it as it is.`,
    }),
    onExternalDeletion: stringEnum(["Stall", "Recreate"], {
      default: "Stall",
      description: `What to do when the ${noun} was deleted outside Kubernetes: Stall reports it, Recreate makes a new one.`,
    }),
    adoptId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        pattern: "^[A-Za-z0-9_-]+$",
        description: `Id of an existing ${noun} to take over instead of creating one.`,
      }),
    ),
    credentialsSecretRef: Type.Optional(
      secretKeyRef(
        "Secret of the same namespace that holds the API key. Absent: the Secret paperspace-credentials, then the operator's own key where this namespace may use it.",
      ),
    ),
  };
}

const planEntry = Type.Object({
  action: Type.String({ description: "Create, Update or Delete." }),
  field: optionalText("Path below spec."),
  from: optionalText("As it is, as JSON; hidden where the API never shows it."),
  to: optionalText("As it would be, as JSON; hidden where the API never shows it."),
});

function managedStatus(noun: string): TProperties {
  return {
    observedGeneration: Type.Integer({ description: "Generation of the spec this status is about." }),
    id: optionalText(`Id of the ${noun} in Paperspace.`),
    teamId: optionalText(`Paperspace team the ${noun} belongs to.`),
    uid: optionalText("UID of the object this status was written for."),
    name: optionalText("Name in Paperspace."),
    operation: Type.Optional(operationSchema),
    credentialsSecret: credentialsSecretSchema,
    applied: optionalText("Hash of what was sent last of the fields that the API never shows."),
    abandoned: Type.Optional(
      Type.Array(Type.String(), {
        "x-kubernetes-list-type": "atomic",
        description: "Names of creates that were given up.",
      }),
    ),
    plan: Type.Optional(
      Type.Array(planEntry, {
        "x-kubernetes-list-type": "atomic",
        description: "What would be done, under the annotation dry-run.",
      }),
    ),
    conditions: Type.Optional(conditionsSchema),
  };
}

/** What the CRD of a collection kind is generated from. */
export function collectionCrd({
  noun,
  description,
  spec,
  status = {},
  ...more
}: CollectionSchema): CrdSource {
  return {
    description,
    spec: Type.Object(
      { ...spec, ...managedSpec(noun) },
      {
        description: `The ${noun} as it shall be. An absent field is not managed.`,
        "x-kubernetes-validations": [
          {
            rule: "!has(self.adoptId) || self.onExternalDeletion != 'Recreate'",
            message: `onExternalDeletion Recreate cannot be together with adoptId: once the ${noun} is taken over, take adoptId out`,
          },
        ],
      },
    ) as TSchema,
    status: Type.Object(
      { ...managedStatus(noun), ...status },
      { description: `The ${noun} as it is.` },
    ) as TSchema,
    rules: [...(more.immutable ?? []).map((field) => immutableRule(field, noun)), adoptRule(noun)],
    columns: [
      { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: "Name", type: "string", jsonPath: ".status.name" },
      ...(more.columns ?? []),
      { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
      { name: "ID", type: "string", jsonPath: ".status.id", priority: 1 },
    ],
  };
}

/** A rule on the whole object reads the old status; `self == oldSelf` on an optional field is bypassed by removing it. */
const NOT_OWNED = "!has(oldSelf.status) || !has(oldSelf.status.id)";

function immutableRule(field: string, noun: string): object {
  const [now, before] = [`self.spec.${field}`, `oldSelf.spec.${field}`];
  return {
    rule: `${NOT_OWNED} || (has(${now}) == has(${before}) && (!has(${now}) || ${now} == ${before}))`,
    message: `${field} cannot be changed once the ${noun} exists: put the old value back, or delete this object and make another`,
    fieldPath: `.spec.${field}`,
  };
}

function adoptRule(noun: string): object {
  return {
    // One that was there before the id stays: a rule that it breaks would refuse every write, the operator's included.
    rule: `${NOT_OWNED} || !has(self.spec.adoptId) || self.spec.adoptId == oldSelf.status.id || (has(oldSelf.spec.adoptId) && self.spec.adoptId == oldSelf.spec.adoptId)`,
    message: `adoptId cannot name another ${noun} than the one this object owns (status.id)`,
    fieldPath: ".spec.adoptId",
  };
}
