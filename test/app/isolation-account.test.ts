/**
 * What one account must not cost another, nor one namespace another of the same account: an account that cannot be asked
 * occupies no worker, and steps are sent in turns. Run with the whole operator in virtual time.
 */
import { describe, expect, it } from "vitest";
import { KubeError } from "../../src/kube/errors.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, newWorld, onlyMachine, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const BETA = "te-beta";

checkTraffic();

/** A world in which the namespaces `namespaces` have a key of team alpha, and "beta" one of another team. */
function teams(flags: string[] = [], namespaces: readonly string[] = []): VirtualWorld {
  const world = running(flags);
  for (const namespace of namespaces) world.secret("sim-key-alpha", namespace);
  world.secret("sim-key-beta", "beta");
  return world;
}

const limited = (team: string) => ({ match: { team, times: "always" }, do: { status: 429 } }) as const;

const machineOf = (world: VirtualWorld, team: string) =>
  world.machines().find((machine) => machine.teamId === team);

const isReady = (world: VirtualWorld, name: string, namespace: string) => {
  const ready = world.condition(name, "Ready", world.kube, namespace);
  const generation = world.get(name, world.kube, namespace)?.metadata.generation;
  return ready?.status === "True" && ready.observedGeneration === generation;
};

/** How long it takes from now, in milliseconds. */
async function timeOf(world: VirtualWorld, what: string, done: () => boolean): Promise<number> {
  const began = world.clock.monotonic();
  await world.until(what, done);
  return world.clock.monotonic() - began;
}

/** How long a stop and a start take the user of team beta, after `before` has been done to another team. */
async function powerTimes(before: (world: VirtualWorld) => Promise<void> | void): Promise<[number, number]> {
  const world = teams();
  world.apply("box", {}, { namespace: "beta" });
  await world.until("ready", () => isReady(world, "box", "beta"));
  await before(world);
  const set = (powerState: string) => {
    world.edit("box", { spec: { powerState } }, world.kube, "beta");
    return timeOf(world, powerState, () => isReady(world, "box", "beta"));
  };
  return [await set("Stopped"), await set("Running")];
}

describe("an account that cannot be asked", () => {
  it.each([8, 20])(
    "costs its own objects alone: %i of them, which wait for the probe of their key, delay no stop or start of another team",
    async (count) => {
      const alone = await powerTimes(() => {});
      const beside = await powerTimes(async (world) => {
        world.sim.faults.add(limited("te-alpha"));
        for (let n = 0; n < count; n++) world.apply(`alpha-${n}`);
        await world.clock.advance(5_000);
      });
      for (const [index, ms] of beside.entries()) expect(ms).toBeLessThan(1.1 * (alone[index] ?? 0));
    },
  );

  it("costs its own objects alone where its key is known, and all that it sends is answered with 429", async () => {
    const alone = await powerTimes(() => {});
    const beside = await powerTimes(async (world) => {
      for (let n = 0; n < 20; n++) world.apply(`alpha-${n}`);
      await world.clock.advance(15 * MINUTE);
      world.sim.faults.add(limited("te-alpha"));
      for (let n = 0; n < 20; n++) world.edit(`alpha-${n}`, { spec: { powerState: "Stopped" } });
      await world.clock.advance(5_000);
    });
    for (const [index, ms] of beside.entries()) expect(ms).toBeLessThan(1.1 * (alone[index] ?? 0));
  });

  it("costs its own objects alone where each of its writes hangs until the timeout: workers are shared by account", async () => {
    const alone = await powerTimes(() => {});
    const beside = await powerTimes(async (world) => {
      for (let n = 0; n < 40; n++) world.apply(`alpha-${n}`);
      await world.clock.advance(15 * MINUTE);
      world.sim.faults.add({
        match: { team: "te-alpha", method: "PATCH", times: "always" },
        do: { hang: true },
      });
      for (let n = 0; n < 40; n++) world.edit(`alpha-${n}`, { spec: { powerState: "Stopped" } });
      await world.clock.advance(5_000);
    });
    for (const [index, ms] of beside.entries()) expect(ms).toBeLessThan(1.1 * (alone[index] ?? 0));
  });

  it("is reported as what it is, and its objects go on by themselves once it answers", async () => {
    const world = teams();
    world.apply("box");
    await world.ready("box");
    world.sim.faults.add(limited("te-alpha"));
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.until("reported", () => world.condition("box", "Ready")?.reason === "RateLimited");
    expect(world.get("box")?.status?.operation).toBeUndefined();
    world.sim.faults.clear();
    await world.ready("box");
    expect(onlyMachine(world).state).toBe("off");
    expect(calls(world, "PATCH", /stop/).filter(({ status }) => status === 200)).toHaveLength(1);
  });
});

describe("a pause that begins while a step has its permit", () => {
  it("lets nothing of it out: the attempt is closed as never sent, and made anew after the pause", async () => {
    const world = teams();
    world.apply("other");
    await world.ready("other");
    // The announcement takes long, and meanwhile a read of the same team is answered with 429.
    world.kube.intercept = ({ method, path, body }) =>
      method === "PATCH" && path.endsWith("/box") && JSON.stringify(body).includes("create-pending")
        ? { answerDelayMs: 5_000 }
        : undefined;
    world.apply("box");
    const announced = () => world.get("box")?.metadata.annotations?.[ANNOTATION.createPending];
    await world.until("announced", () => announced() !== undefined);
    const first = announced();
    world.sim.faults.add({ match: { team: "te-alpha", method: "GET", times: 1 }, do: { status: 429 } });
    world.edit("other", {
      metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "2026-01-01T00:00:00Z" } },
    });
    const limitedAt = await timeOf(world, "429", () =>
      calls(world, "GET", /./).some((one) => one.status === 429),
    );
    expect(limitedAt).toBeLessThan(5_000);
    world.kube.intercept = () => undefined;
    const pauseBegan = world.clock.monotonic();
    await world.until("closed", () => announced() !== first);
    await world.ready("box");
    const creates = calls(world, "POST", /machines$/);
    expect(creates).toHaveLength(2);
    expect(world.clock.monotonic() - pauseBegan).toBeGreaterThan(10_000);
    expect(JSON.stringify(creates.map(({ body }) => body))).not.toContain(JSON.parse(first ?? "").name);
    expect(world.machines()).toHaveLength(2);
  });
});

describe("an object that waits for its permit", () => {
  /** So many objects of one namespace wait to send their creates, at a rate at which that takes hours. */
  async function crowd(count: number, namespaces: readonly string[] = []) {
    const world = teams(["--requests-per-second=0.2", "--burst=5"], ["crowd", ...namespaces]);
    for (let n = 0; n < count; n++) world.apply(`c${n}`, {}, { namespace: "crowd" });
    await world.clock.advance(2 * MINUTE);
    return world;
  }

  it("has nothing on it: a process that dies then leaves nothing to resolve", async () => {
    const world = newWorld({ flags: ["--requests-per-second=0.2", "--burst=5"] });
    const first = world.start();
    for (let n = 0; n < 12; n++) world.apply(`c${n}`);
    await world.clock.advance(MINUTE);
    first.kill();
    const made = calls(world, "POST", /machines$/).length;
    const open = Array.from({ length: 12 }, (_, n) => world.get(`c${n}`)).filter(
      (object) => object?.metadata.annotations?.[ANNOTATION.createPending] !== undefined,
    );
    expect(made).toBeLessThan(12);
    // At most the one whose answer was under way.
    expect(open.length).toBeLessThanOrEqual(1);
    world.start();
    for (let n = 0; n < 12; n++) await world.ready(`c${n}`);
    expect(world.machines()).toHaveLength(12);
  });

  it("gives its turn up when it is deleted: the next object does not wait for those that are gone", async () => {
    const alone = teams(["--requests-per-second=0.2", "--burst=5"], ["late"]);
    alone.apply("box", {}, { namespace: "late" });
    const aloneMs = await timeOf(alone, "ready", () => isReady(alone, "box", "late"));
    const world = await crowd(40, ["late"]);
    for (let n = 0; n < 40; n++) world.delete(`c${n}`, world.kube, "crowd");
    await world.until("gone", () => !world.get("c39", world.kube, "crowd"));
    world.apply("box", {}, { namespace: "late" });
    const ms = await timeOf(world, "ready", () => isReady(world, "box", "late"));
    expect(ms).toBeLessThan(2 * aloneMs);
  });

  it("lets an object of another namespace of its team go first: namespaces take turns", async () => {
    const world = await crowd(60, ["late"]);
    world.apply("box", {}, { namespace: "late" });
    await world.until("ready", () => isReady(world, "box", "late"));
    const waiting = Array.from({ length: 60 }, (_, n) => `c${n}`).filter(
      (name) => !isReady(world, name, "crowd"),
    );
    expect(waiting.length).toBeGreaterThan(15);
  });

  it("sends with the others within the burst, after all workers were busy for long", async () => {
    const world = teams(["--requests-per-second=2", "--burst=5", "--concurrency=2"]);
    world.sim.faults.add({ match: { method: "POST", path: "machines$", times: 3 }, do: { hang: true } });
    for (let n = 0; n < 60; n++) world.apply(`c${n}`);
    await world.until("ready", () => isReady(world, "c59", "default"));
    const sentAt = calls(world, "POST", /machines$/).map(({ time }) => Date.parse(time));
    const within = (ms: number) => (at: number, index: number) =>
      sentAt.slice(index).filter((other) => other - at < ms).length;
    expect(Math.max(...sentAt.map(within(10_000)))).toBeLessThanOrEqual(5 + 10 * 2);
  });

  it("keeps its turn where its first write fails: the next pass sends it, before all that came later", async () => {
    const timeWith = async (failures: number) => {
      const world = await crowd(60);
      let left = failures;
      world.kube.intercept = ({ method, path, body }) => {
        const isAnnouncement =
          method === "PATCH" && path.endsWith("/box") && JSON.stringify(body).includes("create-pending");
        const error = new KubeError({ code: "KUBE_CONFLICT", message: "the object has been modified" });
        return isAnnouncement && left-- > 0 ? { fail: "before", error } : undefined;
      };
      world.apply("box", {}, { namespace: "crowd" });
      await world.clock.advance(30_000);
      for (let n = 60; n < 100; n++) world.apply(`c${n}`, {}, { namespace: "crowd" });
      const ms = await timeOf(world, "ready", () => isReady(world, "box", "crowd"));
      expect(left).toBeLessThanOrEqual(0);
      return ms;
    };
    expect(await timeWith(2)).toBeLessThan(1.1 * (await timeWith(0)));
  });

  it("sends nothing once its process has lost the lease, and is sent once by the next leader", async () => {
    const world = newWorld({ flags: ["--requests-per-second=0.2", "--burst=5"] });
    const first = world.start();
    for (let n = 0; n < 8; n++) world.apply(`c${n}`);
    await world.clock.advance(30_000);
    // The second one leads once the lease of the first has run out.
    first.edge.dead = true;
    const sentByFirst = calls(world, "POST", /machines$/).length;
    world.start();
    for (let n = 0; n < 8; n++) await world.ready(`c${n}`);
    expect(sentByFirst).toBeLessThan(8);
    expect(world.machines()).toHaveLength(8);
    expect(machineOf(world, BETA)).toBeUndefined();
  });
});
