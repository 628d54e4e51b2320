/**
 * What the HTTP servers of the process answer: probes for kubelet, metrics for Prometheus, at one address or at two. They
 * hold no state; each check belongs to the part that it checks.
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Registry } from "prom-client";
import { type HttpServerOptions, type RunningServer, startHttpServer, TEXT } from "./http-server.ts";
import type { ListenAddress } from "./options.ts";

/** Undefined when healthy, else the problem. Must be quick; throwing counts as unhealthy. */
export type Check = () => string | undefined;

export interface HealthOptions {
  readonly address: ListenAddress;
  /** Absent: metrics have an address of their own. */
  readonly registry?: Registry | undefined;
  /** A failing one gets the process killed: only for what a restart fixes. */
  readonly liveness?: Readonly<Record<string, Check>> | undefined;
  readonly readiness?: Readonly<Record<string, Check>> | undefined;
}

/**
 * Whether the sender of a request may have the metrics, by its header and its address; a number is the HTTP status of the
 * refusal.
 */
export type Authorize = (
  authorization: string | undefined,
  address: string | undefined,
) => Promise<"allowed" | 401 | 403 | 503>;

export interface MetricsOptions extends Pick<HttpServerOptions, "address" | "tls"> {
  readonly registry: Registry;
  /** Absent: every request is allowed. */
  readonly authorize?: Authorize | undefined;
}

/** Serves /healthz, /readyz and, where they have no address of their own, /metrics. Rejects when the address cannot be bound. */
export function startHealthServer(options: HealthOptions): Promise<RunningServer> {
  const { address, registry, liveness = {}, readiness = {} } = options;
  return startHttpServer({
    address,
    respond(request, response) {
      const url = read(request, response);
      switch (url?.pathname) {
        case undefined:
          return;
        case "/healthz":
        case "/livez":
          return report(liveness, url, response);
        case "/readyz":
          return report(readiness, url, response);
        case "/metrics":
          if (registry) return expose(registry, response);
      }
      const paths = registry ? "/healthz, /readyz or /metrics" : "/healthz or /readyz";
      response.writeHead(404, TEXT).end(`${paths}\n`);
    },
  });
}

/** Serves /metrics alone. Rejects when the address cannot be bound, or the certificate cannot be read. */
export function startMetricsServer(options: MetricsOptions): Promise<RunningServer> {
  const { address, registry, authorize, tls } = options;
  return startHttpServer({
    address,
    tls,
    async respond(request, response) {
      const url = read(request, response);
      if (!url) return;
      if (url.pathname !== "/metrics") return void response.writeHead(404, TEXT).end("/metrics\n");
      const { headers, socket } = request;
      const verdict = (await authorize?.(headers.authorization, socket.remoteAddress)) ?? "allowed";
      if (verdict === "allowed") return expose(registry, response);
      const challenge = verdict === 401 ? { "www-authenticate": "Bearer" } : {};
      response.writeHead(verdict, { ...TEXT, ...challenge }).end(`${REFUSALS[verdict]}\n`);
    },
  });
}

const REFUSALS = {
  401: "a bearer token of this cluster is needed",
  403: "this account may not get /metrics (a nonResourceURL)",
  503: "the API server cannot be asked just now who this is",
} as const;

/** Undefined where the request is answered already. */
function read(request: IncomingMessage, response: ServerResponse): URL | undefined {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { ...TEXT, allow: "GET, HEAD", connection: "close" }).end("only GET and HEAD\n");
    return undefined;
  }
  const url = URL.parse(request.url ?? "/", "http://localhost");
  if (!url) response.writeHead(400, TEXT).end("no such address\n");
  return url ?? undefined;
}

async function expose(registry: Registry, response: ServerResponse): Promise<void> {
  const text = await registry.metrics();
  response.writeHead(200, { ...TEXT, "content-type": registry.contentType }).end(text);
}

function report(checks: Readonly<Record<string, Check>>, url: URL, response: ServerResponse): void {
  const results = Object.entries(checks).map(([name, check]) => ({ name, problem: runCheck(check) }));
  const failing = results.filter(({ problem }) => problem !== undefined);
  const shown = url.searchParams.has("verbose") ? results : failing;
  const lines = shown.map(({ name, problem }) =>
    problem === undefined ? `[+] ${name} ok` : `[-] ${name}: ${problem}`,
  );
  lines.push(failing.length === 0 ? "ok" : `not ok: ${failing.map(({ name }) => name).join(", ")}`);
  response.writeHead(failing.length === 0 ? 200 : 503, TEXT).end(`${lines.join("\n")}\n`);
}

function runCheck(check: Check): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? error.message : "the check failed";
  }
}
