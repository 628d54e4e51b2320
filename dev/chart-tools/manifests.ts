/**
 * `npm run manifests`: what the chart renders, for those who do not run Helm. The plain manifests of deploy/kustomize, with
 * its defaults and without the marks that only Helm understands; and the hardened example of docs, to be read.
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
export const HARDENED = join("docs", "hardened.yaml");
const HEADER = "# Rendered from charts/paperspace-operator by `npm run manifests`. Do not edit.\n";

interface Rendered {
  metadata: { labels?: Record<string, string>; annotations?: Record<string, string> };
  spec?: { template?: Rendered };
}

/** CRDs are in crds/. */
const COMMAND = [
  "template",
  "paperspace-operator",
  "charts/paperspace-operator",
  `--namespace=${NAMESPACE}`,
  "--set=crds.enabled=false",
  `--set=image.repository=${IMAGE}`,
];

/** What docs/hardened.yaml has to hold: the output of Helm as it is, with the comments of the templates. */
export async function hardened(helm: string): Promise<string> {
  const command = [...COMMAND, "--values=docs/values-hardened.yaml"];
  const { stdout } = await promisify(execFile)(helm, command, { cwd: ROOT });
  const lines = stdout.split("\n").filter((line) => line.trim() !== "");
  return `# By \`npm run manifests\`. Do not edit.\n# helm ${command.join(" ")}\n${lines.join("\n")}\n`;
}

/** What deploy/kustomize/operator.yaml has to hold. */
export async function manifests(helm: string): Promise<string> {
  const { stdout } = await promisify(execFile)(helm, COMMAND, { cwd: ROOT });
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
  for (const [path, text] of [
    [MANIFESTS, await manifests(helm)],
    [HARDENED, await hardened(helm)],
  ] as const) {
    await writeFile(join(ROOT, path), text);
    console.log(`wrote ${path}`);
  }
}
