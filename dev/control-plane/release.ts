/**
 * What the control plane is made of: its programs, the Kubernetes version, and the cache folder that belongs to exactly
 * these. Nothing here fetches, builds or starts anything.
 */
import { join } from "node:path";
import { cacheFolderOf, cacheRootOf, type GoModule, readGoModule } from "./go-module.ts";

/** The programs of a control plane, in the order in which they are built: quick ones first, so progress shows early. */
export const PROGRAMS = ["etcd", "kubectl", "kube-apiserver", "kube-controller-manager"] as const;
export type Program = (typeof PROGRAMS)[number];

/** Where each program's main package lives in the module of `go/go.mod`. */
export const PACKAGES: Readonly<Record<Program, string>> = {
  etcd: "go.etcd.io/etcd/server/v3",
  kubectl: "k8s.io/kubernetes/cmd/kubectl",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
  "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
};

export interface Release extends GoModule {
  /** The Kubernetes version of go.mod, such as "v1.36.3". */
  kubernetes: string;
}

const MODULE_DIR = join(import.meta.dirname, "go");
const KUBERNETES = "k8s.io/kubernetes";

/** Reads the release from `go.mod`, the one file where versions are written down. Throws on an unsupported platform. */
export function readRelease(moduleDir = MODULE_DIR): Release {
  const { module, versionOf } = readGoModule(moduleDir, "The local control plane runs", (versionIn) =>
    versionVariables(versionIn(KUBERNETES)),
  );
  return { ...module, kubernetes: versionOf(KUBERNETES) };
}

export function cacheRoot(env: NodeJS.ProcessEnv): string {
  return cacheRootOf("control-plane", env);
}

/** The folder under the cache root that holds the binaries of exactly this release. */
export function cacheFolder(root: string, release: Release): string {
  return cacheFolderOf(root, release.kubernetes, release);
}

/** Without these a hand-built server calls itself v0.0.0, and clients that look at the version turn features off. */
function versionVariables(kubernetes: string): string[] {
  const [major, minor] = kubernetes.slice(1).split(".");
  const variables = {
    gitVersion: kubernetes,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "unknown",
    buildDate: "1970-01-01T00:00:00Z",
  };
  return Object.entries(variables).map(([k, v]) => `-X k8s.io/component-base/version.${k}=${v}`);
}
