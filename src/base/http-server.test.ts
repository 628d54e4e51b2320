import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { FIRST, SECOND } from "../../test/support/certificates.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import {
  HEADER_BYTES,
  type HttpServerOptions,
  MOST_CONNECTIONS,
  type RunningServer,
  startHttpServer,
} from "./http-server.ts";

let server: RunningServer | undefined;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server?.stop();
  server = undefined;
});

async function start(more: Partial<HttpServerOptions> = {}): Promise<void> {
  server = await startHttpServer({
    address: { host: "127.0.0.1", port: 0 },
    respond: (_, response) => void response.end("fine"),
    ...more,
  });
}

async function open(): Promise<Socket> {
  const socket = connect(server?.port ?? 0, "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

const get = (headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${server?.port}/`, { headers: { connection: "close", ...headers } });

describe("a server for the tools of the cluster", () => {
  it("closes the oldest connection beyond so many: who holds them all keeps no probe out", async () => {
    await start();
    const held = [];
    for (let i = 0; i < MOST_CONNECTIONS; i++) held.push(await open());
    const closed = once(held[0] as Socket, "close");
    expect((await get()).status).toBe(200);
    await closed;
    expect(held.slice(1).filter(({ closed: isClosed }) => isClosed)).toEqual([]);
  });

  const patience = { headersMs: 50, idleMs: 60_000 };

  it.each([
    ["nothing", ""],
    ["the beginning of a request", "GET / HTTP/1.1\r\nhost: x\r\n"],
    ["less of a body than announced", "GET / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nab"],
  ])("closes a connection that sends %s", async (_, text) => {
    await start({ patience, respond: () => {} });
    const socket = await open();
    socket.resume();
    const closed = once(socket, "close");
    socket.write(text);
    await closed;
  });

  it("closes a connection that is silent after an answer", async () => {
    await start({ patience: { headersMs: 60_000, idleMs: 50 } });
    const socket = await open();
    socket.resume();
    const closed = once(socket, "close");
    socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
    await closed;
  });

  it("refuses a head that is too long", async () => {
    await start();
    expect((await get({ long: "x".repeat(HEADER_BYTES) })).status).toBe(431);
    expect((await get({ long: "x".repeat(HEADER_BYTES / 2) })).status).toBe(200);
  });

  it("answers 500 where the answer fails, and goes on", async () => {
    let isBroken = true;
    await start({
      respond(_, response) {
        if (isBroken) throw new Error("broken");
        response.end("fine");
      },
    });
    expect((await get()).status).toBe(500);
    isBroken = false;
    expect((await get()).status).toBe(200);
  });
});

describe("with a certificate", () => {
  const directory = mkdtempSync(join(tmpdir(), "certificate-"));
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  async function commonName(): Promise<unknown> {
    const socket = connectTls({ port: server?.port, host: "127.0.0.1", rejectUnauthorized: false });
    sockets.push(socket);
    await once(socket, "secureConnect");
    return socket.getPeerCertificate().subject.CN;
  }

  it("serves HTTPS, and the new certificate once it was renewed in place", async () => {
    const clock = new VirtualClock();
    const put = ({ cert, key }: typeof FIRST) => {
      writeFileSync(join(directory, "tls.crt"), cert);
      writeFileSync(join(directory, "tls.key"), key);
    };
    put(FIRST);
    await start({ tls: { directory, clock } });
    expect(await commonName()).toBe("first");
    put(SECOND);
    expect(await commonName()).toBe("first");
    await clock.advance(60_000);
    const names = [];
    // The connection that finds it old is served with it still.
    while (names.at(-1) !== "second" && names.length < 50) names.push(await commonName());
    expect(names.at(-1)).toBe("second");
  });

  it("does not start without it", async () => {
    const clock = new VirtualClock();
    await expect(start({ tls: { directory: join(directory, "none"), clock } })).rejects.toThrow("ENOENT");
  });
});
