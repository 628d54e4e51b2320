/** What the plugin prints: texts, metrics and lists that others wrote, and the command line. */
import fc from "fast-check";
import { parse } from "yaml";
import { printableJson } from "../../src/base/plain-text.ts";
import { drawChart } from "../../src/plugin/chart.ts";
import { PluginError } from "../../src/plugin/failure.ts";
import { parseCommandLine } from "../../src/plugin/flags.ts";
import { numberText } from "../../src/plugin/metrics.ts";
import { linesOf, terminalLine } from "../../src/plugin/plain-text.ts";
import { decodeMetrics } from "../../src/plugin/series.ts";
import { age, table } from "../../src/plugin/table.ts";
import { yaml } from "../../src/plugin/yaml.ts";
import { hostileText, jsonWith, mutated } from "./inputs.ts";
import { failureOf, must, type Target, target } from "./target.ts";

const SAMPLE = { timestamp: "2026-01-01T00:00:00Z", value: "1.5" };
const metrics = jsonWith(
  ["timestamp", "value", "values", "instanceId", "gpu"],
  [SAMPLE, [SAMPLE], "2026-01-01T00:01:00Z", "+Inf", "-1e308", "1e308", "", 7, null],
);
const coloured = mutated([
  "\x1b[1;31mred\x1b[0m a\tb\r\n",
  "\x1b]0;title\x07x\x9d0;y\x9c\x90z\x1b\\",
  "1%\r2%\r\n",
]);

/** Colours are all that may reach a terminal. */
function mustBePlain(text: string): void {
  const rest = text.replace(/.(?<=\p{Cc})\[[0-9;:]*m/gu, (colour) =>
    colour.startsWith("\x1b") ? "" : colour,
  );
  must(!/(?![\t\n\p{Cn}])\p{C}/u.test(rest), `a control character in ${JSON.stringify(text.slice(0, 200))}`);
}

/** For JSON.stringify. Half a character is none in YAML, and is written as the sign for what is none. */
function wellFormed(_key: string, value: unknown): unknown {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key.toWellFormed(), item]));
}

export const PLUGIN_TARGETS: readonly Target[] = [
  target("lines for a terminal", 2_000, fc.oneof(coloured, hostileText), (text) => {
    for (const line of linesOf(text)) mustBePlain(terminalLine(line));
  }),
  target(
    "YAML and JSON of the plugin",
    1_500,
    jsonWith(["a", "true", "1", "a b"], ["yes", "1e3", " a", "a: b", null, 7]),
    (value) => {
      const given = JSON.parse(JSON.stringify(value, wellFormed) ?? "null");
      const text = yaml(given);
      mustBePlain(text);
      mustBePlain(printableJson(given));
      const same = JSON.stringify(parse(text, { maxAliasCount: 0 }));
      must(same === JSON.stringify(given), `YAML that is read as ${same}`);
    },
  ),
  target("metrics of the plugin", 1_500, metrics, (body) => {
    const series = decodeMetrics(body);
    if (!series) return;
    const format = (value: number, spread?: number) => numberText(value, "bytes", spread);
    const picture = drawChart(series, { title: "cpu", width: 80, colours: true, format });
    mustBePlain(picture);
    must(picture.length < 100_000, "a picture without bound");
  }),
  target(
    "tables of the plugin",
    1_500,
    fc.array(fc.tuple(fc.oneof(coloured, hostileText), fc.option(hostileText, { nil: undefined }))),
    (rows) => {
      mustBePlain(table(["A", "B"], rows));
      for (const [cell] of rows) age(cell, 0);
    },
  ),
  target(
    "command lines of the plugin",
    200,
    fc.array(
      fc.oneof(
        mutated([
          "logs",
          "psd/web",
          "--tail=10",
          "-f",
          "--since=1h",
          "--secret=a/b",
          "--since-time=2026-01-01T00:00:00Z",
        ]),
        hostileText,
      ),
      { maxLength: 6 },
    ),
    (argv) => void failureOf(() => parseCommandLine(argv), PluginError),
  ),
];
