/** What goes into the image, without docker: the Dockerfile's own steps are taken in a folder, and the operator starts from it. */
import { execFileSync, spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  globSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  utimesSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { assemble, type Image } from "./assemble.ts";
import { ignoring, parseDockerfile } from "./dockerfile.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
const dockerfile = parseDockerfile(read("Dockerfile"));
const ignored = ignoring(read(".dockerignore"));
const final = dockerfile.stages.at(-1);
const of = (name: string) => final?.instructions.filter((instruction) => instruction.name === name) ?? [];

interface Locked {
  version: string;
  dev?: boolean;
}
const packages: Record<string, Locked> = JSON.parse(read("package-lock.json")).packages;

/** Far above what it takes, which is mostly npm's. */
const ASSEMBLE_MS = 300_000;
const CREATED = "2026-01-02T03:04:05Z";

let folder: string;
let image: Image;
/** What two builds made, of which the second is the image of the tests. */
const builds: Map<string, string>[] = [];
/** What a user who does not own it could write, before the root is made read-only. */
let writable: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "an image "));
  chmodSync(folder, 0o755);
  const registry = execFileSync("npm", ["config", "get", "registry"], { cwd: ROOT, encoding: "utf8" }).trim();
  const args = { NPM_REGISTRY: registry, VERSION: "9.8.7", REVISION: "abc", CREATED };
  // What `npm ci` has fetched for the checkout is enough.
  const env = { npm_config_prefer_offline: "true" };
  for (const context of [otherCheckout(join(folder, "checkout")), ROOT]) {
    // At the same place, since compiled code is kept by its path. A container has only one.
    const work = join(folder, "build");
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
    image = assemble({ dockerfile, context, ignored, work, args, env });
    builds.push(filesOf(image.root));
  }
  writable = readdirSync(image.root, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const { mode } = lstatSync(path);
      return (mode & 0o170000) !== 0o120000 && (mode & 0o022) !== 0;
    });
  // As in a pod with a read-only root.
  execFileSync("chmod", ["-R", "a-w", image.root]);
}, ASSEMBLE_MS);

afterAll(() => {
  execFileSync("chmod", ["-R", "u+w", folder]);
  rmSync(folder, { recursive: true, force: true });
});

/** The same commit, checked out at another time by a user who shares with a group. */
function otherCheckout(copy: string): string {
  const at = new Date("2020-02-02T02:02:02Z");
  for (const path of context()) {
    const to = join(copy, path);
    cpSync(join(ROOT, path), to);
    utimesSync(to, at, at);
    chmodSync(to, 0o664);
  }
  return copy;
}

/** By path, rights and a hash of the content. Not times, which the builder sets (SOURCE_DATE_EPOCH). */
function filesOf(root: string): Map<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: "utf8" });
  const describe = (at: string): string => {
    const stat = lstatSync(at);
    if (stat.isSymbolicLink()) return `link to ${readlinkSync(at)}`;
    const content = stat.isFile() ? hash("sha256", readFileSync(at)) : "folder";
    return `${stat.mode.toString(8)} ${content}`;
  };
  return new Map(paths.map((path) => [path, describe(join(root, path))]));
}

/** Every file that a build could copy. */
function context(folder = ""): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (ignored(path)) return [];
    return entry.isDirectory() ? context(path) : [path];
  });
}

/** Starts the image as a container without any setting would. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const [program = "", ...own] = image.entrypoint;
  const [uid, gid] = image.user.split(":").map(Number);
  return spawnSync(program, [...own, ...args], {
    cwd: image.workingDirectory,
    // A home without a kubeconfig: no test may reach a cluster of the user who runs it.
    env: { HOME: image.root, ...image.env, ...env },
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    timeout: 30_000,
    ...(process.getuid?.() === 0 && { uid, gid }),
  });
}

test("both images are pinned by digest and can be replaced, because a registry may be out of reach", () => {
  const { BUILD_IMAGE, BASE_IMAGE } = dockerfile.args;
  expect(dockerfile.stages.map((stage) => stage.image)).toEqual([BUILD_IMAGE, BASE_IMAGE]);
  for (const { image } of dockerfile.stages) expect(image).toMatch(/^[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}$/);
  expect(BASE_IMAGE).toMatch(/:nonroot@/);
});

test("the image has the Node that the tests run with, because only that one is proven", () => {
  const { version } = packages["node_modules/node"] as Locked;
  expect(dockerfile.args.BUILD_IMAGE).toContain(`node:${version}-`);
  expect(process.versions.node).toBe(version);
});

test("the final stage only copies from the first one: no shell has to be in it, and nothing comes past the build", () => {
  const names = new Set(final?.instructions.map(({ name }) => name));
  expect([...names].sort()).toEqual(["ARG", "COPY", "ENTRYPOINT", "ENV", "LABEL", "USER", "WORKDIR"]);
  for (const { flags } of of("COPY")) expect(flags).toEqual({ from: "build", chown: "0:0" });
});

test("two builds of one commit give the same files, so that others can check what an image was made of", () => {
  const [first = new Map<string, string>(), second = new Map<string, string>()] = builds;
  const paths = [...new Set([...first.keys(), ...second.keys()])];
  expect(paths.length).toBeGreaterThan(1_000);
  expect(paths.filter((path) => first.get(path) !== second.get(path))).toEqual([]);
});

test("its user is a number and not root, because Kubernetes cannot check a name", () => {
  expect(image.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  expect(of("USER")).toHaveLength(1);
});

test("nothing in it can be written by another user than root, its own compiled code least of all", () => {
  expect(writable.map((path) => path.slice(image.root.length))).toEqual([]);
});

test("no signal opens Node's debugger", () => {
  expect(image.entrypoint).toContain("--disable-sigusr1");
});

test("it starts with the flags of npm start, so that both need the same memory", () => {
  const [, flags = ""] =
    / node (.+) src\/main\.ts$/.exec(JSON.parse(read("package.json")).scripts.start) ?? [];
  expect(image.entrypoint).toEqual(expect.arrayContaining(flags.split(" ")));
});

test("the labels contain version, revision and time of the build", () => {
  expect(image.labels).toMatchObject({
    "org.opencontainers.image.version": "9.8.7",
    "org.opencontainers.image.revision": "abc",
    "org.opencontainers.image.created": CREATED,
    "org.opencontainers.image.licenses": JSON.parse(read("package.json")).license,
  });
});

test("nothing reaches the build but sources, manifests and the licence, so that no secret of a checkout can", () => {
  const files = context();
  const others = files.filter((path) => !/^src\/.+\.ts$/.test(path));
  expect(others.sort()).toEqual(["LICENSE", "package-lock.json", "package.json"]);
  expect(files.filter((path) => /\.test\.ts$|^src\/plugin/.test(path))).toEqual([]);
  for (const path of ["dev/main.ts", "test/a.test.ts", ".git/config", ".env", ".npmrc"]) {
    expect(ignored(path), path).toBe(true);
  }
});

test("the operator's folder holds what it needs to run, and nothing else", () => {
  expect(readdirSync(image.root)).toEqual(["app", "usr"]);
  expect(globSync("usr/**/*", { cwd: image.root }).sort()).toEqual([
    "usr/local",
    "usr/local/bin",
    "usr/local/bin/node",
  ]);
  expect(readdirSync(image.workingDirectory).sort()).toEqual([
    ".compile-cache",
    "LICENSE",
    "node_modules",
    "package.json",
    "src",
  ]);
});

test("its packages are the production ones of the lock file, in its versions", () => {
  const installed = globSync("node_modules/**/package.json", { cwd: image.workingDirectory })
    .map((path) => path.slice(0, -"/package.json".length))
    .filter((path) => /node_modules\/(@[^/]+\/)?[^/]+$/.test(path));
  const wanted = Object.keys(packages).filter((path) => path !== "" && !packages[path]?.dev);
  expect(installed.sort()).toEqual(wanted.sort());
  for (const path of installed) {
    const manifest = readFileSync(join(image.workingDirectory, path, "package.json"), "utf8");
    expect(JSON.parse(manifest).version, path).toBe(packages[path]?.version);
  }
});

test("it stays small, because every node that runs it has to load it", () => {
  const files = globSync("**/*", { cwd: image.workingDirectory });
  const bytes = files.reduce((sum, path) => {
    const stat = lstatSync(join(image.workingDirectory, path));
    return stat.isFile() ? sum + stat.size : sum;
  }, 0);
  expect(bytes / 1e6).toBeLessThan(60);
  expect(files.filter((path) => /\.d\.[mc]?ts$|\.map$/.test(path))).toEqual([]);
});

test("it starts as its user, with nothing set, from files that it cannot write", () => {
  const { status, stdout, stderr } = start(["--help"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("--leader-elect");
  expect(start(["--version"]).stdout.trim()).toBe(JSON.parse(read("package.json")).version);
});

test("without --help it gets as far as the cluster, so that no file is missing that only a start needs", () => {
  const { status, stdout } = start([]);
  expect(status).toBe(1);
  expect(JSON.parse(stdout).err.code).toBe("KUBE_CONFIG");
});

test("it takes what the build has compiled, because that saves a third of the start", () => {
  const { stderr } = start(["--help"], { NODE_DEBUG_NATIVE: "COMPILE_CACHE" });
  const accepted = stderr.match(/code cache for \S+ .* was accepted/g) ?? [];
  expect(accepted.length).toBeGreaterThan(400);
  expect(stderr).not.toContain("was rejected");
});
