/**
 * What the CRD of a kind that is a table (collection-kind.ts) is generated from: the managed part, and the fields of its
 * own. No behaviour.
 */
import { type TProperties, Type } from "../base/json-schema.ts";
import {
  adoptOrRecreate,
  adoptRule,
  immutableRule,
  managedSpecFields,
  managedStatusFields,
  planEntry,
} from "./managed-schema.ts";
import type { CrdSource } from "./registration.ts";

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

const ownStatus = {
  applied: Type.Optional(
    Type.String({ description: "Hash of what was sent last of the fields that the API never shows." }),
  ),
};

const plan = planEntry("Create, Update or Delete.", "where the API never shows it");

export function collectionCrd({
  noun,
  description,
  spec,
  status,
  immutable = [],
  columns = [],
}: CollectionSchema): CrdSource {
  return {
    description,
    spec: Type.Object(
      { ...spec, ...managedSpecFields(noun) },
      {
        description: `The ${noun} as it shall be. An absent field is not managed.`,
        "x-kubernetes-validations": [adoptOrRecreate(noun)],
      },
    ),
    status: Type.Object(
      { ...managedStatusFields(noun, { plan }), ...ownStatus, ...status },
      { description: `The ${noun} as it is.` },
    ),
    rules: [...immutable.map((field) => immutableRule(noun, field)), adoptRule(noun)],
    columns: [
      { name: "Ready", type: "string", jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
      { name: "Name", type: "string", jsonPath: ".status.name" },
      ...columns,
      { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" },
      { name: "ID", type: "string", jsonPath: ".status.id", priority: 1 },
    ],
  };
}
