import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { script, fakeGo as writeFakeGo } from "../../test/control-plane/go.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { cacheRootOf } from "../control-plane/go-module.ts";
import { type ChartToolOptions, findChartTools, TOOLS, toolFolder } from "./tools.ts";

/** A folder with a blank in its name, as a home folder may have one. */
let dir: string;
let env: NodeJS.ProcessEnv;
let cache: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "some tools "));
  mkdirSync(join(dir, "bin"));
  env = { HOME: join(dir, "home"), PATH: join(dir, "bin") };
  cache = toolFolder(cacheRootOf("chart-tools", env));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function fakeGo(body?: string, version?: string): void {
  env.PATH = writeFakeGo(join(dir, "bin"), body, version);
}

function find(options: ChartToolOptions = {}) {
  return findChartTools({ env, clock: new VirtualClock(), ...options });
}

const output = (program: string) => execFileSync(program, { encoding: "utf8" }).trim();

test("compiles both from the pinned module, because no other way to them is needed", async () => {
  fakeGo();
  const lines: string[] = [];
  const tools = await find({ log: (line) => lines.push(line) });
  expect(output(tools.helm)).toBe("helm.sh/helm/v4/cmd/helm");
  expect(output(tools.kubeconform)).toBe("github.com/yannh/kubeconform/cmd/kubeconform");
  expect(lines[0]).toMatch(
    /^First start: getting kubeconform, helm of kubeconform v0\.\d+\.\d+ and helm v4\.\d+\.\d+$/,
  );
  expect(readdirSync(cache).sort()).toEqual([...TOOLS].sort());
});

test("a second search takes the cache, so that it needs neither Go nor a network", async () => {
  fakeGo();
  const first = await find();
  env.PATH = "";
  expect(await find()).toEqual(first);
});

test("a path in the environment goes before the cache, and only the other program is compiled", async () => {
  fakeGo();
  env.HELM = script(join(dir, "my helm"), "echo mine");
  const tools = await find();
  expect(output(tools.helm)).toBe("mine");
  expect(readdirSync(cache)).toEqual(["kubeconform"]);
});

test("a path in the environment that leads nowhere is an error, so that no other version is used instead", async () => {
  fakeGo();
  env.KUBECONFORM = join(dir, "nothing here");
  await expect(find()).rejects.toThrow("KUBECONFORM must be the path of a program: there is none at");
});

test("where nothing can be had, the error names what each source lacked and what to install", async () => {
  const error = await find().then(String, String);
  expect(error).toContain("The tests of the chart need kubeconform and helm");
  expect(error).toMatch(/environment +KUBECONFORM and HELM are not set/);
  expect(error).toMatch(/cache +~\/\.cache\/paperspace-operator\/chart-tools\/kubeconform-v0/);
  expect(error).toContain("there is no `go` on the PATH");
  expect(error).toMatch(/install Go 1\.\d+ or newer/);
  expect(error).toMatch(/set HELM to the path of helm v4\.\d+\.\d+/);
});

test("a failed compilation shows the compiler's output and leaves nothing half-built in the cache", async () => {
  fakeGo('echo half > "$out"; echo "verifying module: checksum mismatch" >&2; exit 1');
  const error = await find().then(String, String);
  expect(error).toContain("go build of kubeconform: exit code 1");
  expect(error).toContain("verifying module: checksum mismatch");
  expect(readdirSync(cache)).toEqual([]);
});
