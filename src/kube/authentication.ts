/**
 * What a user authenticates with towards the API server: files, a token, an exec plugin. The only module that uses
 * @kubernetes/client-node, and only for the auth providers that came before exec plugins.
 */
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import type { ClusterConfig, ClusterEntry, UserEntry } from "./cluster-config.ts";
import { type ExecCredential, ExecPlugin } from "./exec-plugin.ts";

export interface Authentication {
  tls: Tls;
  /** With lower-case names. */
  headers: Readonly<Record<string, string>>;
}

/** Absent values stay absent, so that Node's own defaults apply. */
export interface Tls {
  ca?: Buffer;
  cert?: Buffer | string;
  key?: Buffer | string;
  rejectUnauthorized?: boolean;
  servername?: string;
}

export class Authenticator {
  readonly #config: ClusterConfig;
  readonly #plugin: ExecPlugin | undefined;
  readonly #provider: (() => Promise<string | undefined>) | undefined;

  constructor(config: ClusterConfig) {
    const { user, cluster } = config;
    this.#config = config;
    this.#plugin = user.exec && new ExecPlugin(user.exec, cluster);
    this.#provider = user["auth-provider"] && legacyProvider(user["auth-provider"], cluster);
  }

  /**
   * Reads files again, and runs an exec plugin unless what it gave last is valid at `now`, in milliseconds since the
   * epoch. Throws where a file cannot be read or a plugin fails.
   */
  async authenticate(now: number): Promise<Authentication> {
    const { cluster, user } = this.#config;
    const credential = await this.#plugin?.credential(now);
    const { as: impersonated } = user;
    const authorization = await this.#authorization(credential);
    return {
      tls: {
        ...(await serverTls(cluster)),
        ...(await clientTls(user)),
        ...(credential?.clientCertificateData && { cert: credential.clientCertificateData }),
        ...(credential?.clientKeyData && { key: credential.clientKeyData }),
      },
      headers: {
        ...(authorization && { authorization }),
        ...(impersonated && { "impersonate-user": impersonated }),
      },
    };
  }

  async #authorization(credential: ExecCredential | undefined): Promise<string | undefined> {
    const { token, tokenFile, username, password = "" } = this.#config.user;
    const own = tokenFile ? await readFile(tokenFile, "utf8") : token;
    const bearer = own || credential?.token;
    // Token files written by hand end in a newline, which no header may hold.
    if (bearer) return `Bearer ${String(bearer).trim()}`;
    const provided = await this.#provider?.();
    if (provided) return provided.trim();
    return username ? `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` : undefined;
  }
}

async function serverTls(cluster: ClusterEntry): Promise<Tls> {
  const ca = await bytes(cluster["certificate-authority-data"], cluster["certificate-authority"]);
  const { "tls-server-name": servername } = cluster;
  return {
    ...(ca && { ca }),
    ...(cluster["insecure-skip-tls-verify"] === true && { rejectUnauthorized: false }),
    ...(servername && { servername }),
  };
}

async function clientTls(user: UserEntry): Promise<Tls> {
  const cert = await bytes(user["client-certificate-data"], user["client-certificate"]);
  const key = await bytes(user["client-key-data"], user["client-key"]);
  return { ...(cert && { cert }), ...(key && { key }) };
}

/** Data come before a file, as for kubectl. */
async function bytes(base64: string | undefined, file: string | undefined): Promise<Buffer | undefined> {
  if (base64) return Buffer.from(base64, "base64");
  return file ? readFile(file) : undefined;
}

/**
 * The authorization by "oidc" and the like. kubectl has dropped most of them in favour of exec plugins; the library still
 * has them, and it takes half a second to load, so it is loaded for them alone.
 */
function legacyProvider(
  authProvider: NonNullable<UserEntry["auth-provider"]>,
  { server }: ClusterEntry,
): () => Promise<string | undefined> {
  const loaded = import("@kubernetes/client-node").then(({ KubeConfig }) => {
    const config = new KubeConfig();
    const name = "provided";
    config.loadFromOptions({
      clusters: [{ name, server, skipTLSVerify: server.startsWith("http:") }],
      users: [{ name, authProvider: structuredClone(authProvider) }],
      contexts: [{ name, cluster: name, user: name }],
      currentContext: name,
    });
    return config;
  });
  // Reported by the first call.
  loaded.catch(() => {});
  return async () => {
    const https: RequestOptions = {};
    await (await loaded).applyToHTTPSOptions(https);
    const { Authorization } = https.headers as Record<string, string | undefined>;
    return Authorization;
  };
}
