/**
 * docs/security.md is true: each limit is the constant that the page names, and the test that meets it exists, as does the one
 * of each sentence about rights.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/base/config.ts";

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const UNITS: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, s: 1_000 };

/** "4 MiB" in bytes, "30 s" in milliseconds, "1200" as it is. */
function amountOf(limit: string): number {
  const [number = "", unit] = limit.split(" ");
  return Number(number) * (unit === undefined ? 1 : (UNITS[unit] ?? Number.NaN));
}

/** What the file declares under this name: a product of numbers. */
function constantIn(path: string, name: string): number {
  const [, product = ""] =
    new RegExp(`^(?:export )?const ${name} = ([\\d_ *]+);`, "m").exec(read(path)) ?? [];
  return product.split("*").reduce((value, factor) => value * Number(factor.replaceAll("_", "")), 1);
}

function flagDefault(flag: string): number {
  const loaded = loadConfig([], {}, "0.0.0");
  if (loaded.action !== "run") throw new Error("without flags it runs");
  const key = flag.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return Number(loaded.config[key as keyof typeof loaded.config]);
}

const ROW = /^\| ([^|]+) \| ([\d]+(?: \w+)?) \| `([^`]+)` (\S+) \| `([^`]+)` "([^"]+)" \|$/;
const lines = read("docs/security.md").split("\n");

/** The lines of the table with this head. */
function rowsOf(head: string): string[] {
  const from = lines.indexOf(head);
  const end = lines.indexOf("", from);
  return lines.slice(from + 2, end < 0 ? undefined : end);
}

const rows = rowsOf("| What | Limit | Where | Test |");

describe("each limit of docs/security.md", () => {
  it.each(rows)("%s", (line) => {
    const [, , limit = "", path = "", name = "", testPath = "", test = ""] = ROW.exec(line) ?? [];
    const value = name.startsWith("`--") ? flagDefault(name.slice(1, -1)) : constantIn(path, name);
    expect({ name, value }).toEqual({ name, value: amountOf(limit) });
    expect(read(testPath)).toContain(test);
  });

  it("is in the table", () => {
    expect(rows.length).toBeGreaterThan(15);
  });
});

describe("each sentence about rights", () => {
  const sentences = rowsOf("| Sentence | Test |");

  it.each(sentences)("%s", (line) => {
    const [, path = "", test = ""] = /^\| .+ \| `([^`]+)` "([^"]+)" \|$/.exec(line) ?? [];
    expect(read(path)).toContain(test);
  });

  it("is in the table", () => {
    expect(sentences.length).toBeGreaterThan(10);
  });
});
