/**
 * Numbers of instances together with rollouts: a number is no configuration of its own, so that autoscalers neither end
 * a rollback, nor restart a deadline, nor are rolled back.
 */
import { describe, expect, it } from "vitest";
import type { SpecRecord } from "../../dev/simulator/world/deployment-records.ts";
import type { DeploymentSpec, DeploymentStatus } from "../../src/kinds/deployment/types.ts";
import { ReadyWatch } from "../support/ready-watch.ts";
import { checkTraffic, newWorld, onlyDeployment, running } from "../support/scenario-world.ts";
import {
  BAD_IMAGE,
  condition,
  edit,
  keep,
  MINUTE,
  message,
  projectSecrets,
  ready,
  reason,
  showing,
  status,
  stored,
  upserts,
} from "../support/scenario-world-deployments.ts";
import { DEPLOYMENTS, NAMESPACE, type Process, type VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const BACK = { rollback: "OnFailure" } as const;
const AUTOSCALED: Pick<DeploymentSpec, "autoscaling"> = {
  autoscaling: { enabled: true, maxReplicas: 5, metrics: [{ metric: "cpu", value: 50 }] },
};
const rolledBack = (world: VirtualWorld) =>
  world.until(
    "it is rolled back",
    () => reason(world) === "RolledBack" && condition(world, "Healthy")?.status === "True",
  );
/** What was sent, such as "model:1 x2". */
const sent = (world: VirtualWorld) =>
  upserts(world).map(({ body }) => {
    const { image, resources } = (body as { config: { image: string; resources: { replicas: number } } })
      .config;
    return `${image.split("/").at(-1)} x${resources.replicas}`;
  });

describe("a number of instances", () => {
  it("is not rolled back where most of them came, but not all: those serve, and no other configuration brings more", async () => {
    const world = await ready({ replicas: 2, ...BACK });
    world.sim.world.setCapacity("C4", "ny2", 5);
    edit(world, { replicas: 6 });
    await world.clock.advance(5 * MINUTE);
    expect(status(world)?.readyReplicas).toBe(5);
    expect(reason(world, "Reconciling")).toBe("Progressing");
    await world.deployments.reports("web", "ProgressDeadlineExceeded");
    expect(reason(world, "Stalled")).toBe("ProgressDeadlineExceeded");
    expect(message(world)).toContain("5 of 6 instances are ready");
    await world.clock.advance(20 * MINUTE);
    expect(status(world)?.readyReplicas).toBe(5);
    expect(sent(world)).toEqual(["model:1 x6"]);
    world.sim.world.setCapacity("C4", "ny2", null);
    await world.deployments.ready("web");
    expect(sent(world)).toEqual(["model:1 x6"]);
  });

  it("is that of the configuration that was gone back to, which an autoscaler scales on; what failed is not sent again", async () => {
    const world = await ready({ replicas: 2, ...BACK });
    edit(world, { image: BAD_IMAGE });
    await rolledBack(world);
    world.sim.calls.clear();
    for (const replicas of [3, 4, 3, 5]) {
      edit(world, { replicas });
      await world.clock.advance(30 * MINUTE);
      expect(status(world)?.readyReplicas).toBe(replicas);
    }
    expect(sent(world)).toEqual(["model:1 x3", "model:1 x4", "model:1 x3", "model:1 x5"]);
    expect(reason(world)).toBe("RolledBack");
  });

  it("outlives more steps than the history has entries, while rolled back", async () => {
    const world = await ready({ replicas: 2, ...BACK, progressDeadlineSeconds: 120 });
    edit(world, { image: BAD_IMAGE });
    await rolledBack(world);
    for (let step = 0; step < 14; step++) {
      edit(world, { replicas: 3 + (step % 2) });
      await world.clock.advance(5 * MINUTE);
    }
    world.sim.console.deployments.edit(onlyDeployment(world).id, { image: "acme/changed" });
    await world.clock.advance(15 * MINUTE);
    expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:1", resources: { replicas: 4 } });
    await rolledBack(world);
  });

  it("is the declared one also where what was gone back to had fewer", async () => {
    const world = await ready({ replicas: 2, ...BACK });
    world.sim.world.setBehaviour({ instanceStartMs: 6 * MINUTE });
    edit(world, { replicas: 6 });
    await world.clock.advance(4 * MINUTE);
    edit(world, { image: BAD_IMAGE });
    await rolledBack(world);
    expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:1", resources: { replicas: 6 } });
  });

  it("does not restart the deadline of a configuration that is broken, however often an autoscaler changes it", async () => {
    const world = await ready({ replicas: 2, ...BACK });
    edit(world, { image: BAD_IMAGE });
    for (let step = 0; step < 2; step++) {
      await world.clock.advance(10 * MINUTE);
      edit(world, { replicas: 3 - step });
    }
    await rolledBack(world);
    expect(status(world)?.history?.find(({ outcome }) => outcome === "TimedOut")?.startedAt).toBeDefined();
  });

  it("does not hide what was healthy behind it, however often an autoscaler changed it since", async () => {
    const world = await ready({ replicas: 2, ...BACK });
    edit(world, { image: BAD_IMAGE });
    await world.clock.advance(MINUTE);
    const { specs } = onlyDeployment(world);
    const bad = specs.at(-1) as SpecRecord;
    // As many as it makes in an hour at one each 15 seconds.
    specs.splice(1, 0, ...Array.from({ length: 240 }, () => ({ ...bad, id: world.sim.world.uuid() })));
    await rolledBack(world);
    expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:1", resources: { replicas: 2 } });
  });

  it("of none now and then does not restart that deadline either: only the time when it was on counts", async () => {
    const world = await ready({ replicas: 1, ...BACK });
    edit(world, { image: BAD_IMAGE });
    await world.clock.advance(10 * MINUTE);
    edit(world, { replicas: 0 });
    await world.clock.advance(10 * MINUTE);
    expect(reason(world)).toBe("Disabled");
    edit(world, { replicas: 1 });
    await world.clock.advance(3 * MINUTE);
    expect(reason(world)).toBe("Progressing");
    await world.clock.advance(4 * MINUTE);
    expect(reason(world)).toBe("RolledBack");
    expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:1", resources: { replicas: 1 } });
  });

  it("of none switches it off while it is rolled back, and on again what was healthy runs", async () => {
    const world = await ready({ replicas: 2, ...BACK });
    edit(world, { image: BAD_IMAGE });
    await rolledBack(world);
    edit(world, { replicas: 0 });
    await world.deployments.reports("web", "Disabled");
    expect(condition(world)?.status).toBe("True");
    world.sim.calls.clear();
    edit(world, { replicas: 3 });
    await rolledBack(world);
    expect(sent(world)).toEqual(["model:1 x3"]);
  });

  it("of none is the same as `enabled: false`: nothing is sent for a change from one to the other", async () => {
    const world = await ready();
    edit(world, { enabled: false });
    await world.deployments.reports("web", "Disabled");
    world.sim.calls.clear();
    edit(world, { enabled: true, replicas: 0 });
    await world.deployments.reports("web", "Disabled");
    world.sim.console.deployments.edit(onlyDeployment(world).id, {
      enabled: false,
      resources: { replicas: 3 },
    });
    await world.clock.advance(30 * MINUTE);
    expect(condition(world)).toMatchObject({ status: "True", reason: "Disabled" });
    expect(condition(world, "Synced")?.status).toBe("True");
    expect(upserts(world)).toEqual([]);
  });
});

describe("Ready, while only the number of instances changes", () => {
  /** Whether as many are ready as are declared, by the simulator. */
  const serves = (world: VirtualWorld) => () =>
    onlyDeployment(world)
      .runs.flatMap(({ instances }) => instances)
      .filter(({ isReady }) => isReady).length >= (world.deployments.get("web")?.spec.replicas ?? 1);
  const watching = (world: VirtualWorld) => {
    const object = () => world.deployments.get("web");
    const watch = new ReadyWatch(world, { object, serves: serves(world) });
    watch.changes();
    return watch;
  };

  it.each([{}, { newRun: "always" as const }, { staleSpecMs: 20_000 }, { appliedMs: 20 * MINUTE }])(
    "stays True where enough serve all the while: fewer are declared (%j)",
    async (behaviour) => {
      const world = await ready({ replicas: 4 });
      world.sim.world.setBehaviour(behaviour);
      const watch = watching(world);
      edit(world, { replicas: 2 });
      await world.clock.advance(5_000);
      expect(condition(world)).toMatchObject({ status: "True", reason: "Available", observedGeneration: 2 });
      expect(reason(world, "Reconciling")).toBe("Scaling");
      expect(condition(world, "Healthy")?.status).toBe("True");
      await world.clock.advance(30 * MINUTE);
      expect(watch.changes()).toEqual([]);
      expect(sent(world)).toEqual(["model:1 x2"]);
      expect(status(world)?.readyReplicas).toBe(2);
      expect(condition(world, "Reconciling")).toBeUndefined();
      watch.end();
    },
  );

  it("follows what serves where an autoscaler changes its mind every 15 seconds: True at once when enough are ready", async () => {
    const world = await ready({ replicas: 4 });
    const watch = watching(world);
    for (let step = 0; step < 40; step++) {
      edit(world, { replicas: [3, 2, 4, 2][step % 4] });
      await world.clock.advance(15_000);
    }
    expect(watch.longest.wronglyFalse).toBeLessThanOrEqual(30_000);
    expect(watch.longest.wronglyTrue).toBeLessThanOrEqual(5_000);
    edit(world, { replicas: 2 });
    await world.deployments.ready("web");
    watch.end();
    // All of that is one template.
    expect(status(world)?.history).toHaveLength(1);
    expect(status(world)?.history?.[0]?.earlier?.length).toBeGreaterThan(10);
  });

  it("is False for more than are ready, which is Reconciling, and True with the last of them", async () => {
    const world = await ready({ replicas: 2 });
    const watch = watching(world);
    edit(world, { replicas: 4 });
    await world.clock.advance(5_000);
    expect(condition(world)?.status).toBe("False");
    expect(condition(world, "Reconciling")?.status).toBe("True");
    await world.deployments.ready("web");
    expect(watch.changes()).toHaveLength(2);
    watch.end();
  });
});

describe("a spec that Paperspace marks as healthy before its instances are there", () => {
  async function markedEarly(spec: Partial<DeploymentSpec>) {
    const world = await ready({ replicas: 2, ...BACK });
    world.sim.world.setBehaviour({ instanceStartMs: 10 * MINUTE });
    showing(world, /\/deployments(\/[^/]+)?$/, marked);
    edit(world, spec);
    await world.clock.advance(2 * MINUTE);
    return world;
  }
  type Shown = { items?: Shown[]; latestSpec?: { externalApplied: string | null; dtHealthy: string | null } };
  const marked = ({ items, latestSpec, ...body }: Shown): Shown => ({
    ...body,
    ...(items && { items: items.map(marked) }),
    ...(latestSpec && {
      latestSpec: { ...latestSpec, dtHealthy: latestSpec.dtHealthy ?? latestSpec.externalApplied },
    }),
  });

  it("is under way where more were declared: nothing of what is there has failed, so that it is not Degraded", async () => {
    const world = await markedEarly({ replicas: 4 });
    expect(reason(world)).toBe("Progressing");
    expect(message(world)).toContain("2 of 4 instances are ready");
    await world.deployments.ready("web");
    world.sim.console.deployments.crash(onlyDeployment(world).id, { startsOver: false });
    await world.clock.advance(11 * MINUTE);
    expect(reason(world)).toBe("Degraded");
  });

  it("is not Ready by what another template serves, which ran since it was healthy itself", async () => {
    const world = await markedEarly({ image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    edit(world, { image: "ghcr.io/acme/model:1" });
    await world.clock.advance(2 * MINUTE);
    expect(reason(world)).toBe("Progressing");
    await world.deployments.ready("web");
  });
});

describe("a configuration that was put back", () => {
  it("is not a new rollout: where its instances fail later it is Degraded, and not late", async () => {
    const world = await ready({ replicas: 2, progressDeadlineSeconds: 120, ...BACK });
    world.sim.console.deployments.edit(onlyDeployment(world).id, { image: "acme/changed" });
    await world.until("it is put back", () => upserts(world).length === 1);
    await world.until("it is healthy", () => onlyDeployment(world).specs.at(-1)?.dtHealthy !== null);
    world.sim.console.deployments.crash(onlyDeployment(world).id, { startsOver: false });
    await world.clock.advance(20 * MINUTE);
    expect(reason(world)).toBe("Degraded");
    expect(upserts(world)).toHaveLength(1);
  });

  it("is late when it would have been without", async () => {
    const world = running();
    world.deployments.apply("web", { image: BAD_IMAGE, progressDeadlineSeconds: 1200 });
    await world.until("it is sent", () => world.deployed().length === 1);
    await world.clock.advance(5 * MINUTE);
    world.sim.console.deployments.edit(onlyDeployment(world).id, { image: "acme/changed" });
    await world.clock.advance(16 * MINUTE);
    expect(upserts(world)).toHaveLength(2);
    expect(reason(world)).toBe("ProgressDeadlineExceeded");
  });
});

describe("a Secret that is rotated while rolled back", () => {
  it("goes into what was healthy, and what failed is not sent again", async () => {
    const world = running();
    keep(world, "hub", { token: "first" });
    const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }];
    world.deployments.apply("web", { ...BACK, progressDeadlineSeconds: 120, env });
    await world.deployments.ready("web");
    edit(world, { image: BAD_IMAGE });
    await rolledBack(world);
    world.sim.calls.clear();
    const [first = ""] = projectSecrets(world);
    keep(world, "hub", { token: "second" });
    await world.clock.advance(30 * MINUTE);
    const second = projectSecrets(world).find((name) => name !== first);
    expect(sent(world)).toEqual(["model:1 x1"]);
    expect(stored(world)?.env).toEqual([{ name: "TOKEN", value: `secret:${second}` }]);
    await rolledBack(world);
    // Back to the value with which it failed, and was healthy.
    keep(world, "hub", { token: "first" });
    await world.clock.advance(30 * MINUTE);
    expect(sent(world)).toEqual(["model:1 x1", "model:1 x1"]);
    expect(stored(world)?.env).toEqual([{ name: "TOKEN", value: `secret:${first}` }]);
  });

  it("is tried where another value of it is all that failed", async () => {
    const world = running();
    keep(world, "hub", { token: "first" });
    const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }];
    world.deployments.apply("web", { ...BACK, progressDeadlineSeconds: 120, env });
    await world.deployments.ready("web");
    world.sim.console.deployments.setImageFate("model:1", "crash");
    keep(world, "hub", { token: "second" });
    await world.until("it goes back", () => status(world)?.rolledBack !== undefined);
    world.sim.console.deployments.setImageFate("model:1", null);
    await rolledBack(world);
    keep(world, "hub", { token: "third" });
    await world.deployments.ready("web");
    expect(status(world)?.rolledBack).toBeUndefined();
  });
});

describe("autoscaling by Paperspace", () => {
  it("does not take Ready away while the least number serves: more is a message, and Reconciling", async () => {
    const world = await ready(AUTOSCALED);
    world.sim.world.setBehaviour({ instanceStartMs: 15 * MINUTE });
    const seen = new Set<string>();
    for (const wanted of [4, 1]) {
      world.sim.console.deployments.autoscale(onlyDeployment(world).id, wanted);
      for (let minute = 0; minute < 30; minute++) {
        await world.clock.advance(MINUTE);
        seen.add(
          `${condition(world)?.status} ${reason(world, "Reconciling") ?? "-"} ${reason(world, "Stalled") ?? "-"}`,
        );
        if (reason(world, "Reconciling")) expect(message(world)).toContain("1 of 4 instances are ready");
      }
    }
    expect([...seen].sort()).toEqual(["True - -", "True Scaling -"]);
  });

  it("does not stall what serves where it finds no hardware for more", async () => {
    const world = await ready(AUTOSCALED);
    world.sim.world.setCapacity("C4", "ny2", 1);
    world.sim.console.deployments.autoscale(onlyDeployment(world).id, 4);
    await world.clock.advance(180 * MINUTE);
    expect(condition(world)?.status).toBe("True");
    // Neither does another bound of it: the number that is needed is there.
    edit(world, { autoscaling: { ...AUTOSCALED.autoscaling, maxReplicas: 8 } });
    await world.clock.advance(60 * MINUTE);
    expect(condition(world)?.status).toBe("True");
    expect(upserts(world)).toHaveLength(1);
  });

  it("may store its number: within the bounds that is no drift, and another declared number is sent all the same", async () => {
    const world = await ready({ ...AUTOSCALED, replicas: 2 });
    const { id } = onlyDeployment(world);
    world.sim.console.deployments.scale(id, 4);
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(condition(world)?.status).toBe("True");
    expect(condition(world, "Synced")?.status).toBe("True");
    edit(world, { replicas: 1 });
    await world.deployments.ready("web");
    expect(sent(world)).toEqual(["model:1 x1"]);
    world.sim.console.deployments.scale(id, 6);
    await world.clock.advance(30 * MINUTE);
    expect(sent(world)).toEqual(["model:1 x1", "model:1 x1"]);
  });
});

describe("Ready", () => {
  it.each([null, 0, 1])(
    "is not reported while fewer serve than are declared, though the run itself has replicas %s",
    async (replicas) => {
      const world = await ready({ replicas: 3 });
      showRuns(world, (run) => ({
        ...run,
        replicas,
        readyReplicas: 1,
        instances: run.instances.slice(0, 1),
      }));
      await world.clock.advance(180 * MINUTE);
      expect(condition(world)?.status).toBe("False");
      expect(message(world)).toContain("1 of 3 instances are ready");
    },
  );
});

describe("Ready at rest", () => {
  it.each([0, 29, 55])(
    "is a resync old at most: it outlives all instances by no more (they fail %d minutes into an hour)",
    async (offset) => {
      const world = await ready({ replicas: 2 }, [], { random: () => 0.9 });
      await world.clock.advance((8 * 60 + offset) * MINUTE);
      world.sim.console.deployments.fail(onlyDeployment(world).id, "crash");
      await world.clock.advance(11 * MINUTE);
      expect(condition(world)?.status).toBe("False");
      expect(reason(world)).toBe("Degraded");
    },
  );

  it("is Unknown once the instances could not be read for two resyncs, and True again with the first read", async () => {
    const world = await ready();
    world.sim.faults.add({ match: { method: "GET", path: "/runs", times: "always" }, do: { status: 503 } });
    await world.clock.advance(9 * MINUTE);
    expect(condition(world)?.status).toBe("True");
    await world.clock.advance(24 * MINUTE);
    expect(condition(world)).toMatchObject({ status: "Unknown", reason: "NotObserved" });
    expect(reason(world, "Reconciling")).toBe("NotObserved");
    expect(condition(world, "Healthy")?.status).toBe("Unknown");
    expect(reason(world, "Stalled")).toBeUndefined();
    world.sim.faults.clear();
    await world.deployments.ready("web");
  });

  it("after a restart is read anew within little more than a resync", async () => {
    const { world, restart } = await upgradable({});
    await restart();
    world.sim.calls.clear();
    await world.clock.advance(11 * MINUTE);
    expect(world.sim.calls.list({ method: "GET", path: /\/runs$/ }).length).toBeGreaterThan(0);
  });
});

describe("an operator that is upgraded from one that hashed whole configurations alone", () => {
  it("sends nothing at rest, and knows later that a number is no other configuration", async () => {
    const { world, restart } = await upgradable({ replicas: 2 });
    await restart();
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(condition(world)?.status).toBe("True");
    world.sim.world.setCapacity("C4", "ny2", 3);
    edit(world, { replicas: 4 });
    await world.clock.advance(60 * MINUTE);
    expect(sent(world)).toEqual(["model:1 x4"]);
    expect(reason(world)).toBe("ProgressDeadlineExceeded");
  });

  it("knows it as well of a number that was declared meanwhile", async () => {
    const { world, restart } = await upgradable({ replicas: 2 });
    world.sim.world.setCapacity("C4", "ny2", 3);
    await restart(() => edit(world, { replicas: 4 }));
    await world.clock.advance(60 * MINUTE);
    expect(sent(world)).toEqual(["model:1 x4"]);
    expect(reason(world)).toBe("ProgressDeadlineExceeded");
  });

  it("sends nothing while rolled back, and scales what was gone back to", async () => {
    const { world, restart } = await upgradable({ replicas: 2 });
    edit(world, { image: BAD_IMAGE });
    await rolledBack(world);
    world.sim.calls.clear();
    await restart();
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(reason(world)).toBe("RolledBack");
    edit(world, { replicas: 3 });
    await world.clock.advance(30 * MINUTE);
    expect(sent(world)).toEqual(["model:1 x3"]);
  });

  it("sends nothing to what is switched off", async () => {
    const { world, restart } = await upgradable({ replicas: 2 });
    edit(world, { enabled: false });
    await world.deployments.reports("web", "Disabled");
    world.sim.calls.clear();
    await restart();
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(reason(world)).toBe("Disabled");
  });
});

type Run = Record<string, unknown> & { instances: unknown[] };

/** From now on reads of the runs show this of each. */
function showRuns(world: VirtualWorld, changed: (run: Run) => Run): void {
  showing(world, /\/runs$/, (runs: Run[]) => runs.map(changed));
}

/** A Ready deployment, and what stops its operator, leaves the status as an earlier version did, and starts another one. */
async function upgradable(spec: object) {
  const world = newWorld();
  let process: Process = world.start();
  world.deployments.apply("web", { ...BACK, ...spec });
  await world.deployments.ready("web");
  world.sim.calls.clear();
  const restart = async (meanwhile = () => {}) => {
    await process.stop();
    const before = asBefore(status(world) as DeploymentStatus);
    world.kube.storage.patch(DEPLOYMENTS, NAMESPACE, "web", { status: before } as never, "status");
    meanwhile();
    process = world.start();
  };
  return { world, restart };
}

/** What was gone back to had the hash that it had at first. */
function asBefore({ history = [], rolledBack: back }: DeploymentStatus): object {
  const first = history.find(({ specId }) => specId === back?.to);
  return {
    history: history.map(({ template: _a, replicas: _b, startedAt: _c, healthyAt: _d, ...entry }) =>
      entry.rollback && first ? { ...entry, hash: first.hash } : entry,
    ),
    ...(back && { rolledBack: { ...back, failed: null, good: null } }),
  };
}
