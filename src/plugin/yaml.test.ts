import fc from "fast-check";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { yaml } from "./yaml.ts";

it("is block style as kubectl prints it, with quotes only where they are needed", () => {
  const value = [
    {
      name: "Ubuntu 22.04 Server",
      region: null,
      size: 50,
      tags: ["ab", "no"],
      empty: [],
      none: {},
      at: { here: true },
    },
    "2026-01-31",
  ];
  expect(yaml(value)).toBe(
    [
      "- name: Ubuntu 22.04 Server",
      "  region: null",
      "  size: 50",
      "  tags:",
      "  - ab",
      '  - "no"',
      "  empty: []",
      "  none: {}",
      "  at:",
      "    here: true",
      '- "2026-01-31"',
      "",
    ].join("\n"),
  );
});

it("reads back as what was printed, by the rules of either version of YAML", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      // JSON has no -0, and neither has what we print.
      const plain: unknown = JSON.parse(JSON.stringify(value));
      for (const version of ["1.1", "1.2"] as const) expect(parse(yaml(plain), { version })).toEqual(plain);
    }),
    { numRuns: 500 },
  );
});

it("escapes what is hidden by one escape a character, as every parser of YAML wants it", () => {
  const hidden = "a\u200b\u{e0041}\\u{f0000}";
  const half = "\ud83d";
  const text = yaml([hidden, `\\ud83d\\ude00${hidden}`, half]);
  expect(text).not.toMatch(/(?<!\\)\\ud[89a-f]/);
  expect(text).toContain("\\U000e0041");
  expect(parse(text)).toEqual([hidden, `\\ud83d\\ude00${hidden}`, "\ufffd"]);
});
