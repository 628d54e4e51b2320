/**
 * An HTTP server for the tools of the cluster, such as kubelet and Prometheus: small requests, and limits on everything, since
 * any pod of the cluster may connect. What is answered is the caller's business.
 */
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import type { Clock } from "./clock.ts";
import type { ListenAddress } from "./options.ts";

/** Connections at once; beyond it the oldest is closed, so that a client that holds many keeps no probe out. */
export const MOST_CONNECTIONS = 64;
/** For the head of a request, in milliseconds, from the connection on; for a whole one twice as long. */
export const HEADERS_MS = 5_000;
/** Of silence on a connection, in milliseconds, in the middle of an answer as well. */
export const IDLE_MS = 65_000;
/** Of the head of a request, in bytes: a bearer token is the longest part of it. */
export const HEADER_BYTES = 16 * 1024;
/** Certificates that are older are read again with the next connection, in milliseconds: they are renewed in place. */
const CERTIFICATE_MS = 60_000;

export interface HttpServerOptions {
  readonly address: ListenAddress;
  /** What it rejects with is answered with 500. */
  respond(request: IncomingMessage, response: ServerResponse): Promise<void> | void;
  /** Serves HTTPS, with tls.crt and tls.key of this directory. */
  readonly tls?: { readonly directory: string; readonly clock: Pick<Clock, "monotonic"> } | undefined;
  /** In milliseconds; for tests, which do not wait for the defaults. */
  readonly patience?: { readonly headersMs: number; readonly idleMs: number } | undefined;
}

export interface RunningServer {
  /** The port that is listened on, also when port 0 was configured. */
  readonly port: number;
  /** Stops listening and closes open connections. */
  stop(): Promise<void>;
}

export const TEXT = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

/** Starts listening; rejects when the address cannot be bound, or the certificate cannot be read. */
export async function startHttpServer({
  address,
  respond,
  tls,
  patience: { headersMs, idleMs } = { headersMs: HEADERS_MS, idleMs: IDLE_MS },
}: HttpServerOptions): Promise<RunningServer> {
  const limits: ServerOptions = {
    headersTimeout: headersMs,
    requestTimeout: 2 * headersMs,
    connectionsCheckingInterval: headersMs / 5,
    keepAliveTimeout: idleMs,
    maxHeaderSize: HEADER_BYTES,
  };
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    try {
      await respond(request, response);
    } catch (error) {
      if (!response.headersSent) response.writeHead(500, TEXT);
      response.end(`${error instanceof Error ? error.message : "failed"}\n`);
    }
  };
  const server = tls
    ? createTlsServer({ ...limits, ...(await certificate(tls.directory)), handshakeTimeout: headersMs })
    : createServer(limits);
  server.on("request", (request, response) => void listener(request, response));
  server.setTimeout(idleMs);
  closeOldest(server);
  if (tls && "setSecureContext" in server) renewCertificate(server, tls);
  server.listen(address.port, address.host);
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

function closeOldest(server: NodeJS.EventEmitter): void {
  const open = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    const [oldest] = open;
    if (open.size > MOST_CONNECTIONS) oldest?.destroy();
  });
}

async function certificate(directory: string): Promise<{ cert: Buffer; key: Buffer }> {
  const [cert, key] = await Promise.all([
    readFile(join(directory, "tls.crt")),
    readFile(join(directory, "tls.key")),
  ]);
  return { cert, key };
}

/** With the next connections, for those that are open keep theirs; where it cannot be read, the old one stays. */
function renewCertificate(
  server: NodeJS.EventEmitter & { setSecureContext(options: { cert: Buffer; key: Buffer }): void },
  { directory, clock }: NonNullable<HttpServerOptions["tls"]>,
): void {
  let readAt = clock.monotonic();
  server.on("connection", () => {
    if (clock.monotonic() - readAt < CERTIFICATE_MS) return;
    readAt = clock.monotonic();
    certificate(directory)
      .then((read) => server.setSecureContext(read))
      .catch(() => {});
  });
}
