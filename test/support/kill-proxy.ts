/**
 * Stands between one daemon and both of its servers, records what crosses, and can kill the daemon at an exact point:
 * before a request reaches its server, or after it took effect and before the answer gets back. It can also spoil the
 * lines of a watch. It changes nothing else.
 */
import { readFileSync, writeFileSync } from "node:fs";
import {
  createServer,
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
  type Server,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { pipeline, Transform } from "node:stream";
import { parse, stringify } from "yaml";

export interface Crossing {
  side: "kubernetes" | "paperspace";
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  /** Parsed where it is JSON. */
  body: unknown;
}

export type Moment = "before" | "after";

export interface KillProxyOptions {
  /** The admin's kubeconfig: its credentials pass through. */
  kubeconfig: string;
  /** Base URL of the simulator. */
  paperspaceUrl: string;
  /** Called once for every request; a moment means: the daemon is killed here. */
  strike?(crossing: Crossing): Moment | undefined;
  /** Must kill the daemon; from now on nothing passes in either direction. */
  kill?(): void;
}

export class KillProxy {
  readonly crossings: Crossing[] = [];
  /** For the daemon's --kubeconfig. */
  readonly kubeconfig: string;
  /** For the daemon's --paperspace-api-url. */
  readonly paperspaceUrl: string;
  /** Set to change the next lines of all watches. */
  spoil: ((line: string) => string) | undefined;
  /** The request at which the daemon was killed, once it was. */
  struck: Crossing | undefined;
  readonly #options: KillProxyOptions;
  readonly #sides: Side[];

  private constructor(options: KillProxyOptions, kubernetes: Side, paperspace: Side) {
    this.#options = options;
    this.#sides = [kubernetes, paperspace];
    this.kubeconfig = kubernetes.writeKubeconfig(options.kubeconfig);
    this.paperspaceUrl = `${paperspace.url}${new URL(options.paperspaceUrl).pathname}`;
  }

  static async open(options: KillProxyOptions): Promise<KillProxy> {
    const { cluster } = parse(readFileSync(options.kubeconfig, "utf8")).clusters[0];
    const ca = Buffer.from(cluster["certificate-authority-data"], "base64").toString();
    const kubernetes = new Side("kubernetes", cluster.server, new HttpsAgent({ keepAlive: true, ca }));
    const paperspace = new Side("paperspace", options.paperspaceUrl, new HttpAgent({ keepAlive: true }));
    await Promise.all([kubernetes.listen(), paperspace.listen()]);
    const proxy = new KillProxy(options, kubernetes, paperspace);
    for (const side of [kubernetes, paperspace])
      side.onRequest = (incoming, answer) => void proxy.#pass(side, incoming, answer);
    return proxy;
  }

  close(): void {
    for (const side of this.#sides) side.close();
  }

  async #pass(side: Side, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const sent = await bytesOf(incoming).catch(() => undefined);
    if (!sent || this.struck) return void answer.destroy();
    const crossing = crossingOf(side, incoming, sent);
    this.crossings.push(crossing);
    const moment = this.#options.strike?.(crossing);
    if (moment === "before") return this.#strike(crossing);
    const reply = await side.forward(incoming, sent, answer).catch(() => undefined);
    if (!reply || this.struck) return void answer.destroy();
    if (moment === "after") {
      // It has taken effect once the whole answer is here.
      await bytesOf(reply).catch(() => undefined);
      return this.#strike(crossing);
    }
    answer.writeHead(reply.statusCode ?? 502, reply.headers);
    answer.flushHeaders();
    const watched = crossing.query.has("watch");
    if (watched) pipeline(reply, lineByLine(this), answer, () => {});
    else pipeline(reply, answer, () => {});
  }

  #strike(crossing: Crossing): void {
    if (this.struck) return;
    this.struck = crossing;
    this.#options.kill?.();
    this.close();
  }
}

/** One listener and the server behind it. */
class Side {
  readonly name: Crossing["side"];
  onRequest: (incoming: IncomingMessage, answer: ServerResponse) => void = () => {};
  readonly #upstream: URL;
  readonly #agent: HttpAgent;
  readonly #server: Server;

  constructor(name: Crossing["side"], upstream: string, agent: HttpAgent) {
    this.name = name;
    this.#upstream = new URL(upstream);
    this.#agent = agent;
    this.#server = createServer((incoming, answer) => this.onRequest(incoming, answer));
    // Connections outlive requests: only the client ends them, as with the real servers.
    this.#server.keepAliveTimeout = 60_000;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  writeKubeconfig(admin: string): string {
    const config = parse(readFileSync(admin, "utf8"));
    // The client library takes no plain http without this.
    config.clusters[0].cluster = { server: this.url, "insecure-skip-tls-verify": true };
    const path = join(dirname(admin), `proxy-${new URL(this.url).port}.kubeconfig`);
    writeFileSync(path, stringify(config), { mode: 0o600 });
    return path;
  }

  /** Resolves with the head of the reply; rejects where there is none. */
  forward(incoming: IncomingMessage, body: Buffer, answer: ServerResponse): Promise<IncomingMessage> {
    const { protocol, hostname, port } = this.#upstream;
    const send = protocol === "https:" ? httpsRequest : httpRequest;
    const { host: _, ...headers } = incoming.headers;
    const options: RequestOptions = {
      hostname,
      port,
      headers,
      agent: this.#agent,
      ...(incoming.method === undefined ? {} : { method: incoming.method }),
      ...(incoming.url === undefined ? {} : { path: incoming.url }),
    };
    return new Promise((resolve, reject) => {
      const request = send(options, resolve);
      request.once("error", reject);
      // A client that goes away ends its request, a watch above all.
      answer.once("close", () => {
        if (!answer.writableFinished) request.destroy();
      });
      request.end(body);
    });
  }
}

function crossingOf(side: Side, incoming: IncomingMessage, sent: Buffer): Crossing {
  const { pathname, searchParams } = new URL(incoming.url ?? "/", "http://proxy");
  let body: unknown;
  try {
    body = JSON.parse(sent.toString());
  } catch {
    body = undefined;
  }
  return { side: side.name, method: incoming.method ?? "", path: pathname, query: searchParams, body };
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function lineByLine(proxy: KillProxy): Transform {
  let rest = "";
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const lines = (rest + chunk.toString("latin1")).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.push(Buffer.from(`${proxy.spoil?.(line) ?? line}\n`, "latin1"));
      done();
    },
  });
}
