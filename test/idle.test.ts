/**
 * What it costs to have machines and to do nothing: one list for all of them in each resync, and the lease. Counted in
 * calls, between events, so that a slow host counts the same.
 */
import { expect } from "vitest";
import { checkConformance, test } from "./support/cluster.ts";
import { KillProxy } from "./support/kill-proxy.ts";
import { manifest } from "./support/manifest.ts";

const LIST = "/v1/machines";
const RESYNCS = 4;

test("an idle fleet costs one list a resync: no read of a machine, no poll, no Kubernetes write but the lease", async ({
  testEnv,
}) => {
  const proxy = await KillProxy.open({
    kubeconfig: testEnv.cluster.kubeconfig,
    paperspaceUrl: testEnv.sim.url,
  });
  await testEnv.daemon({
    kubeconfig: proxy.kubeconfig,
    paperspaceUrl: proxy.paperspaceUrl,
    flags: ["--resync-interval=1s"],
  });
  const names = ["a", "b", "c", "d", "e"];
  await testEnv.apply(
    ...names.slice(1).map((name) => manifest(name)),
    manifest("a", { powerState: "Stopped", autoShutdown: { enabled: true, timeoutHours: 8 } }),
  );
  await Promise.all(names.map((name) => testEnv.ready(name)));
  // Events are written beside the passes; these are the last ones.
  await Promise.all(
    names.map((name) => testEnv.eventOf(name, "Normal", name === "a" ? "Stopped" : "Available")),
  );
  const calls = (since: number) => testEnv.sim.calls.list({ since });
  const lists = (since: number) => testEnv.sim.calls.list({ since, path: LIST, method: "GET" }).length;
  // What the last passes have begun, such as a poll, may still end.
  const start = await testEnv.until("no more calls are made", () => {
    // Two lists can coincide, and a poll for what they brought after them, which is late on a busy host.
    const last = calls(0).slice(-8);
    return last.every(({ method, path }) => method === "GET" && path === LIST) && last.at(-1)?.seq;
  });
  const crossed = proxy.crossings.length;
  await testEnv.until(`${RESYNCS} resyncs`, () => lists(start) >= RESYNCS);
  expect(calls(start).map(({ method, path, query }) => `${method} ${path} limit=${query.limit}`)).toEqual(
    Array(calls(start).length).fill(`GET ${LIST} limit=120`),
  );
  const kubernetes = proxy.crossings.slice(crossed).filter(({ side }) => side === "kubernetes");
  const writes = kubernetes.filter(({ method }) => method !== "GET");
  expect(writes.length).toBeGreaterThan(0);
  expect(writes.filter(({ path }) => !path.includes("/leases/"))).toEqual([]);
  proxy.close();
});

checkConformance();
