import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { version } from "../base/version.ts";

const BIN = fileURLToPath(new URL("../../bin/kubectl-paperspace.js", import.meta.url));

function run(args: readonly string[], nodeArgs: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...nodeArgs, BIN, ...args], {
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

describe("bin/kubectl-paperspace.js", () => {
  it("is executable, else kubectl warns and ignores it", () => {
    expect(() => accessSync(BIN, constants.X_OK)).not.toThrow();
  });

  it("runs the plugin", () => {
    expect(run(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
    expect(run(["list"])).toMatchObject({ status: 2, stdout: "" });
  });

  it("reports the required version where node is too old, instead of a syntax error", () => {
    const older = `const versions = { ...process.versions, node: "20.19.0" };
      Object.defineProperty(process, "versions", { value: versions });`;
    const { status, stdout, stderr } = run(["--version"], ["--import", `data:text/javascript,${older}`]);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toBe("error: kubectl paperspace needs Node 24 or newer, and this is Node 20.19.0\n");
  });
});
