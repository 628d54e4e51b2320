/**
 * A server in front of the simulator that answers some keys as a hostile API would: pages without end, floods, drips, headers
 * and nesting of any size. Other keys' requests go through to the simulator.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";

/** Keys that begin so are the front's own, each of a team of its own. */
export const HOSTILE_KEY = "hostile-key-";

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const JSON_HEAD = { "content-type": "application/json" };

/** Answers one request in a hostile way. */
type Answer = (response: ServerResponse, request: IncomingMessage) => Promise<void> | void;

/** Writes the part over and over, as fast as it is taken. */
async function flood(response: ServerResponse, before: string, part: string, bytes: number): Promise<void> {
  const chunk = part.repeat(Math.ceil(CHUNK / part.length));
  function* chunks() {
    yield before;
    for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk;
    yield "{}]}";
  }
  response.writeHead(200, JSON_HEAD);
  // A client that has read enough closes the connection.
  await pipeline(Readable.from(chunks()), response).catch(() => {});
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, JSON_HEAD);
  response.end(JSON.stringify(value));
}

let cursor = 0;

const ANSWERS: Readonly<Record<string, Answer>> = {
  "pages without end": (response) => {
    const items = Array.from({ length: 120 }, (_, i) => ({
      id: `ps${cursor}x${i}`,
      name: `n${i}`.padEnd(1_000, "x"),
      state: "ready",
      networkId: "x".repeat(1_000),
    }));
    json(response, { hasMore: true, items, nextPage: `c${cursor++}` });
  },
  "32 MiB of {},": (response) => flood(response, '{"hasMore":false,"items":[', "{},", 32 * MIB),
  "32 MiB of padding in an item": (response) =>
    flood(response, '{"id":"ps1","items":[{"padding":"', "x", 32 * MIB),
  "items of 3 MiB each": (response) => {
    const spec = {
      id: "s",
      data: { name: "a", image: "b", env: [{ name: "A", value: "x".repeat(3 * MIB) }] },
    };
    json(response, {
      hasMore: false,
      items: Array.from({ length: 5 }, (_, i) => ({ id: `d${i}`, latestSpec: spec })),
    });
  },
  "what was asked for, with 3 MiB": (response, { url = "" }) => {
    const id = (url.split("?")[0] ?? "").split("/").at(-1);
    const data = {
      name: "a",
      image: "b",
      resources: { machineType: "C4" },
      env: [{ name: "A", value: "x".repeat(3 * MIB) }],
    };
    json(response, { id, name: "a", state: "ready", latestSpec: { id: `s${cursor++}`, data } });
  },
  "a create that succeeds": (response) => {
    const id = `new${cursor++}`;
    json(response, {
      deploymentId: id,
      data: { id, state: "ready", name: "x".repeat(1_000) },
      event: { id: `e${id}`, name: "create", state: "done" },
    });
  },
  "an answer of 4 MiB": (response) =>
    json(response, { id: "ps1", data: { id: "ps1", state: "x".repeat(4 * MIB - 60) } }),
  "a byte each second": async (response) => {
    response.writeHead(200, JSON_HEAD);
    for (const byte of '{"hasMore":false,"items":[{"id":"ps1","name":"aaaaaaaaaaaaaaaaaaaaa"}]}') {
      if (response.destroyed) return;
      response.write(byte);
      await wait(1_000);
    }
    response.end();
  },
  silence: () => {},
  "headers of 30 KB": (response) => {
    response.writeHead(200, { ...JSON_HEAD, "x-more": "x".repeat(30_000) });
    response.end("{}");
  },
  "a million levels": (response) => {
    response.writeHead(200, JSON_HEAD);
    response.end(`{"id":"ps1","hasMore":false,"items":[{"id":${"[".repeat(1e6)}${"]".repeat(1e6)}}]}`);
  },
  "an error of 10 MiB": (response) =>
    json(response, { code: "NOT_FOUND", message: "x".repeat(10 * MIB), details: [] }, 404),
  "an error that is deep": (response) => {
    response.writeHead(400, JSON_HEAD);
    response.end(`{"code":"X","message":"m","details":${"[".repeat(50_000)}${"]".repeat(50_000)}}`);
  },
  "a cursor of 1 MiB": (response) => json(response, { hasMore: true, items: [], nextPage: "x".repeat(MIB) }),
  "a text that an expression would read for ever": (response) =>
    json(response, {
      id: "ps1",
      hasMore: false,
      items: [{ id: "ps1", name: "a", state: "off", region: "(".repeat(80_000) }],
    }),
  "a reset": (response) => void response.socket?.resetAndDestroy(),
  "a page of a gateway": (response) => {
    response.writeHead(502, { "content-type": "text/html" });
    response.end(`<html>${"<p>".repeat(MIB)}`);
  },
  "429 for an hour": (response) => {
    response.writeHead(429, { ...JSON_HEAD, "retry-after": "5" });
    response.end('{"code":"TOO_MANY_REQUESTS","message":"m"}');
  },
};

/** A client that waits asks for nothing meanwhile: what makes the operator wait is rare. */
const RARE = ["a byte each second", "silence", "429 for an hour"];
const OFTEN = Object.keys(ANSWERS).filter((name) => !RARE.includes(name));
const ORDER = [...OFTEN, ...OFTEN, ...OFTEN, ...OFTEN, ...RARE];

export class HostileApi {
  /** Answers given, by their name. */
  readonly given = new Map<string, number>();
  readonly #server = createServer(
    (incoming, response) => void this.#serve(incoming, response).catch(() => response.destroy()),
  );
  #behind: URL | undefined;
  #turn = 0;

  static async start(): Promise<HostileApi> {
    const api = new HostileApi();
    api.#server.listen(0, "127.0.0.1");
    await once(api.#server, "listening");
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  /** Where the requests of honest keys go: the address of a simulator, version included. */
  leadTo(url: string): void {
    this.#behind = new URL(url);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    const key = (incoming.headers.authorization ?? "").replace("Bearer ", "");
    if (!key.startsWith(HOSTILE_KEY)) return this.#pass(incoming, response);
    incoming.resume();
    await once(incoming, "end");
    // Every other session is honest: what is never accepted is never asked again.
    if (incoming.url?.startsWith("/v1/auth/session") && this.#turn++ % 2 === 0)
      return json(response, { team: { id: `te-${key}`, maxMachines: 1e9 }, user: { id: "u" } });
    const name = ORDER[this.#turn++ % ORDER.length] as string;
    this.given.set(name, (this.given.get(name) ?? 0) + 1);
    await ANSWERS[name]?.(response, incoming);
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    if (!this.#behind) return json(response, { code: "UNAVAILABLE", message: "not yet" }, 503);
    const { method, headers, url } = incoming;
    const onward = request(new URL(url ?? "/", this.#behind), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    incoming.pipe(onward);
  }
}
