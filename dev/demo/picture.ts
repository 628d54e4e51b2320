/**
 * `npm run picture [-- --scene capacity]`: plays a scene of the demo and draws what it showed, as docs/demo.svg or
 * docs/capacity.svg. A recording, not a drawing: the times in it are those of the run, and only what the demo itself prints
 * is in it.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runDemo } from "./demo.ts";
import { ROOT } from "./demo-env.ts";
import { sceneOf } from "./scenes.ts";
import { appending, type LiveLine, type Style, type Terminal } from "./terminal.ts";

const SPEED = 15;
/** The picture ends here; the rest belongs to `--once`. */
const LAST = "are as declared";

/** Colours travel in the text between these characters of the private use area. */
const [OPEN, MIDDLE, CLOSE] = ["\uE000", "\uE001", "\uE002"];
const STYLED = new RegExp(`${OPEN}(\\w+)${MIDDLE}([^${CLOSE}]*)${CLOSE}`, "g");

const COLOURS: Record<Style | "plain" | "background" | "bar", string> = {
  background: "#0d1117",
  bar: "#161b22",
  plain: "#c9d1d9",
  bold: "#f0f6fc",
  dim: "#8b949e",
  green: "#3fb950",
  yellow: "#d29922",
  red: "#f85149",
  cyan: "#39c5cf",
};
const FONT_SIZE = 14;
const CELL = 8.43;
const LINE = 20;
const MARGIN = 18;
const BAR = 34;

interface Picture {
  file: string;
  label: string;
  command: string;
  terminal(out: Parameters<typeof appending>[0], style: Terminal["style"]): Terminal;
}

/** What the demo prints where it cannot redraw: so the steps that each machine takes stay visible. */
const EXAMPLES: Picture = {
  file: "demo.svg",
  label: "npm run demo: three machines become Ready",
  command: "npm run demo",
  terminal: appending,
};

/** The tables as they stand whenever something happens: the queue is seen as a whole. */
const CAPACITY: Picture = {
  file: "capacity.svg",
  label: "Machines of three namespaces wait for an A100 and get one in turn",
  command: "npm run demo -- --scene capacity",
  terminal: framing,
};

const { values } = parseArgs({ options: { scene: { type: "string", default: "examples" } } });
const picture = values.scene === "capacity" ? CAPACITY : EXAMPLES;
const lines = await record(picture);
await writeFile(join(ROOT, "docs", picture.file), svg([`$ ${picture.command}`, ...lines], picture.label));
console.log(`wrote docs/${picture.file}`);

function framing(out: Parameters<typeof appending>[0], style: Terminal["style"]): Terminal {
  let live: readonly LiveLine[] = [];
  return {
    style,
    print(...printed) {
      const texts = [...live.map(({ text }) => text), ...printed];
      out.write(texts.map((text) => `${text}\n`).join(""));
    },
    show(next) {
      live = next;
    },
  };
}

async function record({ terminal }: Picture): Promise<string[]> {
  let text = "";
  const style: Terminal["style"] = (format, words) => `${OPEN}${format}${MIDDLE}${words}${CLOSE}`;
  const out = {
    isTTY: false,
    rows: 0,
    write(words: string) {
      text += words;
      process.stdout.write(".");
      return true;
    },
  };
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort(new Error("interrupted")));
  await runDemo(
    { scene: sceneOf(values.scene), speed: SPEED, once: true },
    terminal(out, style),
    stop.signal,
  );
  const all = text.split("\n").filter((line) => !line.includes("Kubernetes is ready on"));
  return all.slice(0, all.findIndex((line) => line.includes(LAST)) + 1);
}

function svg(rows: readonly string[], label: string): string {
  const columns = Math.max(...rows.map((row) => plain(row).length));
  const width = Math.ceil(columns * CELL + 2 * MARGIN);
  const height = BAR + rows.length * LINE + 2 * MARGIN;
  const classes = Object.entries(COLOURS).map(([name, colour]) => `.${name}{fill:${colour}}`);
  const dots = ["#ff5f57", "#febc2e", "#28c840"].map(
    (colour, i) => `<circle cx="${20 + i * 20}" cy="${BAR / 2}" r="6" fill="${colour}"/>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">`,
    `<style>text{font:${FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;white-space:pre}.bold{font-weight:bold}${classes.join("")}</style>`,
    `<rect class="background" width="${width}" height="${height}" rx="10"/>`,
    `<path class="bar" d="M0 ${BAR}V10a10 10 0 0 1 10-10H${width - 10}a10 10 0 0 1 10 10V${BAR}Z"/>`,
    ...dots,
    ...rows.flatMap((row, i) => drawn(row, BAR + MARGIN + (i + 0.7) * LINE)),
    "</svg>",
    "",
  ].join("\n");
}

/** One element for each word, at its column: the columns stand whatever font the viewer has. */
function drawn(row: string, y: number): string[] {
  const elements: string[] = [];
  let column = 0;
  for (const { style, text } of spansOf(row)) {
    for (const { 0: word, index } of text.matchAll(/\S+(?: \S+)*/g)) {
      const x = MARGIN + (column + index) * CELL;
      const length = word.length * CELL;
      elements.push(
        `<text class="${style}" x="${x.toFixed(1)}" y="${y.toFixed(1)}" textLength="${length.toFixed(1)}">${escaped(word)}</text>`,
      );
    }
    column += text.length;
  }
  return elements;
}

function spansOf(row: string): { style: string; text: string }[] {
  const spans: { style: string; text: string }[] = [];
  let end = 0;
  for (const match of row.matchAll(STYLED)) {
    spans.push({ style: "plain", text: row.slice(end, match.index) });
    spans.push({ style: match[1] ?? "plain", text: match[2] ?? "" });
    end = match.index + match[0].length;
  }
  return [...spans, { style: "plain", text: row.slice(end) }];
}

function plain(row: string): string {
  return row.replaceAll(STYLED, "$2");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
