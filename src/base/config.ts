/**
 * The configuration: the one place that reads arguments and environment. The rest of the program sees only the frozen
 * result.
 */
import { type Option, type OptionEntry, optionEntries, type SECTIONS } from "./config-options.ts";
import { readFlags } from "./flags.ts";
import { BadValue } from "./options.ts";

type Sections = typeof SECTIONS;
type Fields<T> = {
  readonly [K in keyof T]: T[K] extends Option<infer V, infer D>
    ? D extends string
      ? V
      : V | undefined
    : never;
};
type Merge<U> = (U extends unknown ? (u: U) => void : never) extends (i: infer I) => void ? I : never;
type Flat<T> = { readonly [K in keyof T]: T[K] };

/** The frozen configuration. Durations are milliseconds. `noProxy` and the proxies are undefined when unset. */
export type Config = Flat<Merge<Fields<Sections[keyof Sections]>>>;

/** What a start of the program leads to: run with a configuration, or print a text and exit. */
export type Loaded =
  | { readonly action: "run"; readonly config: Config }
  | { readonly action: "print"; readonly text: string };

/** Every problem of a configuration at once, each a line that names the flag and what is allowed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length === 1 ? "a problem" : `${problems.length} problems`}:
${problems.map((problem) => `  ${problem}`).join("\n")}`);
    this.problems = problems;
  }
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Flags over environment over defaults. An empty variable counts as unset, for that is what templates leave behind.
 * Throws ConfigError with everything that is wrong.
 */
export function loadConfig(argv: readonly string[], env: Env, version: string): Loaded {
  const entries = optionEntries();
  const problems: string[] = [];
  const given = readFlags(argv, entries, problems);
  if (given.has("help")) return { action: "print", text: helpText(entries, version) };
  if (given.has("version")) return { action: "print", text: version };

  const values: Record<string, unknown> = {};
  for (const entry of entries) values[entry.key] = resolve(entry, given, env, problems);
  problems.push(...refusedVariables(env));
  // Rules between values are checked only once each value by itself is valid.
  if (problems.length === 0) crossCheck(values as unknown as Config, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return { action: "run", config: freeze(values) as unknown as Config };
}

/** What Node itself reads from the environment, before any code of ours runs, and what must not stand there. */
export function refusedVariables({ NODE_TLS_REJECT_UNAUTHORIZED }: Env): string[] {
  if (NODE_TLS_REJECT_UNAUTHORIZED !== "0") return [];
  return [
    "NODE_TLS_REJECT_UNAUTHORIZED: 0 is not allowed: any server could pass for the Paperspace API and read every API key. Remove it; NODE_EXTRA_CA_CERTS names a file with the certificates of a proxy or of a private API",
  ];
}

function resolve(
  entry: OptionEntry,
  given: ReadonlyMap<string, string>,
  env: Env,
  problems: string[],
): unknown {
  const byFlag = entry.flag === undefined ? undefined : given.get(entry.flag);
  const variable = byFlag === undefined ? entry.env.find((name) => env[name]) : undefined;
  const raw = byFlag ?? (variable && env[variable]) ?? entry.default;
  if (raw === undefined) return undefined;
  try {
    return entry.type.parse(raw);
  } catch (error) {
    if (!(error instanceof BadValue)) throw error;
    const where = variable ? ` (from ${variable})` : "";
    const name = entry.flag ? `--${entry.flag}${where}` : variable;
    const what = entry.secret ? "the value" : JSON.stringify(raw.replace(/\/\/[^/@]*@/, "//[redacted]@"));
    const why = error.message ? `: ${error.message}` : "";
    problems.push(`${name}: ${what} is not allowed${why}; give ${entry.type.allowed}`);
    return undefined;
  }
}

function crossCheck(config: Config, problems: string[]): void {
  if (config.leaseDuration <= config.renewDeadline) {
    problems.push(
      "--lease-duration must be longer than --renew-deadline: a leader must step down before others take over",
    );
  }
  if (config.renewDeadline <= config.retryPeriod) {
    problems.push("--renew-deadline must be longer than --retry-period: else a leader gets no second try");
  }
  if (config.metricsCertDir !== undefined && config.metricsAddress === undefined) {
    problems.push("--metrics-cert-dir needs --metrics-address: kubelet probes without HTTPS");
  }
  if (config.metricsSecure && config.metricsCertDir === undefined) {
    problems.push("--metrics-secure needs --metrics-cert-dir: scrapers would send their tokens in clear");
  }
  const keys = [config.paperspaceApiKey, config.apiKeyFile].filter((key) => key !== undefined);
  if (keys.length > 1)
    problems.push("--api-key-file and PAPERSPACE_API_KEY are both given: give one of them");
  if (config.apiKeyNamespaces.length > 0 && keys.length === 0) {
    problems.push("--api-key-namespaces is given, but neither --api-key-file nor PAPERSPACE_API_KEY is");
  }
}

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null) for (const part of Object.values(value)) freeze(part);
  return Object.freeze(value);
}

function helpText(entries: readonly OptionEntry[], version: string): string {
  const lines = [`paperspace-operator ${version}: machines of Paperspace as Kubernetes resources`, ""];
  lines.push("Flags win over environment variables, these over the defaults.", "");
  let section = "";
  for (const entry of entries) {
    if (entry.section !== section) lines.push(`${entry.section}:`);
    section = entry.section;
    lines.push(entry.flag ? `  --${entry.flag}` : `  ${entry.env.join(", ")} (environment only)`);
    lines.push(`      ${entry.summary}`);
    lines.push(`      ${entry.type.allowed}${entry.default ? `; default ${entry.default}` : ""}`);
    if (entry.flag) lines.push(`      environment: ${entry.env.join(", ")}`);
  }
  lines.push("", "  --help, -h\n      this text", "  --version\n      the version");
  return lines.join("\n");
}
