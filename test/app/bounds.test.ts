/**
 * What an operator keeps in memory after weeks: of what is gone, nothing. The law is over every collection and every
 * string that it reaches, so that a new cache without an owner that prunes it fails here.
 */
import { expect, test } from "vitest";
import { DEFAULT_TEAMS } from "../../dev/simulator/world/teams.ts";
import { KEPT_DAYS } from "../../src/base/cost.ts";
import { type Held, type Holdings, holdingsOf } from "../support/collections.ts";
import { checkTraffic, newWorld } from "../support/scenario-world.ts";
import { configMap, drop, keep } from "../support/scenario-world-deployments.ts";
import type { Process, VirtualWorld } from "../support/virtual-world.ts";

const HOUR = 3_600_000;
const DAYS = 20;
/** Days of the two measurements, early once histories in status are full: what comes and goes is not the same each day. */
const EARLY = [10, 12];
const LATE = [18, 19];

checkTraffic();

/** A team of its own for each tenant, who stays for some hours. */
const TENANTS = Array.from({ length: DAYS }, (_, day) => ({
  id: `te-t${day}`,
  namespace: `t${day}`,
  keys: [`key-of-tenant-${day}`],
  users: [{ id: `uowner${day}`, email: `owner@t${day}.example`, isOwner: true, isAdmin: true }],
}));

const USING_SECRET = (name: string) => ({
  env: [
    { name: "TOKEN", valueFrom: { secretKeyRef: { name, key: "token" } } },
    { name: "LEVEL", valueFrom: { configMapKeyRef: { name, key: "level" } } },
  ],
});

/** A namespace comes with its own key, uses all that there is, and is deleted. */
async function tenant(world: VirtualWorld, day: number): Promise<void> {
  const namespace = `tenant-${day}`;
  const metadata = { namespace };
  world.secret(`key-of-tenant-${day}`, namespace);
  keep(world, "hub", { token: `secret-${day}`, rest: "x".repeat(10_000) }, world.kube, namespace);
  configMap(world, "hub", { level: "debug", rest: "x".repeat(10_000) }, namespace);
  const accessors = { emails: [`owner@t${day}.example`] };
  world.apply(`box-${day}`, { desktopSecretRef: { name: "desktop" }, accessors }, metadata);
  world.deployments.apply(`web-${day}`, { projectId: `p-t${day}`, ...USING_SECRET("hub") }, metadata);
  world.apply(`typo-${day}`, { machineType: `NO-SUCH-TYPE-${day}` }, metadata);
  world.deployments.apply(`lost-${day}`, { projectId: `p-none-${day}` }, metadata);
  await world.clock.advance(HOUR);
  for (const name of [`box-${day}`, `typo-${day}`]) world.delete(name, world.kube, namespace);
  for (const name of [`web-${day}`, `lost-${day}`]) world.deployments.delete(name, world.kube, namespace);
  await world.until(
    `${namespace} is empty`,
    () =>
      !world.get(`box-${day}`, world.kube, namespace) &&
      !world.deployments.get(`web-${day}`, world.kube, namespace),
  );
  for (const name of ["hub", "paperspace-credentials"]) drop(world, name, "Secret", namespace);
  drop(world, "hub", "ConfigMap", namespace);
}

/** What changes on objects that stay, and in their team beside them. */
async function daily(world: VirtualWorld, day: number): Promise<void> {
  // Another Secret with the same key, and a key that nobody accepts.
  const key = `daily-${day}`;
  world.secret("sim-key-alpha", undefined, world.kube, key);
  keep(world, key, {
    apiKey: "sim-key-alpha",
    token: `value-${day}`,
    level: "debug",
    rest: "x".repeat(10_000),
  });
  configMap(world, key, { level: `level-${day}` });
  world.edit("resident", { spec: { credentialsSecretRef: { name: key } } });
  world.deployments.edit("resident", { spec: USING_SECRET(key) });
  world.secret(`rubbish-${day}`, undefined, world.kube, "rubbish");
  world.edit("refused", {
    spec: { machineType: `NO-SUCH-TYPE-${day}`, desktopSecretRef: { name: `desktop-${day}` } },
  });
  for (let i = 0; i < 5; i++) world.sim.console.create("te-alpha", { name: `foreign-${day}-${i}` });
  await world.clock.advance(HOUR);
  // Gone by another actor's doing: with Recreate another machine takes its place.
  const { id } = world.get("recreated")?.status ?? {};
  if (id) world.sim.console.delete(id);
  for (const machine of world.machines())
    if (machine.settings.name.startsWith("foreign")) world.sim.console.delete(machine.id);
  await world.clock.advance(20 * HOUR);
  if (day > 0) {
    drop(world, `daily-${day - 1}`);
    drop(world, `daily-${day - 1}`, "ConfigMap");
  }
}

/** Days that status keeps of a cost: more than these, so that it is full on none of them. */
function isCostHistory(value: unknown): boolean {
  const isDay = (entry: unknown) => typeof entry === "object" && entry !== null && "settled" in entry;
  return Array.isArray(value) && value.length > 0 && value.length <= KEPT_DAYS && value.every(isDay);
}

function holdings(world: VirtualWorld, process: Process): Holdings {
  const foreign = new Set<object>([world, world.clock, world.kube, world.sim, world.config]);
  return holdingsOf(
    process.operator,
    (value) =>
      foreign.has(value) ||
      isCostHistory(value) ||
      ["SimDispatcher", "Pino"].includes(value.constructor?.name),
  );
}

/** Elements of what is bounded by a number in the code, which three weeks do not reach. */
const CONSTANT: Readonly<Record<string, number>> = { "EventRecorder.#recorded": 4096 };
/** Numbers in names grow longer. */
const CHARACTERS = 200;

/** What holds more on each of the late days than on any early one, and more than it may. */
function grown(early: readonly Holdings[], late: readonly Holdings[]): string[] {
  const labels = new Set(late.flatMap((held) => [...held.keys()]));
  return [...labels].flatMap((label) => {
    const of = (days: readonly Holdings[], what: keyof Held) =>
      days.map((held) => held.get(label)?.[what] ?? 0);
    const elements = [Math.max(...of(early, "elements")), Math.min(...of(late, "elements"))] as const;
    const characters = [Math.max(...of(early, "characters")), Math.min(...of(late, "characters"))] as const;
    const most = CONSTANT[label];
    const isMore = most === undefined ? elements[1] > elements[0] : elements[1] > most;
    const isLonger = most === undefined && characters[1] > characters[0] + CHARACTERS;
    return isMore || isLonger ? [`${label}: ${elements.join(" -> ")}, ${characters.join(" -> ")}`] : [];
  });
}

test("after three weeks of namespaces that come and go an operator holds what it held after some days, leader or not", async () => {
  // That is long: what comes again and again does so more rarely.
  const slow = [
    "--resync-interval=2h",
    "--slow-retry=2h",
    "--key-recheck=2h",
    "--credential-recheck=10m",
    "--event-poll-interval=20s",
  ];
  const flags = [...slow, "--lease-duration=1h", "--renew-deadline=50m", "--retry-period=10m"];
  const world = newWorld({
    flags,
    simulation: { teams: [...DEFAULT_TEAMS, ...TENANTS], vendorOpenapi: false },
  });
  const leader = world.start();
  await world.clock.advance(1_000);
  const follower = world.start();
  world.apply("resident");
  world.apply("recreated", { onExternalDeletion: "Recreate" });
  world.apply("refused", { credentialsSecretRef: { name: "rubbish" } });
  world.deployments.apply("resident");
  const measured = [leader, follower].map((operator) => ({
    operator,
    early: [] as Holdings[],
    late: [] as Holdings[],
  }));
  for (let day = 0; day < DAYS; day++) {
    await tenant(world, day);
    await daily(world, day);
    world.sim.calls.clear();
    for (const { operator, early, late } of measured) {
      if (EARLY.includes(day)) early.push(holdings(world, operator));
      if (LATE.includes(day)) late.push(holdings(world, operator));
    }
  }
  expect(measured.map(({ early, late }) => grown(early, late))).toEqual([[], []]);
}, 600_000);
