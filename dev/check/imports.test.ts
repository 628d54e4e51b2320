import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { importCircles, importsOf, importViolations } from "./imports.ts";
import { readSources } from "./sources.ts";

/** Files that import each other: { "kube/a.ts": ["./b.ts"] }. */
function files(imports: Record<string, readonly string[]>, statement = "import { x } from") {
  return Object.entries(imports).map(([path, targets]) => ({
    path,
    text: targets.map((target) => `${statement} "${target}";\n`).join(""),
  }));
}

describe("imports are found", () => {
  it.each([
    ['import { a } from "./b.ts";', "by value"],
    ['import type { A } from "./b.ts";', "of types only: they tie files together as well"],
    ['import {\n  type A,\n  b,\n} from "./b.ts";', "over several lines"],
    ['import "./b.ts";', "for their effect"],
    ['export { a } from "./b.ts";', "in what is exported again"],
    ['export * from "./b.ts";', "in what is exported whole"],
    ['const b = await import("./b.ts");', "at run time"],
    ['let b: import("./b.ts").B;', "inside a type"],
  ])("%s", (text) => {
    expect(importsOf(join("kube", "a.ts"), text)).toEqual([{ from: "kube/a.ts", to: "kube/b.ts" }]);
  });

  it("and packages are none of ours", () => {
    expect(importsOf("app.ts", 'import pino from "pino";\nimport { join } from "node:path";')).toEqual([]);
  });
});

describe("src is what the image contains", () => {
  it.each([
    ["../dev/simulator/main.ts", "app.ts"],
    ["../../test/support/life.ts", "kube/resource.ts"],
    ["../../../test/support/life.ts", "kinds/machine/index.ts"],
  ])("%s cannot be imported from %s: it is not there at run time", (target, path) => {
    for (const statement of ["import { x } from", "import type { X } from", "export * from"])
      expect(importViolations(files({ [path]: [target] }, statement))).toEqual([
        expect.stringContaining("is not in src"),
      ]);
  });

  it("package.json is in it too", () => {
    expect(importViolations(files({ "base/version.ts": ["../../package.json"] }))).toEqual([]);
  });
});

describe("imports go down", () => {
  it("from app to base, not from base to app", () => {
    expect(importViolations(files({ "app.ts": ["./base/clock.ts"] }))).toEqual([]);
    expect(importViolations(files({ "base/clock.ts": ["../app.ts"] }))).toEqual([
      "base/clock.ts imports app.ts: base may import nothing",
    ]);
  });

  it("never from one kind to another", () => {
    expect(importViolations(files({ "kinds/machine/a.ts": ["../deployment/b.ts"] }))).toHaveLength(1);
    expect(importViolations(files({ "kinds/machine/a.ts": ["../calls.ts"] }))).toEqual([]);
  });

  it("from the plugin to no kind and not to the registry, which is why its table of kinds is generated", () => {
    expect(
      importViolations(files({ "plugin/kinds.ts": ["../registry.ts", "../kinds/machine/types.ts"] })),
    ).toHaveLength(2);
  });

  it("and a folder without a place on the list is a violation, not an exception", () => {
    expect(importViolations(files({ "odd/a.ts": ["../base/clock.ts"] }))).toHaveLength(1);
  });
});

describe("circles", () => {
  it("are none where imports only meet", () => {
    expect(importCircles(files({ "a.ts": ["./b.ts", "./c.ts"], "b.ts": ["./c.ts"], "c.ts": [] }))).toEqual(
      [],
    );
  });

  it("are reported as a path, once, wherever one enters them", () => {
    const circle = { "kube/b.ts": ["./c.ts"], "kube/c.ts": ["./a.ts"], "kube/a.ts": ["./b.ts"] };
    expect(importCircles(files({ "app.ts": ["./kube/b.ts"], ...circle }))).toEqual([
      "kube/a.ts → kube/b.ts → kube/c.ts → kube/a.ts",
    ]);
  });

  it("count when only types go round: such files cannot be read or moved apart either", () => {
    expect(
      importCircles(files({ "a.ts": ["./b.ts"], "b.ts": ["./a.ts"] }, "import type { X } from")),
    ).toEqual(["a.ts → b.ts → a.ts"]);
  });

  it("are all named where several go through one file, by their shortest ways", () => {
    expect(
      importCircles(
        files({ "a.ts": ["./b.ts", "./c.ts"], "b.ts": ["./a.ts"], "c.ts": ["./d.ts"], "d.ts": ["./a.ts"] }),
      ),
    ).toEqual(["a.ts → b.ts → a.ts", "a.ts → c.ts → d.ts → a.ts"]);
  });

  it("can be of one file, and of several folders", () => {
    expect(importCircles(files({ "a.ts": ["./a.ts"] }))).toEqual(["a.ts → a.ts"]);
    expect(importCircles(files({ "kube/a.ts": ["../base/b.ts"], "base/b.ts": ["../kube/a.ts"] }))).toEqual([
      "base/b.ts → kube/a.ts → base/b.ts",
    ]);
  });
});

it("the sources are all files of src but its tests", async () => {
  const paths = (await readSources(join(import.meta.dirname, "..", "..", "src"))).map(({ path }) => path);
  expect(paths).toEqual(expect.arrayContaining(["main.ts", join("kinds", "machine", "index.ts")]));
  expect(paths.filter((path) => path.endsWith(".test.ts"))).toEqual([]);
});
