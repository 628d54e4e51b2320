/** What was measured, for a terminal and as Markdown. Pure but for what it asks of the host. */
import { availableParallelism, cpus, totalmem } from "node:os";
import { type Counts, type Figure, goalText, isMissed, total, valueText } from "./figures.ts";
import type { OperatorResult, Result } from "./runner.ts";

/** One line: what figures depend on. */
export function machineFacts(): string {
  const model = cpus()[0]?.model.trim() || process.arch;
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${availableParallelism()} × ${model}, ${memory}, ${process.platform}, Node ${process.versions.node}`;
}

export function titleOf({ scenario, size }: Pick<Result, "scenario" | "size">): string {
  return `${scenario.name}: ${size.toLocaleString("en")} ${scenario.unit}`;
}

/** For a terminal. */
export function textOf(result: Result): string {
  const lines = [titleOf(result)];
  for (const [i, { what }] of figuresOf(result).entries()) {
    const values = result.operators.map((each, n) => cell(each.figures[i], n === 0).padStart(14));
    lines.push(`  ${what.padEnd(40)}${values.join("")}   ${goalOf(result.operators[0]?.figures[i])}`);
  }
  for (const operator of result.operators)
    for (const [title, counts] of Object.entries(operator.tables))
      lines.push(`  ${title} (${operator.operator}): ${total(counts)}`, ...countLines(counts));
  return lines.join("\n");
}

function countLines(counts: Counts): string[] {
  return Object.entries(counts).map(([what, count]) => `    ${what.padEnd(42)} ${count}`);
}

/** One table, then the counts of calls. */
export function markdownOf(results: readonly Result[], command: string): string {
  const names = [...new Set(results.flatMap(({ operators }) => operators.map(({ operator }) => operator)))];
  const rows = results.flatMap((result) => rowsOf(result, names));
  return [
    `\`${command}\`, ${runsOf(results)}. ${machineFacts()}.`,
    "",
    row(["Scenario", "Figure", "Goal", ...names]),
    row(["---", "---", "---", ...names.map(() => "---:")]),
    ...rows.map(row),
    "",
    ...results.flatMap(countsOf),
  ].join("\n");
}

function runsOf(results: readonly Result[]): string {
  const runs = results[0]?.operators[0]?.runs.length ?? 0;
  return runs === 1 ? "one run" : `medians of ${runs} runs`;
}

function rowsOf(result: Result, names: readonly string[]): string[][] {
  return figuresOf(result).map(({ what }, i) => [
    i === 0 ? titleOf(result) : "",
    what,
    goalOf(result.operators[0]?.figures[i]),
    ...names.map((name, n) =>
      cell(result.operators.find(({ operator }) => operator === name)?.figures[i], n === 0),
    ),
  ]);
}

function figuresOf({ operators }: Result): readonly Figure[] {
  return operators[0]?.figures ?? [];
}

function goalOf(figure: Figure | undefined): string {
  return figure ? goalText(figure) : "";
}

/** Goals are those of the first operator, this repository's; one that it misses is marked. */
function cell(figure: Figure | undefined, hasGoals: boolean): string {
  if (!figure) return "";
  return hasGoals && isMissed(figure) ? `${valueText(figure)} ✗` : valueText(figure);
}

function countsOf(result: Result): string[] {
  return result.operators.flatMap(({ operator, tables }: OperatorResult) =>
    Object.entries(tables).map(([title, counts]) => {
      const parts = Object.entries(counts).map(([what, count]) => `${what} ${count}`);
      return `- ${title}, ${titleOf(result)}, ${operator}: ${total(counts).toLocaleString("en")} (${parts.join(", ")})`;
    }),
  );
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
