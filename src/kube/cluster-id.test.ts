import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { ClusterId } from "./cluster-id.ts";
import { KubeError } from "./errors.ts";
import { configMaps } from "./resource.ts";

const NAMESPACE = "system";
const NAME = "operator-cluster";

function setUp() {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock });
  const stop = new AbortController();
  const start = (given?: string) => {
    const cluster = new ClusterId({
      configMaps: configMaps(kube),
      namespace: NAMESPACE,
      name: NAME,
      given,
      clock,
      logger: pino({ level: "silent" }),
    });
    const running = cluster.run(stop.signal);
    return { cluster, running };
  };
  const stored = async () => (await configMaps(kube).get(NAMESPACE, NAME)).data;
  return { clock, kube, start, stored, stop };
}

describe("the id of a cluster", () => {
  it("is stored once, and is the same for every process from then on", async () => {
    const { clock, start, stored } = setUp();
    const first = start();
    expect(first.cluster.known.state).toBe("unknown");
    await clock.settle();
    expect(first.cluster.known).toEqual({ state: "known", id: expect.stringMatching(/^[0-9a-f]{8}$/) });
    const second = start();
    await clock.settle();
    expect(second.cluster.known).toEqual(first.cluster.known);
    expect(await stored()).toEqual({ id: (first.cluster.known as { id: string }).id });
  });

  it("is one for processes that start at the same moment: whoever comes second takes the first one's", async () => {
    const { clock, start } = setUp();
    const processes = [start(), start(), start()];
    await clock.settle();
    const ids = processes.map(({ cluster }) => JSON.stringify(cluster.known));
    expect(new Set(ids).size).toBe(1);
    expect(processes[0]?.cluster.known.state).toBe("known");
  });

  it("is found where the answer of its store was lost", async () => {
    const { clock, kube, start, stored } = setUp();
    kube.intercept = ({ method }) => (method === "POST" ? { fail: "after" } : undefined);
    const { cluster } = start();
    await clock.settle();
    expect(cluster.known.state).toBe("unknown");
    kube.intercept = () => undefined;
    await clock.advance(30_000);
    expect(cluster.known).toEqual({ state: "known", id: (await stored())?.id });
  });

  it("that is given by a flag needs no right and is not stored", async () => {
    const { clock, kube, start } = setUp();
    const { cluster } = start("89abcdef");
    expect(cluster.known).toEqual({ state: "known", id: "89abcdef" });
    await clock.settle();
    expect(kube.calls).toEqual([]);
  });

  it("names the right and the flag where it may not be read, and is found once it may", async () => {
    const { clock, kube, start } = setUp();
    kube.intercept = () => ({
      fail: "before",
      error: new KubeError({ code: "KUBE_FORBIDDEN", message: "no", status: 403 }),
    });
    const { cluster } = start();
    await clock.settle();
    const { known } = cluster;
    expect(known).toMatchObject({ state: "unknown", retryInMs: 30_000 });
    for (const word of [NAME, NAMESPACE, "get", "create", "configmaps", "--cluster-id"])
      expect("message" in known && known.message).toContain(word);
    kube.intercept = () => undefined;
    await clock.advance(30_000);
    expect(cluster.known.state).toBe("known");
  });

  it("is never replaced by another one: a ConfigMap without a valid one is reported", async () => {
    const { clock, kube, start, stop } = setUp();
    await configMaps(kube).create(NAMESPACE, { metadata: { name: NAME }, data: { id: "mine" } });
    const { cluster, running } = start();
    await clock.settle();
    expect(cluster.known).toMatchObject({ state: "unknown", message: expect.stringContaining('"mine"') });
    stop.abort();
    await running;
  });
});
