/**
 * Two operators and one lease: the leader works, the other takes over in any case, and there is never a second machine.
 */
import { describe, expect } from "vitest";
import { checkConformance, type TestEnv, test } from "./support/cluster.ts";
import type { Daemon } from "./support/daemon.ts";
import { KillProxy } from "./support/kill-proxy.ts";
import { manifest } from "./support/manifest.ts";

const NAME = "one";
/** So that on a busy host, too, no running process loses it. */
const STEADY = ["--lease-duration=6s", "--renew-deadline=5s"];

function leads(testEnv: TestEnv, daemon: Daemon): Promise<boolean> {
  return testEnv.until(`${daemon.name} leads`, () => daemon.hasLed);
}

/** The first one leads, the second one waits with a full cache. */
async function two(testEnv: TestEnv): Promise<[Daemon, Daemon]> {
  const first = await testEnv.daemon({ flags: STEADY });
  await leads(testEnv, first);
  const second = await testEnv.daemon({ flags: STEADY });
  return [first, second];
}

function stop(testEnv: TestEnv): Promise<void> {
  return testEnv.edit(NAME, { spec: { powerState: "Stopped" } });
}

describe.concurrent("two operators", () => {
  test("the leader is killed: the other one goes on with the same machine", async ({ testEnv }) => {
    const [first, second] = await two(testEnv);
    await testEnv.apply(manifest(NAME));
    const { status } = await testEnv.ready(NAME);
    expect(second.hasLed).toBe(false);
    await first.kill();
    await stop(testEnv);
    expect((await testEnv.ready(NAME)).status).toMatchObject({ id: status?.id, state: "off" });
    expect(second.hasLed).toBe(true);
    expect(testEnv.everMade()).toHaveLength(1);
  });

  test("the leader is killed between a create and its record: the other one finds the same machine", async ({
    testEnv,
  }) => {
    let first: Daemon | undefined;
    const proxy = await KillProxy.open({
      kubeconfig: testEnv.cluster.kubeconfig,
      paperspaceUrl: testEnv.sim.url,
      strike: ({ method, side }) => (side === "paperspace" && method === "POST" ? "after" : undefined),
      kill: () => void first?.kill(),
    });
    const { kubeconfig, paperspaceUrl } = proxy;
    first = testEnv.start({ kubeconfig, paperspaceUrl, flags: STEADY });
    await leads(testEnv, await first.ready());
    const second = await testEnv.daemon({ flags: STEADY });
    await testEnv.apply(manifest(NAME));
    const { status } = await testEnv.ready(NAME);
    expect(proxy.struck).toBeDefined();
    expect(second.hasLed).toBe(true);
    expect(testEnv.everMade().map(({ id }) => id)).toEqual([status?.id]);
  });

  test("a leader that stops gracefully hands over at once, and both end with 0", async ({ testEnv }) => {
    const [first, second] = await two(testEnv);
    await testEnv.apply(manifest(NAME));
    await testEnv.ready(NAME);
    expect(await first.stop()).toBe("exit code 0");
    await leads(testEnv, second);
    await stop(testEnv);
    await testEnv.ready(NAME);
    expect(await second.stop()).toBe("exit code 0");
    expect(testEnv.everMade()).toHaveLength(1);
  });

  test("a leader that was frozen past its lease does nothing when it wakes up", async ({ testEnv }) => {
    const [first, second] = await two(testEnv);
    first.freeze();
    await leads(testEnv, second);
    await testEnv.apply(manifest(NAME), manifest("two"));
    await Promise.all([testEnv.ready(NAME), testEnv.ready("two")]);
    first.thaw();
    await testEnv.until("it observes that it no longer leads", () =>
      first.logged().some(({ msg }) => msg === "no longer leading"),
    );
    await stop(testEnv);
    await testEnv.ready(NAME);
    expect(testEnv.everMade()).toHaveLength(2);
    expect(testEnv.sim.calls.list({ method: "PATCH" })).toHaveLength(1);
  });
});

checkConformance();
