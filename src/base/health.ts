/**
 * The small HTTP server that kubelet and Prometheus ask: is the process alive, may it be counted on, what did it
 * measure. It holds no state; every check belongs to the part that it asks.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import type { Address } from "./options.ts";

/** Undefined when all is well, else what is not. Must be quick; throwing counts as not well. */
export type Check = () => string | undefined;

export interface HealthOptions {
  readonly address: Address;
  readonly registry: Registry;
  /** A failing one gets the process killed: only for what a restart mends. */
  readonly liveness?: Readonly<Record<string, Check>> | undefined;
  readonly readiness?: Readonly<Record<string, Check>> | undefined;
}

export interface RunningHealthServer {
  /** The port that is listened on, also when 0 was asked for. */
  readonly port: number;
  /** Stops listening and cuts what is open. */
  stop(): Promise<void>;
}

/** Starts listening; rejects when the address cannot be had. */
export async function startHealthServer(options: HealthOptions): Promise<RunningHealthServer> {
  const server = createServer((request, response) => {
    answer(options, request, response).catch((error: unknown) => {
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

async function answer(
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
  const results = Object.entries(checks).map(([name, check]) => ({ name, problem: ask(check) }));
  const bad = results.filter(({ problem }) => problem !== undefined);
  const shown = url.searchParams.has("verbose") ? results : bad;
  const lines = shown.map(({ name, problem }) =>
    problem === undefined ? `[+] ${name} ok` : `[-] ${name}: ${problem}`,
  );
  lines.push(bad.length === 0 ? "ok" : `not ok: ${bad.map(({ name }) => name).join(", ")}`);
  response.writeHead(bad.length === 0 ? 200 : 503, TEXT).end(`${lines.join("\n")}\n`);
}

function ask(check: Check): string | undefined {
  try {
    return check();
  } catch (error) {
    return error instanceof Error ? error.message : "the check failed";
  }
}
