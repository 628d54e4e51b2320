/**
 * The examples for Argo CD and Flux hold together: they parse, they name what is there, the order is right, and what is of
 * our kinds fits our schemas.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TObject } from "typebox";
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { DEFAULT_KEY, DEFAULT_SECRET } from "../../src/reconcile/credentials.ts";
import { KINDS } from "../../src/registry.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const GITOPS = join(ROOT, "docs", "gitops");

interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; annotations?: Record<string, string>; finalizers?: string[] };
  // biome-ignore lint/suspicious/noExplicitAny: of many kinds, and checked field by field
  spec: any;
}

function read(...path: string[]): Manifest[] {
  return parseAllDocuments(readFileSync(join(GITOPS, ...path), "utf8")).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS() as Manifest;
  });
}

const folder = (...path: string[]) =>
  readdirSync(join(GITOPS, ...path)).flatMap((file) => read(...path, file));
const one = (...path: string[]) => read(...path)[0] as Manifest;
const wave = ({ metadata }: Manifest) => Number(metadata.annotations?.["argocd.argoproj.io/sync-wave"]);
const chart = parse(readFileSync(join(ROOT, "charts/paperspace-operator/Chart.yaml"), "utf8"));

/** Of the spec, for each of our kinds. */
const SCHEMAS: Record<string, TObject> = Object.fromEntries(
  KINDS.map(({ definition, crd }) => [definition.kind, crd.spec as TObject]),
);

/** Names of fields, whole: a misspelt one must not go unnoticed. */
const SPEC_FIELDS: Record<string, readonly string[]> = {
  "argoproj.io/v1alpha1/Application": ["project", "source", "destination", "syncPolicy"],
  "source.toolkit.fluxcd.io/v1/GitRepository": ["interval", "url", "ref"],
  "helm.toolkit.fluxcd.io/v2/HelmRelease": [
    ...["interval", "releaseName", "targetNamespace", "chart", "install", "upgrade", "values"],
  ],
  "kustomize.toolkit.fluxcd.io/v1/Kustomization": [
    ...["interval", "retryInterval", "sourceRef", "path", "prune", "wait", "timeout"],
    ...["dependsOn", "healthChecks", "deletionPolicy"],
  ],
  "external-secrets.io/v1/ExternalSecret": ["secretStoreRef", "target", "data"],
};

const argo = {
  root: one("argocd", "example", "root.yaml"),
  apps: folder("argocd", "example", "apps"),
  fleet: folder("argocd", "example", "fleet"),
};
const flux = {
  sources: read("flux", "sources.yaml"),
  steps: read("flux", "kustomizations.yaml"),
  operator: folder("flux", "operator"),
  credentials: folder("flux", "credentials"),
  fleet: folder("flux", "fleet"),
};
const all = [argo.root, ...argo.apps, ...argo.fleet, ...Object.values(flux).flat()];

describe("all manifests", () => {
  it("have kinds and fields that there are", () => {
    for (const { apiVersion, kind, spec } of all) {
      const known = SPEC_FIELDS[`${apiVersion}/${kind}`];
      if (known) expect(known).toEqual(expect.arrayContaining(Object.keys(spec)));
      else expect(["Namespace", ...Object.keys(SCHEMAS)]).toContain(kind);
    }
  });

  it("of our kinds fit our schemas, with defaults as the API server fills them in", () => {
    const ours = all.filter(({ kind }) => kind.startsWith("Paperspace"));
    expect(ours.length).toBe(4);
    for (const { apiVersion, kind, spec } of ours) {
      const schema = SCHEMAS[kind] as TObject;
      const filled = Value.Default(schema, structuredClone(spec));
      expect([apiVersion, ...Value.Errors(schema, filled)]).toEqual(["paperspace.com/v1alpha1"]);
      expect(Object.keys(schema.properties)).toEqual(expect.arrayContaining(Object.keys(spec)));
    }
  });

  it("hold no key, and lead to the Secret where it is looked for", () => {
    expect(all.filter(({ kind }) => kind === "Secret")).toEqual([]);
    for (const { spec } of all.filter(({ kind }) => kind === "ExternalSecret"))
      expect([spec.target.name, spec.data.map((item: { secretKey: string }) => item.secretKey)]).toEqual([
        DEFAULT_SECRET,
        [DEFAULT_KEY],
      ]);
  });

  it("leave replicas out, so that an autoscaler makes no difference from Git", () => {
    for (const { kind, spec } of all)
      if (kind === "PaperspaceDeployment") expect(spec.replicas).toBeUndefined();
  });
});

describe("Argo CD", () => {
  it("makes the operator before the fleet, and in the fleet the key before what needs it", () => {
    const named = Object.fromEntries(argo.apps.map((app) => [app.metadata.name, app]));
    expect(Object.keys(named).sort()).toEqual(["paperspace-fleet", "paperspace-operator"]);
    expect(wave(named["paperspace-operator"] as Manifest)).toBeLessThan(
      wave(named["paperspace-fleet"] as Manifest),
    );
    const [secret, ...more] = [...argo.fleet].sort((a, b) => wave(a) - wave(b));
    expect(secret?.kind).toBe("ExternalSecret");
    expect(more.every((object) => wave(object) > wave(secret as Manifest))).toBe(true);
  });

  it("finds the folders and the chart of this repository, at this version", () => {
    for (const app of [argo.root, ...argo.apps]) {
      const { repoURL, path, targetRevision, helm } = app.spec.source;
      if (!repoURL.endsWith("/paperspace-operator.git")) continue;
      expect(existsSync(join(ROOT, path))).toBe(true);
      expect(targetRevision).toBe(`v${chart.version}`);
      if (helm) expect(helm.releaseName).toBe(chart.name);
    }
  });

  it("deletes in order, and never prunes the CRDs", () => {
    for (const app of [argo.root, ...argo.apps])
      expect(app.metadata.finalizers).toEqual(["resources-finalizer.argocd.argoproj.io"]);
    const operator = argo.apps.find(({ metadata }) => metadata.name === "paperspace-operator");
    expect(operator?.spec.syncPolicy.automated.prune).toBe(false);
  });

  it("has nothing to ignore: nothing differs", () => {
    for (const { spec } of [argo.root, ...argo.apps]) expect(spec.ignoreDifferences).toBeUndefined();
  });
});

describe("Flux", () => {
  const step = (name: string) => flux.steps.find(({ metadata }) => metadata.name === name) as Manifest;

  it("makes the operator and the key before the fleet, and waits for each", () => {
    expect(step("fleet").spec.dependsOn).toEqual([
      { name: "paperspace-operator" },
      { name: "fleet-credentials" },
    ]);
    const release = flux.operator.find(({ kind }) => kind === "HelmRelease") as Manifest;
    const { apiVersion, kind, metadata } = release;
    expect(step("paperspace-operator").spec.healthChecks).toEqual([
      { apiVersion, kind, name: metadata.name, namespace: metadata.namespace },
    ]);
    for (const name of ["fleet", "fleet-credentials"]) expect(step(name).spec.wait).toBe(true);
  });

  it("finds its sources, and the folders and the chart of this repository, at this version", () => {
    const sources = flux.sources.map(({ metadata }) => metadata.name);
    for (const { spec } of flux.steps) expect(sources).toContain(spec.sourceRef.name);
    expect(existsSync(join(ROOT, step("paperspace-operator").spec.path))).toBe(true);
    expect(flux.sources[0]?.spec.ref.tag).toBe(`v${chart.version}`);
    const { spec } = flux.operator.find(({ kind }) => kind === "HelmRelease") as Manifest;
    expect(existsSync(join(ROOT, spec.chart.spec.chart, "Chart.yaml"))).toBe(true);
    expect([spec.releaseName, spec.chart.spec.sourceRef.name]).toEqual([chart.name, "paperspace-operator"]);
  });

  it("gives every object a namespace, and makes that before", () => {
    const made = [...flux.operator, ...flux.credentials].filter(({ kind }) => kind === "Namespace");
    const names = made.map(({ metadata }) => metadata.name);
    for (const { metadata } of flux.fleet) expect(names).toContain(metadata.namespace);
    const release = flux.operator.find(({ kind }) => kind === "HelmRelease");
    expect(names).toContain(release?.spec.targetNamespace);
  });
});
