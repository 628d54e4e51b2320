/**
 * `npm run manifests`: the plain manifests of deploy/kustomize, rendered from the chart's own templates with its
 * defaults. Marks that only Helm understands are taken off.
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { parseAllDocuments, stringify } from "yaml";
import { findChartTools } from "./tools.ts";

const ROOT = join(import.meta.dirname, "..", "..");
export const MANIFESTS = join("deploy", "kustomize", "operator.yaml");
const NAMESPACE = "paperspace-system";
/** No such registry can exist (RFC 6761): the overlay of the user says where the image is. */
const IMAGE = "registry.invalid/paperspace-operator";
const HEADER = "# Rendered from charts/paperspace-operator by `npm run manifests`. Do not edit.\n";

interface Rendered {
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { template?: Rendered };
}

/** What deploy/kustomize/operator.yaml has to hold. */
export async function manifests(helm: string): Promise<string> {
  const args = ["template", "paperspace-operator", "charts/paperspace-operator"];
  const flags = [`--namespace=${NAMESPACE}`, "--set=crds.enabled=false", `--set=image.repository=${IMAGE}`];
  const { stdout } = await promisify(execFile)(helm, [...args, ...flags], { cwd: ROOT });
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Rendered | null);
  const plain = objects.filter((object) => object !== null).map(withoutHelm);
  return HEADER + plain.map((object) => stringify(object, { lineWidth: 0 })).join("---\n");
}

function withoutHelm(object: Rendered): Rendered {
  const { labels = {}, ...metadata } = object.metadata;
  const { "helm.sh/chart": _chart, "app.kubernetes.io/managed-by": _helm, ...ours } = labels;
  const template = object.spec?.template;
  return {
    ...object,
    metadata: { ...metadata, labels: ours },
    ...(template && { spec: { ...object.spec, template: withoutHelm(template) } }),
  };
}

if (import.meta.main) {
  const { helm } = await findChartTools({ log: (line) => console.log(line) });
  await writeFile(join(ROOT, MANIFESTS), await manifests(helm));
  console.log(`wrote ${MANIFESTS}`);
}
