import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startControlPlane } from "./control-plane.ts";
import { PROGRAMS } from "./release.ts";

let dir: string;
let env: NodeJS.ProcessEnv;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "a control plane "));
  mkdirSync(join(dir, "tmp"));
  vi.stubEnv("TMPDIR", join(dir, "tmp"));
  env = { HOME: dir, PATH: process.env.PATH, KUBEBUILDER_ASSETS: dir };
  for (const program of PROGRAMS) fake(program, "sleep 1000");
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(dir, { recursive: true, force: true });
});

function fake(program: string, body: string): void {
  writeFileSync(join(dir, program), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
}

test("a program that dies during the start is shown with the end of its log, and nothing stays behind", async () => {
  fake("kube-apiserver", "echo 'bind: address already in use' >&2; exit 1");
  const error = await startControlPlane({ env }).then(String, String);
  expect(error).toContain("kube-apiserver did not start (exit code 1)");
  expect(error).toContain("    bind: address already in use");
  expect(readdirSync(join(dir, "tmp"))).toEqual([]);
});

test("an interrupted start leaves nothing behind, because Ctrl-C comes at any time", async () => {
  const stop = new AbortController();
  const starting = startControlPlane({ env, signal: stop.signal });
  stop.abort(new Error("interrupted"));
  await expect(starting).rejects.toThrow("interrupted");
  expect(readdirSync(join(dir, "tmp"))).toEqual([]);
});
