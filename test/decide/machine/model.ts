/**
 * A cloud, an object store and a clock around `decide`, well-behaved but for what is asked of them: each step leads to
 * what it would lead to, facts are unknown until they are asked for, and time goes on while it rests.
 */

import type { Machine, MachineSettings } from "../../../src/kinds/machine/api.ts";
import { decide } from "../../../src/kinds/machine/decide.ts";
import { refusalOf } from "../../../src/kinds/machine/in-flight.ts";
import {
  type Around,
  ASK,
  type Capacity,
  type Choice,
  type DesktopFact,
  type MachineMemory,
  type MachineStep,
  type MachineView,
  TO_DELETE,
} from "../../../src/kinds/machine/observation.ts";
import type { Address, Person } from "../../../src/kinds/machine/related-api.ts";
import { toTime } from "../../../src/kube/objects.ts";
import type { Operation } from "../../../src/reconcile/kind.ts";
import { isTelling, type Outcome } from "../../../src/reconcile/outcome.ts";
import type { OwnershipStep } from "../../../src/reconcile/ownership.ts";
import { ADA, BOB, DEADLINE_MS, GIB, ID, RECORD, scene } from "./situations.ts";

type Step = MachineStep | OwnershipStep;
type Named<D> = Extract<MachineStep, { do: D }>;
type PowerStep = Extract<MachineStep, { target?: string }>;

/** How this cloud behaves, where it may choose. */
export interface Manners {
  /** How a resize ends. */
  resize: "off" | "back on" | "refused" | "failed";
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
};

const BEGUN = {
  start: { intent: "Start", target: "Running", state: "starting" },
  stop: { intent: "Stop", target: "Stopped", state: "stopping" },
  restart: { intent: "Restart", target: "Running", state: "restarting" },
} as const;

/** For so long a hint of what is free is believed. */
const HINT_MS = 15_000;

export class World {
  readonly manners: Manners;
  /** What the machine and its surroundings are like is put into it before each pass, as far as it is known. */
  readonly view: MachineView;
  machine: Machine | undefined;
  scripts: string[] = [];
  accessors: Person[] = [];
  addresses: Address[] = [];
  /** Names of the Secrets that were written. */
  readonly secrets = new Set<string>();
  readonly done: Step["do"][] = [];
  readonly #known = new Set<string>();
  #asked = 0;
  #powerChanges = 0;
  /** What a resize under way leads to. */
  #upgrade: Partial<Machine> = {};
  #fails = false;
  #before: Machine | undefined;
  #changedAt = 0;

  constructor(manners: Partial<Manners> = {}) {
    const { view, machine } = scene();
    this.manners = { ...GOOD, ...manners };
    this.view = view;
    this.machine = machine;
  }

  /** One pass, and the time until the next. */
  pass(): Choice {
    const { view } = this;
    this.#look();
    const choice = decide(view);
    const { step, memory, asks = [] } = choice;
    for (const ask of asks) this.#learn(ask);
    const before = view.memory;
    // What says nothing of the object is not written to its status either.
    if (step.do !== "rest" || isTelling(step.outcome)) view.memory = memory;
    if (step.do !== "rest") {
      this.done.push(step.do);
      this.#perform(step, before);
    }
    this.#wait(step.do === "rest" ? pauseOf(step.outcome) : 1_000);
    this.#advance();
    return choice;
  }

  /** Whether something is still to come by itself. */
  get moving(): boolean {
    const { event, memory } = this.view;
    const state = this.machine?.state ?? "";
    const ends = state === "serviceready" && !this.manners.agent;
    const passing = (state in NEXT || state === "upgrading") && !ends;
    return passing || (memory.operation !== undefined && event.state === "pending") || this.#isStale();
  }

  #look(): void {
    const { view } = this;
    const stale = this.#isStale();
    const seen = stale ? this.#before : this.machine;
    view.sighting = seen ? { state: "present", machine: { ...seen } } : { state: "absent", certain: true };
    if (view.event.state === "done") view.event = { state: "done", ...(stale && { unseen: true }) };
    view.around = this.#around();
  }

  #isStale(): boolean {
    return this.#before !== undefined && this.view.now < this.#changedAt + this.manners.staleMs;
  }

  #around(): Around {
    const { manners, view } = this;
    const knows = (ask: string) => this.#known.has(ask);
    const short = this.#asked <= manners.shortages;
    const capacity: Capacity = short ? { hint: "short", retryMs: 60_000 } : { hint: "free" };
    const types = [view.spec.machineType, this.machine?.machineType ?? ""];
    const asked = types.filter((type) => knows(ASK.capacity(type)));
    const { desktop } = manners;
    const written = this.secrets.has(view.spec.desktopSecretRef?.name ?? "") ? "current" : "stale";
    return {
      capacity: Object.fromEntries(asked.map((type) => [type, capacity])),
      troubles: {},
      ...(knows(ASK.machines) && { machines: { count: 1, most: 10 } }),
      ...(knows(ASK.scripts) && { scripts: this.scripts }),
      ...(knows(ASK.accessors) && { accessors: this.accessors }),
      ...(knows(ASK.users) && { users: [ADA, BOB] }),
      ...(knows(ASK.desktop) && { desktop: desktop === "some" ? written : desktop }),
      ...(knows(ASK.addresses) && { addresses: this.addresses }),
      ...(knows(ASK.standing) && { standing: { good: manners.goodStanding, messages: [] } }),
    };
  }

  #learn(ask: string): void {
    if (ask.startsWith(ASK.capacity(""))) this.#asked++;
    this.#known.add(ask);
  }

  #wait(ms: number): void {
    this.view.now += ms;
    if (ms < HINT_MS) return;
    for (const ask of this.#known) if (ask.startsWith(ASK.capacity(""))) this.#known.delete(ask);
  }

  /** `before`: what was remembered before the pass. */
  #perform(step: Step, before: MachineMemory): void {
    const { view } = this;
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
      case "delete":
        return this.#delete(before);
      case "assign":
        this.scripts = [...this.scripts, step.of];
        return;
      case "unassign":
        this.scripts = this.scripts.filter((id) => id !== step.of);
        return;
      case "grant":
        this.accessors = [...this.accessors, step.person];
        return;
      case "revoke":
        this.accessors = this.accessors.filter(({ id }) => id !== step.of);
        return;
      case "releaseAddress":
        this.addresses = this.addresses.filter(({ ip }) => ip !== step.ip);
        view.memory = { ...view.memory, staticIp: undefined };
        return;
      case "writeDesktop":
        this.secrets.add(view.spec.desktopSecretRef?.name ?? "");
        return;
      case "removeDesktop":
        this.secrets.delete(step.name);
        view.memory = { ...view.memory, desktopSecret: undefined };
        return;
      case "handle":
        return this.#handle(step);
      case "disown":
        view.identity = { state: "none" };
        // Of the status only the id and the operation go with it.
        view.memory = { ...before, operation: undefined };
        return;
      case "addFinalizer":
        view.finalizer = true;
        return;
      case "take":
      case "restoreRecord":
        view.identity = { state: "ours", record: RECORD, restore: false };
    }
    // Here end those that settle an attempt, too.
    view.attempt = undefined;
    view.resolution = undefined;
  }

  #create(): void {
    const { view } = this;
    const {
      machineType,
      diskSize = 0,
      powerState,
      startupScriptId,
      name = "box-2",
      autoShutdown,
    } = view.spec;
    const state = powerState === "Running" ? "provisioning" : "stopping";
    const autoShutdownEnabled = autoShutdown?.enabled ?? false;
    const storageTotal = diskSize * GIB;
    this.machine = { ...scene().machine, name, state, machineType, storageTotal, autoShutdownEnabled };
    this.scripts = startupScriptId ? [startupScriptId] : [];
    this.accessors = [];
    view.identity = { state: "ours", record: RECORD, restore: false };
    view.requests = {};
    // Only what is expected of the create is remembered.
    view.memory = {};
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
    const { view, manners } = this;
    if (manners.resize === "refused") {
      view.memory = { ...before, ...refusalOf(view, "refused") };
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

  #delete(before: MachineMemory): void {
    const { view, machine } = this;
    const now = toTime(view.now);
    if (!this.manners.deletesOn && machine?.state.endsWith("ready")) {
      const deadline = toTime(view.now + DEADLINE_MS);
      view.memory = {
        ...before,
        operation: { intent: "Delete", requestedAt: now, deadline, target: TO_DELETE },
      };
      return;
    }
    const { publicIpType, publicIp } = machine ?? {};
    if (publicIpType === "static" && publicIp) view.memory = { ...view.memory, staticIp: publicIp };
    this.#begin({ intent: "Delete" });
    this.#change({ state: "stopping" });
  }

  #handle({ requests: { restart, start } }: Named<"handle">): void {
    const { requests } = this.view;
    this.view.requests = {
      ...(requests.restart !== undefined && requests.restart !== restart && { restart: requests.restart }),
      ...(requests.start !== undefined && requests.start !== start && { start: requests.start }),
    };
  }

  #begin(what: Omit<Operation, "requestedAt" | "deadline"> & { deadline?: string }): void {
    const { view } = this;
    const deadline = toTime(view.now + DEADLINE_MS);
    const operation = { deadline, ...what, requestedAt: toTime(view.now), eventId: "e2" };
    view.memory = { ...view.memory, operation };
    view.event = { state: "pending" };
    this.#fails = false;
    // A machine that comes up anew may be reached in another way.
    this.#known.delete(ASK.desktop);
  }

  /** The answer of the write does not come. */
  #lose(): void {
    const { view } = this;
    const { operation } = view.memory;
    if (operation) view.memory = { ...view.memory, operation: { ...operation, eventId: undefined } };
    view.event = { state: "none" };
  }

  #change(changes: Partial<Machine>): void {
    if (!this.machine) return;
    this.#before = this.machine;
    this.#changedAt = this.view.now;
    this.machine = { ...this.machine, ...changes };
  }

  /** Machines come to the end of their transition, events to theirs, searches to their result. */
  #advance(): void {
    const { view, machine } = this;
    if (view.event.state === "pending")
      view.event = this.#fails ? { state: "failed", message: "event e2 ended in error" } : { state: "done" };
    if (machine) this.#move(machine);
    if (view.memory.operation?.intent === "Delete" && view.event.state === "done") {
      this.machine = undefined;
      this.#before = undefined;
      this.addresses = this.addresses.map((address) =>
        address.machineId === ID ? { ...address, machineId: null } : address,
      );
    }
    if (view.resolution?.state === "open") view.resolution = { state: "surelyNone" };
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

/** Something of a time is always spent, or nothing would ever come about. */
function pauseOf(outcome: Outcome): number {
  switch (outcome.kind) {
    case "Wait":
      return Math.max(outcome.afterMs, 1_000);
    case "Retry":
      return outcome.atLeastMs ?? 5_000;
    case "Terminal":
    case "Halted":
      return outcome.recheckMs;
    default:
      return 1_000;
  }
}
