/** The command `npm run probe`: asks the live service what no document says, by reads only, and writes a report. */

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { systemClock } from "../../src/base/clock.ts";
import type { Reply, Send } from "./client.ts";
import { probe } from "./probe.ts";
import { report } from "./report.ts";

const USAGE = `Usage: PAPERSPACE_API_KEY=... npm run probe -- [flags]

Sends GET requests only, one after the other: it creates, changes and deletes nothing, and spends nothing.
The report has no ids, names or addresses.

  --out FILE        where the report goes (default probe-report.md)
  --most N          requests at most (default 400)
  --pause-ms N      between two requests (default 500)

PAPERSPACE_API_URL is the API's address (default https://api.paperspace.com/v1).
`;

const REQUEST_TIMEOUT_MS = 30_000;

function sendTo(baseUrl: string): Send {
  return async (path, key): Promise<Reply> => {
    const response = await fetch(`${baseUrl}${path}`, {
      headers: { accept: "application/json", ...(key !== null && { authorization: `Bearer ${key}` }) },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, headers: Object.fromEntries(response.headers), json: parsed(text) };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function numberOf(flag: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new Error(`--${flag} must be a whole number, ${least} or greater; it is ${JSON.stringify(text)}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: "probe-report.md" },
      most: { type: "string", default: "400" },
      "pause-ms": { type: "string", default: "500" },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const { PAPERSPACE_API_KEY: apiKey, PAPERSPACE_API_URL: url = "https://api.paperspace.com/v1" } =
    process.env;
  if (!apiKey) throw new Error(`PAPERSPACE_API_KEY is not set\n\n${USAGE}`);
  const result = await probe({
    send: sendTo(url.replace(/\/+$/, "")),
    apiKey,
    clock: systemClock,
    most: numberOf("most", values.most, 1),
    pauseMs: numberOf("pause-ms", values["pause-ms"], 0),
  });
  writeFileSync(values.out, report(result, new Date().toISOString().slice(0, 10)));
  console.log(
    `${result.requests} requests, ${result.misfits.size} kinds of misfits; the report is in ${values.out}`,
  );
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
