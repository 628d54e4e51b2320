/**
 * The names of what the operator creates have the id of its cluster: so what a lost cluster left is told from a stranger's,
 * and what another cluster made is not taken over by mistake.
 */
import { describe, expect, it } from "vitest";
import { KubeError } from "../../src/kube/errors.ts";
import { ANNOTATION, clusterIdIn } from "../../src/reconcile/record.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { checkTraffic, newWorld, onlyMachine, running } from "../support/scenario-world.ts";
import { MACHINES, NAMESPACE, type VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const MINUTE = 60_000;
const CONFIG_MAP = "paperspace-operator-cluster";

function idOf(kube: FakeKube): string | undefined {
  const stored = kube.storage.events.find(({ object }) => object.metadata.name === CONFIG_MAP)?.object;
  return (stored as { data?: { id?: string } } | undefined)?.data?.id;
}

/** Numbers that are not all the same, and the same ones in each run. */
function varied(): () => number {
  let n = 0;
  return () => (++n * Math.SQRT2) % 1;
}

/** Another cluster with the same key. */
function secondCluster(world: VirtualWorld): FakeKube {
  const kube = new FakeKube({ clock: world.clock, types: [MACHINES] });
  world.secret("sim-key-alpha", NAMESPACE, kube);
  // Its UIDs are others.
  world.secret("none", "elsewhere", kube);
  return kube;
}

it("is in the name of each machine, whichever process makes it", async () => {
  const world = newWorld();
  const first = world.start();
  world.apply("one");
  await world.ready("one");
  await first.stop();
  world.start();
  world.apply("two");
  await world.ready("two");
  const ids = world.machines().map(({ settings }) => clusterIdIn(settings.name ?? ""));
  expect(ids).toEqual([idOf(world.kube), idOf(world.kube)]);
  expect(ids[0]).toBeDefined();
});

describe("a machine of another cluster", () => {
  async function made() {
    const world = running([], { random: varied() });
    world.apply("box", { deletionPolicy: "Orphan" });
    await world.ready("box");
    const other = secondCluster(world);
    world.start(other);
    const { id } = onlyMachine(world);
    world.apply("taken", { adoptId: id }, {}, other);
    const ready = () => world.condition("taken", "Ready", other);
    await world.until("it is refused", () => ready()?.reason === "IdentityConflict");
    return { world, other, id, ready };
  }

  it("is not adopted on the word of the spec alone, and nothing is sent for it", async () => {
    const { world, other, id, ready } = await made();
    expect(idOf(other)).not.toBe(idOf(world.kube));
    expect(ready()?.message).toContain(idOf(world.kube));
    expect(ready()?.message).toContain(`${ANNOTATION.adopt}=${id}@`);
    world.edit("taken", { spec: { powerState: "Stopped" } }, other);
    await world.clock.advance(30 * MINUTE);
    expect(onlyMachine(world).state).toBe("ready");
    world.delete("taken", other);
    await world.until("it is gone", () => world.get("taken", other) === undefined);
    expect(world.machines()).toHaveLength(1);
  });

  it("is adopted once the annotation names the object", async () => {
    const { world, other, id, ready } = await made();
    world.delete("box");
    await world.gone("box");
    const uid = world.get("taken", other)?.metadata.uid;
    world.edit("taken", { metadata: { annotations: { [ANNOTATION.adopt]: `${id}@${uid}` } } }, other);
    await world.until("it is adopted", () => ready()?.status === "True");
    expect(world.get("taken", other)?.status?.id).toBe(id);
  });

  it("is adopted at once by the cluster that took its place under --cluster-id", async () => {
    const world = running([], { random: varied() });
    world.apply("box", { deletionPolicy: "Orphan" });
    await world.ready("box");
    world.delete("box");
    await world.gone("box");
    const other = secondCluster(world);
    world.start(other, [`--cluster-id=${idOf(world.kube)}`]);
    world.apply("moved", { adoptId: onlyMachine(world).id }, {}, other);
    await world.until("it is", () => world.condition("moved", "Ready", other)?.status === "True");
    expect(idOf(other)).toBeUndefined();
  });
});

it("that may not be read keeps creates waiting with the reason, and nothing else", async () => {
  const world = newWorld();
  const first = world.start();
  world.apply("box");
  await world.ready("box");
  await first.stop();
  world.kube.intercept = ({ path }) =>
    path.includes("/configmaps")
      ? { fail: "before", error: new KubeError({ code: "KUBE_FORBIDDEN", message: "no", status: 403 }) }
      : undefined;
  world.start();
  world.apply("new");
  await world.until("it says so", () => world.condition("new", "Ready")?.reason === "ClusterIdUnknown");
  await world.clock.advance(MINUTE);
  expect(world.condition("new", "Ready")?.message).toContain("--cluster-id");
  world.edit("box", { spec: { powerState: "Stopped" } });
  await world.ready("box");
  expect(onlyMachine(world).state).toBe("off");
  world.delete("box");
  await world.gone("box");
  world.kube.intercept = () => undefined;
  await world.ready("new");
});
