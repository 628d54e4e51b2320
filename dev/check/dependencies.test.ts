import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Lock, unreviewed } from "./dependencies.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(ROOT, "docs", "dependencies.md"), "utf8");
const read = (): Lock => JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
const INTEGRITY = "sha512-x";

/** The problems of the lock file after this change. */
function changed(change: (packages: Lock["packages"]) => void): string[] {
  const lock = read();
  change(lock.packages);
  return unreviewed(page, lock);
}

describe("the review of dependencies", () => {
  it("has every package of the lock file, and the reasons", () => {
    expect(unreviewed(page, read())).toEqual([]);
  });

  it("fails for a new package, also where another one needs it", () => {
    const problems = changed((packages) => {
      packages["node_modules/left-pad"] = { integrity: INTEGRITY };
      (packages["node_modules/pino"] as Lock["packages"][string]).dependencies = { "left-pad": "1" };
    });
    expect(problems).toContain("left-pad is in production, needed by pino: say why in docs/dependencies.md");
  });

  it("fails for one that comes by another way, and for one that is gone", () => {
    const problems = changed((packages) => {
      delete packages["node_modules/ws"];
      (packages["node_modules/pino"] as Lock["packages"][string]).dependencies = { undici: "8" };
    });
    expect(problems).toEqual(
      expect.arrayContaining([
        expect.stringContaining("ws is not in production any more"),
        expect.stringMatching(/^undici is needed by .*pino/),
      ]),
    );
  });

  it.each<[string, Partial<Lock["packages"][string]>, string]>([
    ["runs a script", { hasInstallScript: true }, "pino runs a script when it is installed"],
    ["has no hash", { integrity: "sha1-x" }, "pino has no SHA-512 in the lock file"],
    [
      "is not of the registry",
      { resolved: "git+ssh://git@example.com/x.git" },
      "pino comes from git+ssh://git@example.com/x.git, and not from the registry",
    ],
  ])("fails for one that %s", (_, fields, problem) => {
    expect(changed((packages) => Object.assign(packages["node_modules/pino"] ?? {}, fields))).toEqual([
      problem,
    ]);
  });

  it("fails for one that is not pinned, and leaves those of development alone", () => {
    const problems = changed((packages) => {
      const root = packages[""] as Lock["packages"][string];
      root.dependencies = { ...root.dependencies, pino: "^10.0.0" };
      packages["node_modules/some-tool"] = { dev: true, hasInstallScript: true };
    });
    expect(problems).toEqual(["pino is not pinned to one version: ^10.0.0"]);
  });
});
