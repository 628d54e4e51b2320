/**
 * docs/machines.md is complete and true: a row for every field of the API's schemas, no cell empty, and each test that a
 * row names is there.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { CreateMachine, Machine, UpdateMachine } from "../simulator/api/schemas-machines.ts";

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(root("docs/machines.md"), "utf8");

/** The short names that the page explains. */
const FILES: Record<string, string> = {
  machine: "test/app/machine.test.ts",
  life: "test/app/operator.test.ts",
  schema: "test/schema.test.ts",
  settings: "src/kinds/machine/aspects/settings.test.ts",
  status: "src/kinds/machine/status-facts.test.ts",
};

/** Rows of the table below a heading, as cells. */
function table(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(1).map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim()),
  );
}

describe.each([
  ["Given at creation", CreateMachine],
  ["Changed afterwards", UpdateMachine],
  ["Shown by the API", Machine],
] as const)("the table “%s”", (heading, schema) => {
  const rows = table(heading);

  it("has one row for every field, so that none is forgotten", () => {
    expect(rows.map(([field]) => field).sort()).toEqual(Object.keys(schema.properties).sort());
  });

  it("has no empty cell, and no more or fewer than four", () => {
    for (const row of rows) {
      expect(row).toHaveLength(4);
      expect(row.every((cell) => cell.length > 0)).toBe(true);
    }
  });

  it.each(rows.map(([field = "", , , test = ""]) => [field, test]))("%s: its test is there", (_, test) => {
    const [, name = "", title = ""] = /^(\w+): "(.+)"$/.exec(test) ?? [];
    expect(FILES[name]).toBeDefined();
    expect(readFileSync(root(FILES[name] ?? ""), "utf8")).toContain(title);
  });
});
