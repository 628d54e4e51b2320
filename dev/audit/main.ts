/** `npm run audit`: asks the registry about the packages of the image. Exit code 1 only where it reports something. */
import { join } from "node:path";
import { judgeAudit, judgeSignatures, npm, type Verdict } from "./audit.ts";

/** A registry that is not there is not waited for. */
const ONCE = ["--fetch-retries=0", "--fetch-timeout=20000"];
const root = join(import.meta.dirname, "..", "..");

async function report(what: string, ask: () => Promise<Verdict>): Promise<boolean> {
  const verdict = await ask();
  if (verdict.state === "clean") console.log(`ok     ${what}`);
  else if (verdict.state === "unanswered") console.log(`-      ${what}: not answered (${verdict.why})`);
  else for (const finding of verdict.findings) console.log(`FAILED ${what}: ${finding}`);
  return verdict.state !== "found";
}

const answers = [
  await report("known vulnerabilities", async () =>
    judgeAudit(await npm(["audit", "--omit=dev", "--json", ...ONCE], root)),
  ),
  await report("signatures of the registry", async () =>
    judgeSignatures(await npm(["audit", "signatures", "--omit=dev", "--json", ...ONCE], root)),
  ),
];
process.exitCode = answers.every(Boolean) ? 0 : 1;
