import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  answer,
  cutAnswer,
  cutAtOnce,
  html,
  json,
  type Reply,
  ScriptedServer,
  silence,
} from "../../test/paperspace/scripted-server.ts";
import {
  failure,
  get,
  KEY,
  post,
  put,
  setUp,
  type TransportEnv,
  until,
} from "../../test/paperspace/transport.ts";
import { ReadTurns } from "./turns.ts";
import { AnswerMemory, createSockets, proxyFor } from "./wire.ts";

let env: TransportEnv;
beforeEach(async () => {
  env = await setUp();
});
afterEach(() => env.stop());

const machine = json(200, { id: "ps1" });

describe("a call that must not be sent twice", () => {
  it("is sent on a connection of its own, also when a kept-alive one is idle", async () => {
    const { api, server } = env;
    server.script = [machine];
    for (const request of [get(), get(), post(), post(), get()]) {
      await api.request(request);
      // A connection is free for the next call only in the turn after its answer ended.
      await env.clock.settle();
    }
    const connections = server.received.map(({ connection }) => connection);
    expect(connections[1]).toBe(connections[0]);
    expect(connections[4]).toBe(connections[0]);
    expect(new Set(connections).size).toBe(3);
    expect(server.received[2]?.headers.connection).toBe("close");
  });

  it("is sent once when the connection breaks after it was sent, and its effect is unknown", async () => {
    const { api, server, tries } = env;
    server.script = [cutAtOnce];
    expect(await failure(api.request(post()))).toMatchObject({ code: "PS_CONNECTION", effect: "unknown" });
    await env.clock.advance(600_000);
    expect([server.received.length, tries]).toEqual([1, ["PS_CONNECTION"]]);
  });

  it("is not affected by the end of kept-alive connections", async () => {
    const { api, server } = env;
    server.script = [machine];
    await api.request(get());
    server.dropConnections();
    await expect(api.request(post())).resolves.toMatchObject({ status: 200 });
    expect(server.received.filter(({ method }) => method === "POST")).toHaveLength(1);
  });

  it("leaves no connection behind", async () => {
    const { api, server } = env;
    let closed = 0;
    server.script = [
      (socket) => {
        socket.on("close", () => closed++);
        socket.write(machine);
      },
    ];
    await api.request(post());
    await until(() => closed === 1);
  });
});

describe("whether a write may have happened", () => {
  it("is known when the connection is refused: no byte was sent", async () => {
    await env.server.stop();
    const error = await failure(env.api.request(post()));
    expect(error).toMatchObject({ code: "PS_CONNECTION", effect: "none" });
    expect(error.message).toContain("ECONNREFUSED");
    env = await setUp();
  });

  it("is known when the name does not resolve", async () => {
    const other = await setUp({ baseUrl: "http://nowhere.invalid/v1" });
    expect(await failure(other.api.request(post()))).toMatchObject({ code: "PS_CONNECTION", effect: "none" });
    await other.stop();
  });

  it("is known when TLS fails", async () => {
    const other = await setUp({ baseUrl: env.server.origin.replace("http:", "https:") });
    env.server.script = [html(400)];
    const failed = failure(other.api.request(post()));
    await until(() => env.server.connections > 0);
    env.server.dropConnections();
    expect(await failed).toMatchObject({ code: "PS_CONNECTION", effect: "none" });
    await other.stop();
  });

  it("is known when the time runs out while the connection is still being made", async () => {
    // A TLS server that never answers.
    const mute = createServer(() => {});
    mute.listen(0, "127.0.0.1");
    await once(mute, "listening");
    const other = await setUp({ baseUrl: `https://127.0.0.1:${(mute.address() as AddressInfo).port}/v1` });
    const failed = failure(other.api.request(post()));
    const arrived = once(mute, "connection");
    await arrived;
    await other.clock.advance(30_000);
    expect(await failed).toMatchObject({ code: "PS_TIMEOUT", effect: "none" });
    await other.stop();
    mute.close();
  });

  it.each([
    ["silence until the deadline", silence, "PS_TIMEOUT"],
    ["a cut before the answer", cutAtOnce, "PS_CONNECTION"],
    ["a cut in the answer", cutAnswer(200, '{"id":"ps'), "PS_TRUNCATED"],
    [
      "JSON that breaks off",
      `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 6\r\n\r\n{"id":`,
      "PS_TRUNCATED",
    ],
    ["a page instead of JSON", html(200), "PS_NOT_JSON"],
    ["a block page", html(403), "PS_NOT_JSON"],
    ["a failing gateway", html(502), "PS_SERVER"],
    ["an answer of another shape", json(200, { ok: true }), "PS_UNEXPECTED"],
    ["an error in a 200", json(200, { code: "CONFLICT", message: "busy" }), "PS_UNEXPECTED"],
    ["bytes that are not HTTP", "hello\r\n\r\n", "PS_CONNECTION"],
  ])("is unknown after %s", async (_, reply, code) => {
    const { api, server, clock } = env;
    server.script = [reply];
    const failed = failure(api.request(post()));
    await server.arrived(1);
    if (reply === silence) await clock.advance(30_000);
    expect(await failed).toMatchObject({ code, effect: "unknown" });
    expect(server.received).toHaveLength(1);
  });

  it("is unknown for a retried write once one attempt is, even if the last one was a refusal", async () => {
    const { api, server, clock, tries } = env;
    server.script = [cutAtOnce, json(409, { code: "CONFLICT", message: "busy" })];
    const failed = failure(api.request(put()));
    await until(() => tries.length === 1);
    await clock.advance(1_000);
    expect(await failed).toMatchObject({ code: "PS_CONFLICT", effect: "unknown" });
  });

  it("does not arise for reads", async () => {
    env.server.script = [html(403)];
    expect(await failure(env.api.request(get()))).toMatchObject({ code: "PS_NOT_JSON", effect: "none" });
  });
});

describe("limits", () => {
  it("gives one attempt 30 s, body included, even while bytes trickle in", async () => {
    const { api, server, clock } = env;
    server.script = [(socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")];
    const failed = failure(api.request(get()));
    await server.arrived(1);
    await clock.advance(29_999);
    expect(env.tries).toEqual([]);
    await clock.advance(1);
    expect(await failed).toMatchObject({ code: "PS_TIMEOUT" });
    expect(clock.pending).toBe(0);
  });

  it("reads no endless answer", async () => {
    const small = await setUp({ maxBytes: 1_000 });
    small.server.script = [json(200, { id: "x".repeat(2_000) })];
    const error = await failure(small.api.request(get()));
    expect(error).toMatchObject({ code: "PS_TOO_LARGE" });
    expect(error.message).toContain("larger than 1000 bytes");
    await small.stop();
  });

  it("reads no more than the beginning of an answer that reports an error, and its status counts", async () => {
    const { api, server } = env;
    const body = JSON.stringify({ code: "NOT_FOUND", message: "x".repeat(10_000_000) });
    server.script = [answer(404, "application/json", body)];
    // It breaks off: without the API's own error body nothing is certain, least of all absence.
    expect(await failure(api.request(post()))).toMatchObject({ code: "PS_TRUNCATED", status: 404 });
    server.script = [answer(429, "application/json", body)];
    expect(await failure(api.request(post()))).toMatchObject({ code: "PS_RATE_LIMITED", effect: "none" });
  });

  it("takes no headers of 30 KB", async () => {
    const { api, server } = env;
    server.script = [json(200, { id: "ps1" }, [`x-more: ${"x".repeat(30_000)}`])];
    expect(await failure(api.request(post()))).toMatchObject({ code: "PS_CONNECTION", effect: "unknown" });
  });

  it("holds so many bytes of all answers together, beside a small part of each, and frees them in the end", async () => {
    const memory = new AnswerMemory(1_000_000);
    const sockets = { ...createSockets(), memory };
    const other = await setUp({ sockets });
    const head = "HTTP/1.1 200 OK\r\ncontent-length: 4000000\r\n\r\n";
    const large: Socket[] = [];
    const begin: Reply = (socket) => {
      large.push(socket);
      socket.write(`${head}${" ".repeat(900_000)}`);
    };
    other.server.script = [begin, begin, machine, json(200, { id: "ps1", padding: "x".repeat(900_000) })];
    const failures = [failure(other.api.request(post())), failure(other.api.request(post()))];
    const first = await Promise.race(failures);
    expect([first.code, first.message]).toEqual([
      "PS_TOO_LARGE",
      expect.stringContaining("too many large ones"),
    ]);
    await expect(other.api.request(get("/small"))).resolves.toMatchObject({ status: 200 });
    for (const socket of large) socket.destroy();
    await Promise.all(failures);
    await expect(other.api.request(get("/three"))).resolves.toMatchObject({ status: 200 });
    expect(memory.take(1_000_000)).toBe(true);
    await other.stop();
    await sockets.close();
  });

  it("takes few bytes of all answers in a turn, and ends one large answer in it, so that all else has its turn as well", async () => {
    const turns = new CountedTurns();
    const sockets = { ...createSockets(), turns };
    const other = await setUp({ sockets });
    other.server.script = [json(200, { id: "ps1", padding: "x".repeat(3_000_000) })];
    const answers = Array.from({ length: 5 }, () => other.api.request(post()));
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
    expect(turns.all.reduce((sum, { read }) => sum + read, 0)).toBeGreaterThan(15_000_000);
    for (const { read, ended } of turns.all) {
      // A chunk that has come is read, of each of the sockets.
      expect(read).toBeLessThanOrEqual((256 + 5 * 128) * 1024);
      expect(ended).toBeLessThanOrEqual(1);
    }
    await other.stop();
    await sockets.close();
  });

  it("lets go of an answer that waits for its turn when the caller cancels", async () => {
    const turns = new CountedTurns();
    const sockets = { ...createSockets(), turns };
    const other = await setUp({ sockets });
    other.server.script = [json(200, { id: "ps1", padding: "x".repeat(3_000_000) }), machine];
    const controller = new AbortController();
    turns.onPause = () => controller.abort();
    const failed = failure(other.api.request({ ...post(), signal: controller.signal }));
    expect(await failed).toMatchObject({ code: "PS_CONNECTION" });
    await expect(other.api.request(get("/next"))).resolves.toMatchObject({ status: 200 });
    await other.stop();
    await sockets.close();
  });

  it("stops at once when the caller cancels, and reports that it may have taken effect", async () => {
    const { api, server } = env;
    server.script = [silence];
    const controller = new AbortController();
    const failed = failure(api.request({ ...post(), signal: controller.signal }));
    await server.arrived(1);
    controller.abort();
    expect(await failed).toMatchObject({ code: "PS_CONNECTION", effect: "unknown" });
  });
});

describe("the gate", () => {
  it("is called after the throttle: changes while waiting count", async () => {
    const { api, server, clock, throttle } = env;
    throttle.rateLimited(clock.monotonic());
    let reason: string | undefined;
    const failed = failure(api.request({ ...post(), gate: () => reason }));
    await clock.settle();
    reason = "the lease is lost";
    await clock.advance(11_000);
    const error = await failed;
    expect(error).toMatchObject({ code: "PS_NOT_SENT", effect: "none" });
    expect(error.message).toContain("the lease is lost");
    expect(server.connections).toBe(0);
  });

  it("is called again once connected: connecting can take long, too", async () => {
    const { api, server } = env;
    const answers = [undefined, "deleted meanwhile"];
    const error = await failure(api.request({ ...post(), gate: () => answers.shift() }));
    expect(error).toMatchObject({ code: "PS_NOT_SENT", effect: "none" });
    await env.clock.settle();
    expect(server.received).toEqual([]);
  });

  it("is no failure of the connection: nothing is counted as sent", async () => {
    await failure(env.api.request({ ...get(), gate: () => "no" }));
    expect(env.tries).toEqual([]);
  });
});

describe("a proxy", () => {
  it("is used for the matching scheme, also by calls with a connection of their own", async () => {
    const tunnels: string[] = [];
    const proxy = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (head) => {
        tunnels.push(head.toString().split("\r\n")[0] ?? "");
        socket.end("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
      });
    });
    proxy.listen(0, "127.0.0.1");
    await once(proxy, "listening");
    const httpsProxy = `http://me:${KEY}@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const other = await setUp({ baseUrl: "https://api.invalid/v1" }, { httpsProxy });
    const error = await failure(other.api.request(post()));
    expect(tunnels).toEqual(["CONNECT api.invalid:443 HTTP/1.1"]);
    expect(error).toMatchObject({ code: "PS_CONNECTION", effect: "none" });
    expect(error.message).not.toContain(KEY);
    await other.stop();
    proxy.close();
  });

  it("is not used for the hosts of noProxy", async () => {
    const direct = await ScriptedServer.start();
    direct.script = [machine];
    const options = { baseUrl: `${direct.origin}/v1` };
    const other = await setUp(options, { httpProxy: "http://127.0.0.1:1", noProxy: "127.0.0.1" });
    await expect(other.api.request(post())).resolves.toMatchObject({ status: 200 });
    await other.stop();
    await direct.stop();
  });

  it("is not used for http://, where a key would leave the host readable", () => {
    const proxy = { httpProxy: "http://proxy", httpsProxy: "http://proxy" };
    expect(proxyFor("http://localhost:8080/v1", proxy)).toEqual({});
    expect(proxyFor("https://api.paperspace.com/v1", proxy)).toBe(proxy);
  });
});

/** What is read in each turn of the event loop: chunks, and whole answers that end. */
class CountedTurns extends ReadTurns {
  readonly all = [{ read: 0, ended: 0 }];
  onPause: () => void = () => {};

  override spend(...[clock, bytes]: Parameters<ReadTurns["spend"]>): boolean {
    const turn = this.all.at(-1) ?? { read: 0, ended: 0 };
    if (turn.read + turn.ended === 0) setImmediate(() => this.all.push({ read: 0, ended: 0 }));
    if (bytes > 1_000_000) turn.ended++;
    else turn.read += bytes;
    const goesOn = super.spend(clock, bytes);
    if (!goesOn) this.onPause();
    return goesOn;
  }
}
