/**
 * The operator is killed (SIGKILL) between every two steps of a create and of a delete, and started again: then there is
 * exactly one machine, then none, and never was there a second one. A proxy in front of both servers chooses the moment:
 * before a request arrives, or after it took effect and before its answer is back.
 */
import { describe, expect } from "vitest";
import { checkConformance, type TestEnv, test } from "./support/cluster.ts";
import { type Death, deathsOf, describeDeath, type Life, live } from "./support/life.ts";
import { manifest } from "./support/manifest.ts";
import { isStep, stepOf } from "./support/steps.ts";

/** In the order in which they first appear; Events are written in parallel, later. */
const CREATE = [
  "takes the lease",
  "reads the Secret",
  "checks the key",
  "adds the finalizer",
  "checks what prevents a create",
  "lists the machines",
  "adds a finalizer to the Secret",
  "announces the create",
  "mirrors the attempt in the status",
  "sends the create",
  "saves the id",
  "writes the record",
  "reports Ready",
];
const DELETE = [
  "sends the delete",
  "records the delete",
  "reads the events",
  "reads the machine",
  "removes the record",
  "records that it owns nothing",
  "removes the finalizer of the Secret",
  "removes the finalizer",
];
const CREATE_EVENTS = ["writes the Event Creating", "writes the Event Created", "writes the Event Available"];
const DELETE_EVENTS = ["writes the Event Deleting"];
/** The machine's own events of Paperspace, as Kubernetes Events. */
const FORWARDED = ["writes the Event MachineCreated", "writes the Event MachineStarted"];
/** Happen or not, or at another time, depending on the polls, on what is cached, and on what a page of the list shows. */
const SOMETIMES = [
  "reads the events",
  "reads the machine",
  "reads the id of the cluster",
  "stores the id of the cluster",
  "lists the machines",
  "reports the progress",
  "reads the Secret",
  "reads the namespace",
  "checks the key",
  "writes the Event Deleted",
  ...FORWARDED,
];

/** In the order of their first appearance. */
function stepsOf(life: Life): string[] {
  return [...new Set(life.proxy.crossings.map(stepOf))].filter(isStep);
}

const NAME = "mortal";

async function oneMachine(testEnv: TestEnv): Promise<void> {
  const object = await testEnv.ready(NAME);
  expect(testEnv.everMade().map(({ id, state }) => ({ id, state }))).toEqual([
    { id: object.status?.id, state: "ready" },
  ]);
  expect(testEnv.sim.calls.list({ method: "DELETE" })).toEqual([]);
}

async function noMachine(testEnv: TestEnv): Promise<void> {
  await testEnv.gone(NAME);
  expect(testEnv.machines()).toEqual([]);
  expect(testEnv.everMade()).toHaveLength(1);
}

/** Polls come when their time is there, also for what happened before. */
const POLL = "reads the events";
/** Also done beside the passes, so that it may be seen earlier than where a pass needs it. */
const READ = "reads the machine";
/** Beside the passes, which wait for none of them: what needs the answer comes after it. */
const BESIDE: readonly string[] = [POLL, READ, "checks the key"];
const inOrder = (steps: readonly string[], known: readonly string[]) =>
  steps.filter((step) => known.includes(step) && !BESIDE.includes(step));

test("a run without a crash takes the steps at which this suite kills, and no other", async ({ testEnv }) => {
  const life = await live(testEnv);
  await testEnv.apply(manifest(NAME));
  await oneMachine(testEnv);
  // Events are written beside the passes: the last one of the create may still be on its way.
  await testEnv.until("the Event", () => stepsOf(life).includes("writes the Event Available"));
  const created = stepsOf(life);
  expect(inOrder(created, CREATE)).toEqual(inOrder(CREATE, CREATE));
  expect(created).toEqual(expect.arrayContaining(CREATE));
  expect(created.filter((step) => ![...CREATE, ...CREATE_EVENTS, ...SOMETIMES].includes(step))).toEqual([]);
  life.proxy.crossings.length = 0;
  await testEnv.objectsOf.delete(testEnv.namespace, NAME);
  await noMachine(testEnv);
  const deleted = stepsOf(life);
  expect(inOrder(deleted, DELETE)).toEqual(inOrder(DELETE, DELETE));
  // That it is gone was read after the delete, and before the record of it was given up.
  const calls = life.proxy.crossings.map(stepOf);
  const since = calls.slice(calls.indexOf("sends the delete"), calls.indexOf("removes the record"));
  expect(since).toContain(READ);
  expect(deleted).toEqual(expect.arrayContaining(DELETE));
  expect(deleted.filter((step) => ![...DELETE, ...DELETE_EVENTS, ...SOMETIMES].includes(step))).toEqual([]);
  expect(await life.daemon.stop()).toBe("exit code 0");
  life.proxy.close();
});

/** What changes nothing is no worse a moment than the write before it; test/app/crash.test.ts kills there as well. */
const READS = [
  "reads the Secret",
  "checks the key",
  "checks what prevents a create",
  "lists the machines",
  READ,
  POLL,
];
const writesOf = (steps: readonly string[]) => steps.filter((step) => !READS.includes(step));

const creates = deathsOf(writesOf(CREATE));
const deletes = deathsOf(writesOf(DELETE));
const chains = creates.map((create, i) => ({ create, remove: deletes[i % deletes.length] as Death }));

describe.concurrent("exactly one machine, then none", () => {
  test("killed again and again while it searches for the result of a create, it still makes one machine only", async ({
    testEnv,
  }) => {
    await testEnv.apply(manifest(NAME));
    const deaths: Death[] = [
      { step: "sends the create", moment: "after" },
      { step: "lists the machines", moment: "before" },
      { step: "lists the machines", moment: "after" },
      { step: "saves the id", moment: "before" },
      { step: "saves the id", moment: "after" },
    ];
    for (const death of deaths) await (await live(testEnv, death)).dead();
    const last = await live(testEnv);
    await oneMachine(testEnv);
    await last.daemon.kill();
    last.proxy.close();
  });

  for (const { create, remove } of chains) {
    test(`killed ${describeDeath(create)}, and when deleting ${describeDeath(remove)}`, async ({
      testEnv,
    }) => {
      const first = await live(testEnv, create);
      await testEnv.apply(manifest(NAME));
      await first.dead();
      const second = await live(testEnv);
      await oneMachine(testEnv);
      second.doom(remove);
      await testEnv.objectsOf.delete(testEnv.namespace, NAME);
      await second.dead();
      const third = await live(testEnv);
      await noMachine(testEnv);
      await third.daemon.kill();
      third.proxy.close();
    });
  }
});

checkConformance();
