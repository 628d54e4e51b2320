/**
 * The operator is killed at every single call while what exists changes hands: by adoption, by order, by Orphan, between two
 * objects that ask at once, and while it is being made. See test/support/deaths.ts.
 */
import { expect } from "vitest";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { vouchedId } from "../../src/reconcile/ownership-facts.ts";
import { ANNOTATION, adoptOrder } from "../../src/reconcile/record.ts";
import { type Check, dieEverywhere, type Scenario } from "../support/deaths.ts";
import { PROJECT } from "../support/scenario-world-deployments.ts";
import type { VirtualObjects } from "../support/virtual-objects.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;

type Objects = Pick<VirtualObjects<ManagedObject>, "edit" | "get" | "condition" | "delete"> & {
  apply(name: string, spec?: object, metadata?: object): void;
};

/** One kind, and what a user does in the console of Paperspace. */
interface Subject {
  plural: string;
  objects(world: VirtualWorld): Objects;
  /** Id of one that was made in the console, as an object of this name declares it. */
  make(world: VirtualWorld): string;
  alive(world: VirtualWorld): string[];
}

const SUBJECTS: readonly Subject[] = [
  {
    plural: "machines",
    objects: (world) => world as never,
    make: ({ sim }) => sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready").id,
    alive: (world) => world.machines().map(({ id }) => id),
  },
  {
    plural: "deployments",
    objects: ({ deployments }) => deployments as never,
    make: ({ sim }) => sim.console.deployments.create(PROJECT, { name: "box" }, { settled: true }).id,
    alive: (world) => world.deployed().map(({ id }) => id),
  },
];

/** At no time do two objects own one id, by what their status vouches for. */
function checkOwners({ kube }: VirtualWorld, plural: string, at: number): void {
  const owned = new Map<string, string>();
  let everOwned = 0;
  for (const { type, of, object } of kube.storage.events) {
    if (of.plural !== `paperspace${plural}`) continue;
    const { uid = "" } = object.metadata;
    const id = type === "DELETED" ? undefined : vouchedId(object as ManagedObject);
    if (id === undefined) owned.delete(uid);
    else owned.set(uid, id);
    const ids = [...owned.values()];
    expect({ at, ids: new Set(ids).size }).toEqual({ at, ids: ids.length });
    everOwned += ids.length;
  }
  expect(everOwned).toBeGreaterThan(0);
}

function checkOf(subject: Subject): Check {
  return (world, { objects: most }, at) => {
    checkOwners(world, subject.plural, at);
    const kept = ["box", "heir"].flatMap((name) => subject.objects(world).get(name)?.status?.id ?? []);
    const alive = subject.alive(world);
    expect({ at, alive: alive.length <= most, kept }).toEqual({ at, alive: true, kept: alive });
  };
}

/** Ready of exactly one of the two; the other waits. */
async function untilOneOwns(world: VirtualWorld, objects: Objects, names: readonly [string, string]) {
  const reasonOf = (name: string) => objects.condition(name, "Ready")?.reason;
  await world.until("one owns it, and the other does not", () => {
    const refused = names.filter((name) => reasonOf(name) === "AlreadyOwned");
    const owning = names.filter((name) => objects.condition(name, "Ready")?.status === "True");
    return refused.length === 1 && owning.length === 1;
  });
  return reasonOf(names[0]) === "AlreadyOwned" ? ([names[1], names[0]] as const) : names;
}

const untilReady = (world: VirtualWorld, objects: Objects, name: string) =>
  world.until(`${name} is Ready`, () => objects.condition(name, "Ready")?.status === "True");
const untilGone = (world: VirtualWorld, objects: Objects, name: string) =>
  world.until(`${name} is gone`, () => objects.get(name) === undefined);

function scenariosOf(subject: Subject): Record<string, Scenario> {
  const { make, alive, objects: objectsOf } = subject;
  return {
    [`an adoption and a delete (${subject.plural})`]: {
      objects: 1,
      async run(world) {
        const objects = objectsOf(world);
        objects.apply("box", { adoptId: make(world) });
        await untilReady(world, objects, "box");
        objects.delete("box");
        await untilGone(world, objects, "box");
      },
    },
    [`an adoption by two objects at once, and the end of the owner (${subject.plural})`]: {
      objects: 1,
      async run(world) {
        const objects = objectsOf(world);
        const id = make(world);
        objects.apply("box", { adoptId: id });
        objects.apply("heir", { adoptId: id });
        const [owner, other] = await untilOneOwns(world, objects, ["box", "heir"]);
        objects.edit(owner, { spec: { deletionPolicy: "Orphan" } });
        objects.delete(owner);
        await untilGone(world, objects, owner);
        await untilReady(world, objects, other);
        expect(alive(world)).toEqual([id]);
      },
    },
    [`a create, Orphan, and an adoption by another object (${subject.plural})`]: {
      objects: 1,
      async run(world) {
        const objects = objectsOf(world);
        objects.apply("box", { deletionPolicy: "Orphan" });
        await untilReady(world, objects, "box");
        const { id = "" } = objects.get("box")?.status ?? {};
        objects.delete("box");
        await untilGone(world, objects, "box");
        expect(alive(world)).toEqual([id]);
        objects.apply("heir", { adoptId: id, name: "heir" });
        await untilReady(world, objects, "heir");
        expect(alive(world)).toEqual([id]);
      },
    },
    [`the order to adopt of an object that was restored under another UID (${subject.plural})`]: {
      objects: 1,
      async run(world) {
        const objects = objectsOf(world);
        objects.apply("box");
        await untilReady(world, objects, "box");
        const { metadata, status } = objects.get("box") ?? {};
        const { annotations } = metadata ?? {};
        objects.edit("box", { metadata: { finalizers: null } });
        objects.delete("box");
        objects.apply("box", {}, { annotations });
        await world.until(
          "it waits for a word",
          () => objects.condition("box", "Ready")?.reason === "IdentityConflict",
        );
        const uid = objects.get("box")?.metadata.uid ?? "";
        const order = adoptOrder("psm/box", status?.id ?? "", uid).split("=")[1] ?? "";
        objects.edit("box", { metadata: { annotations: { [ANNOTATION.adopt]: order } } });
        await untilReady(world, objects, "box");
        await world.until(
          "the order is over",
          () => objects.get("box")?.metadata.annotations?.[ANNOTATION.adopt] === undefined,
        );
      },
    },
    [`a create whose answer is lost, and one who adopts what it makes (${subject.plural})`]: {
      // Where the process dies before the request is sent, the fault meets the first that is.
      objects: 1,
      async run(world) {
        const objects = objectsOf(world);
        world.sim.faults.add({
          match: { method: "POST", path: `/${subject.plural}$` },
          do: { cut: "after" },
        });
        objects.apply("box");
        await world.until("it is made", () => alive(world).length > 0);
        const [id] = alive(world);
        objects.apply("heir", { adoptId: id, name: "heir" });
        await world.until("it waits", () => objects.condition("heir", "Ready")?.reason === "AlreadyOwned");
        await untilReady(world, objects, "box");
        expect(objects.get("box")?.status?.id).toBe(id);
        objects.delete("heir");
        await untilGone(world, objects, "heir");
        await world.clock.advance(5 * MINUTE);
        expect(alive(world)).toEqual([id]);
      },
    },
  };
}

for (const subject of SUBJECTS) dieEverywhere(scenariosOf(subject), checkOf(subject));
