/**
 * The terms in which a machine is decided about: what is known (the view), what is remembered, what can be done (the
 * steps). No behaviour lives here, and what every kind says alike is in reconcile/choice.ts.
 */
import type { Change } from "../../reconcile/change.ts";
import type { Decision, Observation, ResourceState } from "../../reconcile/decision.ts";
import { act as chosen } from "../../reconcile/decision.ts";
import { type Operation, type Step, stepName } from "../../reconcile/managed.ts";
import type { ReadError } from "../../reconcile/outcome.ts";
import type { Requests } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import type { Machine, MachineEvent, MachineHardware, MachineSettings } from "./api.ts";
import type { Address, Standing, User } from "./related-api.ts";
import type { MachineSpec, MachineStatus, PaperspaceMachine, PowerState } from "./types.ts";

export type Sighting = ResourceState<{ machine: Machine }>;

/** What is known of the event that tells how an operation goes. */
export type EventFact =
  /** The operation has none: the answer of its write was lost. */
  | { state: "none" }
  | { state: "pending" }
  /** `unseen`: the machine has not been looked at since it ended. */
  | { state: "done"; unseen?: boolean }
  | { state: "failed"; message: string }
  /** The API does not know it any more: the state must tell. */
  | { state: "vanished" };

export type Power = "ready" | "serviceready" | "off" | "changing";

export type Refusal = NonNullable<MachineStatus["resizeRefusal"]>;

/** What must be remembered across passes; kept in status. */
export interface MachineMemory {
  operation?: Operation;
  /** Power state last reached as asked: tells a machine that shut itself down from one that was never started. */
  power?: PowerState;
  resizeRefusal?: Refusal;
  /** Claimed for this machine: it outlives it, and costs money until it is released. */
  staticIp?: string;
  /** Name of the Secret that was written. */
  desktopSecret?: string;
}

/** All in milliseconds. */
export interface MachineLimits {
  /** How soon a power change is sent again that seems never to have arrived, or whose event failed. */
  resendMs: number;
  /** How often what is past its deadline is tried again. */
  slowMs: number;
  /** How often to look while waiting without an event to wait for, at least. */
  lookMs: number;
  absenceGraceMs: number;
  /** After how long a deletion counts as late. */
  deleteMs: number;
  /** How long a change that we did not ask for may take until it counts as late. */
  observeMs: number;
  /** How long hardware may be short until that counts as late. */
  capacityMs: number;
}

export type Capacity = { hint: "free" | "unknown" } | { hint: "short"; retryMs: number };

/** What a desktop Secret is like, beside what it should be. */
export type DesktopFact = "current" | "stale" | "none" | "taken" | "forbidden";

/** What is known around the machine. A fact that is absent has not been looked up. */
export interface Related {
  /** Ids of the startup scripts that the machine has. */
  scripts?: readonly string[];
  accessors?: readonly User[];
  /** Members of the team. */
  users?: readonly User[];
  desktop?: DesktopFact;
  /** Static addresses of the team, with the machines that have them. */
  addresses?: readonly Address[];
  standing?: Standing;
  /** Machines of the team, and how many it may have. */
  machines?: { count: number; most: number };
  /** By machine type, in the machine's region. */
  capacity: Readonly<Record<string, Capacity>>;
  /** By the name of the ask: why the last look failed. */
  readErrors: Readonly<Record<string, ReadError>>;
}

/** Names of what can be looked up; capacity also needs the machine type. */
export const FACT = {
  scripts: "scripts",
  accessors: "accessors",
  users: "users",
  desktop: "desktop",
  addresses: "addresses",
  standing: "standing",
  machines: "machines",
  capacity: (machineType: string) => `capacity/${machineType}`,
} as const;

export interface MachineObservation extends Observation<MachineMemory, { machine: Machine }> {
  spec: MachineSpec;
  /** Of the operation in flight. */
  event: EventFact;
  /** Of this machine, newest first, as far as they are known. */
  history: readonly MachineEvent[];
  related: Related;
  /** Ids of machines that bear the name of a create that was given up. */
  leaks: readonly string[];
  /** Value of the annotation reconcile-requested-at. */
  asked?: string;
  limits: MachineLimits;
}

export type MachineStep = Step &
  (
    | { do: "update"; settings: MachineSettings; changes: Change[] }
    | { do: "resize"; hardware: MachineHardware; changes: Change[] }
    /** `deadline` is kept where the step repeats one that is late. `target`: what a stop is for. */
    | { do: "start" | "stop" | "restart"; deadline?: string; requests?: Requests; target?: string }
    | { do: "delete"; deadline?: string }
    /** `of`: the script, or the person. */
    | { do: "assign" | "unassign"; of: string }
    | { do: "grant" | "revoke"; of: string; person: User }
    | { do: "releaseAddress"; ip: string }
    | { do: "writeDesktop" }
    | { do: "removeDesktop"; name: string }
    /** Nothing is to be done for these requests any more; `note` says why, where the user may wonder. */
    | { do: "handle"; requests: Requests; note?: string }
  );

/** Intent of the operation that stands for waiting until hardware is free. */
export const AWAIT_CAPACITY = "AwaitCapacity";
/** Targets of a stop that is a means to something else. */
export const TO_RESIZE = "Resized";
export const TO_DELETE = "Deleted";

export interface MachineTypes {
  object: PaperspaceMachine;
  account: PaperspaceAccount;
  observation: MachineObservation;
  step: MachineStep;
}

export type MachineDecision = Decision<MachineStep, MachineMemory>;

/** Bound to the steps of a machine, so that a misspelt one does not compile. */
export const act = chosen<MachineStep, MachineMemory>;

/** What one look at a machine at rest gathers on its way. */
export interface Convergence {
  readonly observation: MachineObservation;
  readonly machine: Machine;
  readonly power: Exclude<Power, "changing">;
  memory: MachineMemory;
  /** Facts that are missing: they are needed before all can be said to be well. */
  readonly needs: string[];
  /** What only the user can mend. */
  readonly userErrors: { reason: string; message: string }[];
  /** What failed in a way that may pass by itself. */
  readonly retries: ReadError[];
  /** What a machine that runs waits for before it is resized. */
  waiting?: MachineDecision;
}

/** What fails must not keep a machine from being stopped: it is told at the end, and the round goes on. */
export function unlessBackingOff(convergence: Convergence, step: MachineStep): MachineDecision | undefined {
  const backingOff = convergence.observation.backingOff[stepName(step)];
  if (!backingOff) return act(step, convergence.memory);
  if (backingOff.kind === "Retry") convergence.retries.push(backingOff);
  else convergence.userErrors.push({ reason: backingOff.reason, message: backingOff.message });
  return undefined;
}

/** The memory at rest: no operation, or only the waiting for hardware. */
export function rested({ operation, ...memory }: MachineMemory): MachineMemory {
  return operation?.intent === AWAIT_CAPACITY ? { ...memory, operation } : memory;
}
