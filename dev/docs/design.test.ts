/**
 * docs/design.md is complete and true: every chapter has its parts, the files and flags that it names exist, its defaults
 * are those of the configuration, and a comment that cites a chapter leads to one.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/base/config.ts";
import { failureOf } from "../../src/kinds/failure.ts";
import { PaperspaceError, type PaperspaceErrorCode } from "../../src/paperspace/errors.ts";

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(root("docs/design.md"), "utf8");
const PARTS = ["Expected flow", "Guarantees", "Assumptions", "Caveats"];

interface Chapter {
  heading: string;
  text: string;
}

const chapters: Chapter[] = page
  .split(/^## /m)
  .slice(1)
  .map((text) => ({ heading: text.slice(0, text.indexOf("\n")), text }));

/** Rows of the table that begins with this header, as cells. */
function table(header: string): string[][] {
  const lines = page.split("\n");
  const rows = lines.slice(lines.indexOf(header) + 2);
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith("|")),
    )
    .map((row) =>
      row
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim()),
    );
}

/** Defaults by flag, as `--help` shows them; undefined where a flag has none. */
function defaults(): Map<string, string | undefined> {
  const loaded = loadConfig(["--help"], {}, "0.0.0");
  if (loaded.action !== "print") throw new Error("--help prints");
  const blocks = loaded.text.split(/^ {2}(?=--)/m).slice(1);
  return new Map(
    blocks.map((block) => {
      const [flag = ""] = /^--[a-z-]+/.exec(block) ?? [];
      return [flag, /; default (.+)$/m.exec(block)?.[1]];
    }),
  );
}

/** A citation may be broken over two lines of a comment. */
function citations(path: string): string[] {
  const text = readFileSync(path, "utf8").replace(/\s*\n\s*(?:\*|\/\/|#)?\s*/g, " ");
  return [...text.matchAll(/\(docs\/design\.md, ([^)]+)\)/g)].map(([, chapter = ""]) => chapter);
}

const sources = ["src", "dev", "test"].flatMap((folder) =>
  readdirSync(root(folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => `${folder}/${file}`),
);

describe.each(chapters)("the chapter “$heading”", ({ heading, text }) => {
  it("has its four parts in order, so that a reader finds each guarantee beside what it rests on", () => {
    const parts = [...text.matchAll(/^### (.+)$/gm)].map(([, part]) => part);
    expect(parts).toEqual(PARTS);
    for (const part of text.split(/^### /m).slice(1)) expect(part.split("\n").length).toBeGreaterThan(3);
  });

  it("names the files where it is in the code", () => {
    const [, where = ""] = /^Where in the code: ([\s\S]+?)(?:\n\n|$)/m.exec(text) ?? [];
    expect([...where.matchAll(/`([^`]+)`/g)].length).toBeGreaterThan(0);
  });

  it("is in the list of contents", () => {
    const anchor = heading.toLowerCase().replaceAll(" ", "-");
    expect(page).toContain(`- [${heading}](#${anchor}): `);
  });
});

describe("what the page names", () => {
  it("exists, as far as it is a file or a folder", () => {
    const paths = [...page.matchAll(/`((?:src|test|dev|docs|crds)\/[\w./-]+)`/g)].map(
      ([, path = ""]) => path,
    );
    expect(paths.length).toBeGreaterThan(40);
    expect(paths.filter((path) => !existsSync(root(path)))).toEqual([]);
  });

  it("has the default that the page gives, as far as it is a flag", () => {
    const known = defaults();
    const named = [...page.matchAll(/`(--[a-z-]+)`(?:\s+\(([^)]+)\))?/g)];
    expect(named.length).toBeGreaterThan(20);
    for (const [, flag = "", value] of named) {
      expect(known.has(flag), flag).toBe(true);
      expect({ flag, value }).toEqual({ flag, value: known.get(flag) });
    }
  });

  it("is every outcome that a pass can have", () => {
    const outcomes =
      readFileSync(root("src/reconcile/outcome.ts"), "utf8").split("export type Outcome =")[1] ?? "";
    const kinds = [...(outcomes.split(";\n\n")[0] ?? "").matchAll(/\| \{ kind: "(\w+)"/g)].map(
      ([, kind]) => kind,
    );
    expect(table("| Outcome | Meaning | The key runs again |").map(([kind]) => kind)).toEqual(kinds);
  });

  it("is what each error of the API leads to", () => {
    const [retried, ...listed] = table("| Code | Outcome | Reason | Again after |").reverse();
    expect(retried?.[0]).toBe("all others");
    for (const [codes = "", kind, reason] of listed)
      for (const code of codes.split(", ")) {
        const error = new PaperspaceError(code as PaperspaceErrorCode, "", { effect: "none" });
        const outcome = failureOf(error, { recheckMs: 1, slowMs: 2 })?.outcome;
        const shown = { kind: outcome?.kind, reason: outcome && "reason" in outcome ? outcome.reason : "-" };
        expect({ code, ...shown }).toEqual({ code, kind, reason });
      }
  });

  it("is who can do what to whom, each line with its test", () => {
    const squeezed = (text: string) => text.replace(/\s+/g, "");
    const tests = squeezed(readFileSync(root("test/app/ownership.test.ts"), "utf8"));
    const wishes = "A user who may edit the objects of one namespace, and wants to";
    const lines = table(`| ${wishes} | Shared key | Operator's key | Own key |`);
    expect(lines.length).toBeGreaterThan(5);
    for (const [wish, shared, operator, own] of lines)
      expect(tests).toContain(
        squeezed(`line("${wish}", { shared: "${shared}", operator: "${operator}", own: "${own}" },`),
      );
  });

  it("is the settle time of a create, which is a sum of flags", () => {
    const loaded = loadConfig([], {}, "0.0.0");
    if (loaded.action !== "run") throw new Error("without flags it runs");
    const { sendWindow, requestTimeout, leaseDuration, attemptSettle } = loaded.config;
    expect(page).toContain(
      `${(sendWindow + requestTimeout + leaseDuration + attemptSettle) / 1000} s in all`,
    );
  });
});

describe("the comments of the code", () => {
  it("cite chapters that the page has", () => {
    const headings = chapters.map(({ heading }) => heading);
    const cited = sources.flatMap((path) => citations(root(path)).map((chapter) => ({ path, chapter })));
    expect(cited.filter(({ chapter }) => !headings.includes(chapter))).toEqual([]);
  });

  it("cite no page that is not in the repository", () => {
    const cites = /\bDESIGN(?: section|:)/;
    expect(sources.filter((path) => cites.test(readFileSync(root(path), "utf8")))).toEqual([]);
  });

  it("cite every chapter, so that each guarantee is found from its code", () => {
    const cited = new Set(sources.flatMap((path) => citations(root(path))));
    expect(chapters.map(({ heading }) => heading).filter((heading) => !cited.has(heading))).toEqual([]);
  });
});
