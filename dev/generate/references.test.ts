/**
 * Every field of the CRDs that names a Secret, a ConfigMap or a key of one lets in names of Kubernetes only: another one
 * would be a part of a path, or of a command that a message offers.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { TEXT_RULES } from "../../src/reconcile/schema.ts";

interface Schema {
  properties?: Record<string, Schema>;
  items?: Schema;
  maxLength?: number;
  "x-kubernetes-validations"?: object[];
}

const FOLDER = new URL("../../crds/", import.meta.url);
const REFERENCE = /(Secret|ConfigMap|secretKey|configMapKey|AccessKey|basicAuth.*)Ref$/;

const references = readdirSync(FOLDER).flatMap((file) => {
  const crd = parse(readFileSync(new URL(file, FOLDER), "utf8"));
  const { schema } = crd.spec.versions[0];
  return referencesIn(schema.openAPIV3Schema, crd.spec.names.kind);
});

function referencesIn(schema: Schema, path: string): [string, Schema][] {
  const inside = Object.entries(schema.properties ?? {}).flatMap(([name, field]): [string, Schema][] => [
    ...(REFERENCE.test(name) ? [[`${path}.${name}`, field] as [string, Schema]] : []),
    ...referencesIn(field, `${path}.${name}`),
  ]);
  return schema.items ? [...inside, ...referencesIn(schema.items, `${path}[]`)] : inside;
}

it("every reference of the CRDs is found here", () => {
  expect(references.map(([path]) => path).sort()).toEqual([
    "PaperspaceDeployment.spec.basicAuthSecretRef",
    "PaperspaceDeployment.spec.credentialsSecretRef",
    "PaperspaceDeployment.spec.env[].valueFrom.configMapKeyRef",
    "PaperspaceDeployment.spec.env[].valueFrom.secretKeyRef",
    "PaperspaceDeployment.spec.integrations[].secretAccessKeyRef",
    "PaperspaceMachine.spec.credentialsSecretRef",
    "PaperspaceMachine.spec.desktopSecretRef",
  ]);
});

it.each(references)("%s has names of Kubernetes only", (_, { properties = {} }) => {
  expect(properties.name).toMatchObject({
    maxLength: 253,
    "x-kubernetes-validations": [TEXT_RULES.objectName],
  });
  if (properties.key)
    expect(properties.key).toMatchObject({
      maxLength: 253,
      "x-kubernetes-validations": [TEXT_RULES.objectKey],
    });
});

it.each(["a", "a.b-c", "a".repeat(63), "paperspace-credentials"])("lets %s in", (name) => {
  expect(name).toMatch(patternOf(TEXT_RULES.objectName));
});

it.each(["", "A", "a/b", "..", ".", "a..b", "-a", "a-", "a b", "a\n", "a%2fb", "$(id)", "\u202ea"])(
  "does not let %j in",
  (name) => {
    expect(name).not.toMatch(patternOf(TEXT_RULES.objectName));
  },
);

function patternOf({ rule }: { rule: string }): RegExp {
  return new RegExp(/'(.*)'/.exec(rule)?.[1] ?? "^$");
}
