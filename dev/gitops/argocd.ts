/**
 * The part of Argo CD's configuration for our kinds, made from docs/gitops/argocd/health.lua: one key a kind, all with
 * the same script, since keys of a ConfigMap take no wildcards.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { KINDS } from "../../src/registry.ts";

const FOLDER = join("docs", "gitops", "argocd");
const HEADER = `# Generated from health.lua by \`npm run generate\`. Do not edit.
#
#   kubectl -n argocd patch configmap argocd-cm --type=merge --patch-file=argocd-cm.yaml
#
# adds these keys and leaves all others alone. (\`kubectl apply\` may take away what is not in this file.)
`;

export const ARGOCD_CONFIG = join(FOLDER, "argocd-cm.yaml");

export function healthScript(): string {
  return readFileSync(join(import.meta.dirname, "..", "..", FOLDER, "health.lua"), "utf8");
}

export function argocdConfig(script: string): string {
  const data = KINDS.map(({ definition: { group, kind } }) => [
    `resource.customizations.health.${group}_${kind}`,
    script,
  ]);
  const config = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "argocd-cm" },
    data: Object.fromEntries(data),
  };
  return HEADER + stringify(config, { lineWidth: 0, aliasDuplicateObjects: false });
}
