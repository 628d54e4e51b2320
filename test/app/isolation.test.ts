/**
 * What one object must not cost another: each test is the smallest input of a class that did, run with the whole operator
 * over a cluster and an account in memory, in virtual time.
 */
import { describe, expect, it } from "vitest";
import { KubeError } from "../../src/kube/errors.ts";
import { calls, checkTraffic, onlyMachine, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;

checkTraffic();

const reason = (world: VirtualWorld, name: string) => world.condition(name, "Ready")?.reason;

/** The object ends and another one is made under its name, as `kubectl replace --force` does: in one pass of its key. */
async function replace(world: VirtualWorld, name: string, spec: Parameters<VirtualWorld["apply"]>[1] = {}) {
  world.kube.intercept = ({ method }) => (method === "PATCH" ? { answerDelayMs: 20 } : undefined);
  world.delete(name);
  while (world.get(name)) await world.clock.advance(1);
  await world.clock.advance(5);
  world.apply(name, spec);
}

describe("an object that replaces another one of its name", () => {
  it("is created at once though the former one was refused: the refusal belongs to that UID", async () => {
    const world = running();
    world.apply("box", { templateId: "tnowhere0" });
    await world.until("refused", () => reason(world, "box") === "Refused");
    await replace(world, "box");
    await world.clock.advance(3 * MINUTE);
    expect(reason(world, "box")).toBe("Available");
  });
});

describe("hardware that was short until now", () => {
  /** A shortage that ends while an object waits whose create will be refused. */
  async function afterShortage(world: VirtualWorld) {
    world.sim.world.setCapacity("A4000", "ny2", 0);
    world.apply("bad", { templateId: "tnowhere0" });
    await world.until("waits", () => reason(world, "bad") === "WaitingForCapacity");
    world.sim.world.setCapacity("A4000", "ny2", null as never);
  }

  it("is free for the next object once the create of the first one is refused: it makes no use of it", async () => {
    const world = running();
    await afterShortage(world);
    await world.until("refused", () => reason(world, "bad") === "Refused");
    world.apply("good");
    await world.clock.advance(3 * MINUTE);
    expect(reason(world, "good")).toBe("Available");
  });

  it("is not kept by the refused object when its key has further passes: what backs off is not sent", async () => {
    const world = running();
    await afterShortage(world);
    await world.until("refused", () => reason(world, "bad") === "Refused");
    world.edit("bad", { metadata: { labels: { touched: "once" } } });
    await world.clock.advance(1_000);
    world.apply("good");
    await world.clock.advance(3 * MINUTE);
    expect(reason(world, "good")).toBe("Available");
  });

  it("is free for the next object while the create of the first one cannot be announced: nothing is sent", async () => {
    const world = running();
    await afterShortage(world);
    world.kube.intercept = ({ method, path, body }) => {
      if (method !== "PATCH" || !path.endsWith("/bad") || !JSON.stringify(body).includes("create-pending"))
        return undefined;
      throw KubeError.fromAnswer(
        422,
        { kind: "Status", reason: "Invalid", code: 422, message: "no" },
        method,
      );
    };
    await world.clock.advance(5 * MINUTE);
    world.apply("good");
    await world.clock.advance(3 * MINUTE);
    expect(reason(world, "good")).toBe("Available");
    // What is in the way is reported: it does not wait for hardware any more.
    expect(reason(world, "bad")).toBe("ApiUnavailable");
  });
});

describe("one setting that the API refuses", () => {
  const BAD = { enabled: true, frequency: "shutdown", snapshotId: "snnowhere" } as const;

  it("does not keep the others from being set: only what is refused is held back, and reported", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.sim.calls.clear();
    world.edit("box", { spec: { restorePoint: BAD, autoShutdown: { enabled: true, timeoutHours: 1 } } });
    await world.clock.advance(MINUTE);
    const { autoShutdownEnabled, restorePointEnabled } = onlyMachine(world).settings;
    expect({ autoShutdownEnabled, restorePointEnabled }).toEqual({
      autoShutdownEnabled: true,
      restorePointEnabled: false,
    });
    expect(reason(world, "box")).toBe("Refused");
    // All together, then each by itself.
    expect(calls(world, "PUT", /machines/)).toHaveLength(3);
    await world.clock.advance(60 * MINUTE);
    expect(calls(world, "PUT", /machines/).length).toBeLessThanOrEqual(3 + 6);
  });

  it("does not keep what another actor changes from being put back", async () => {
    const world = running();
    world.apply("box", { autoShutdown: { enabled: true, timeoutHours: 1 } });
    await world.ready("box");
    world.edit("box", { spec: { restorePoint: BAD } });
    await world.until("refused", () => reason(world, "box") === "Refused");
    onlyMachine(world).settings.autoShutdownEnabled = false;
    await world.clock.advance(20 * MINUTE);
    expect(onlyMachine(world).settings.autoShutdownEnabled).toBe(true);
  });
});
