/** Everything in the repository that is generated, as path and content: written by `generate`, compared by `check`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KINDS } from "../../src/registry.ts";
import { withFidelityTables } from "../fidelity/page.ts";
import { ARGOCD_CONFIG, argocdConfig, healthScript } from "../gitops/argocd.ts";
import { crdFileName, crdYaml } from "./crd.ts";
import {
  kindsPartial,
  pluginKinds,
  withChartCrds,
  withEnabledKinds,
  withKindsAllowed,
  withKindsTable,
} from "./kinds.ts";
import { withValuesTable } from "./values.ts";

const CHART = join("charts", "paperspace-operator");
/** A chart can only hold files of its own folder, so it has a copy of the CRDs. */
const CRD_FOLDERS = ["crds", join(CHART, "files", "crds")];
const VALUES = join(CHART, "values.yaml");
const VALUES_SCHEMA = join(CHART, "values.schema.json");
const CHART_YAML = join(CHART, "Chart.yaml");
const CHART_README = join(CHART, "README.md");
const FIDELITY = join("docs", "fidelity.md");
const INSTALL = join("docs", "install.md");

/** Paths are relative to the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const values = withEnabledKinds(text(VALUES), KINDS);
  const schema = withKindsAllowed(text(VALUES_SCHEMA), KINDS);
  const all = KINDS.map(({ definition, crd }) => crdYaml(definition, crd)).join("---\n");
  return new Map([
    ...crds(),
    [join("deploy", "kustomize", "crds.yaml"), all],
    [VALUES, values],
    [VALUES_SCHEMA, schema],
    [CHART_YAML, withChartCrds(text(CHART_YAML), KINDS)],
    [CHART_README, withValuesTable(text(CHART_README), schema, values)],
    [join(CHART, "templates", "_kinds.tpl"), kindsPartial(KINDS)],
    [INSTALL, withValuesTable(text(INSTALL), schema, values)],
    [join("src", "plugin", "kinds.generated.ts"), pluginKinds(KINDS)],
    ["README.md", withKindsTable(text("README.md"), KINDS)],
    [FIDELITY, withFidelityTables(text(FIDELITY))],
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
