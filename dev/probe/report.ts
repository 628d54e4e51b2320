/** The report of a probe, in Markdown. Pure. */

import { UNKNOWNS } from "../fidelity/unknowns.ts";
import { DEFAULT_BEHAVIOUR } from "../simulator/world/behaviour.ts";
import type { Answer, Unanswered } from "./answers.ts";
import type { ProbeResult } from "./probe.ts";

export function report({ requests, read, misfits, answers }: ProbeResult, date: string): string {
  const answered = UNKNOWNS.filter(({ id }) => isAnswer(answers.get(id)));
  const open = UNKNOWNS.filter(({ id }) => !isAnswer(answers.get(id)));
  return [
    "# What the API answers",
    "",
    `${date}, ${requests} requests, all of them GET. This report has no ids, names, addresses or keys.`,
    "",
    "## Answers that do not fit our schema",
    "",
    ...(misfits.size === 0 ? ["None."] : counted(misfits)),
    "",
    "## Unknowns that are answered",
    "",
    "| Unknown | Question | Answer | The simulator |",
    "|---|---|---|---|",
    ...answered.map(({ id, question }) => {
      const answer = answers.get(id) as Answer;
      return `| \`${id}\` | ${cell(question)} | ${cell(answer.text)} | ${cell(compared(answer))} |`;
    }),
    "",
    "## Unknowns that are left",
    "",
    ...open.map(({ id, question }) => `- \`${id}\`: ${question} ${why(answers.get(id))}`),
    "",
    "## What was read",
    "",
    ...counted(read),
    "",
  ].join("\n");
}

const isAnswer = (answer: Answer | Unanswered | undefined): answer is Answer =>
  answer !== undefined && "text" in answer;

const why = (answer: Answer | Unanswered | undefined) =>
  answer && "missing" in answer
    ? `The account has not what it takes: ${answer.missing}.`
    : "Only a write shows it.";

/** What of it the simulator does otherwise by default. */
function compared({ switches }: Answer): string {
  if (!switches) return "-";
  const others = Object.entries(switches).filter(
    ([name, value]) => DEFAULT_BEHAVIOUR[name as keyof typeof DEFAULT_BEHAVIOUR] !== value,
  );
  if (others.length === 0) return "the same";
  return `**otherwise**: ${others.map(([name, value]) => `\`${name}\` should be \`${value}\``).join(", ")}`;
}

const counted = (map: ReadonlyMap<string, number>) =>
  [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([what, times]) => `- ${what} (${times})`);

const cell = (text: string) => text.replaceAll("|", "\\|");
