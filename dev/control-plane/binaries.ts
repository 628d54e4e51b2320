/**
 * Finds or makes the programs of the control plane: defines where they may come from, and in which order. How a program
 * is downloaded or compiled is in download.ts and build.ts; how the cache is kept, of provision.ts.
 */
import { resolve } from "node:path";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { build } from "./build.ts";
import { type DownloadSources, download, OFFICIAL_SOURCES } from "./download.ts";
import { goVersion } from "./go-module.ts";
import { type Found, inFolder, missing, provide, reason } from "./provision.ts";
import {
  cacheFolder,
  cacheRoot,
  PACKAGES,
  PROGRAMS,
  type Program,
  type Release,
  readRelease,
} from "./release.ts";

export type Binaries = Readonly<Record<Program, string>>;

export interface BinaryOptions {
  log?: (line: string) => void;
  signal?: AbortSignal;
  env?: NodeJS.ProcessEnv;
  sources?: DownloadSources;
  release?: Release;
  clock?: Clock;
}

/**
 * The four programs, each from the first source that has it: `$KUBEBUILDER_ASSETS`, the cache, a download, `go build`.
 * What is downloaded or built lands in the cache. Throws an error that names what each source lacked and what to
 * install.
 */
export async function findBinaries(options: BinaryOptions = {}): Promise<Binaries> {
  const { env = process.env, log = () => {}, clock = systemClock, signal } = options;
  const { sources = OFFICIAL_SOURCES, release = readRelease() } = options;
  const root = cacheRoot(env);
  // Absolute, because the programs are started from another folder.
  const assets = env.KUBEBUILDER_ASSETS && resolve(env.KUBEBUILDER_ASSETS);
  const inAssets = (): Found<Program> => (assets ? inFolder(assets, PROGRAMS) : {});
  const common = { log, clock, ...(signal && { signal }) };
  return provide<Program>({
    ...common,
    env,
    what: "Kubernetes",
    release: `Kubernetes ${release.kubernetes}`,
    programs: PROGRAMS,
    root,
    cache: cacheFolder(root, release),
    named: inAssets,
    namedReason: reason(
      "KUBEBUILDER_ASSETS",
      assets ? `${assets} lacks ${missing(PROGRAMS, inAssets()).join(", ")}` : "is not set",
    ),
    sources: [
      {
        name: "download",
        fetch: ({ programs, guard, onReady }) =>
          download({ ...common, release, sources, programs, work: guard.dir, onReady }),
      },
      {
        name: "go build",
        fetch: (order) =>
          build({ ...common, ...order, module: release, packages: PACKAGES, takes: "seven minutes", env }),
      },
    ],
    advice: (lacking) => advice(release, lacking),
  });
}

function advice(release: Release, lacking: Program[]): string[] {
  const minor = release.kubernetes.slice(1).split(".").slice(0, 2).join(".");
  return [
    `The local control plane needs ${lacking.join(", ")}, and found no way to get ${lacking.length > 1 ? "them" : "it"}:`,
    `install Go ${goVersion(release)} or newer (https://go.dev/dl) and run the command again: it compiles what is missing`,
    "run it once on a network that reaches raw.githubusercontent.com, github.com and dl.k8s.io",
    `set KUBEBUILDER_ASSETS to a folder that holds ${PROGRAMS.join(", ")} of Kubernetes ${minor}`,
  ];
}
