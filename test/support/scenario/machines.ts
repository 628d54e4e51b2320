/**
 * Machines in random scenarios: what users and the console do to them, and what they must be like in the end, checked
 * against the simulator's own state.
 */
import fc from "fast-check";
import { addAccessor, removeAccessor } from "../../../dev/simulator/world/access.ts";
import type { MachineRecord } from "../../../dev/simulator/world/records.ts";
import {
  assignScript,
  createScript,
  scriptsOf,
  unassignScript,
} from "../../../dev/simulator/world/scripts.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import type { DeclaredSpec, PaperspaceMachine } from "../../../src/kinds/machine/types.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { placed } from "../placed.ts";
import type { Dice } from "./dice.ts";
import { type Driver, nameOf, namespaceOf } from "./driver.ts";
import { type Actors, behavioursOf, keysOf, type ScenarioKind, type Tenant } from "./kind.ts";
import {
  drawPlacement,
  drawPlacementEdit,
  drawPriceList,
  isTooDear,
  PlacementJudge,
  REGION,
  saysWhatItCosts,
  TYPES,
} from "./placements.ts";
import { SHARED } from "./shared-steps.ts";
import { Shortages } from "./shortages.ts";

/** Of machines that offer a desktop; those of the others do not, and to declare access to it is an error. */
const DESKTOP_TEMPLATE = "tdesk22u";

/** What a team has that machines of its objects refer to. */
interface TeamAssets {
  users: readonly { id: string; email: string }[];
  networks: readonly string[];
  scripts: readonly string[];
}

/** A machine whose create fails stays as it is for ever: only the user can repair that. */
const FAILING = ["start", "stop", "restart", "deactivate", "vm-upgrade", "vm-migrate"] as const;

/** Switches that a machine's lifecycle depends on. */
const SWITCHES =
  /^(start|stop|restart(?!oreNeeds)|stateWhile|deleteW|deletedMachines|eventsOf|pageStability|createPlace|nextPage|errorField|upgradeEnds|networkChange|readd|removedAcc|scriptsPer|scriptNot|availabilityEnd|capacityShortage|accountStandingEnd|liveDt|staticAddress|autoShutdown)/;

export const MACHINE_SCENARIOS: ScenarioKind<PaperspaceMachine> = {
  frequencies: {
    ...SHARED,
    "console: power": 1,
    "console: settings": 1,
    "console: hardware": 1,
    "console: script": 1,
    "console: accessors": 1,
    "console: delete": 1,
    "auto shutdown": 1,
    "an event will fail": 1,
    "hardware comes and goes": 2,
    "hints lie": 2,
    "a shortage lasts": 2,
    "used while nobody looks": 1,
    "prices change": 1,
    "account standing": 1,
  },
  behaviours: behavioursOf(SWITCHES, {
    jitter: fc.constantFrom(0, 0.5),
    staleStateMs: fc.constantFrom(0, 3_000, 15_000),
    staleSettingsMs: fc.constantFrom(0, 0, 5_000),
    getAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
    listAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
    eventListDelayMs: fc.constantFrom(0, 0, 10_000, 120_000),
    eventGetDelayMs: fc.constantFrom(0, 0, 10_000),
    listDeleted: fc.boolean(),
  }),
  plural: "machines",
  resources: ({ world }) =>
    [...world.machines.values()].map(({ id, teamId, settings, deleting, dtDeleted }) => ({
      id,
      team: teamId,
      attempt: settings.name,
      isAlive: deleting === null && dtDeleted === null,
    })),
  actors: (driver, tenants) => new MachineActors(driver, tenants),
};

/** The Secret with the access to the desktop of this object's machine. */
const desktopOf = (key: string) => ({ name: `desktop-${nameOf(key)}` });

export class MachineActors implements Actors<PaperspaceMachine> {
  readonly requests = [
    ANNOTATION.restartRequestedAt,
    ANNOTATION.startRequestedAt,
    ANNOTATION.reconcileRequestedAt,
  ];
  readonly lenient = {
    resizePolicy: "StopAndResize",
    onExternalDeletion: "Recreate",
    snapshotBeforeResize: false,
  } as const;
  readonly #driver: Driver<PaperspaceMachine>;
  readonly #tenants: readonly Tenant[];
  readonly #assets = new Map<string, TeamAssets>();
  readonly #placements: PlacementJudge;
  readonly #shortages: Shortages;
  readonly #firstNames = new Map<string, string>();

  constructor(driver: Driver<PaperspaceMachine>, tenants: readonly Tenant[]) {
    this.#driver = driver;
    this.#placements = new PlacementJudge(driver.sim);
    this.#shortages = new Shortages(driver, () => this.check());
    this.#tenants = tenants;
    for (const { team } of tenants) if (!this.#assets.has(team)) this.#assets.set(team, this.#equip(team));
  }

  /** Two of everything, so that each can change. */
  #equip(teamId: string): TeamAssets {
    const { world, console } = this.#driver.sim;
    const team = console.team(teamId);
    const own = [...world.networks.values()].filter((network) => network.teamId === teamId);
    const [first] = own.filter(({ region }) => region === REGION);
    if (!first) throw new Error(`${teamId} has no network in ${REGION}`);
    const second = { ...first, id: `n${team.namespace}2ny2`, seq: world.nextSeq() };
    world.networks.set(second.id, second);
    return {
      users: team.users.filter(({ isOwner, dtConfirmed }) => !isOwner && dtConfirmed !== null),
      networks: [first.id, second.id],
      scripts: ["one", "two"].map((name) => createScript(world, team, { name, script: "echo" }).id),
    };
  }

  #tenant(key: string): Tenant {
    const tenant = this.#tenants.find(({ namespace }) => namespace === namespaceOf(key));
    if (!tenant) throw new Error(`${key} is of no tenant`);
    return tenant;
  }

  #assetsOf(key: string): TeamAssets {
    const assets = this.#assets.get(this.#tenant(key).team);
    if (!assets) throw new Error(`${key} has no team`);
    return assets;
  }

  spec(key: string, dice: Dice): Partial<DeclaredSpec> {
    const { users, scripts } = this.#assetsOf(key);
    return {
      powerState: dice.of("Running", "Stopped"),
      machineType: dice.of(...TYPES),
      ...(dice.chance(0.4) && placed(drawPlacement(dice))),
      onExternalDeletion: dice.of("Stall", "Recreate"),
      resizePolicy: dice.of("WhenStopped", "StopAndResize"),
      ...(dice.chance(0.5) && { startupScriptId: dice.of(...scripts) }),
      ...(dice.chance(0.5) && { accessors: { userIds: dice.of(...users.map(({ id }) => [id]), []) } }),
      ...(dice.chance(0.5) && { publicIpType: dice.of("static", "dynamic", "none") }),
      ...(dice.chance(0.3) && { templateId: DESKTOP_TEMPLATE, desktopSecretRef: desktopOf(key) }),
      ...(dice.chance(0.4) && { snapshotBeforeResize: true }),
    };
  }

  plain(key: string): Partial<DeclaredSpec> {
    const { users, scripts } = this.#assetsOf(key);
    return {
      templateId: DESKTOP_TEMPLATE,
      desktopSecretRef: desktopOf(key),
      startupScriptId: scripts[0] ?? "",
      accessors: { userIds: users.slice(0, 1).map(({ id }) => id) },
    };
  }

  makeForeign(key: string, dice: Dice): string {
    const input = {
      machineType: dice.of(...TYPES),
      diskSize: dice.of(50, 100),
      templateId: DESKTOP_TEMPLATE,
    };
    return this.#driver.sim.console.create(this.#tenant(key).team, input, dice.of("ready", "off")).id;
  }

  /** A disk grows only, and a template cannot be changed. */
  adoptable(id: string, spec: Partial<DeclaredSpec>): Partial<DeclaredSpec> {
    const { diskSize, templateId, machineType, region } = this.#driver.sim.console.machine(id);
    const { desktopSecretRef, placement, ...placeless } = spec;
    // The API server refuses a placement beside adoptId.
    const others = placement ? { ...placeless, machineType, region } : placeless;
    const hasDesktop = templateId === DESKTOP_TEMPLATE && desktopSecretRef;
    return { ...others, diskSize, templateId, ...(hasDesktop && { desktopSecretRef }) };
  }

  edit(key: string, { spec: now, status }: PaperspaceMachine, dice: Dice): object {
    const { users, networks, scripts } = this.#assetsOf(key);
    const hours = dice.of(2, 8);
    const user = dice.of(...users);
    return dice.of<object>(
      { powerState: dice.of("Running", "Stopped") },
      { powerState: dice.of("Running", "Stopped") },
      { name: dice.of("first", "second") },
      { autoShutdown: { enabled: dice.chance(0.5), timeoutHours: hours } },
      {
        autoSnapshot: { enabled: dice.chance(0.5), frequency: dice.of("daily", "weekly"), saveCount: hours },
      },
      { restorePoint: { enabled: dice.chance(0.5) } },
      now.placement
        ? drawPlacementEdit(status?.id === undefined ? undefined : status.placement?.chosen, dice)
        : { machineType: dice.of(...TYPES) },
      { diskSize: Math.max(now.diskSize ?? 0, dice.of(50, 100, 250)) },
      { resizePolicy: dice.of("WhenStopped", "StopAndResize") },
      { networkId: dice.of(...networks) },
      { publicIpType: dice.of("static", "dynamic", "none") },
      { startupScriptId: dice.of(...scripts, "") },
      { accessors: { userIds: dice.of(user ? [user.id] : [], []), emails: null } },
      // In any letter case.
      { accessors: { userIds: null, emails: user ? [user.email.replace("user@", "User@")] : [] } },
      { onExternalDeletion: dice.of("Stall", "Recreate") },
      { publicIpReleasePolicy: dice.of("Keep", "Release") },
      now.templateId === DESKTOP_TEMPLATE ? { desktopSecretRef: dice.of(desktopOf(key), null) } : {},
    );
  }

  act(what: string, key: string, object: PaperspaceMachine | undefined, dice: Dice): void | Promise<void> {
    const { sim } = this.#driver;
    switch (what) {
      case "an event will fail":
        return void sim.console.failNext({ event: dice.of(...FAILING) });
      case "hardware comes and goes":
        return sim.world.setCapacity(dice.of(...TYPES), REGION, dice.of(0, 1, null));
      case "hints lie":
        return this.#shortages.begin(dice);
      case "a shortage lasts":
      case "used while nobody looks":
        return this.#lastingShortage(what, key, dice);
      case "prices change":
        sim.console.setPrice(dice.of(...TYPES), dice.of(0.5, 1, 3));
        // The list may not have all of them, and is of before the next change.
        return this.#driver.putPrices?.(drawPriceList(sim, dice));
      case "account standing":
        return sim.console.setStanding(this.#tenant(key).team, dice.chance(0.5), ["Pay first"]);
    }
    // Before it is recorded only its name identifies it.
    const machine = this.#machineOf(object);
    if (machine && object) this.#console(what, key, object, machine, dice);
  }

  /** A new object has a choice then, and one that is there may have none. */
  async #lastingShortage(what: string, key: string, dice: Dice): Promise<void> {
    this.#shortages.begin(dice);
    if (!this.#driver.get(key))
      await this.#driver.apply(key, {
        ...this.spec(key, dice),
        ...placed(drawPlacement(dice), { powerState: "Running" }),
      });
    if (what === "a shortage lasts") return this.#shortages.last();
    await this.#shortages.getNone();
    const machine = this.#machineOf(this.#driver.get(key));
    if (machine) await this.#shortages.useUnseen(machine, dice);
  }

  /** What another actor does to a machine. */
  #console(what: string, key: string, { spec }: PaperspaceMachine, machine: MachineRecord, dice: Dice): void {
    const { console, world } = this.#driver.sim;
    const { users, networks, scripts } = this.#assetsOf(key);
    const team = console.team(this.#tenant(key).team);
    const { id } = machine;
    const user = dice.of(...users)?.id;
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
          ...(dice.chance(0.3) && { networkId: dice.of(...networks) }),
        });
      case "console: hardware":
        return console.update(id, { machineType: dice.of(...TYPES) });
      case "console: script": {
        const script = world.scripts.get(dice.of(...scripts));
        if (script) (dice.chance(0.5) ? assignScript : unassignScript)(world, team, script, id);
        return;
      }
      case "console: accessors":
        if (user === undefined) return;
        return void (dice.chance(0.5)
          ? addAccessor(world, team, machine, user)
          : removeAccessor(world, machine, user));
      case "console: delete":
        if (spec.onExternalDeletion !== "Recreate") return;
        console.delete(id, true);
        return this.#placements.deletedElsewhere(id);
      case "auto shutdown":
        return machine.state === "ready" ? console.autoShutdown(id) : undefined;
    }
  }

  #machines(): MachineRecord[] {
    return [...this.#driver.sim.world.machines.values()].filter(({ dtDeleted }) => dtDeleted === null);
  }

  #machineOf(object: PaperspaceMachine | undefined): MachineRecord | undefined {
    return this.#machines().find(({ id }) => id === object?.status?.id);
  }

  /** A machine's first name was made from its object's: no two of one object may exist at once. */
  check(): void {
    this.#placements.check(keysOf(this.#tenants).flatMap((key) => this.#driver.get(key) ?? []));
    const machines = this.#machines();
    for (const { id, settings } of machines)
      if (!this.#firstNames.has(id)) this.#firstNames.set(id, settings.name);
    // Names are unique within a namespace only.
    const [tenant, ...more] = this.#tenants;
    if (!tenant || more.length > 0) return;
    for (const name of tenant.names) {
      const alive = machines.filter(
        ({ id, deleting }) => this.#firstNames.get(id)?.split("-")[0] === name && deleting === null,
      );
      if (alive.length > 1) throw new Error(`${name} has ${alive.length} machines`);
    }
  }

  calm(): void {
    const { world, console } = this.#driver.sim;
    world.setBehaviour({ availabilityHint: "true" });
    world.failures.length = 0;
    for (const { team } of this.#tenants) console.setStanding(team, true);
    for (const type of TYPES) world.setCapacity(type, REGION, null);
  }

  checkNothingLeaked(): void {
    const owned = keysOf(this.#tenants).flatMap((key) => this.#driver.get(key)?.status?.id ?? []);
    const there = this.#machines().map(({ id }) => id);
    if (there.sort().join() !== owned.sort().join())
      throw new Error(`machines ${there.join()} for objects that own ${owned.join()}`);
  }

  isSettled(key: string): boolean {
    const object = this.#driver.get(key);
    if (!object) return true;
    const { metadata, spec, status } = object;
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    // It was off when it was adopted, and nobody has asked for more.
    if (ready?.reason === REASON.HeldAsAdopted && status?.adoptedOff && !metadata.deletionTimestamp)
      return this.#machineOf(object)?.state === "off";
    if (isTooDear(object)) return true;
    if (ready?.status !== "True" || ready.observedGeneration !== metadata.generation) return false;
    const machine = this.#machineOf(object);
    if (!machine || metadata.deletionTimestamp) return false;
    const wanted = spec.powerState === "Running" && ready.reason !== "AutoShutdown" ? "ready" : "off";
    if (!saysWhatItCosts(this.#driver.sim, object, machine)) return false;
    return machine.state === wanted && this.#differences(key, spec, machine).length === 0;
  }

  /** What costs too much by what is known is neither made nor waited for. */
  async correct(): Promise<void> {
    for (const key of keysOf(this.#tenants))
      if (this.#driver.get(key)?.spec.placement?.maxHourlyRate !== undefined)
        await this.#driver.edit(key, { spec: { placement: { maxHourlyRate: null } } });
  }

  /** Fields of the spec that the simulator's machine does not have. */
  #differences(key: string, spec: DeclaredSpec, machine: MachineRecord): string[] {
    const { settings } = machine;
    const known = this.#assetsOf(key).users;
    const accessors = machine.accessors.filter(({ dtDeleted }) => !dtDeleted).map(({ user }) => user.id);
    const { userIds = [], emails = [] } = spec.accessors ?? {};
    const byEmail = (email: string) => known.find((user) => user.email === email.toLowerCase())?.id ?? email;
    const invited = [...userIds, ...emails.map(byEmail)];
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
      accessors: [spec.accessors && [...new Set(invited)].sort().join(), accessors.sort().join()],
    };
    return Object.keys(pairs).filter((field) => {
      const [declared, there] = pairs[field] ?? [];
      return declared !== undefined && declared !== there;
    });
  }
}
