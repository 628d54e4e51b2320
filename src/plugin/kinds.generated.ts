/** By short name. Generated from src/registry.ts by `npm run generate`. Do not edit. */
export const MANAGED_KINDS = {
  psm: {
    group: "paperspace.com",
    version: "v1alpha1",
    plural: "paperspacemachines",
    kind: "PaperspaceMachine",
    namespaced: true,
    noun: "machine",
  },
  psd: {
    group: "paperspace.com",
    version: "v1alpha1",
    plural: "paperspacedeployments",
    kind: "PaperspaceDeployment",
    namespaced: true,
    noun: "deployment",
  },
} as const;
