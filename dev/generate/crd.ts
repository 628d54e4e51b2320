/**
 * From the TypeBox schemas of a kind to its CustomResourceDefinition. Pure; which kinds there are is the registry's
 * word, and what the fields mean stands in each kind's types.ts.
 */
import { stringify } from "yaml";
import type { CrdSource } from "../../src/kinds/registration.ts";
import type { KindDefinition } from "../../src/reconcile/managed.ts";

const HEADER = "# Generated from src/kinds/*/types.ts by `npm run generate`. Do not edit.\n";
/** kubectl and Helm read YAML 1.1, where a bare On is a boolean. */
export const QUOTED = { compat: "yaml-1.1" } as const;
/** Shown until our first look, so that no tool takes an object for done before it (kstatus compares generations). */
const UNSEEN = { observedGeneration: -1 };

export function crdFileName({ group, plural }: KindDefinition): string {
  return `${group}_${plural}.yaml`;
}

export function crdYaml(definition: KindDefinition, source: CrdSource): string {
  return HEADER + stringify(crd(definition, source), { lineWidth: 0, ...QUOTED });
}

export function crd(definition: KindDefinition, source: CrdSource): object {
  const { group, version, kind, plural, shortName } = definition;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular: kind.toLowerCase(),
        shortNames: [shortName],
        categories: ["paperspace"],
      },
      scope: "Namespaced",
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {}, ...(source.scale && { scale: source.scale }) },
          additionalPrinterColumns: source.columns,
          schema: { openAPIV3Schema: rootSchema(source) },
        },
      ],
    },
  };
}

function rootSchema({ description, spec, status, rules }: CrdSource): object {
  return {
    type: "object",
    description,
    required: ["spec"],
    properties: {
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { type: "object" },
      spec: structural(spec),
      status: { ...(structural(status) as object), default: UNSEEN },
    },
    "x-kubernetes-validations": rules,
  };
}

/** A structural schema: plain data, and no field both required and defaulted, which `kubectl explain` would show wrong. */
function structural(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(structural);
  if (typeof schema !== "object" || schema === null) return schema;
  const entries = Object.entries(schema).map(([key, value]) => [key, structural(value)] as const);
  const plain: Record<string, unknown> = Object.fromEntries(entries);
  const { properties, required, ...rest } = plain;
  if (!Array.isArray(required) || typeof properties !== "object" || properties === null) return plain;
  const fields = properties as Record<string, object>;
  const given = required.filter((name: string) => !("default" in (fields[name] ?? {})));
  return { ...rest, ...(given.length > 0 && { required: given }), properties };
}
