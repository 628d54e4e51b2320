import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { script, fakeGo as writeFakeGo } from "../../test/control-plane/go.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { type BinaryOptions, findBinaries } from "./binaries.ts";
import { cacheFolder, cacheRoot, PROGRAMS, readRelease } from "./release.ts";

const release = readRelease();
const minor = release.kubernetes.split(".").slice(0, 2).join(".");
const platform = `${release.os}-${release.arch}`;

/** A folder with a blank in its name, as a home folder may have one. */
let dir: string;
let env: NodeJS.ProcessEnv;
let cache: string;
const servers: Server[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "some binaries "));
  mkdirSync(join(dir, "bin"));
  env = { HOME: join(dir, "home"), PATH: join(dir, "bin") };
  cache = cacheFolder(cacheRoot(env), release);
});

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(dir, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What the official sources offer, served from here. `files` may be changed; `requests` are the paths asked for. */
async function mirror() {
  const inside = join(dir, "archive/controller-tools/envtest");
  for (const program of ["etcd", "kubectl", "kube-apiserver"])
    script(join(inside, program), `echo ${program}`);
  execFileSync("tar", ["-czf", join(dir, "archive.tar.gz"), "-C", join(dir, "archive"), "controller-tools"]);
  const archive = readFileSync(join(dir, "archive.tar.gz"));
  const manager = Buffer.from("#!/bin/sh\necho manager\n");
  const sha512 = (data: Buffer) => createHash("sha512").update(data).digest("hex");
  const requests: string[] = [];
  const files = new Map<string, Buffer | string>();
  const base = await serve((request, response) => {
    requests.push(request.url ?? "");
    const content = files.get(request.url ?? "");
    response.writeHead(content === undefined ? 404 : 200).end(content);
  });
  const entry = (version: string, hash: string) => ({
    [`envtest-${version}-${platform}.tar.gz`]: { hash, selfLink: `${base}/${version}.tar.gz` },
  });
  // Out of order, with a preview and another minor version beside the right one.
  const releases = {
    [`${minor}.10`]: entry(`${minor}.10`, sha512(archive)),
    [`${minor}.9`]: entry(`${minor}.9`, "0"),
    [`${minor}.11-alpha.1`]: entry(`${minor}.11-alpha.1`, "0"),
    "v1.2.99": entry("v1.2.99", "0"),
  };
  files.set("/index.yaml", stringify({ releases }));
  files.set(`/${minor}.10.tar.gz`, archive);
  for (const version of [`${minor}.10`, release.kubernetes]) {
    const path = `/release/${version}/bin/${release.os}/${release.arch}/kube-controller-manager`;
    files.set(path, manager);
    files.set(`${path}.sha512`, `${sha512(manager)}\n`);
  }
  return {
    files,
    requests,
    sources: { envtestIndex: `${base}/index.yaml`, kubernetesReleases: `${base}/release` },
  };
}

/** A port on which nothing listens. */
async function nowhere() {
  const base = await serve(() => {});
  const server = servers.pop();
  server?.close();
  return { envtestIndex: `${base}/index.yaml`, kubernetesReleases: base };
}

function fakeGo(body?: string, version?: string) {
  env.PATH = writeFakeGo(join(dir, "bin"), body, version);
}

function find(options: BinaryOptions): Promise<Awaited<ReturnType<typeof findBinaries>>> {
  return findBinaries({ env, release, clock: new VirtualClock(), ...options });
}

const filesOf = (folder: string) => readdirSync(folder).sort();

test("downloads the newest patch of the wanted minor version, with the controller manager of the same version", async () => {
  const { requests, sources } = await mirror();
  const binaries = await find({ sources });
  expect(requests).toEqual([
    "/index.yaml",
    `/${minor}.10.tar.gz`,
    `/release/${minor}.10/bin/${release.os}/${release.arch}/kube-controller-manager.sha512`,
    `/release/${minor}.10/bin/${release.os}/${release.arch}/kube-controller-manager`,
  ]);
  expect(execFileSync(binaries["kube-apiserver"], { encoding: "utf8" })).toBe("kube-apiserver\n");
  expect(execFileSync(binaries["kube-controller-manager"], { encoding: "utf8" })).toBe("manager\n");
  expect(filesOf(cache)).toEqual([...PROGRAMS].sort());
});

test("a second start takes the cache without a request, so that it is quick and works offline", async () => {
  const { requests, sources } = await mirror();
  await find({ sources });
  requests.length = 0;
  const lines: string[] = [];
  const binaries = await find({ sources, log: (line) => lines.push(line) });
  expect(binaries.etcd).toBe(join(cache, "etcd"));
  expect([...requests, ...lines]).toEqual([]);
});

test("an archive with another checksum is refused before it is unpacked, because it may be anything", async () => {
  const { files, sources } = await mirror();
  const tampered = Buffer.from(files.get(`/${minor}.10.tar.gz`) as Buffer);
  tampered[tampered.length - 1] = (tampered.at(-1) ?? 0) ^ 1;
  files.set(`/${minor}.10.tar.gz`, tampered);
  await expect(find({ sources })).rejects.toThrow(new RegExp(`envtest ${minor}.10 was refused: SHA-512`));
  expect(filesOf(cache)).toEqual([]);
});

test("a controller manager with another checksum is refused alone, and compiled instead", async () => {
  const { files, sources } = await mirror();
  for (const name of files.keys()) if (name.endsWith(".sha512")) files.set(name, "0".repeat(128));
  fakeGo();
  const lines: string[] = [];
  const binaries = await find({ sources, log: (line) => lines.push(line) });
  expect(lines).toContainEqual(expect.stringMatching(/^No download: kube-controller-manager .* was refused/));
  expect(execFileSync(binaries["kube-controller-manager"], { encoding: "utf8" })).toContain(
    "cmd/kube-controller",
  );
  expect(execFileSync(binaries.etcd, { encoding: "utf8" })).toBe("etcd\n");
});

test("a network that swallows packets is given up after 5 s, so that a host without a way out soon compiles", async () => {
  const requested = Promise.withResolvers<void>();
  const base = await serve(() => requested.resolve());
  fakeGo();
  const clock = new VirtualClock();
  const lines: string[] = [];
  const finding = find({
    clock,
    sources: { envtestIndex: `${base}/index.yaml`, kubernetesReleases: base },
    log: (line) => lines.push(line),
  });
  await requested.promise;
  await clock.advance(4_999);
  expect(lines).toHaveLength(1);
  await clock.advance(1);
  const binaries = await finding;
  expect(lines[1]).toMatch(/^No download: 127\.0\.0\.1:\d+ gave no answer within 5 s$/);
  expect(execFileSync(binaries.etcd, { encoding: "utf8" })).toBe("go.etcd.io/etcd/server/v3\n");
});

test("a transfer that stands still is given up, so that a broken proxy does not hang the first start", async () => {
  const { files, sources } = await mirror();
  const begun = Promise.withResolvers<void>();
  const base = await serve((_request, response) => {
    response.writeHead(200, { "content-length": "1000000" }).write("a beginning");
    begun.resolve();
  });
  const index = String(files.get("/index.yaml")).replace(/http:\S+?(?=\/v[\d.]+\.tar)/g, base);
  files.set("/index.yaml", index);
  const clock = new VirtualClock();
  const downloading = Promise.withResolvers<void>();
  const failing = expect(
    find({ clock, sources, log: (line) => line.startsWith("Downloading") && downloading.resolve() }),
  ).rejects.toThrow("stopped sending");
  await Promise.all([begun.promise, downloading.promise]);
  await clock.advance(60_000);
  await failing;
  expect(filesOf(cache)).toEqual([]);
});

test("KUBEBUILDER_ASSETS comes first, and only what it lacks is fetched, because envtest has no controller manager", async () => {
  const { requests, sources } = await mirror();
  const assets = join(dir, "assets");
  for (const program of ["etcd", "kubectl", "kube-apiserver"]) script(join(assets, program), "echo mine");
  env.KUBEBUILDER_ASSETS = assets;
  const binaries = await find({ sources });
  expect(binaries.etcd).toBe(join(assets, "etcd"));
  expect(binaries["kube-controller-manager"]).toBe(join(cache, "kube-controller-manager"));
  expect(requests.map((path) => path.split("/").at(-1))).toEqual([
    "kube-controller-manager.sha512",
    "kube-controller-manager",
  ]);
});

test("where nothing can be had, the error names what each source lacked and what to install", async () => {
  const error = await find({ sources: await nowhere() }).then(String, String);
  expect(error).toContain("needs etcd, kubectl, kube-apiserver, kube-controller-manager");
  expect(error).toContain("KUBEBUILDER_ASSETS  is not set");
  expect(error).toContain(`~/.cache/paperspace-operator/control-plane/${release.kubernetes}`);
  expect(error).toMatch(/download +127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\)/);
  expect(error).toContain("there is no `go` on the PATH");
  expect(error).toMatch(/install Go 1\.\d+ or newer/);
  expect(error).toContain("set KUBEBUILDER_ASSETS to a folder");
});

test("an older Go that may not fetch a newer one is named, because its own message names go.mod", async () => {
  fakeGo("exit 1", "go1.20.3");
  const error = await find({ sources: await nowhere() }).then(String, String);
  expect(error).toMatch(/Go 1\.\d+ or newer is needed; the go on the PATH is 1\.20\.3/);
});

test("a failed compilation shows the compiler's output and leaves nothing half-built in the cache", async () => {
  fakeGo('echo half > "$out"; echo "verifying module: checksum mismatch" >&2; exit 1');
  const error = await find({ sources: await nowhere() }).then(String, String);
  expect(error).toContain("go build of etcd: exit code 1");
  expect(error).toContain("verifying module: checksum mismatch");
  expect(filesOf(cache)).toEqual([]);
});

test("an interrupted compilation ends its compiler and cleans up, so that Ctrl-C leaves nothing", async () => {
  const started = join(dir, "started");
  execFileSync("mkfifo", [started]);
  fakeGo(`echo half > "$out"; echo now > "${started}"; sleep 1000`);
  const stop = new AbortController();
  const finding = expect(find({ sources: await nowhere(), signal: stop.signal })).rejects.toThrow(
    "interrupted",
  );
  // Reading a fifo ends when the compiler has written to it.
  await readFile(started);
  stop.abort(new Error("interrupted"));
  await finding;
  expect(filesOf(cache)).toEqual([]);
});

test("two starts at once compile once, because the second finds what the first has made", async () => {
  fakeGo(`echo "$pkg" >> "${join(dir, "compiled")}"; printf "#!/bin/sh\\n" > "$out"; chmod +x "$out"`);
  const sources = await nowhere();
  const clock = new VirtualClock();
  const waiting = Promise.withResolvers<void>();
  const first = find({ sources, clock });
  const second = find({
    sources,
    clock,
    log: (line) => line.startsWith("Waiting for process") && waiting.resolve(),
  });
  await Promise.all([waiting.promise, first]);
  await clock.advance(1_000);
  expect(await second).toEqual(await first);
  expect(readFileSync(join(dir, "compiled"), "utf8").trim().split("\n")).toHaveLength(PROGRAMS.length);
});
