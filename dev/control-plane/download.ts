/**
 * Gets programs ready-made from their official sources, each checked against its published checksum before it is
 * touched. Compiles nothing, and decides nothing about what to do when it fails.
 *
 * etcd, kube-apiserver and kubectl come in the "envtest" archive of controller-tools; the kube-controller-manager,
 * which that archive lacks, from the Kubernetes release server.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, mkdir, readdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { EnvHttpProxyAgent, fetch, type Response } from "undici";
import { parse } from "yaml";
import { type Clock, deadline } from "../../src/base/clock.ts";
import { every, PROGRESS_MS } from "./progress.ts";
import type { Program, Release } from "./release.ts";

export interface DownloadSources {
  /** URL of `envtest-releases.yaml`, which names every archive and its SHA-512. */
  envtestIndex: string;
  /** Base URL of Kubernetes releases: `<base>/v1.x.y/bin/linux/amd64/kube-controller-manager`. */
  kubernetesReleases: string;
}

export const OFFICIAL_SOURCES: DownloadSources = {
  // A commit, not a branch: checksums that can change after the fact prove nothing. Move it on with go.mod.
  envtestIndex:
    "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/434758187dddcaf646276fbe2c2ba40ff4e859d5/envtest-releases.yaml",
  kubernetesReleases: "https://dl.k8s.io/release",
};

/** A host without a way out shows within this time, whether its packets are refused or swallowed. */
const REACH_MS = 5_000;
/** A transfer that stands still this long has failed. */
const STALL_MS = 30_000;

export interface DownloadTask {
  release: Release;
  sources: DownloadSources;
  /** What is wanted. */
  programs: readonly Program[];
  /** Scratch folder on the file system of the target. */
  work: string;
  /** Called with every program that is complete: `path` is in `work` and may be renamed away. */
  onReady: (program: Program, path: string) => Promise<void>;
  log: (line: string) => void;
  clock: Clock;
  signal?: AbortSignal;
}

/** Downloads what it can, in order; throws at the first thing that fails, with a message made to be shown. */
export async function download(task: DownloadTask): Promise<void> {
  const inArchive = task.programs.filter((program) => program !== "kube-controller-manager");
  let version = task.release.kubernetes;
  if (inArchive.length > 0) version = await fromArchive(task, inArchive);
  if (task.programs.includes("kube-controller-manager")) await controllerManager(task, version);
}

/** Returns the version of the archive: its controller manager must not be older than its API server. */
async function fromArchive(task: DownloadTask, programs: Program[]): Promise<string> {
  const index = await text(task, task.sources.envtestIndex);
  const archive = choose(index, task.release);
  const file = join(task.work, archive.name);
  await verified(task, archive.url, archive.sha512, file, `envtest ${archive.version}`);
  const folder = join(task.work, "unpacked");
  await mkdir(folder, { recursive: true });
  await unpack(file, folder, task.signal);
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((f) => f.isFile());
  for (const program of programs) {
    const entry = files.find((f) => f.name === program);
    if (!entry) throw new Error(`${archive.name} holds no ${program}`);
    await task.onReady(program, join(entry.parentPath, entry.name));
  }
  return archive.version;
}

async function controllerManager(task: DownloadTask, version: string): Promise<void> {
  const { os, arch } = task.release;
  const url = `${task.sources.kubernetesReleases}/${version}/bin/${os}/${arch}/kube-controller-manager`;
  const sha512 = (await text(task, `${url}.sha512`)).trim().split(/\s/)[0] ?? "";
  const file = join(task.work, "kube-controller-manager");
  await verified(task, url, sha512, file, `kube-controller-manager ${version}`);
  await task.onReady("kube-controller-manager", file);
}

interface Archive {
  name: string;
  version: string;
  url: string;
  sha512: string;
}

/** The newest patch of the minor version that go.mod names: envtest archives are not made for every patch. */
function choose(index: string, release: Release): Archive {
  const releases = (
    parse(index) as { releases?: Record<string, Record<string, { hash: string; selfLink: string }>> }
  ).releases;
  const minor = release.kubernetes.split(".").slice(0, 2).join(".");
  const patch = (version: string) => Number(version.slice(minor.length + 1));
  const [version] = Object.keys(releases ?? {})
    .filter((v) => v.startsWith(`${minor}.`) && Number.isInteger(patch(v)))
    .sort((a, b) => patch(b) - patch(a));
  const name = `envtest-${version}-${release.os}-${release.arch}.tar.gz`;
  const entry = version ? releases?.[version]?.[name] : undefined;
  if (!version || !entry) {
    throw new Error(`no envtest archive of Kubernetes ${minor} for ${release.os}/${release.arch}`);
  }
  return { name, version, url: entry.selfLink, sha512: entry.hash };
}

/** Fetches `url` into `file`, and throws unless its SHA-512 is the expected one. */
async function verified(
  task: DownloadTask,
  url: string,
  sha512: string,
  file: string,
  what: string,
): Promise<void> {
  const { response, keepAlive, stop } = await open(task, url);
  try {
    const size = Number(response.headers.get("content-length")) || undefined;
    task.log(`Downloading ${what}${size ? ` (${megabytes(size)} MB)` : ""}`);
    const hash = createHash("sha512");
    let received = 0;
    const progress = every(task.clock, PROGRESS_MS, () => {
      task.log(`Downloading ${what}: ${megabytes(received)}${size ? ` of ${megabytes(size)}` : ""} MB`);
    });
    try {
      await pipeline(
        Readable.from(response.body ?? []),
        async function* (chunks: AsyncIterable<Uint8Array>) {
          for await (const chunk of chunks) {
            keepAlive();
            hash.update(chunk);
            received += chunk.length;
            yield chunk;
          }
        },
        createWriteStream(`${file}.part`),
      );
    } finally {
      progress();
    }
    const found = hash.digest("hex");
    if (found !== sha512.toLowerCase()) {
      throw new Error(
        `${what} was refused: SHA-512 is ${found.slice(0, 16)}…, not ${sha512.slice(0, 16)}… (${url})`,
      );
    }
    await chmod(`${file}.part`, 0o755);
    await rename(`${file}.part`, file);
  } finally {
    stop();
  }
}

async function text(task: DownloadTask, url: string): Promise<string> {
  const { response, stop } = await open(task, url);
  try {
    return await response.text();
  } finally {
    stop();
  }
}

interface Opened {
  response: Response;
  /** Puts the stall deadline off; call it for every piece that arrives. */
  keepAlive: () => void;
  stop: () => void;
}

/** Sends the request; from its answer on, `STALL_MS` without `keepAlive` aborts the body. */
async function open(task: DownloadTask, url: string): Promise<Opened> {
  const { host } = new URL(url);
  const aborter = new AbortController();
  const signal = task.signal ? AbortSignal.any([task.signal, aborter.signal]) : aborter.signal;
  const reach = deadline(
    task.clock,
    REACH_MS,
    () => new Error(`${host} gave no answer within ${REACH_MS / 1000} s`),
  );
  reach.signal.addEventListener("abort", () => aborter.abort(reach.signal.reason));
  try {
    const response = await fetch(url, { signal, dispatcher: proxyAware() });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    let stop = () => {};
    const keepAlive = () => {
      stop();
      stop = task.clock.after(STALL_MS, () => aborter.abort(new Error(`${host} stopped sending`)));
    };
    keepAlive();
    return { response, keepAlive, stop: () => stop() };
  } catch (error) {
    task.signal?.throwIfAborted();
    throw explained(error, host);
  } finally {
    reach.cancel();
  }
}

/** "fetch failed" has no detail; its cause has. */
function explained(error: unknown, host: string): Error {
  const cause = (error as Error).cause as (Error & { code?: string }) | undefined;
  if (!cause) return error as Error;
  return new Error(`${host} cannot be reached (${cause.code ?? cause.message})`, { cause: error });
}

let agent: EnvHttpProxyAgent | undefined;

/** Honours HTTPS_PROXY and NO_PROXY as curl would, but never sends loopback through a proxy. */
function proxyAware(): EnvHttpProxyAgent {
  const noProxy = [process.env.NO_PROXY ?? process.env.no_proxy, "127.0.0.1", "localhost"]
    .filter(Boolean)
    .join(",");
  agent ??= new EnvHttpProxyAgent({ noProxy });
  return agent;
}

async function unpack(archive: string, folder: string, signal?: AbortSignal): Promise<void> {
  const tar = spawn("tar", ["-xzf", archive, "-C", folder], { stdio: ["ignore", "ignore", "pipe"], signal });
  let complaint = "";
  tar.stderr.on("data", (data) => {
    complaint += data;
  });
  const code = await new Promise<number | null>((resolve, reject) =>
    tar.on("error", reject).on("close", resolve),
  );
  if (code !== 0) throw new Error(`tar cannot unpack ${basename(archive)}: ${complaint.trim()}`);
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e6);
}
