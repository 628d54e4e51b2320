/** Everything in the repository that is generated, as path and content: written by `generate`, compared by `check`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KINDS } from "../../src/registry.ts";
import { ARGOCD_CONFIG, argocdConfig, healthScript } from "../gitops/argocd.ts";
import { crdFileName, crdYaml } from "./crd.ts";
import { withValuesTable } from "./values.ts";

const CHART = join("charts", "paperspace-operator");
/** A chart can only hold files of its own folder, so it has a copy of the CRDs. */
const CRD_FOLDERS = ["crds", join(CHART, "files", "crds")];
const INSTALL = join("docs", "install.md");

/** Paths are relative to the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const page = withValuesTable(
    text(INSTALL),
    text(join(CHART, "values.schema.json")),
    text(join(CHART, "values.yaml")),
  );
  const all = KINDS.map(({ definition, crd }) => crdYaml(definition, crd)).join("---\n");
  return new Map([
    ...crds(),
    [join("deploy", "kustomize", "crds.yaml"), all],
    [INSTALL, page],
    [ARGOCD_CONFIG, argocdConfig(healthScript())],
  ]);
}

function text(path: string): string {
  return readFileSync(join(import.meta.dirname, "..", "..", path), "utf8");
}

function crds(): Map<string, string> {
  return new Map(
    KINDS.flatMap(({ definition, crd }) =>
      CRD_FOLDERS.map((folder) => [join(folder, crdFileName(definition)), crdYaml(definition, crd)] as const),
    ),
  );
}
