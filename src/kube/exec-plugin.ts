/**
 * Credentials that a command prints (client.authentication.k8s.io), kept until they expire. The command has no terminal:
 * one that wants to ask the user fails, and says so.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { ClusterEntry, ExecEntry } from "./cluster-config.ts";

/** The status of an ExecCredential. */
export interface ExecCredential {
  token?: string;
  /** PEM. */
  clientCertificateData?: string;
  /** PEM. */
  clientKeyData?: string;
  /** RFC 3339; absent: valid until it is refused. */
  expirationTimestamp?: string;
}

/** Where a cluster keeps what is meant for its plugin. */
const EXTENSION = "client.authentication.k8s.io/exec";

export class ExecPlugin {
  readonly #exec: ExecEntry;
  readonly #cluster: ClusterEntry;
  #credential: ExecCredential | undefined;

  constructor(exec: ExecEntry, cluster: ClusterEntry) {
    this.#exec = exec;
    this.#cluster = cluster;
  }

  /** `now` in milliseconds since the epoch. Throws where the command fails or prints no credentials. */
  async credential(now: number): Promise<ExecCredential> {
    const { expirationTimestamp: until } = this.#credential ?? {};
    if (!this.#credential || (until && Date.parse(until) <= now)) this.#credential = await this.#run();
    return this.#credential;
  }

  async #run(): Promise<ExecCredential> {
    const { command, args = [], env = [] } = this.#exec;
    const given = Object.fromEntries(env.map(({ name, value }) => [name, value]));
    const options = { env: { ...process.env, ...given, KUBERNETES_EXEC_INFO: this.#info() } };
    const running = promisify(execFile)(command, args, options);
    // A plugin that reads its input sees the end of it, instead of waiting for a user.
    running.child.stdin?.end();
    const { stdout } = await running.catch((error: unknown) => {
      throw new Error(this.#failure(error), { cause: error });
    });
    const status = statusOf(stdout);
    if (!status?.token && !(status?.clientCertificateData && status.clientKeyData))
      throw new Error(`exec plugin ${command} printed neither a token nor a certificate with its key`);
    return status;
  }

  /** Without the arguments, which may be secret. */
  #failure(error: unknown): string {
    const { command, installHint } = this.#exec;
    const { code, stderr } = error as { code?: number | string; stderr?: string };
    const hint = code === "ENOENT" && installHint ? `\n${installHint}` : "";
    return `exec plugin ${command} ended with ${code}: ${stderr?.trim() ?? ""}${hint}`;
  }

  #info(): string {
    const { apiVersion = "client.authentication.k8s.io/v1", provideClusterInfo } = this.#exec;
    const spec = { interactive: false, ...(provideClusterInfo && { cluster: this.#clusterInfo() }) };
    return JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
  }

  #clusterInfo(): object {
    const { extensions, "certificate-authority": file, ...cluster } = this.#cluster;
    const config = extensions?.find(({ name }) => name === EXTENSION)?.extension;
    const data = cluster["certificate-authority-data"] ?? (file && readFileSync(file, "base64"));
    return {
      ...cluster,
      ...(data && { "certificate-authority-data": data }),
      ...(config !== undefined && { config }),
    };
  }
}

/** Undefined where it is no JSON: the parser's own message would quote what may be a token. */
function statusOf(output: string): ExecCredential | undefined {
  try {
    return (JSON.parse(output) as { status?: ExecCredential } | null)?.status;
  } catch {
    return undefined;
  }
}
