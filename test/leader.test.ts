/**
 * Two operators and one lease: whoever leads works, the other takes over whatever becomes of it, and there is never a
 * second machine.
 */
import { describe, expect } from "vitest";
import { checkConformance, type Place, test } from "./support/cluster.ts";
import type { Daemon } from "./support/daemon.ts";
import { KillProxy } from "./support/kill-proxy.ts";
import { manifest } from "./support/manifest.ts";

const NAME = "one";
/** So that on a busy host, too, nobody loses it who is alive. */
const STEADY = ["--lease-duration=6s", "--renew-deadline=5s"];

function leads(place: Place, daemon: Daemon): Promise<boolean> {
  return place.until(`${daemon.name} leads`, () => daemon.hasLed);
}

/** The first one leads, the second one stands by with a full cache. */
async function two(place: Place): Promise<[Daemon, Daemon]> {
  const first = await place.daemon({ flags: STEADY });
  await leads(place, first);
  const second = await place.daemon({ flags: STEADY });
  return [first, second];
}

function stop(place: Place): Promise<void> {
  return place.edit(NAME, { spec: { powerState: "Stopped" } });
}

describe.concurrent("two operators", () => {
  test("the leader is killed: the other one goes on with the same machine", async ({ place }) => {
    const [first, second] = await two(place);
    await place.apply(manifest(NAME));
    const { status } = await place.ready(NAME);
    expect(second.hasLed).toBe(false);
    await first.kill();
    await stop(place);
    expect((await place.ready(NAME)).status).toMatchObject({ id: status?.id, state: "off" });
    expect(second.hasLed).toBe(true);
    expect(place.everMade()).toHaveLength(1);
  });

  test("the leader dies between a create and its record: the other one finds that very machine", async ({
    place,
  }) => {
    let first: Daemon | undefined;
    const proxy = await KillProxy.open({
      kubeconfig: place.cluster.kubeconfig,
      paperspaceUrl: place.sim.url,
      strike: ({ method, side }) => (side === "paperspace" && method === "POST" ? "after" : undefined),
      kill: () => void first?.kill(),
    });
    const { kubeconfig, paperspaceUrl } = proxy;
    first = place.start({ kubeconfig, paperspaceUrl, flags: STEADY });
    await leads(place, await first.ready());
    const second = await place.daemon({ flags: STEADY });
    await place.apply(manifest(NAME));
    const { status } = await place.ready(NAME);
    expect(proxy.struck).toBeDefined();
    expect(second.hasLed).toBe(true);
    expect(place.everMade().map(({ id }) => id)).toEqual([status?.id]);
  });

  test("a leader that stops in order hands over at once, and both end with 0", async ({ place }) => {
    const [first, second] = await two(place);
    await place.apply(manifest(NAME));
    await place.ready(NAME);
    expect(await first.stop()).toBe("exit code 0");
    await leads(place, second);
    await stop(place);
    await place.ready(NAME);
    expect(await second.stop()).toBe("exit code 0");
    expect(place.everMade()).toHaveLength(1);
  });

  test("a leader that was frozen past its lease does nothing when it wakes up", async ({ place }) => {
    const [first, second] = await two(place);
    first.freeze();
    await leads(place, second);
    await place.apply(manifest(NAME), manifest("two"));
    await Promise.all([place.ready(NAME), place.ready("two")]);
    first.thaw();
    await place.until("it sees that it leads no more", () =>
      first.logged().some(({ msg }) => msg === "no longer leading"),
    );
    await stop(place);
    await place.ready(NAME);
    expect(place.everMade()).toHaveLength(2);
    expect(place.sim.calls.list({ method: "PATCH" })).toHaveLength(1);
  });
});

checkConformance();
