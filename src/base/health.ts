/**
 * The HTTP server of the probes and metrics, for kubelet and Prometheus. It holds no state; each check belongs to the part
 * that it checks.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import type { ListenAddress } from "./options.ts";

/** Undefined when healthy, else the problem. Must be quick; throwing counts as unhealthy. */
export type Check = () => string | undefined;

export interface HealthOptions {
  readonly address: ListenAddress;
  readonly registry: Registry;
  /** A failing one gets the process killed: only for what a restart fixes. */
  readonly liveness?: Readonly<Record<string, Check>> | undefined;
  readonly readiness?: Readonly<Record<string, Check>> | undefined;
}

export interface RunningHealthServer {
  /** The port that is listened on, also when port 0 was configured. */
  readonly port: number;
  /** Stops listening and closes open connections. */
  stop(): Promise<void>;
}

/** Starts listening; rejects when the address cannot be bound. */
export async function startHealthServer(options: HealthOptions): Promise<RunningHealthServer> {
  const server = createServer((request, response) => {
    respond(options, request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500, TEXT);
      response.end(`${error instanceof Error ? error.message : "failed"}\n`);
    });
  });
  server.listen(options.address.port, options.address.host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

async function respond(
  options: HealthOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { ...TEXT, allow: "GET, HEAD" }).end("only GET and HEAD\n");
    return;
  }
  switch (url.pathname) {
    case "/healthz":
    case "/livez":
      return report(options.liveness ?? {}, url, response);
    case "/readyz":
      return report(options.readiness ?? {}, url, response);
    case "/metrics": {
      const text = await options.registry.metrics();
      response.writeHead(200, { ...TEXT, "content-type": options.registry.contentType }).end(text);
      return;
    }
    default:
      response.writeHead(404, TEXT).end("/healthz, /readyz or /metrics\n");
  }
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
