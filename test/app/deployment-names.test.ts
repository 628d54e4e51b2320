/**
 * A deployment is found by its name alone, and an upsert by name changes whatever has it. Races between clients, late
 * reads and crashes in between: never two, never none, never another's.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { checkTraffic, onlyDeployment as deployment, newWorld, running } from "../support/scenario-world.ts";
import {
  allObjects,
  annotate,
  beforeFirst,
  configMap,
  deletes,
  drop,
  edit,
  isReady,
  keep,
  MINUTE,
  message,
  owned,
  PROJECT,
  projectSecrets,
  ready,
  reason,
  status,
  uidOf,
  upserts,
} from "../support/scenario-world-deployments.ts";
import { DEPLOYMENTS, type VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const specsOf = (world: VirtualWorld) => deployment(world).specs.length;

describe("what is read late", () => {
  it.each([
    { getAfterCreateMissMs: 60_000 },
    { listAfterCreateMissMs: 60_000 },
    { getAfterCreateMissMs: 200_000, listAfterCreateMissMs: 200_000 },
    { staleSpecMs: 20_000 },
    { staleSpecMs: 20_000, getAfterCreateMissMs: 20_000, listAfterCreateMissMs: 60_000 },
  ])("does not make a second one: %j", async (behaviour) => {
    const world = running();
    world.sim.world.setBehaviour(behaviour);
    world.deployments.apply("web");
    await world.deployments.ready("web");
    await world.clock.advance(10 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    expect(owned(world.kube)).toEqual([deployment(world).id]);
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(2);
    expect(specsOf(world)).toBe(2);
  });

  it("is not sent again while the old one may still be read, and is when it was lost", async () => {
    const world = await ready();
    world.sim.world.setBehaviour({ staleSpecMs: 25_000 });
    for (const tag of ["2", "3", "2", "1", "4"]) {
      edit(world, { image: `ghcr.io/acme/model:${tag}` });
      await world.clock.advance(5_000);
    }
    await world.deployments.ready("web");
    expect(deployment(world).specs.at(-1)?.data.image).toBe("ghcr.io/acme/model:4");
    expect(upserts(world).length).toBeLessThanOrEqual(5);
    world.sim.faults.add({ match: { method: "POST" }, do: { cut: "before" } });
    edit(world, { image: "ghcr.io/acme/model:5" });
    await world.deployments.ready("web");
    expect(deployment(world).specs.at(-1)?.data.image).toBe("ghcr.io/acme/model:5");
  });
});

describe("a create whose answer is lost", () => {
  it.each([
    {},
    { listAfterCreateMissMs: 100_000 },
    { getAfterCreateMissMs: 100_000, listAfterCreateMissMs: 30_000 },
    { staleSpecMs: 20_000, storedDefaults: "asSent" as const },
  ])("is found by its name and recorded as its own: %j", async (behaviour) => {
    const world = running();
    world.sim.world.setBehaviour(behaviour);
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });
    world.deployments.apply("web");
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
    expect(owned(world.kube)).toEqual([deployment(world).id]);
  });

  it("is found by the next process where this one died before it saved the id", async () => {
    const world = newWorld();
    const dying = world.start();
    dying.edge.onPass = (call) => {
      if (call === "after POST /v1/deployments") dying.kill();
    };
    world.deployments.apply("web", { env: [{ name: "A", value: "1" }] });
    await world.until("it died", () => dying.edge.dead);
    // The user goes on meanwhile: what was made is still this object's.
    edit(world, { image: "ghcr.io/acme/model:2" });
    world.start();
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(2);
    expect(deployment(world).specs.map(({ data }) => data.image)).toEqual([
      "ghcr.io/acme/model:1",
      "ghcr.io/acme/model:2",
    ]);
    expect(owned(world.kube)).toEqual([deployment(world).id]);
  });

  it("is made once more where it certainly had no effect", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "before" } });
    world.deployments.apply("web");
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(2);
    expect(specsOf(world)).toBe(1);
  });

  it("does not take over another client's deployment that was made at the same moment", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "before" } });
    beforeFirst(world, "POST", /\/deployments$/, () => {
      world.sim.console.deployments.create(PROJECT, { name: "web" });
    });
    world.deployments.apply("web");
    await world.deployments.reports("web", "AlreadyExists");
    expect(specsOf(world)).toBe(1);
    expect(owned(world.kube)).toEqual([]);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toHaveLength(1);
  });

  it("is found though an object that owns another one has requested its name since", async () => {
    const world = running();
    world.deployments.apply("other");
    await world.deployments.ready("other");
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });
    world.deployments.apply("web");
    await world.until("it was sent", () => world.deployed().length === 2);
    edit(world, { name: "web" }, "other");
    await world.deployments.ready("web");
    await world.deployments.reports("other", "AlreadyExists");
    expect(world.deployed()).toHaveLength(2);
  });

  it("is not taken by another object of its name, while the facts to compare it are missing", async () => {
    const world = running();
    configMap(world, "settings", { level: "info" });
    const env = [{ name: "LEVEL", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } }];
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "before" } });
    beforeFirst(world, "POST", /\/deployments$/, () => {
      world.sim.console.deployments.create(PROJECT, { name: "web" });
      drop(world, "settings", "ConfigMap");
    });
    world.deployments.apply("web", { env });
    await world.until("it reports why", () => message(world).includes('no ConfigMap "settings"'));
    await world.clock.advance(30 * MINUTE);
    expect(owned(world.kube)).toEqual([]);
    expect(specsOf(world)).toBe(1);
    configMap(world, "settings", { level: "info" });
    await world.deployments.reports("web", "AlreadyExists");
    expect(owned(world.kube)).toEqual([]);
    expect(specsOf(world)).toBe(1);
  });

  it.each([
    ["and the object exists", false],
    ["and the object is being deleted", true],
  ])(
    "is recorded at the user's confirmation where it cannot be proved otherwise, %s",
    async (_, deleting) => {
      const world = running();
      world.sim.faults.add({
        match: { method: "GET", path: "/history$", times: "always" },
        do: { status: 404 },
      });
      world.deployments.apply("web");
      await world.until("it was sent", () => world.deployed().length === 1);
      if (deleting) world.deployments.delete("web");
      await world.until("it reports it", () => message(world).includes("cannot be determined"));
      await world.clock.advance(30 * MINUTE);
      expect(world.deployed()).toHaveLength(1);
      const order = /paperspace.com\/adopt=(\S+)/.exec(message(world))?.[1] ?? "";
      annotate(world, { [ANNOTATION.adopt]: order });
      if (deleting) await world.deployments.gone("web");
      else await world.deployments.ready("web");
      expect(world.deployed()).toHaveLength(deleting ? 0 : 1);
      expect(upserts(world)).toHaveLength(1);
    },
  );

  it("leaves nothing behind where the object is deleted meanwhile", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });
    world.deployments.apply("web");
    await world.until("it was sent", () => world.deployed().length === 1);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });
});

describe("another actor in the console", () => {
  it("that makes the name between our read and our upsert keeps its deployment, and is reported", async () => {
    const world = running();
    beforeFirst(world, "POST", /\/deployments$/, () => {
      world.sim.console.deployments.create(PROJECT, { name: "web" });
    });
    world.deployments.apply("web");
    await world.deployments.reports("web", "AlreadyExists");
    expect(message(world)).toContain(deployment(world).id);
    expect(owned(world.kube)).toEqual([]);
    await world.clock.advance(60 * MINUTE);
    // The one upsert that was too late, and never another.
    expect(upserts(world)).toHaveLength(1);
    expect(reason(world)).toBe("AlreadyExists");
    expect(message(world)).toContain(`adopt=${deployment(world).id}@${uidOf(world)}`);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toHaveLength(1);
    expect(deletes(world)).toEqual([]);
  });

  it("whose deployment no list shows yet keeps it, though it cannot be read when ours is answered", async () => {
    const world = running();
    world.sim.world.setBehaviour({ listAfterCreateMissMs: 60_000, getAfterCreateMissMs: 60_000 });
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "web" });
    world.deployments.apply("web");
    await world.until("it was sent", () => upserts(world).length === 1);
    await world.deployments.reports("web", "AlreadyExists");
    expect(owned(world.kube)).toEqual([]);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(deployment(world).id).toBe(id);
    expect(deletes(world)).toEqual([]);
  });

  it("that makes the name right before our last read is noticed by it", async () => {
    const world = running();
    beforeFirst(world, "GET", /deployments$/, () => {
      beforeFirst(world, "GET", /deployments$/, () => {
        world.sim.console.deployments.create(PROJECT, { name: "web" });
      });
    });
    world.deployments.apply("web");
    await world.deployments.reports("web", "AlreadyExists");
    expect(upserts(world)).toEqual([]);
  });

  it("that frees the name lets the object make its own", async () => {
    const world = running();
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "web" }, { settled: true });
    world.deployments.apply("web");
    await world.deployments.reports("web", "AlreadyExists");
    world.sim.console.deployments.delete(id, true);
    await world.deployments.ready("web");
    expect(deployment(world).id).not.toBe(id);
  });
});

describe("two objects with one project and name", () => {
  const NAME = { name: "shared" };
  const made = (world: VirtualWorld, ...kubes: FakeKube[]) => {
    const objects = (kubes.length > 0 ? kubes : [world.kube]).flatMap(allObjects);
    return objects.filter(isReady);
  };

  it.each([
    { how: "at the same instant", images: ["a", "b"] },
    { how: "at the same instant, with one configuration", images: ["a", "a"] },
  ])("$how: one of them has it, the other reports which", async ({ images }) => {
    const world = running();
    images.forEach((tag, i) => {
      world.deployments.apply(`web${i}`, { ...NAME, image: `ghcr.io/acme/model:${tag}` });
    });
    await world.until("one has it", () => made(world).length === 1);
    await world.clock.advance(30 * MINUTE);
    expect(made(world)).toHaveLength(1);
    expect(specsOf(world)).toBe(1);
    const [winner, loser] = made(world)[0]?.metadata.name === "web0" ? ["web0", "web1"] : ["web1", "web0"];
    expect(reason(world, "Stalled", loser)).toBe("AlreadyExists");
    expect(message(world, "Stalled", loser)).toContain(`default/${winner}`);
    world.deployments.delete(loser);
    await world.deployments.gone(loser);
    expect(owned(world.kube)).toEqual([deployment(world).id]);
    expect(deletes(world)).toEqual([]);
  });

  it("one after the other, and in two namespaces", async () => {
    const world = running();
    world.secret("sim-key-alpha", "staging");
    world.deployments.apply("web0", NAME);
    await world.deployments.ready("web0");
    world.deployments.apply("web1", NAME);
    world.deployments.apply("web0", NAME, { namespace: "staging" });
    await world.deployments.reports("web1", "AlreadyExists");
    const staged = () => world.deployments.condition("web0", "Stalled", world.kube, "staging");
    await world.until("the other as well", () => staged()?.reason === "AlreadyExists");
    expect(upserts(world)).toHaveLength(1);
    // The first one is deleted: one of the others gets the name, with a deployment of its own.
    const { id } = deployment(world);
    world.deployments.delete("web0");
    await world.deployments.gone("web0");
    await world.until("another has it", () => made(world).length === 1);
    await world.clock.advance(30 * MINUTE);
    expect(deployment(world).id).not.toBe(id);
    expect(owned(world.kube)).toEqual([deployment(world).id]);
  });

  it("the answer of one's create is lost: the other one waits for it, and never takes it over", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });
    world.deployments.apply("web0", NAME);
    world.deployments.apply("web1", NAME);
    await world.until("one has it", () => made(world).length === 1);
    await world.clock.advance(30 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    expect(owned(world.kube)).toEqual([deployment(world).id]);
  });

  it("one of which gives up its create lets the other be renamed", async () => {
    const world = running();
    world.deployments.apply("web1");
    await world.deployments.ready("web1");
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "before" } });
    world.deployments.apply("web0", NAME);
    await world.until("the create is recorded", () => reason(world, "Ready", "web0") === "ResolvingCreate");
    edit(world, NAME, "web1");
    await world.until("one has it", () =>
      made(world).some(({ status: reported }) => reported?.name === "shared"),
    );
    await world.clock.advance(30 * MINUTE);
    expect(made(world)).toHaveLength(1);
    expect(new Set(world.deployed().map(({ name }) => name)).size).toBe(world.deployed().length);
  });

  /** The same moment on two clusters: each reads before the other has sent. */
  async function twoClusters(image: string, flags: { sameMoment: boolean; identical?: "sameSpec" }) {
    const world = running();
    if (flags.identical) world.sim.world.setBehaviour({ identicalConfig: flags.identical });
    const other = new FakeKube({ clock: world.clock, types: [DEPLOYMENTS] });
    world.secret("sim-key-alpha", "default", other);
    // Its UIDs are others.
    keep(world, "something", { a: "b" }, other);
    world.start(other);
    if (flags.sameMoment)
      world.sim.faults.add({
        match: { method: "POST", path: "/deployments$", times: 2 },
        do: { delayMs: 500 },
      });
    world.deployments.apply("web", NAME);
    if (!flags.sameMoment) await world.deployments.ready("web");
    world.deployments.apply("web", { ...NAME, image }, {}, other);
    const settled = (kube: FakeKube) =>
      ["True", "False"].includes(world.deployments.condition("web", "Ready", kube)?.status ?? "") &&
      world.deployments.condition("web", "Reconciling", kube) === undefined;
    await world.until("both know", () => settled(world.kube) && settled(other));
    await world.clock.advance(30 * MINUTE);
    return { world, other };
  }

  it.each([
    { sameMoment: false, image: "ghcr.io/acme/model:2" },
    { sameMoment: false, image: "ghcr.io/acme/model:1" },
    { sameMoment: true, image: "ghcr.io/acme/model:2" },
    { sameMoment: true, image: "ghcr.io/acme/model:1" },
  ])(
    "on two clusters of one team: it is never both's ($sameMoment, $image)",
    async ({ sameMoment, image }) => {
      const { world, other } = await twoClusters(image, { sameMoment });
      expect(world.deployed()).toHaveLength(1);
      expect(owned(world.kube, other).length).toBeLessThanOrEqual(1);
      const loser = owned(world.kube).length === 0 ? world.kube : other;
      expect(world.deployments.condition("web", "Stalled", loser)?.reason).toBe("AlreadyExists");
      const sent = upserts(world).length;
      world.deployments.delete("web", loser);
      await world.until("it is gone", () => world.deployments.get("web", loser) === undefined);
      expect(world.deployed()).toHaveLength(1);
      expect(upserts(world)).toHaveLength(sent);
      expect(projectSecrets(world)).toEqual([]);
    },
  );
});

describe("a name that changes", () => {
  it("is one upsert of the same deployment", async () => {
    const world = await ready();
    const { id } = deployment(world);
    edit(world, { name: "site" });
    await world.deployments.ready("web");
    expect(deployment(world)).toMatchObject({ id, name: "site" });
    expect(status(world)?.name).toBe("site");
    expect(upserts(world)).toHaveLength(1);
  });

  it("to one that is taken changes nothing, and happens once it is free", async () => {
    const world = await ready();
    const foreign = world.sim.console.deployments.create(PROJECT, { name: "site" }, { settled: true });
    edit(world, { name: "site", image: "ghcr.io/acme/model:2" });
    await world.deployments.reports("web", "AlreadyExists");
    await world.clock.advance(30 * MINUTE);
    expect(foreign.specs).toHaveLength(1);
    expect(upserts(world)).toEqual([]);
    world.sim.console.deployments.delete(foreign.id, true);
    await world.deployments.ready("web");
    expect(deployment(world)).toMatchObject({ id: status(world)?.id, name: "site" });
  });

  it("and is taken right before the upsert is refused, and the other stays as it is", async () => {
    const world = await ready();
    beforeFirst(world, "POST", /\/deployments$/, () => {
      world.sim.console.deployments.create(PROJECT, { name: "site" }, { settled: true });
    });
    edit(world, { name: "site" });
    await world.clock.advance(20 * MINUTE);
    expect(reason(world)).toBe("AlreadyExists");
    const [mine, foreign] = world.deployed();
    expect(mine).toMatchObject({ name: "web", id: status(world)?.id });
    expect(foreign).toMatchObject({ name: "site" });
    expect(foreign?.specs).toHaveLength(1);
  });

  it("swapped between two objects ends with both as declared, or stalled for a true reason", async () => {
    const world = running();
    world.deployments.apply("one", { name: "blue" });
    world.deployments.apply("two", { name: "green" });
    await world.deployments.ready("one");
    await world.deployments.ready("two");
    edit(world, { name: "green" }, "one");
    edit(world, { name: "blue" }, "two");
    await world.deployments.reports("one", "AlreadyExists");
    await world.deployments.reports("two", "AlreadyExists");
    edit(world, { name: "grey" }, "two");
    await world.deployments.ready("two");
    await world.deployments.ready("one");
    edit(world, { name: "blue" }, "two");
    await world.deployments.ready("two");
    expect(
      world
        .deployed()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["blue", "green"]);
  });
});
