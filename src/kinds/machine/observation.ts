/**
 * The terms in which a machine is decided about: what is observed, what is remembered, and which steps there are. No
 * behaviour lives here, and what every kind shares is in reconcile/decision.ts.
 */
import type { Change } from "../../reconcile/change.ts";
import type { Decision, Observation } from "../../reconcile/decision.ts";
import { act as decideStep } from "../../reconcile/decision.ts";
import type { Operation, Step } from "../../reconcile/managed.ts";
import type { ReadError } from "../../reconcile/outcome.ts";
import type { Requests } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import type { FactNames } from "../facts.ts";
import type { Machine, MachineEvent, MachineHardware, MachineSettings } from "./api.ts";
import type { CostFacts } from "./cost/facts.ts";
import type { ObservedLifetime } from "./lifetime/desired.ts";
import type { Place, PlacementMemory } from "./placement/candidates.ts";
import type { Position } from "./placement/queue.ts";
import type { ObservedPower } from "./power/desired.ts";
import type { Address, FoundSnapshot, Standing, User } from "./related-api.ts";
import type { MachineSpec, MachineStatus, PaperspaceMachine, PowerState } from "./types.ts";

/** What is observed of the event of an operation. */
export type EventFact =
  /** The operation has none: the answer of its write was lost. */
  | { state: "none" }
  | { state: "pending" }
  /** `unseen`: the machine has not been fetched since it ended. */
  | { state: "done"; unseen?: boolean }
  | { state: "failed"; message: string }
  /** The API does not list it any more: the state decides. */
  | { state: "vanished" }
  /** Events cannot be read, after several polls: the state decides, once it can be newer than the change. */
  | { state: "unreadable"; message: string };

export type Power = "ready" | "serviceready" | "off" | "changing";

export type Refusal = NonNullable<MachineStatus["resizeRefusal"]>;
export type ResizeSnapshot = NonNullable<MachineStatus["resizeSnapshot"]>;

/** What must be remembered across passes; kept in status. */
export interface MachineMemory {
  operation?: Operation;
  /** Power state last reached as desired: distinguishes a machine that shut itself down from one that was never started. */
  power?: PowerState;
  resizeRefusal?: Refusal;
  resizeSnapshot?: ResizeSnapshot;
  /**
   * How the API shows sizes of disks: `unit` of it for each GiB. Until that is known, `size` is what was sent last, and
   * `former` what was shown before it.
   */
  disk?: { unit?: number; size?: number; former?: number };
  /** How the API writes settings otherwise than they were sent. */
  storedAs?: MachineStatus["storedAs"];
  /** Static address of this machine: it outlives it, and costs money until it is released. */
  staticIp?: string;
  /** Name of the Secret that was written. */
  desktopSecret?: string;
  /** It was off when it was adopted: what was declared then, and is held. */
  adoptedOff?: MachineStatus["adoptedOff"];
  placement?: PlacementMemory;
  /** The newest request to start or stop it, or shutdown of its own. */
  powerChange?: MachineStatus["powerChange"];
  /** What came of the annotation awake-until. */
  awake?: MachineStatus["awake"];
  /** What came of the annotation extended-until. */
  extended?: MachineStatus["extended"];
  lifetime?: MachineStatus["lifetime"];
  /** Where it is in its schedule. */
  schedule?: MachineStatus["schedule"];
  /** Since when it waits for hardware; kept across its attempts. */
  capacity?: { waitingSince: string };
}

/** All in milliseconds. */
export interface MachineLimits {
  /** How soon a power change is sent again that seems never to have arrived, or whose event failed. */
  resendMs: number;
  /** How often what is past its deadline is tried again. */
  slowMs: number;
  /** How often to read while waiting without an event to wait for, at least. */
  lookMs: number;
  absenceGraceMs: number;
  /** After how long a deletion counts as late. */
  deleteMs: number;
  /** How long a change that the operator did not request may take until it counts as late. */
  observeMs: number;
  /** How long hardware may be short until that counts as late. */
  capacityMs: number;
  /** How long a machine of a placement may wait for its hardware until the next candidate is tried, at most. */
  giveUpMs: number;
  /** How far ahead awake-until may be. */
  maxAwakeMs: number;
  /** How far ahead extended-until may be. */
  maxExtensionMs: number;
}

export type Capacity = { hint: "free" | "unknown" } | { hint: "short"; retryMs: number };

/** What a desktop Secret is like, beside what it should be. */
export type DesktopFact = "current" | "stale" | "none" | "taken" | "forbidden";

/** In the queue for the hardware of this type and region. */
export type QueuePosition = Place & Pick<Position, "position" | "of">;

/** What was read of the events of a machine that got no hardware, to know whether it was ever used. */
export interface ShellEvidence {
  /** As the API lists them. */
  events: readonly MachineEvent[];
  /**
   * Whatever was done to the machine shows in them: it was seen off from so long before they were read that they could not
   * lag behind, and until now.
   */
  isSettled: boolean;
}

/** Facts around the machine. One that is absent is missing. */
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
  /** Of the candidates of a placement, by `placeKey`; absent where there is none. */
  places?: Readonly<Record<string, Capacity>>;
  /** What was found of the snapshot before a resize, where its event is not known; `ageMs`: since that read began. */
  snapshot?: FoundSnapshot & { ageMs: number };
  /** Hourly rates of the candidates of a placement, by `placeKey`: those that are known. */
  rates?: Readonly<Record<string, number>>;
  /** Of a machine that got no hardware; absent where nothing was read. */
  shell?: ShellEvidence;
  /** Where it is in the queue for scarce hardware; absent where it does not wait. */
  queue?: QueuePosition;
  /** By the name of the fact: why the last read failed. */
  readErrors: Readonly<Record<string, ReadError>>;
}

/** Names of the facts; capacity also needs the machine type. */
export const FACT = {
  scripts: "scripts",
  accessors: "accessors",
  users: "users",
  desktop: "desktop",
  addresses: "addresses",
  standing: "standing",
  machines: "machines",
  capacity: (machineType: string) => `capacity/${machineType}`,
  places: (key: string) => `places/${key}`,
  rates: "rates",
  queue: "queue",
  shell: "shell",
  snapshot: "snapshot",
} as const satisfies FactNames<Omit<Related, "readErrors">>;

export interface MachineObservation extends Observation<MachineMemory, { machine: Machine }> {
  /** With the power state that is desired now. */
  spec: MachineSpec;
  /** Why it is desired; absent: as declared. */
  power?: ObservedPower;
  /** Present where one is declared. */
  lifetime?: ObservedLifetime;
  /** Of the operation in flight. */
  event: EventFact;
  /** Of this machine, newest first, as far as they are known. */
  history: readonly MachineEvent[];
  related: Related;
  /** Ids of machines with the name of a create that was given up. */
  leaks: readonly string[];
  /** What is known for its cost; absent: nothing, and the cost stays as it was. */
  cost?: CostFacts;
  /** The fact `snapshot` was read once the request for it could surely have no effect any more, and shows what it had. */
  snapshotSettled?: boolean;
  /** Value of the annotation reconcile-requested-at. */
  asked?: string;
  /** Of the spec. */
  generation: number;
  limits: MachineLimits;
}

export type MachineStep = Step &
  /** `of`: the only field that it is about. */
  (
    | { do: "update"; of?: string; settings: MachineSettings; changes: Change[] }
    | { do: "resize"; hardware: MachineHardware; changes: Change[] }
    /** Comes before the resize with these changes. `deadline` is that of one that was lost. */
    | { do: "snapshot"; changes: Change[]; deadline?: string }
    /** `deadline` is kept where the step repeats one that is late. `target`: what a stop is for. */
    | { do: "start" | "stop" | "restart"; deadline?: string; requests?: Requests; target?: string }
    | { do: "delete"; deadline?: string }
    /** Deletes the machine at the end of its lifetime; the object stays. */
    | { do: "expire"; deadline?: string }
    /** Deletes a machine that got no hardware, so that the next candidate of its placement is tried. */
    | { do: "replace" }
    /** `of`: the script, or the user. */
    | { do: "assign" | "unassign"; of: string }
    | { do: "grant" | "revoke"; of: string; user: User }
    | { do: "releaseAddress"; ip: string }
    | { do: "writeDesktop" }
    | { do: "removeDesktop"; name: string }
    /** Nothing is to be done for these requests any more; `note` is the reason, where the user may wonder. */
    | { do: "handle"; requests: Requests; note?: string }
  );

/** Intent of the operation that stands for waiting until hardware is free. */
export const AWAIT_CAPACITY = "AwaitCapacity";
/** Intent of the snapshot before a resize. */
export const SNAPSHOT = "Snapshot";
/** Targets of a stop that is a means to something else. */
export const TO_RESIZE = "Resized";
export const TO_DELETE = "Deleted";
/** Target of the delete of a machine that makes way for the next candidate of its placement. */
export const TO_REPLACE = "Replaced";

export interface MachineTypes {
  object: PaperspaceMachine;
  account: PaperspaceAccount;
  observation: MachineObservation;
  step: MachineStep;
}

export type MachineDecision = Decision<MachineStep, MachineMemory>;

/** Bound to the steps of a machine, so that a misspelt one does not compile. */
export const act = decideStep<MachineStep, MachineMemory>;
