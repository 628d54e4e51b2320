/**
 * What is to run: the Kubernetes version, the platform, the build flags, and the cache folder that belongs to exactly
 * these. Nothing here fetches, builds or starts anything.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

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

export interface Release {
  /** The Kubernetes version of go.mod, such as "v1.36.3". */
  kubernetes: string;
  /** The lowest Go that can build it, such as "1.26.0". */
  go: string;
  /** Go's names: "linux", "amd64". */
  os: string;
  arch: string;
  /** Folder of `go.mod` and `go.sum`. */
  moduleDir: string;
  /** Flags of `go build`, the same on every host. */
  buildFlags: string[];
  /** Ends the cache folder's name: another go.mod, go.sum or flag means other binaries. */
  fingerprint: string;
}

const MODULE_DIR = join(import.meta.dirname, "go");

const GO_OS: Record<string, string> = { linux: "linux", darwin: "darwin" };
const GO_ARCH: Record<string, string> = { x64: "amd64", arm64: "arm64", ppc64: "ppc64le", s390x: "s390x" };

/** Reads the release off `go.mod`, the one place where versions are written down. Throws on an unsupported platform. */
export function readRelease(moduleDir = MODULE_DIR): Release {
  const os = GO_OS[process.platform];
  const arch = GO_ARCH[process.arch];
  if (!os || !arch) {
    throw new Error(
      `The local control plane runs on Linux and macOS, not on ${process.platform}/${process.arch}.`,
    );
  }
  const mod = readFileSync(join(moduleDir, "go.mod"), "utf8");
  const sum = readFileSync(join(moduleDir, "go.sum"), "utf8");
  const kubernetes = pick(mod, /^\s*(?:require\s+)?k8s\.io\/kubernetes (v\S+)/m, "k8s.io/kubernetes");
  const buildFlags = flagsFor(kubernetes);
  const hash = createHash("sha256");
  for (const part of [mod, sum, ...buildFlags]) hash.update(part).update("\0");
  return {
    kubernetes,
    go: pick(mod, /^go (\S+)/m, "go"),
    os,
    arch,
    moduleDir,
    buildFlags,
    fingerprint: hash.digest("hex").slice(0, 12),
  };
}

/** `${XDG_CACHE_HOME:-~/.cache}/paperspace-operator/control-plane`: outside the checkout, so that clones share it. */
export function cacheRoot(env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
  return join(base, "paperspace-operator", "control-plane");
}

/** The folder under the cache root that holds the binaries of exactly this release. */
export function cacheFolder(root: string, release: Release): string {
  return join(root, `${release.kubernetes}-${release.os}-${release.arch}-${release.fingerprint}`);
}

function flagsFor(kubernetes: string): string[] {
  const [major, minor] = kubernetes.slice(1).split(".");
  // Without these a hand-built server calls itself v0.0.0, and clients that look at the version turn features off.
  const variables = {
    gitVersion: kubernetes,
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: "clean",
    gitCommit: "unknown",
    buildDate: "1970-01-01T00:00:00Z",
  };
  const assignments = Object.entries(variables).map(([k, v]) => `-X k8s.io/component-base/version.${k}=${v}`);
  return ["-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", `-s -w ${assignments.join(" ")}`];
}

function pick(text: string, pattern: RegExp, what: string): string {
  const found = pattern.exec(text)?.[1];
  if (!found) throw new Error(`go.mod of the control plane names no version of ${what}`);
  return found;
}
