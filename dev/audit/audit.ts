/**
 * Known vulnerabilities of the production packages, and the signatures of what the registry gave, as npm reports them. A
 * registry that does not answer is no finding: a build without a network, or behind a mirror that knows neither, goes on.
 */
import { execFile } from "node:child_process";

export interface Ran {
  /** Undefined where it was killed or could not be started. */
  code: number | undefined;
  stdout: string;
  stderr: string;
}

export type Verdict =
  | { state: "clean" }
  | { state: "unanswered"; why: string }
  | { state: "found"; findings: readonly string[] };

/** Milliseconds until a registry counts as one that does not answer. */
const PATIENCE_MS = 60_000;

export function npm(args: readonly string[], cwd: string): Promise<Ran> {
  return new Promise((resolve) => {
    const options = { cwd, timeout: PATIENCE_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile("npm", args, options, (error, stdout, stderr) => {
      const { code = undefined } = error ?? { code: 0 };
      resolve({ code: typeof code === "number" ? code : undefined, stdout, stderr });
    });
  });
}

/** Of `npm audit --omit=dev --json`. */
export function judgeAudit({ stdout, stderr }: Ran): Verdict {
  const report = parsed(stdout);
  const { vulnerabilities } = report ?? {};
  if (!isObject(vulnerabilities)) return { state: "unanswered", why: reasonOf(report, stderr) };
  const findings = Object.entries(vulnerabilities).map(([name, found]) => {
    const { severity = "unknown", range = "any version" } = isObject(found) ? found : {};
    return `${name} ${range}: ${severity}`;
  });
  return findings.length > 0 ? { state: "found", findings } : { state: "clean" };
}

/** Of `npm audit signatures --json`: only a signature that is wrong is a finding; some registries sign nothing. */
export function judgeSignatures({ stdout, stderr }: Ran): Verdict {
  const report = parsed(stdout);
  const { invalid } = report ?? {};
  if (!Array.isArray(invalid)) return { state: "unanswered", why: reasonOf(report, stderr) };
  const findings = invalid.map((one) =>
    isObject(one) ? `${one.name}@${one.version}: the signature is not the registry's` : "an unreadable entry",
  );
  return findings.length > 0 ? { state: "found", findings } : { state: "clean" };
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function reasonOf(report: Record<string, unknown> | undefined, stderr: string): string {
  const { message, error } = report ?? {};
  if (typeof message === "string" && message !== "") return message;
  if (isObject(error) && typeof error.summary === "string" && error.summary !== "") return error.summary;
  return stderr.trim().split("\n")[0] || "no report came";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
