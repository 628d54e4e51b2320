/**
 * For tests only: a server of raw sockets on 127.0.0.1 that answers with exactly the bytes, cuts and silences of a script.
 * It is no simulator of Paperspace; that is in dev/.
 */

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Number of its connection, from 1. */
  readonly connection: number;
}

/** The reply to one request: bytes to write, or an action on the socket. */
export type Reply = string | ((socket: Socket) => void);

export class ScriptedServer {
  readonly received: Received[] = [];
  /** Used from the front, one a request; the last one is repeated. */
  script: Reply[] = [json(200, {})];
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #arrivals: { count: number; resolve: () => void }[] = [];

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    server.#server.listen(0, "127.0.0.1");
    await once(server.#server, "listening");
    return server;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Resolves once `count` requests have arrived in total. */
  async arrived(count: number): Promise<void> {
    if (this.received.length >= count) return;
    await new Promise<void>((resolve) => this.#arrivals.push({ count, resolve }));
  }

  /** Ends every open connection, as a server does with idle ones. */
  dropConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.dropConnections();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #serve(socket: Socket): void {
    const connection = ++this.connections;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    let buffered = "";
    socket.on("data", (chunk) => {
      buffered += chunk.toString("latin1");
      for (;;) {
        const end = buffered.indexOf("\r\n\r\n");
        if (end < 0) return;
        const [first = "", ...lines] = buffered.slice(0, end).split("\r\n");
        const headers = Object.fromEntries(lines.map((line) => splitHeader(line)));
        const length = Number(headers["content-length"] ?? 0);
        if (buffered.length < end + 4 + length) return;
        const body = buffered.slice(end + 4, end + 4 + length);
        buffered = buffered.slice(end + 4 + length);
        const [method = "", path = ""] = first.split(" ");
        this.#receive({ method, path, headers, body, connection }, socket);
      }
    });
  }

  #receive(request: Received, socket: Socket): void {
    this.received.push(request);
    const reply = this.script.length > 1 ? this.script.shift() : this.script[0];
    if (typeof reply === "string") socket.write(reply);
    else reply?.(socket);
    for (const { count, resolve } of this.#arrivals) if (this.received.length >= count) resolve();
    this.#arrivals = this.#arrivals.filter(({ count }) => this.received.length < count);
  }
}

function splitHeader(line: string): [string, string] {
  const at = line.indexOf(":");
  return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
}

/** A complete answer. */
export function answer(status: number, type: string, body: string, headers: string[] = []): string {
  const lines = [
    `HTTP/1.1 ${status} Status`,
    `content-type: ${type}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return `${[...lines, ...headers].join("\r\n")}\r\n\r\n${body}`;
}

export function json(status: number, value: unknown, headers: string[] = []): string {
  return answer(status, "application/json; charset=utf-8", JSON.stringify(value), headers);
}

export function html(status: number): string {
  return answer(status, "text/html", "<!doctype html><title>Blocked</title><p>Ray 1234 of hunter2</p>");
}

/** An answer whose content-length is larger than what is sent before the connection ends. */
export function cutAnswer(status: number, body: string): Reply {
  return (socket) => {
    const head = `HTTP/1.1 ${status} Status\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n`;
    socket.end(head + body);
  };
}

export const cutAtOnce: Reply = (socket) => socket.destroy();

export const silence: Reply = () => {};
