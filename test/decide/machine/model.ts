/**
 * A cloud, an object store and a clock around `decide`, well-behaved but for their manners: each step leads to what it
 * would lead to, facts are missing until they are fetched, and time goes on while it rests.
 */

import type { Machine, MachineSettings } from "../../../src/kinds/machine/api.ts";
import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import {
  type Capacity,
  type DesktopFact,
  FACT,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  type MachineStep,
  type Related,
  SNAPSHOT,
  TO_DELETE,
} from "../../../src/kinds/machine/observation.ts";
import type { Address, User } from "../../../src/kinds/machine/related-api.ts";
import { refusalOf } from "../../../src/kinds/machine/resize-refusal.ts";
import { toTime } from "../../../src/kube/objects.ts";
import type { Operation } from "../../../src/reconcile/managed.ts";
import { requestsWhere } from "../../../src/reconcile/record.ts";
import { type Acting, ModelWorld } from "../engine/model-world.ts";
import { ADA, BOB, DEADLINE_MS, GIB, ID, RECORD, scene } from "./situations.ts";

type Named<D> = Extract<MachineStep, { do: D }>;
type PowerStep = Extract<MachineStep, { target?: string }>;

/** How this cloud behaves, where it may choose. */
export interface Manners {
  /** How a resize ends. */
  resize: "off" | "back on" | "refused" | "failed";
  /** How the snapshot before it ends. */
  snapshot: "done" | "refused" | "failed" | "lost, but done";
  /** What becomes of the first change of power. */
  first: "done" | "failed" | "lost, but done" | "lost";
  /** How often hardware is short before it is free. */
  shortages: number;
  goodStanding: boolean;
  /** Whether the agent comes up. */
  agent: boolean;
  /** Whether a machine is deleted while it is on. */
  deletesOn: boolean;
  /** How long the old state is read after a write (observed-in-the-field.md 6). */
  staleMs: number;
  /** What the machine and its Secret allow of a desktop. */
  desktop: "some" | Extract<DesktopFact, "none" | "taken" | "forbidden">;
}

const GOOD: Manners = {
  resize: "off",
  snapshot: "done",
  first: "done",
  shortages: 0,
  goodStanding: true,
  agent: true,
  deletesOn: true,
  staleMs: 0,
  desktop: "some",
};

const NEXT: Record<string, string> = {
  starting: "serviceready",
  serviceready: "ready",
  restarting: "starting",
  provisioning: "starting",
  stopping: "off",
  "a-state-of-tomorrow": "ready",
};

const BEGUN = {
  start: { intent: "Start", target: "Running", state: "starting" },
  stop: { intent: "Stop", target: "Stopped", state: "stopping" },
  restart: { intent: "Restart", target: "Running", state: "restarting" },
} as const;

const SNAPSHOT_DONE = { id: "e9", name: "snapshot-create", state: "done", dtCreated: "" };

/** For so long a hint of what is free is believed. */
const HINT_MS = 15_000;

interface Start {
  observation: MachineObservation;
  machine: Machine | undefined;
}

export class World extends ModelWorld<MachineMemory, MachineObservation, MachineDecision> {
  readonly manners: Manners;
  override readonly observation: MachineObservation;
  machine: Machine | undefined;
  scripts: string[] = [];
  accessors: User[] = [];
  addresses: Address[] = [];
  /** Names of the Secrets that were written. */
  readonly secrets = new Set<string>();
  readonly done: Acting<MachineDecision>["do"][] = [];
  readonly #cached = new Set<string>();
  #unreadable: ReadonlySet<string> = new Set();
  #machines = { count: 1, most: 10 };
  #hintsRead = 0;
  #powerChanges = 0;
  /** What a resize under way leads to. */
  #upgrade: Partial<Machine> = {};
  #fails = false;
  #before: Machine | undefined;
  #changedAt = 0;

  constructor(manners: Partial<Manners> = {}, { observation, machine }: Start = scene()) {
    super();
    this.manners = { ...GOOD, ...manners };
    this.observation = observation;
    this.machine = machine;
  }

  /**
   * Begins with what an observation holds, and with nothing backing off. Of the facts that it lacks, those that are
   * `unreadable` stay so, and the others are read once the decision needs them.
   */
  static from(
    observation: MachineObservation,
    manners: Partial<Manners> = {},
    unreadable: readonly string[] = [],
  ): World {
    const { resource, related, memory, spec } = observation;
    const world = new World(
      { goodStanding: related.standing?.good !== false, ...manners },
      {
        observation: { ...observation, memory: { ...memory }, backingOff: {} },
        machine: resource.state === "present" ? { ...resource.machine } : undefined,
      },
    );
    world.scripts = [...(related.scripts ?? [])];
    world.accessors = [...(related.accessors ?? [])];
    world.addresses = [...(related.addresses ?? [])];
    if (related.desktop === "current" && spec.desktopSecretRef) world.secrets.add(spec.desktopSecretRef.name);
    for (const [fact, value] of Object.entries(related)) if (value !== undefined) world.#cached.add(fact);
    for (const type of Object.keys(related.capacity)) world.#cached.add(FACT.capacity(type));
    for (const fact of unreadable) world.#cached.delete(fact);
    world.#machines = related.machines ?? world.#machines;
    // A hint that is there was read.
    if (Object.keys(related.capacity).length > 0) world.#hintsRead++;
    world.#unreadable = new Set(unreadable);
    return world;
  }

  protected override decide(observation: MachineObservation): MachineDecision {
    return decideMachine(observation);
  }

  /** Whether something is still to come by itself. */
  override get moving(): boolean {
    const { event, memory } = this.observation;
    const state = this.machine?.state ?? "";
    const ends = state === "serviceready" && !this.manners.agent;
    const passing = (state in NEXT || state === "upgrading") && !ends;
    return passing || (memory.operation !== undefined && event.state === "pending") || this.#isStale();
  }

  protected override look(): void {
    const { observation } = this;
    const stale = this.#isStale();
    const seen = stale ? this.#before : this.machine;
    observation.resource = seen
      ? { state: "present", machine: { ...seen } }
      : { state: "absent", certain: true };
    if (observation.event.state === "done")
      observation.event = { state: "done", ...(stale && { unseen: true }) };
    observation.related = this.#related();
    observation.snapshotSettled = true;
  }

  #isStale(): boolean {
    return this.#before !== undefined && this.observation.now < this.#changedAt + this.manners.staleMs;
  }

  #related(): Related {
    const { manners, observation } = this;
    const has = (fact: string) => this.#cached.has(fact);
    const short = this.#hintsRead <= manners.shortages;
    const capacity: Capacity = short ? { hint: "short", retryMs: 60_000 } : { hint: "free" };
    const types = [observation.spec.machineType, this.machine?.machineType ?? ""];
    const hinted = types.filter((type) => has(FACT.capacity(type)));
    const { desktop } = manners;
    const written = this.secrets.has(observation.spec.desktopSecretRef?.name ?? "") ? "current" : "stale";
    return {
      capacity: Object.fromEntries(hinted.map((type) => [type, capacity])),
      readErrors: {},
      ...(has(FACT.machines) && { machines: this.#machines }),
      ...(has(FACT.scripts) && { scripts: this.scripts }),
      ...(has(FACT.accessors) && { accessors: this.accessors }),
      ...(has(FACT.users) && { users: [ADA, BOB] }),
      ...(has(FACT.desktop) && { desktop: desktop === "some" ? written : desktop }),
      ...(has(FACT.addresses) && { addresses: this.addresses }),
      ...(has(FACT.snapshot) && { snapshot: { id: "sn1", events: [SNAPSHOT_DONE], ageMs: 0 } }),
      ...(has(FACT.standing) && { standing: { good: manners.goodStanding, messages: [] } }),
    };
  }

  protected override read(fact: string): void {
    if (fact.startsWith(FACT.capacity(""))) this.#hintsRead++;
    if (!this.#unreadable.has(fact)) this.#cached.add(fact);
  }

  protected override elapse(ms: number): void {
    this.observation.now += ms;
    if (ms >= HINT_MS)
      for (const fact of this.#cached) if (fact.startsWith(FACT.capacity(""))) this.#cached.delete(fact);
    this.#advance();
  }

  protected override perform(step: Acting<MachineDecision>, before: MachineMemory): void {
    const { observation } = this;
    this.done.push(step.do);
    switch (step.do) {
      case "create":
        return this.#create();
      case "start":
      case "stop":
      case "restart":
        return this.#changePower(step);
      case "update":
        return this.#update(step.settings);
      case "resize":
        return this.#resize(step, before);
      case "snapshot":
        return this.#snapshot(before);
      case "delete":
        return this.#delete(before);
      case "assign":
        this.scripts = [...this.scripts, step.of];
        return;
      case "unassign":
        this.scripts = this.scripts.filter((id) => id !== step.of);
        return;
      case "grant":
        this.accessors = [...this.accessors, step.user];
        return;
      case "revoke":
        this.accessors = this.accessors.filter(({ id }) => id !== step.of);
        return;
      case "releaseAddress":
        this.addresses = this.addresses.filter(({ ip }) => ip !== step.ip);
        observation.memory = { ...observation.memory, staticIp: undefined };
        return;
      case "writeDesktop":
        this.secrets.add(observation.spec.desktopSecretRef?.name ?? "");
        return;
      case "removeDesktop":
        this.secrets.delete(step.name);
        observation.memory = { ...observation.memory, desktopSecret: undefined };
        return;
      case "handle":
        return this.#handle(step);
      case "disown":
        observation.identity = { state: "none" };
        // Of the status only the id and the operation go with it.
        observation.memory = { ...before, operation: undefined };
        return;
      case "addFinalizer":
        observation.finalizer = true;
        return;
      case "recordOwnership":
      case "restoreRecord":
        observation.identity = { state: "ours", record: RECORD, restore: false };
    }
    // Here end those that settle an attempt, too.
    observation.attempt = undefined;
    observation.resolution = undefined;
  }

  #create(): void {
    const { observation } = this;
    const {
      machineType,
      diskSize = 0,
      powerState,
      startupScriptId,
      name = "box-2",
      autoShutdown,
    } = observation.spec;
    const state = powerState === "Running" ? "provisioning" : "stopping";
    const autoShutdownEnabled = autoShutdown?.enabled ?? false;
    const storageTotal = diskSize * GIB;
    this.machine = { ...scene().machine, name, state, machineType, storageTotal, autoShutdownEnabled };
    this.scripts = startupScriptId ? [startupScriptId] : [];
    this.accessors = [];
    observation.identity = { state: "ours", record: RECORD, restore: false };
    observation.requests = {};
    // Only what is expected of the create is remembered.
    observation.memory = {};
    this.#begin({ intent: "Create", target: powerState });
  }

  #changePower(step: PowerStep): void {
    const { intent, target, state } = BEGUN[step.do];
    const { deadline, requests } = step;
    const first = this.#powerChanges++ === 0 ? this.manners.first : "done";
    const what = { intent, target: step.target ?? target, ...(requests && { requests }) };
    this.#begin({ ...what, ...(deadline && { deadline }) });
    if (first.startsWith("lost")) this.#lose();
    this.#fails = first === "failed";
    if (first === "lost" || first === "failed") return;
    this.#change({ state });
  }

  #update(settings: MachineSettings): void {
    if (settings.publicIpType === undefined) return this.#change(settings);
    this.addresses = this.addresses.map(({ ip }) => ({ ip, machineId: null }));
    this.#change({ ...settings, publicIp: null });
    this.#begin({ intent: "Update" });
  }

  #resize({ hardware: { machineType, diskSize } }: Named<"resize">, before: MachineMemory): void {
    const { observation, manners } = this;
    if (manners.resize === "refused") {
      observation.memory = { ...before, ...refusalOf(observation, "refused") };
      return;
    }
    this.#begin({ intent: "Resize" });
    this.#fails = manners.resize === "failed";
    this.#upgrade = {
      ...(machineType && { machineType }),
      ...(diskSize && { storageTotal: diskSize * GIB }),
    };
    this.#change({ state: "upgrading" });
  }

  #snapshot(before: MachineMemory): void {
    const { observation, manners } = this;
    if (manners.snapshot === "refused") {
      observation.memory = { ...before, ...refusalOf(observation, "refused", "Failed") };
      return;
    }
    this.#begin({ intent: SNAPSHOT });
    const { requestedAt = "", deadline = "" } = observation.memory.operation ?? {};
    const resizeSnapshot = {
      name: "box-snapshot",
      machineId: ID,
      requestedAt,
      deadline,
      state: "Requested",
    } as const;
    observation.memory = { ...observation.memory, resizeSnapshot };
    this.#fails = manners.snapshot === "failed";
    if (manners.snapshot === "lost, but done") this.#lose();
  }

  #delete(before: MachineMemory): void {
    const { observation, machine } = this;
    const now = toTime(observation.now);
    if (!this.manners.deletesOn && machine?.state.endsWith("ready")) {
      const deadline = toTime(observation.now + DEADLINE_MS);
      observation.memory = {
        ...before,
        operation: { intent: "Delete", requestedAt: now, deadline, target: TO_DELETE },
      };
      return;
    }
    const { publicIpType, publicIp } = machine ?? {};
    if (publicIpType === "static" && publicIp)
      observation.memory = { ...observation.memory, staticIp: publicIp };
    this.#begin({ intent: "Delete" });
    this.#change({ state: "stopping" });
  }

  #handle({ requests: handled }: Named<"handle">): void {
    const { observation } = this;
    observation.requests = requestsWhere(observation.requests, (value, name) => value !== handled[name]);
  }

  #begin(what: Omit<Operation, "requestedAt" | "deadline"> & { deadline?: string }): void {
    const { observation } = this;
    const deadline = toTime(observation.now + DEADLINE_MS);
    const operation = { deadline, ...what, requestedAt: toTime(observation.now), eventId: "e2" };
    observation.memory = { ...observation.memory, operation };
    observation.event = { state: "pending" };
    this.#fails = false;
    // A machine that comes up anew may be reached in another way.
    this.#cached.delete(FACT.desktop);
  }

  /** The answer of the write does not come. */
  #lose(): void {
    const { observation } = this;
    const { operation } = observation.memory;
    if (operation)
      observation.memory = { ...observation.memory, operation: { ...operation, eventId: undefined } };
    observation.event = { state: "none" };
  }

  #change(changes: Partial<Machine>): void {
    if (!this.machine) return;
    this.#before = this.machine;
    this.#changedAt = this.observation.now;
    this.machine = { ...this.machine, ...changes };
  }

  /** Machines come to the end of their transition, events to theirs, searches to their result. */
  #advance(): void {
    const { observation, machine } = this;
    if (observation.event.state === "pending")
      observation.event = this.#fails
        ? { state: "failed", message: "event e2 ended in error" }
        : { state: "done" };
    if (machine) this.#move(machine);
    if (observation.memory.operation?.intent === "Delete" && observation.event.state === "done") {
      this.machine = undefined;
      this.#before = undefined;
      this.addresses = this.addresses.map((address) =>
        address.machineId === ID ? { ...address, machineId: null } : address,
      );
    }
    if (observation.resolution?.state === "open") observation.resolution = { state: "surelyNone" };
  }

  #move(machine: Machine): void {
    const { agent, resize } = this.manners;
    if (machine.state === "serviceready" && !agent) return;
    if (machine.state === "upgrading") {
      const upgrade = this.#fails ? {} : this.#upgrade;
      this.machine = { ...machine, ...upgrade, state: resize === "back on" ? "ready" : "off" };
      return;
    }
    this.machine = { ...machine, state: NEXT[machine.state] ?? machine.state };
  }
}
