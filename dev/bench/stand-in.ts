/**
 * A cluster in memory that listens: the API server of the tests (test/support/fake-kube.ts) behind a port, for more objects
 * than a real one is filled with in reasonable time. It validates nothing, and it costs the host less than a real one.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { systemClock } from "../../src/base/clock.ts";
import { deploymentDefinition } from "../../src/kinds/deployment/types.ts";
import { machineDefinition } from "../../src/kinds/machine/types.ts";
import type { KubeRequest } from "../../src/kube/connection.ts";
import { KubeError } from "../../src/kube/errors.ts";
import { FIRST } from "../../test/support/certificates.ts";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { typeOf } from "../../test/support/virtual-objects.ts";
import { canBePod, type PodCredentials, podCredentials } from "./in-pod.ts";

export const STAND_IN_MACHINES = typeOf(machineDefinition);

/** Nothing looks at it. */
const TOKEN = "none";

export interface StandIn {
  /** Requests that are made here directly, not through the port, are the user's. */
  readonly kube: FakeKube;
  /** Writes that came through the port, such as "PATCH paperspacemachines/status". */
  readonly writes: ReadonlyMap<string, number>;
  /** Path. */
  readonly kubeconfig: string;
  /** Undefined where no process can be as in a pod. */
  readonly pod: PodCredentials | undefined;
  stop(): Promise<void>;
}

export async function startStandIn(): Promise<StandIn> {
  const types = [STAND_IN_MACHINES, typeOf(deploymentDefinition)];
  const kube = new FakeKube({ clock: systemClock, types });
  const writes = new Map<string, number>();
  const server = createServer(FIRST, (request, response) => {
    countWrite(writes, request);
    void serve(kube, request, response).catch(() => response.destroy());
  });
  server.listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const pod = canBePod()
    ? podCredentials({ host: "localhost", port, ca: FIRST.cert, token: TOKEN })
    : undefined;
  const dir = mkdtempSync(join(tmpdir(), "paperspace-stand-in-"));
  const kubeconfig = join(dir, "kubeconfig");
  await writeFile(kubeconfig, JSON.stringify(configOf(port)));
  return {
    kube,
    writes,
    kubeconfig,
    pod: pod?.credentials,
    stop: async () => {
      pod?.remove();
      await kube.close();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** JSON is YAML. */
function configOf(port: number): object {
  const cluster = {
    server: `https://localhost:${port}`,
    "certificate-authority-data": Buffer.from(FIRST.cert).toString("base64"),
  };
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "stand-in",
    clusters: [{ name: "stand-in", cluster }],
    users: [{ name: "stand-in", user: { token: TOKEN } }],
    contexts: [
      { name: "stand-in", context: { cluster: "stand-in", user: "stand-in", namespace: "default" } },
    ],
  };
}

function countWrite(writes: Map<string, number>, { method, url = "" }: IncomingMessage): void {
  if (method === "GET") return;
  const path = /\/namespaces\/[^/]+\/(?<plural>[^/?]+)(?:\/[^/?]+)?(?<sub>\/[^/?]+)?/.exec(url)?.groups;
  const what = `${method} ${path?.plural}${path?.sub ?? ""}`;
  writes.set(what, (writes.get(what) ?? 0) + 1);
}

async function serve(kube: FakeKube, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort(new Error("the client has gone")));
  const request = await requestOf(incoming, gone.signal);
  try {
    if (request.query?.watch === true) {
      const stream = await kube.stream(request);
      response.writeHead(200, { "content-type": "application/json" });
      response.flushHeaders();
      await pipeline(Readable.from(stream), response);
    } else answer(response, 200, await kube.request(request));
  } catch (error) {
    if (!(error instanceof KubeError) || response.headersSent) throw error;
    const { status: code, reason, message, details } = error;
    const status = { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message, details };
    answer(response, code, status);
  }
}

async function requestOf(incoming: IncomingMessage, signal: AbortSignal): Promise<KubeRequest> {
  const url = new URL(incoming.url ?? "/", "http://stand-in");
  const body = await text(incoming);
  return {
    method: incoming.method ?? "GET",
    path: decodeURIComponent(url.pathname),
    query: Object.fromEntries(Array.from(url.searchParams, ([name, value]) => [name, flag(value)])),
    ...(body !== "" && { body: JSON.parse(body) }),
    signal,
  };
}

function flag(value: string): string | boolean {
  return value === "true" || value === "false" ? value === "true" : value;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
