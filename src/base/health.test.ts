import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type Check, startHealthServer, startMetricsServer } from "./health.ts";
import type { RunningServer } from "./http-server.ts";
import { createRegistry } from "./metrics.ts";

let server: RunningServer | undefined;
afterEach(async () => {
  await server?.stop();
  server = undefined;
});

async function start(readiness: Record<string, Check> = {}, liveness: Record<string, Check> = {}) {
  const registry = createRegistry({ version: "1.2.3", processMetrics: false });
  server = await startHealthServer({
    address: { host: "127.0.0.1", port: 0 },
    registry,
    readiness,
    liveness,
  });
  return (path: string, init?: RequestInit) => fetch(`http://127.0.0.1:${server?.port}${path}`, init);
}

it("answers 503 and what is not ready, and 200 once it is", async () => {
  let cache: string | undefined = "first list is under way";
  const get = await start({ cache: () => cache, lease: () => undefined });
  const before = await get("/readyz");
  expect(before.status).toBe(503);
  expect(await before.text()).toBe("[-] cache: first list is under way\nnot ok: cache\n");
  cache = undefined;
  const after = await get("/readyz");
  expect([after.status, await after.text()]).toEqual([200, "ok\n"]);
});

it("lists every check with ?verbose", async () => {
  const get = await start({ cache: () => undefined, lease: () => "held by another" });
  expect(await (await get("/readyz?verbose")).text()).toContain("[+] cache ok\n[-] lease: held by another");
});

it("stays alive while not ready: a restart would fix nothing", async () => {
  const get = await start({ cache: () => "not yet" });
  expect((await get("/healthz")).status).toBe(200);
});

it("counts a check that throws as failed", async () => {
  const check = () => {
    throw new Error("broken check");
  };
  const get = await start({}, { check });
  const response = await get("/healthz");
  expect([response.status, await response.text()]).toEqual([503, "[-] check: broken check\nnot ok: check\n"]);
});

it("serves the metrics of its own registry", async () => {
  const get = await start();
  const response = await get("/metrics");
  expect(response.headers.get("content-type")).toContain("text/plain");
  expect(await response.text()).toContain('paperspace_operator_build_info{version="1.2.3"');
});

it("answers nothing else", async () => {
  const get = await start();
  expect((await get("/")).status).toBe(404);
  expect((await get("/healthz", { method: "POST" })).status).toBe(405);
});

it("stops although a client keeps its connection open", async () => {
  await start();
  const socket = connect(server?.port ?? 0, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  const closed = once(socket, "close");
  await server?.stop();
  server = undefined;
  await closed;
});

it("rejects when the address is in use, instead of running without probes", async () => {
  await start();
  const registry = createRegistry({ version: "1", processMetrics: false });
  const again = startHealthServer({ address: { host: "127.0.0.1", port: server?.port ?? 0 }, registry });
  await expect(again).rejects.toThrow("EADDRINUSE");
});

it("leaves metrics to their own address where there is one", async () => {
  server = await startHealthServer({ address: { host: "127.0.0.1", port: 0 } });
  const response = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  expect([response.status, await response.text()]).toEqual([404, "/healthz or /readyz\n"]);
});

describe("the address of the metrics", () => {
  async function metricsFor(verdict: "allowed" | 401 | 403 | 503) {
    const registry = createRegistry({ version: "1.2.3", processMetrics: false });
    const asked: unknown[] = [];
    server = await startMetricsServer({
      address: { host: "127.0.0.1", port: 0 },
      registry,
      authorize: async (authorization, address) => {
        asked.push([authorization, address]);
        return verdict;
      },
    });
    const headers = { authorization: "Bearer t0k3n" };
    const get = (path: string) => fetch(`http://127.0.0.1:${server?.port}${path}`, { headers });
    return { get, asked };
  }

  it("serves them to whom it is allowed, and nothing else", async () => {
    const { get, asked } = await metricsFor("allowed");
    expect(await (await get("/metrics")).text()).toContain("paperspace_operator_build_info");
    expect(asked).toEqual([["Bearer t0k3n", "127.0.0.1"]]);
    for (const path of ["/", "/readyz", "/healthz"]) expect((await get(path)).status).toBe(404);
  });

  it.each([401, 403, 503] as const)("serves no line of them otherwise: %d", async (status) => {
    const { get } = await metricsFor(status);
    const response = await get("/metrics");
    expect(response.status).toBe(status);
    expect(response.headers.get("www-authenticate")).toBe(status === 401 ? "Bearer" : null);
    expect(await response.text()).not.toContain("paperspace_operator_build_info");
  });
});
