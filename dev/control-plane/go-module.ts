/**
 * A folder with a go.mod that pins programs, and the cache folder that belongs to exactly its content. Nothing here
 * fetches, builds or starts anything.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface GoModule {
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

/** Gives the version that go.mod names of a module, such as "v1.36.3"; throws where it names none. */
export type VersionOf = (path: string) => string;

const GO_OS: Record<string, string> = { linux: "linux", darwin: "darwin" };
const GO_ARCH: Record<string, string> = { x64: "amd64", arm64: "arm64", ppc64: "ppc64le", s390x: "s390x" };

/**
 * Reads a module. `what` is what it is for, as the beginning of a sentence; `linkerFlags` are laid beside those that
 * every build has. Throws on an unsupported platform.
 */
export function readGoModule(
  moduleDir: string,
  what: string,
  linkerFlags: (versionOf: VersionOf) => readonly string[] = () => [],
): { module: GoModule; versionOf: VersionOf } {
  const os = GO_OS[process.platform];
  const arch = GO_ARCH[process.arch];
  if (!os || !arch) {
    throw new Error(`${what} on Linux and macOS, not on ${process.platform}/${process.arch}.`);
  }
  const mod = readFileSync(join(moduleDir, "go.mod"), "utf8");
  const sum = readFileSync(join(moduleDir, "go.sum"), "utf8");
  const pick = (pattern: RegExp, name: string) => {
    const found = pattern.exec(mod)?.[1];
    if (!found) throw new Error(`${join(moduleDir, "go.mod")} names no version of ${name}`);
    return found;
  };
  const versionOf = (path: string) =>
    pick(new RegExp(`^\\s*(?:require\\s+)?${path.replaceAll(".", "\\.")} (v\\S+)`, "m"), path);
  const ldflags = ["-s", "-w", ...linkerFlags(versionOf)].join(" ");
  const buildFlags = ["-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", ldflags];
  const hash = createHash("sha256");
  for (const part of [mod, sum, ...buildFlags]) hash.update(part).update("\0");
  const fingerprint = hash.digest("hex").slice(0, 12);
  return {
    module: { go: pick(/^go (\S+)/m, "Go"), os, arch, moduleDir, buildFlags, fingerprint },
    versionOf,
  };
}

/** `${XDG_CACHE_HOME:-~/.cache}/paperspace-operator/<name>`: outside the checkout, so that clones share it. */
export function cacheRootOf(name: string, env: NodeJS.ProcessEnv): string {
  const base = env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache");
  return join(base, "paperspace-operator", name);
}

/** The folder under the cache root that holds the binaries of exactly this module; `versions` is for the reader. */
export function cacheFolderOf(root: string, versions: string, module: GoModule): string {
  return join(root, `${versions}-${module.os}-${module.arch}-${module.fingerprint}`);
}

/** "1.26" of "1.26.0", as Go versions are usually named. */
export function goVersion({ go }: GoModule): string {
  return go.split(".").slice(0, 2).join(".");
}
