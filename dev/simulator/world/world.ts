/**
 * The state of the simulated cloud and the few ways in which time and chance get into it. It contains no HTTP and no
 * rules: what may be requested of machines is in actions.ts, what then happens in lifecycle.ts, and each family of what
 * machines touch has a file of its own.
 */

import { type Cancel, type Clock, systemClock } from "../../../src/base/clock.ts";
import { type Behaviour, behaviourWith, DEFAULT_BEHAVIOUR } from "./behaviour.ts";
import type {
  ActivityRecord,
  DeploymentRecord,
  Fate,
  Hold,
  PlannedSpecFailure,
} from "./deployment-records.ts";
import { Ledger } from "./ledger.ts";
import { makeId, makeUuid, type Random, seeded } from "./random.ts";
import {
  type EventName,
  type EventRecord,
  type MachineRecord,
  type MachineState,
  type NetworkRecord,
  type Owned,
  type ProjectRecord,
  type RegistryRecord,
  type ScriptRecord,
  type SecretRecord,
  SIDE_WORK,
  type SnapshotRecord,
  type Team,
  type TeamSeed,
  type TemplateRecord,
} from "./records.ts";
import type { DatasetRecord, DriveRecord, ModelRecord, ProviderRecord } from "./storage-records.ts";
import { DEFAULT_TEAMS, networkFromSeed, projectFromSeed, projectsOfSeed, teamFromSeed } from "./teams.ts";

export interface WorldOptions {
  clock?: Clock;
  /** 1: real times; 100: a hundred times as fast. */
  speed?: number;
  seed?: number;
  teams?: TeamSeed[];
  behaviour?: Partial<Behaviour>;
}

/** The next event of this name (of this machine) ends badly: the asynchronous failure of errors-and-limits.md 3. */
export interface PlannedFailure {
  event: EventName;
  machineId?: string;
  state?: "error" | "cancelled";
  error?: string;
}

export class World {
  readonly clock: Clock;
  readonly speed: number;
  readonly seed: number;
  behaviour: Behaviour;
  /** By id. */
  readonly teams = new Map<string, Team>();
  /** By id, in order of creation, deleted ones included. */
  readonly machines = new Map<string, MachineRecord>();
  /** By id, in order of creation. */
  readonly events = new Map<string, EventRecord>();
  /** By id, in order of creation, deleted ones included. */
  readonly networks = new Map<string, NetworkRecord>();
  readonly scripts = new Map<string, ScriptRecord>();
  readonly templates = new Map<string, TemplateRecord>();
  /** By id, in order of creation. */
  readonly snapshots = new Map<string, SnapshotRecord>();
  /** By id, in order of creation, deleted ones included. */
  readonly projects = new Map<string, ProjectRecord>();
  /** By id, in order of creation. */
  readonly secrets = new Map<string, SecretRecord>();
  readonly registries = new Map<string, RegistryRecord>();
  readonly drives = new Map<string, DriveRecord>();
  readonly providers = new Map<string, ProviderRecord>();
  readonly datasets = new Map<string, DatasetRecord>();
  readonly models = new Map<string, ModelRecord>();
  /** By id, in order of creation, deleted ones included. */
  readonly deployments = new Map<string, DeploymentRecord>();
  /** What was done to deployments, oldest first. */
  readonly activity: ActivityRecord[] = [];
  /** The result of instances whose image contains the key; null: they succeed. */
  readonly imageFates = new Map<string, Fate | null>();
  readonly specFailures: PlannedSpecFailure[] = [];
  /** By machine type: hourly rates that differ from the catalogue's. */
  readonly prices = new Map<string, number>();
  /** What all of this costs. No answer shows it. */
  readonly ledger: Ledger;
  /** The next deployment to be created is held here. */
  holdNextRollout: Hold | null = null;
  readonly failures: PlannedFailure[] = [];
  /** The next machine to be created is held in this state. */
  holdNext: MachineState | null = null;
  random: Random;

  readonly #teamSeeds: TeamSeed[];
  readonly #firstBehaviour: Behaviour;
  readonly #capacity = new Map<string, number>();
  readonly #timers = new Set<Cancel>();
  #seq = 0;
  #addresses = 0;
  #networks = 0;

  constructor(options: WorldOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.ledger = new Ledger(() => this.clock.now());
    this.speed = options.speed ?? 1;
    if (!(this.speed > 0)) throw new RangeError("speed must be greater than 0");
    this.seed = options.seed ?? 1;
    this.random = seeded(this.seed);
    this.behaviour = behaviourWith(DEFAULT_BEHAVIOUR, options.behaviour);
    this.#firstBehaviour = this.behaviour;
    this.#teamSeeds = options.teams ?? DEFAULT_TEAMS;
    this.reset();
  }

  /** Back to the start: no machines, the first teams, the first behaviour, the first seed. */
  reset(): void {
    this.stop();
    for (const map of [this.teams, this.machines, this.events, this.#capacity]) map.clear();
    for (const map of [this.networks, this.scripts, this.templates, this.snapshots]) map.clear();
    for (const map of [this.projects, this.secrets, this.registries]) map.clear();
    for (const map of [this.drives, this.providers, this.datasets, this.models]) map.clear();
    this.deployments.clear();
    this.imageFates.clear();
    this.prices.clear();
    this.ledger.clear();
    for (const list of [this.failures, this.specFailures, this.activity]) list.length = 0;
    this.holdNextRollout = null;
    this.holdNext = null;
    this.#seq = 0;
    this.#addresses = 0;
    this.#networks = 0;
    this.random = seeded(this.seed);
    this.behaviour = { ...this.#firstBehaviour };
    for (const seed of this.#teamSeeds) this.addTeam(seed);
  }

  /** Cancels whatever lies ahead. The state stays readable. */
  stop(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
  }

  addTeam(seed: TeamSeed): Team {
    const team = teamFromSeed(seed, this.teams.size, this.iso(), (prefix) => this.id(prefix));
    this.teams.set(team.id, team);
    for (const network of seed.networks ?? []) {
      const record = networkFromSeed(network, { ...this.#longAgo(team), ...this.nextPrefix() });
      this.networks.set(record.id, record);
    }
    for (const project of projectsOfSeed(seed, team)) {
      const record = projectFromSeed(project, this.#longAgo(team));
      this.projects.set(record.id, record);
    }
    return team;
  }

  /** What a seeded resource begins with: so long before that no switch takes it for a new one. */
  #longAgo(team: Team): Omit<Owned, "id"> {
    const { id: teamId, dtCreated } = team;
    return {
      seq: this.nextSeq(),
      teamId,
      createdAt: Number.NEGATIVE_INFINITY,
      dtCreated,
      dtDeleted: null,
    };
  }

  /** The team that a key belongs to (errors-and-limits.md section 1: one team per key). */
  teamOfKey(key: string): Team | undefined {
    for (const team of this.teams.values()) if (team.keys.includes(key)) return team;
    return undefined;
  }

  setBehaviour(changes: Partial<Behaviour>): void {
    this.behaviour = behaviourWith(this.behaviour, changes);
  }

  /** How many machines of a type may be on at once in a region; null takes the bound away. */
  setCapacity(machineType: string, region: string, machines: number | null): void {
    const key = `${region}/${machineType}`;
    if (machines === null) this.#capacity.delete(key);
    else this.#capacity.set(key, machines);
  }

  get capacity(): Record<string, number> {
    return Object.fromEntries(this.#capacity);
  }

  /** Whether one more machine of the type can be on in the region. */
  hasCapacity(machineType: string, region: string): boolean {
    const bound = this.#capacity.get(`${region}/${machineType}`);
    if (bound === undefined) return true;
    let used = 0;
    for (const m of this.machines.values()) {
      if (m.holdsSlot && m.machineType === machineType && m.region === region) used++;
    }
    for (const { runs } of this.deployments.values()) {
      for (const { instances } of runs) {
        for (const { slot } of instances) {
          if (slot?.machineType === machineType && slot.region === region) used++;
        }
      }
    }
    return used < bound;
  }

  iso(): string {
    return new Date(this.clock.now()).toISOString();
  }

  id(prefix: string): string {
    return makeId(this.random, prefix);
  }

  uuid(): string {
    return makeUuid(this.random);
  }

  /** What every new resource of a team begins with. */
  born(teamId: string, prefix: string): Owned {
    return {
      id: this.id(prefix),
      seq: this.nextSeq(),
      teamId,
      createdAt: this.clock.monotonic(),
      dtCreated: this.iso(),
      dtDeleted: null,
    };
  }

  nextSeq(): number {
    return ++this.#seq;
  }

  /** A public address that no machine had before. */
  nextPublicAddress(): string {
    const n = ++this.#addresses;
    return `184.105.${(n >> 8) & 255}.${n & 255}`;
  }

  /** Addresses for a private network that no other one has. */
  nextPrefix(): Pick<NetworkRecord, "network" | "netmask"> {
    const n = ++this.#networks;
    return { network: `10.${64 + ((n >> 8) & 63)}.${n & 255}.0`, netmask: "255.255.255.0" };
  }

  /** Whether `ms` of simulated time have not yet passed since the monotonic time `at`. */
  isWithin(at: number, ms: number): boolean {
    return this.clock.monotonic() - at < ms / this.speed;
  }

  /** Calls `fn` after `ms` of simulated time, or right now when that is nothing. */
  later(ms: number, fn: () => void): Cancel {
    const { jitter } = this.behaviour;
    const stretched = jitter > 0 ? ms * (1 + jitter * (2 * this.random() - 1)) : ms;
    if (stretched <= 0) {
      fn();
      return () => {};
    }
    const cancel = this.clock.after(stretched / this.speed, () => {
      this.#timers.delete(stop);
      fn();
    });
    const stop: Cancel = () => {
      this.#timers.delete(stop);
      cancel();
    };
    this.#timers.add(stop);
    return stop;
  }

  /** A transition of one machine: cancelled when another one replaces it. */
  plan(machine: MachineRecord, ms: number, fn: () => void): void {
    // A machine that got stuck (holdAt) goes nowhere until the next request.
    if (machine.holdAt === machine.state) return;
    this.laterIn(machine.pending, ms, fn);
  }

  /** What may be called off together with all else in `pending`. */
  laterIn(pending: Set<Cancel>, ms: number, fn: () => void): void {
    let cancel: Cancel | undefined;
    let fired = false;
    cancel = this.later(ms, () => {
      fired = true;
      if (cancel) pending.delete(cancel);
      fn();
    });
    if (!fired) pending.add(cancel);
  }

  /** Calls off all that lies ahead of a machine. */
  dropPlans(machine: MachineRecord): void {
    for (const cancel of machine.pending) cancel();
    machine.pending.clear();
  }

  openEvent(machine: MachineRecord, name: EventName): EventRecord {
    const event: EventRecord = {
      id: this.id("e"),
      name,
      state: "new",
      machineId: machine.id,
      error: null,
      dtCreated: this.iso(),
      dtStarted: null,
      dtFinished: null,
      seq: this.nextSeq(),
      teamId: machine.teamId,
      createdAt: this.clock.monotonic(),
    };
    this.events.set(event.id, event);
    this.later(this.behaviour.eventQueueMs, () => {
      if (event.state === "new") this.#startEvent(event);
    });
    return event;
  }

  /** The failure that waits for this event, if any. */
  failureOf(event: EventRecord): PlannedFailure | undefined {
    return this.failures.find(
      (f) => f.event === event.name && (f.machineId ?? event.machineId) === event.machineId,
    );
  }

  /** Ends an event; false when a planned failure made it end badly. One that has ended stays as it is. */
  finishEvent(event: EventRecord): boolean {
    if (event.dtFinished) return event.state === "done";
    const failure = this.failureOf(event);
    if (failure) this.failures.splice(this.failures.indexOf(failure), 1);
    if (event.state === "new") this.#startEvent(event);
    event.state = failure ? (failure.state ?? "error") : "done";
    event.error = failure && event.state === "error" ? (failure.error ?? `The ${event.name} failed`) : null;
    event.dtFinished = this.iso();
    return !failure;
  }

  /** Ends an event as failed, with the reason that a client reads. */
  failEvent(event: EventRecord, error: string): void {
    if (event.dtFinished) return;
    if (event.state === "new") this.#startEvent(event);
    Object.assign(event, { state: "error", error, dtFinished: this.iso() });
  }

  /** Cancels what still runs for a machine, because another request replaced it; side work only when `all` ends. */
  cancelEvents(machine: MachineRecord, all = false): void {
    for (const event of this.events.values()) {
      if (event.machineId !== machine.id || event.dtFinished) continue;
      if (all || !SIDE_WORK.has(event.name as EventName)) {
        Object.assign(event, { state: "cancelled", dtFinished: this.iso() });
      }
    }
  }

  #startEvent(event: EventRecord): void {
    event.state = "in progress";
    event.dtStarted = this.iso();
  }
}
