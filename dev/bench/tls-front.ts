/** TLS in front of the simulator, which has none: what a connection costs over it is no small part of a call. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "node:tls";
import { FIRST } from "../../test/support/certificates.ts";

export interface TlsFront {
  /** In place of the address behind it. */
  readonly url: string;
  /** Path of the certificate that signs its own. */
  readonly ca: string;
  stop(): Promise<void>;
}

/** `url`: with its path, such as http://127.0.0.1:4010/v1. */
export async function startTlsFront(url: string): Promise<TlsFront> {
  const { hostname, port, pathname } = new URL(url);
  const open = new Set<Socket>();
  const server = createServer(FIRST, (client) => {
    const behind = connect(Number(port), hostname);
    for (const [socket, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      open.add(socket);
      socket.on("error", () => {});
      // Where either end breaks off, so does the other.
      socket.once("close", () => {
        open.delete(socket);
        other.destroy();
      });
    }
    client.pipe(behind).pipe(client);
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  const dir = mkdtempSync(join(tmpdir(), "paperspace-tls-"));
  const ca = join(dir, "ca.crt");
  writeFileSync(ca, FIRST.cert);
  return {
    url: `https://localhost:${(server.address() as AddressInfo).port}${pathname}`,
    ca,
    stop: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
