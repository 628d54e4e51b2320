/**
 * The life of one machine, or of one deployment, at a vendor that answers otherwise than documented: created, changed, at
 * rest, deleted. Whatever the answers are: never two, none lost, none kept, and few writes.
 */
import { MUTATIONS } from "../../dev/simulator/mutations/catalogue.ts";
import type { Mutation } from "../../dev/simulator/mutations/mutation.ts";
import { seeded } from "../../dev/simulator/world/random.ts";
import type { DeploymentSpec } from "../../src/kinds/deployment/types.ts";
import type { MachineSpec } from "../../src/kinds/machine/types.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { readyOf, versionsOf } from "./ready-watch.ts";
import type { VirtualObjects } from "./virtual-objects.ts";
import { VirtualWorld, type WorldOptions } from "./virtual-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const TEAM = "te-alpha";
const PROJECT = "p-alpha";
/** Until Ready is True after a change, the search for a lost create included. */
const READY_WITHIN = 45 * MINUTE;
/** Until an object is gone once the answers are honest. */
const GONE_WITHIN = HOUR;
/** Writes to Paperspace at rest: 3 a day. */
const REST = { hours: 8, writes: 1 };

export interface MutatedLife {
  mutations: readonly string[];
  seed?: number;
  flags?: string[];
  /** The answer of the create is lost, so that it is found by lists. */
  answerLost?: boolean;
  /** Without the rest. */
  hurried?: boolean;
}

/** What the life of one kind needs of it. */
interface Subject {
  world: VirtualWorld;
  objects: Pick<VirtualObjects<ManagedObject>, "get" | "condition" | "delete">;
  name: string;
  apply(): void;
  /** Changes of the spec, one after the other. */
  edits: readonly (() => void)[];
  /** All that were ever made but for what was there before, and which of them are neither deleted nor being deleted. */
  made(): { all: number; left: number };
  /** What is not ours and must be as it was. */
  neighbours(): unknown;
  creates: RegExp;
}

export function worldOf(
  { mutations, seed = 1, flags = [] }: MutatedLife,
  options: WorldOptions = {},
): VirtualWorld {
  const world = new VirtualWorld({
    // A lease that is renewed every two seconds would be most of what a day costs.
    flags: ["--leader-elect=false", ...flags],
    random: seeded(seed),
    simulation: { vendorOpenapi: false, seed },
    ...options,
  });
  world.sim.mutations.use(mutations, seed);
  return world;
}

const MACHINE: Partial<MachineSpec> = {
  diskSize: 100,
  networkId: "nalpha0ny2",
  autoShutdown: { enabled: true, timeoutHours: 48, force: false },
  autoSnapshot: { enabled: true, frequency: "weekly", saveCount: 2 },
};

export async function machineLife(life: MutatedLife): Promise<void> {
  const world = worldOf(life);
  const there = world.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
  const made = () => [...world.sim.world.machines.values()].filter(({ id }) => id !== there.id);
  await live(life, {
    world,
    objects: world as never,
    name: "box",
    apply: () => world.apply("box", MACHINE),
    edits: [
      () => world.edit("box", { spec: { powerState: "Stopped" } }),
      () => world.edit("box", { spec: { powerState: "Running", autoShutdown: { timeoutHours: 24 } } }),
    ],
    made: () => ({
      all: made().length,
      left: made().filter(({ dtDeleted, deleting }) => dtDeleted === null && deleting === null).length,
    }),
    neighbours: () => ({ state: there.state, deleted: there.dtDeleted, ...there.settings }),
    creates: /\/machines$/,
  });
}

const DEPLOYMENT: Partial<DeploymentSpec> = {
  image: "ghcr.io/acme/model:1",
  ports: [8080, 9090],
  env: [
    { name: "MODE", value: "fast" },
    { name: "LEVEL", value: "3" },
  ],
  healthChecks: { readiness: { path: "/ready", port: 8080 } },
};

export async function deploymentLife(life: MutatedLife): Promise<void> {
  const world = worldOf(life);
  const there = world.sim.console.deployments.create(PROJECT, { name: "other" }, { settled: true });
  const made = () => [...world.sim.world.deployments.values()].filter(({ id }) => id !== there.id);
  const { deployments } = world;
  await live(life, {
    world,
    objects: deployments as never,
    name: "web",
    apply: () => deployments.apply("web", DEPLOYMENT),
    edits: [
      () => deployments.edit("web", { spec: { image: "ghcr.io/acme/model:2" } }),
      () => deployments.edit("web", { spec: { replicas: 2 } }),
    ],
    made: () => ({
      all: made().length,
      left: made().filter(({ dtDeleted }) => dtDeleted === null).length,
    }),
    neighbours: () => ({ deleted: there.dtDeleted, specs: there.specs.length }),
    creates: /\/deployments$/,
  });
}

async function live(life: MutatedLife, subject: Subject): Promise<void> {
  const { world, objects, name, edits } = subject;
  const neighbours = JSON.stringify(subject.neighbours());
  try {
    if (life.answerLost)
      world.sim.faults.add({ match: { method: "POST", path: subject.creates.source }, do: { cut: "after" } });
    world.start();
    subject.apply();
    await ready(subject, "after it was applied");
    for (const [i, edit] of edits.entries()) {
      edit();
      await ready(subject, `after change ${i + 1}`);
    }
    if (!life.hurried) await rest(subject);
    objects.delete(name);
    await world.clock.advance(40 * MINUTE);
    check(subject);
    world.sim.mutations.clear();
    await world.until(`${name} is gone`, () => objects.get(name) === undefined, GONE_WITHIN);
    check(subject);
    if (subject.made().left > 0) throw new Error("what it made is kept");
    if (JSON.stringify(subject.neighbours()) !== neighbours)
      throw new Error(`a neighbour was changed: ${neighbours} → ${JSON.stringify(subject.neighbours())}`);
  } finally {
    await world.end();
  }
}

/** Holds at any time: at most one was made, and none is left by an object that is gone. */
function check({ made, objects, name, world }: Subject): void {
  const { all, left } = made();
  if (all > 1) throw new Error(`${all} were made\n${world.describe()}`);
  if (objects.get(name) === undefined && left > 0)
    throw new Error("the object is gone, and left what it made");
}

async function ready(subject: Subject, when: string): Promise<void> {
  const { world, objects, name } = subject;
  await world.until(
    `Ready is True ${when}`,
    () => {
      check(subject);
      const condition = objects.condition(name, "Ready");
      const { generation } = objects.get(name)?.metadata ?? {};
      return condition?.status === "True" && condition.observedGeneration === generation;
    },
    READY_WITHIN,
  );
}

/** Ready is True in every version that is written, and Paperspace is written to at most so often. */
async function rest(subject: Subject): Promise<void> {
  const { world, objects, name } = subject;
  await world.clock.advance(20 * MINUTE);
  world.sim.calls.clear();
  const from = world.kube.storage.events.length;
  await world.clock.advance(REST.hours * HOUR);
  check(subject);
  for (const version of versionsOf(world, objects.get(name), from)) {
    const condition = readyOf(version);
    if (condition?.status !== "True")
      throw new Error(`at rest, Ready was ${condition?.status}: ${condition?.reason}: ${condition?.message}`);
  }
  const writes = world.sim.calls.list().filter(({ method }) => method !== "GET");
  if (writes.length > REST.writes)
    throw new Error(
      `${writes.length} writes at rest, such as ${JSON.stringify(writes.slice(0, 3).map(({ method, path, body }) => ({ method, path, body })))}`,
    );
}

/** Sizes cost more time than a whole life does; they are lived without the rest, and alone. */
const LARGE = /^items-of|^large/;

/** Mutations that a kind lives with, but for those of which it is known what is still missing. */
export function livable(open: readonly string[]): readonly Mutation[] {
  return MUTATIONS.filter(({ name, beyond }) => !beyond && !LARGE.test(name) && !open.includes(name));
}
