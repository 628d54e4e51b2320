/**
 * Random scenarios: users edit, the console interferes, the cloud and the cluster fail, processes are killed. Whatever
 * happened, in the end the account is as the objects declare, and no machine is leaked. Run by any driver: in virtual
 * time, or against a real API server.
 */
import fc from "fast-check";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import { addAccessor, removeAccessor } from "../../dev/simulator/world/access.ts";
import { type Behaviour, CHOICES } from "../../dev/simulator/world/behaviour.ts";
import { ApiError } from "../../dev/simulator/world/errors.ts";
import { seeded } from "../../dev/simulator/world/random.ts";
import type { MachineRecord } from "../../dev/simulator/world/records.ts";
import { assignScript, createScript, scriptsOf, unassignScript } from "../../dev/simulator/world/scripts.ts";
import type { MachineSpec, PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";

/** Runs a scenario in some environment. Times are the cloud's, in milliseconds. */
export interface Driver<O extends ManagedObject = PaperspaceMachine> {
  readonly sim: Simulation;
  /** In real time the long pauses after a 429 would take too long. */
  readonly isReal: boolean;
  get(name: string): O | undefined;
  apply(name: string, spec: Partial<O["spec"]>): Promise<void>;
  /** A merge patch. */
  edit(name: string, patch: object): Promise<void>;
  delete(name: string): Promise<void>;
  pass(ms: number): Promise<void>;
  until(what: string, done: () => boolean): Promise<void>;
  /** The operator is killed, and another one starts. */
  replaceOperator(): void;
  cutStreams(): void;
  /** From now on the cluster has no faults. */
  calm(): void;
}

/** One step; `dice` draws its details. */
interface ScenarioStep {
  what: (typeof WHAT)[number];
  who: (typeof NAMES)[number];
  dice: number;
  thenMs: number;
}

export interface Scenario {
  seed: number;
  behaviour: Partial<Behaviour>;
  steps: ScenarioStep[];
}

const NAMES = ["ada", "bob"] as const;
const TEAM = "te-alpha";
const TYPES = ["A4000", "A5000", "RTX4000"] as const;
const USERS = ["ualphauser1", "ualphaadmin"] as const;
const NETWORKS = ["nalpha0ny2", "nstory0ny2"] as const;
const EMAIL: Record<string, string> = {
  ualphauser1: "User@alpha.example",
  ualphaadmin: "admin@alpha.example",
};

/** A machine whose create fails stays as it is for ever: only the user can repair that. */
const FAILING = ["start", "stop", "restart", "deactivate", "vm-upgrade", "vm-migrate"] as const;

/** What happens more often is listed more often. */
const WHAT = [
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "delete",
  "request by annotation",
  "replace without annotations",
  "console: power",
  "console: settings",
  "console: hardware",
  "console: script",
  "console: accessors",
  "console: delete",
  "auto shutdown",
  "an event will fail",
  "cloud fault",
  "cloud fault",
  "hardware comes and goes",
  "account standing",
  "streams are cut",
  "the operator is killed",
  "the operator is killed",
] as const;

/** Switches that a machine's lifecycle depends on. */
const SWITCHES =
  /^(start|stop|restart(?!oreNeeds)|stateWhile|deleteW|deletedMachines|eventsOf|pageStability|createPlace|nextPage|errorField|upgradeEnds|networkChange|readd|removedAcc|scriptsPer|scriptNot|availabilityEnd|accountStandingEnd|liveDt|staticAddress|autoShutdown)/;

const behaviours: fc.Arbitrary<Partial<Behaviour>> = fc.record({
  ...Object.fromEntries(
    Object.entries(CHOICES)
      .filter(([name]) => SWITCHES.test(name))
      .map(([name, values]) => [name, fc.constantFrom<unknown>(...values)]),
  ),
  jitter: fc.constantFrom(0, 0.5),
  staleStateMs: fc.constantFrom(0, 3_000, 15_000),
  staleSettingsMs: fc.constantFrom(0, 0, 5_000),
  getAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
  listAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
  eventListDelayMs: fc.constantFrom(0, 0, 10_000),
  eventGetDelayMs: fc.constantFrom(0, 0, 10_000),
  listDeleted: fc.boolean(),
}) as fc.Arbitrary<Partial<Behaviour>>;

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
  behaviour: behaviours,
  steps: fc.array(
    fc.record({
      what: fc.constantFrom(...WHAT),
      who: fc.constantFrom(...NAMES),
      dice: fc.nat(),
      thenMs: fc.constantFrom(0, 100, 5_000, 30_000, 120_000),
    }),
    { minLength: 10, maxLength: 30 },
  ),
});

export class Dice {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  of<T>(...values: readonly T[]): T {
    return values[Math.floor(this.random() * values.length)] as T;
  }

  chance(p: number): boolean {
    return this.random() < p;
  }
}

/** The next requests of some method fail. */
export function cloudFault({ sim: { faults }, isReal }: Pick<Driver, "sim" | "isReal">, dice: Dice): void {
  const action = dice.of<Parameters<typeof faults.add>[0]["do"]>(
    { cut: "before" },
    { cut: "after" },
    { cut: "during" },
    { status: 500 },
    { status: 502, takesEffect: true },
    isReal ? { status: 503 } : { status: 429 },
    { html: true },
    { html: true, takesEffect: true },
    { hang: true },
    { hang: true, takesEffect: true },
    { truncate: true },
    { omitFromList: "newest" },
  );
  const method = dice.of("POST", "PATCH", "PUT", "DELETE", "GET", undefined);
  faults.add({ match: { ...(method && { method }), times: dice.of(1, 2, 5) }, do: action });
}

export class ScenarioRun {
  readonly #driver: Driver;
  readonly #steps: readonly ScenarioStep[];
  readonly #scripts: string[];
  readonly #firstNames = new Map<string, string>();

  constructor(driver: Driver, { steps }: Scenario) {
    this.#driver = driver;
    this.#steps = steps;
    const { world } = driver.sim;
    const team = driver.sim.console.team(TEAM);
    const [first] = world.networks.values();
    if (first) world.networks.set(NETWORKS[1], { ...first, id: NETWORKS[1], seq: world.nextSeq() });
    this.#scripts = ["one", "two"].map((name) => createScript(world, team, { name, script: "echo" }).id);
  }

  /** Rejects where an invariant is violated or it does not settle. */
  async run(): Promise<void> {
    for (const step of this.#steps) {
      await this.#perform(step).catch((error: unknown) => {
        // The console refuses what the API would refuse, such as a stop of what is being deleted.
        if (!(error instanceof ApiError)) throw error;
      });
      await this.#driver.pass(step.thenMs);
      this.#checkOnePerObject();
    }
    await this.#settle();
  }

  async #perform({ what, who, dice: seed }: ScenarioStep): Promise<void> {
    const driver = this.#driver;
    const dice = new Dice(seed);
    const object = driver.get(who);
    switch (what) {
      case "apply or edit":
        return object ? this.#edit(who, object, dice) : this.#apply(who, dice);
      case "delete":
        return object && driver.delete(who);
      case "request by annotation":
        return object && this.#annotate(who, dice);
      case "replace without annotations":
        // As kubectl replace does; with the finalizers, though: removing those leaves the machine to the user.
        return object && driver.edit(who, { metadata: { annotations: null } });
      case "an event will fail":
        return void driver.sim.console.failNext({ event: dice.of(...FAILING) });
      case "cloud fault":
        return cloudFault(driver, dice);
      case "hardware comes and goes":
        return driver.sim.world.setCapacity(dice.of(...TYPES), "ny2", dice.of(0, 1, null));
      case "account standing":
        return driver.sim.console.setStanding(TEAM, dice.chance(0.5), ["Pay first"]);
      case "streams are cut":
        return driver.cutStreams();
      case "the operator is killed":
        return driver.replaceOperator();
      default:
        return this.#console(what, object, dice);
    }
  }

  #apply(who: string, dice: Dice): Promise<void> {
    return this.#driver.apply(who, {
      powerState: dice.of("Running", "Stopped"),
      machineType: dice.of(...TYPES),
      onExternalDeletion: dice.of("Stall", "Recreate"),
      resizePolicy: dice.of("WhenStopped", "StopAndResize"),
      ...(dice.chance(0.5) && { startupScriptId: dice.of(...this.#scripts) }),
      ...(dice.chance(0.5) && { accessors: { userIds: [dice.of(...USERS)] } }),
      ...(dice.chance(0.5) && { publicIpType: dice.of("static", "dynamic", "none") }),
    });
  }

  #edit(who: string, { spec: now }: PaperspaceMachine, dice: Dice): Promise<void> {
    const hours = dice.of(2, 8);
    const user = dice.of(...USERS);
    const spec = dice.of<object>(
      { powerState: dice.of("Running", "Stopped") },
      { powerState: dice.of("Running", "Stopped") },
      { name: dice.of("first", "second") },
      { autoShutdown: { enabled: dice.chance(0.5), timeoutHours: hours } },
      {
        autoSnapshot: { enabled: dice.chance(0.5), frequency: dice.of("daily", "weekly"), saveCount: hours },
      },
      { restorePoint: { enabled: dice.chance(0.5) } },
      { machineType: dice.of(...TYPES) },
      { diskSize: Math.max(now.diskSize ?? 0, dice.of(50, 100, 250)) },
      { resizePolicy: dice.of("WhenStopped", "StopAndResize") },
      { networkId: dice.of(...NETWORKS) },
      { publicIpType: dice.of("static", "dynamic", "none") },
      { startupScriptId: dice.of(...this.#scripts, "") },
      { accessors: { userIds: dice.of([user], []), emails: null } },
      { accessors: { userIds: null, emails: [EMAIL[user]] } },
      { onExternalDeletion: dice.of("Stall", "Recreate") },
      { publicIpReleasePolicy: dice.of("Keep", "Release") },
    );
    const halt = dice.of(ANNOTATION.paused, ANNOTATION.dryRun);
    const metadata = dice.chance(0.15) ? { annotations: { [halt]: dice.of("true", "false") } } : {};
    return this.#driver.edit(who, { spec, metadata });
  }

  #annotate(who: string, dice: Dice): Promise<void> {
    const { restartRequestedAt, startRequestedAt, reconcileRequestedAt } = ANNOTATION;
    const asked = dice.of(restartRequestedAt, startRequestedAt, reconcileRequestedAt);
    return this.#driver.edit(who, { metadata: { annotations: { [asked]: String(dice.random()) } } });
  }

  /** What another actor does to a machine. Before it is recorded only its name identifies it. */
  async #console(what: string, object: PaperspaceMachine | undefined, dice: Dice): Promise<void> {
    const { sim } = this.#driver;
    const { console, world } = sim;
    const machine = this.#machines().find(({ id }) => id === object?.status?.id);
    if (!machine || !object) return;
    const { id } = machine;
    const team = console.team(TEAM);
    switch (what) {
      case "console: power":
        return void dice.of(
          () => console.start(id),
          () => console.stop(id),
          () => console.restart(id),
        )();
      case "console: settings":
        return console.update(id, {
          autoShutdownEnabled: dice.chance(0.5),
          ...(dice.chance(0.3) && { name: "changed" }),
          ...(dice.chance(0.3) && { publicIpType: dice.of("static", "dynamic", "none") }),
          ...(dice.chance(0.3) && { networkId: dice.of(...NETWORKS) }),
        });
      case "console: hardware":
        return console.update(id, { machineType: dice.of(...TYPES) });
      case "console: script": {
        const script = world.scripts.get(dice.of(...this.#scripts));
        if (script) (dice.chance(0.5) ? assignScript : unassignScript)(world, team, script, id);
        return;
      }
      case "console: accessors":
        return void (dice.chance(0.5)
          ? addAccessor(world, team, machine, dice.of(...USERS))
          : removeAccessor(world, machine, dice.of(...USERS)));
      case "console: delete":
        return object.spec.onExternalDeletion === "Recreate" ? console.delete(id, true) : undefined;
      case "auto shutdown":
        return machine.state === "ready" ? console.autoShutdown(id) : undefined;
    }
  }

  #machines(): MachineRecord[] {
    return [...this.#driver.sim.world.machines.values()].filter(({ dtDeleted }) => dtDeleted === null);
  }

  /** A machine's first name was made from its object's: no two of one object may exist at once. */
  #checkOnePerObject(): void {
    const machines = this.#machines();
    for (const { id, settings } of machines)
      if (!this.#firstNames.has(id)) this.#firstNames.set(id, settings.name);
    for (const name of NAMES) {
      const alive = machines.filter(
        ({ id, deleting }) => this.#firstNames.get(id)?.split("-")[0] === name && deleting === null,
      );
      if (alive.length > 1) throw new Error(`${name} has ${alive.length} machines`);
    }
  }

  /** All faults end; then everything must converge by itself. */
  async #settle(): Promise<void> {
    const driver = this.#driver;
    const { sim } = driver;
    driver.calm();
    sim.faults.clear();
    sim.world.failures.length = 0;
    sim.console.setStanding(TEAM, true);
    for (const type of TYPES) sim.world.setCapacity(type, "ny2", null);
    for (const name of NAMES) {
      if (!driver.get(name)) continue;
      const { paused, dryRun, reconcileRequestedAt } = ANNOTATION;
      const annotations = { [paused]: null, [dryRun]: null, [reconcileRequestedAt]: "the end" };
      // What would wait for the user by policy is allowed.
      const spec = { resizePolicy: "StopAndResize", onExternalDeletion: "Recreate" };
      await driver.edit(name, { metadata: { annotations }, spec });
    }
    await driver.until("all is as declared", () => NAMES.every((name) => this.#asDeclared(name)));
    const owned = NAMES.flatMap((name) => driver.get(name)?.status?.id ?? []);
    const there = this.#machines().map(({ id }) => id);
    if (there.sort().join() !== owned.sort().join())
      throw new Error(`machines ${there.join()} for objects that own ${owned.join()}`);
  }

  #asDeclared(name: string): boolean {
    const object = this.#driver.get(name);
    if (!object) return true;
    const { metadata, spec, status } = object;
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status !== "True" || ready.observedGeneration !== metadata.generation) return false;
    const machine = this.#machines().find(({ id }) => id === status?.id);
    if (!machine || metadata.deletionTimestamp) return false;
    const wanted = spec.powerState === "Running" && ready.reason !== "AutoShutdown" ? "ready" : "off";
    return machine.state === wanted && this.#differences(spec, machine).length === 0;
  }

  /** Fields of the spec that the simulator's machine does not have. */
  #differences(spec: MachineSpec, machine: MachineRecord): string[] {
    const { settings } = machine;
    const users = machine.accessors.filter(({ dtDeleted }) => !dtDeleted).map(({ user }) => user.id);
    const { userIds = [], emails = [] } = spec.accessors ?? {};
    const invited = [...userIds, ...emails.map((email) => USERS.find((id) => EMAIL[id] === email) ?? email)];
    const pairs: Record<string, [unknown, unknown]> = {
      name: [spec.name, settings.name],
      machineType: [spec.machineType, machine.machineType],
      diskSize: [spec.diskSize, machine.diskSize],
      networkId: [spec.networkId, machine.networkId],
      publicIpType: [spec.publicIpType, settings.publicIpType],
      autoShutdown: [spec.autoShutdown?.enabled, settings.autoShutdownEnabled],
      timeout: [
        spec.autoShutdown?.enabled ? spec.autoShutdown.timeoutHours : undefined,
        settings.autoShutdownTimeout,
      ],
      autoSnapshot: [spec.autoSnapshot?.enabled, settings.autoSnapshotEnabled],
      frequency: [
        spec.autoSnapshot?.enabled ? spec.autoSnapshot.frequency : undefined,
        settings.autoSnapshotFrequency,
      ],
      restorePoint: [spec.restorePoint?.enabled, settings.restorePointEnabled],
      startupScriptId: [spec.startupScriptId, scriptsOf(this.#driver.sim.world, machine).join()],
      accessors: [spec.accessors && [...new Set(invited)].sort().join(), users.sort().join()],
    };
    return Object.keys(pairs).filter((field) => {
      const [declared, there] = pairs[field] ?? [];
      return declared !== undefined && declared !== there;
    });
  }
}
