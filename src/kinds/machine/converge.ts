/**
 * A machine with nothing of ours under way: what differs from the spec is put right, one thing at a time, settings
 * before hardware and hardware before power. What only the user can mend is told at the end. Pure.
 */
import { describe } from "../../reconcile/change.ts";
import {
  ageOfTime,
  done,
  isLate,
  lacking,
  OBSERVE,
  rest,
  stalled,
  standing,
  untilLook,
  wait,
  without,
} from "../../reconcile/decision.ts";
import type { Machine } from "./api.ts";
import { people, script } from "./belongings.ts";
import { typeOf, whenFree } from "./capacity.ts";
import { leavings } from "./deletion.ts";
import { hardwareDrift, settingsDrift } from "./diff.ts";
import {
  ASK,
  act,
  type Choice,
  type MachineMemory,
  type MachineView,
  type Round,
  rested,
  TO_RESIZE,
  unlessHeld,
} from "./observation.ts";
import { powerOf } from "./operation.ts";
import { REASON } from "./reasons.ts";

export function steady(view: MachineView, machine: Machine, memory: MachineMemory): Choice {
  const power = powerOf(machine.state);
  if (power === "changing") {
    const message = `the machine is ${machine.state}, which this object did not ask for`;
    return observe(view, memory, REASON.ChangingElsewhere, message);
  }
  const round: Round = { view, machine, power, memory: rested(memory), asks: [], complaints: [], delays: [] };
  noteAddress(round);
  const choice =
    settings(round) ??
    script(round) ??
    people(round) ??
    hardware(round) ??
    requests(round) ??
    powered(round) ??
    remains(round) ??
    conclusion(round);
  if (choice.step.do !== "rest") return choice;
  // Waiting for hardware or an agent may take for ever: what else is missing is looked up meanwhile.
  return { ...choice, asks: [...new Set([...round.asks, ...(choice.asks ?? [])])] };
}

/** A static address is claimed for the machine, and must not be forgotten: it costs money on its own. */
function noteAddress(round: Round): void {
  const { publicIp, publicIpType } = round.machine;
  if (publicIpType === "static" && publicIp) round.memory = { ...round.memory, staticIp: publicIp };
}

function settings(round: Round): Choice | undefined {
  const { changes, settings } = settingsDrift(round.view.spec, round.machine);
  return changes.length > 0 ? unlessHeld(round, { do: "update", settings, changes }) : undefined;
}

/** Type and disk change with the machine off only; it is stopped for that where the policy says so. */
function hardware(round: Round): Choice | undefined {
  const { view, machine, power, complaints } = round;
  const { spec } = view;
  const { changes, hardware, tooLarge } = hardwareDrift(spec, machine);
  if (tooLarge)
    complaints.push({
      reason: REASON.DiskCannotShrink,
      message: `the disk has ${tooLarge.from} GiB and cannot shrink to ${spec.diskSize}: set diskSize to ${tooLarge.from}`,
    });
  if (changes.length === 0) {
    const { resizeRefusal: _settled, ...memory } = round.memory;
    round.memory = memory;
    return undefined;
  }
  if (isRefused(round)) return undefined;
  const wantsOn = spec.powerState === "Running";
  const runsNext = wantsOn && !shutItselfDown(round);
  const free = (go: (memory: MachineMemory) => Choice) =>
    runsNext ? whenFree(view, spec.machineType, round.memory, go) : go(without(round.memory));
  if (power === "off") return free((memory) => act({ do: "resize", hardware, changes }, memory));
  // Where it shall be off anyway, the wish for power stops it first.
  if (!wantsOn) return undefined;
  if (spec.resizePolicy === "StopAndResize") {
    const choice = free((memory) => act({ do: "stop", target: TO_RESIZE }, memory));
    return choice.step.do === "rest" ? meanwhile(round, choice) : choice;
  }
  complaints.push({
    reason: REASON.ResizeNeedsStop,
    message: `${describe(changes)} needs the machine off, and it is on. It is changed the next time it is off; set powerState to Stopped for that, or resizePolicy to StopAndResize`,
  });
  return undefined;
}

/** It runs until it can be resized, which may take for ever: all else goes on, and the waiting is told at the end. */
function meanwhile(round: Round, waiting: Choice): undefined {
  if (waiting.asks) round.asks.push(...waiting.asks);
  else round.waiting = waiting;
}

/** Whether this very change was refused before and is not to be tried now. */
function isRefused({ view, memory, power, complaints }: Round): boolean {
  const { spec, limits, now, asked } = view;
  const refusal = memory.resizeRefusal;
  if (!refusal || refusal.asked !== asked) return false;
  if (refusal.machineType !== spec.machineType || refusal.diskSize !== spec.diskSize) return false;
  if (power === "off" && ageOfTime(refusal.at, now) >= limits.slowMs) return false;
  complaints.push({
    reason: REASON.ResizeRefused,
    message: `${refusal.message}. The machine stays as it is: correct machineType or diskSize, or put the old value back; a new value of the annotation paperspace.com/reconcile-requested-at tries it again`,
  });
  return true;
}

/** What the user asks for once, by annotation. */
function requests(round: Round): Choice | undefined {
  const { view, power, memory } = round;
  const { requests, spec } = view;
  if (requests.restart === undefined && requests.start === undefined) return undefined;
  if (spec.powerState === "Stopped")
    return act(
      {
        do: "handle",
        requests,
        note: "powerState is Stopped, so the machine is neither started nor restarted",
      },
      memory,
    );
  // Off: starting it is all that either can mean.
  if (power === "off") return startUp(round);
  if (requests.restart !== undefined) return act({ do: "restart", requests }, without(memory));
  return act({ do: "handle", requests }, memory);
}

function startUp({ view, machine, memory }: Round): Choice {
  const { requests, spec } = view;
  const asked = requests.restart !== undefined || requests.start !== undefined;
  return whenFree(view, typeOf(spec, machine), memory, (ready) =>
    act({ do: "start", ...(asked && { requests }) }, ready),
  );
}

function powered(round: Round): Choice | undefined {
  const { view, power, memory } = round;
  if (view.spec.powerState === "Stopped") {
    if (power !== "off") return act({ do: "stop" }, without(memory));
    round.memory = { ...without(memory), power: "Stopped" };
    return undefined;
  }
  if (power === "serviceready")
    return observe(
      view,
      memory,
      REASON.WaitingForAgent,
      "its services run, the Paperspace agent does not answer yet",
    );
  if (power === "ready") {
    round.memory = { ...without(memory), power: "Running" };
    return undefined;
  }
  if (shutItselfDown(round)) return undefined;
  return startUp(round);
}

/** Off after it was on as asked, and allowed to do so. A stop in the console looks the same (machines.md section 7). */
export function shutItselfDown({
  view,
  machine,
  power,
  memory,
}: Pick<Round, "view" | "machine" | "power" | "memory">): boolean {
  const on = view.spec.powerState === "Running";
  return on && power === "off" && memory.power === "Running" && machine.autoShutdownEnabled === true;
}

/** The desktop's Secret, and what the machine has no use for any more. */
function remains(round: Round): Choice | undefined {
  const { view, machine, power } = round;
  const left = leavings(view, round.memory, machine);
  round.memory = left.memory;
  if (left.choice) return left.choice;
  const wanted = view.spec.desktopSecretRef;
  // Only a machine that is on tells how to reach it.
  if (!wanted || power !== "ready") return undefined;
  const { desktop } = view.around;
  switch (desktop) {
    case undefined:
      round.asks.push(ASK.desktop);
      return undefined;
    case "stale":
      return unlessHeld(round, { do: "writeDesktop" });
    case "current":
      round.memory = { ...round.memory, desktopSecret: wanted.name };
      return undefined;
    case "none":
      round.complaints.push({
        reason: REASON.NoDesktop,
        message: `the machine offers no desktop (agentType ${machine.agentType ?? "unknown"}): remove desktopSecretRef, or use a template with a desktop`,
      });
      return undefined;
    case "taken":
      round.complaints.push({
        reason: REASON.DesktopSecretTaken,
        message: `the Secret ${wanted.name} exists and is not this object's: choose another name in desktopSecretRef, or delete it`,
      });
      return undefined;
    case "forbidden":
      round.complaints.push({
        reason: REASON.DesktopSecretForbidden,
        message: `the operator may not read the Secret ${wanted.name}, so it does not write the desktop access into it: give it the right, choose a name for which it has it, or remove desktopSecretRef`,
      });
      return undefined;
  }
}

function conclusion(round: Round): Choice {
  const { view, power, asks, complaints, delays, waiting } = round;
  const { operation } = waiting?.memory ?? {};
  const memory = { ...without(round.memory), ...(operation && { operation }) };
  const [first] = complaints;
  if (first) {
    const message = complaints.map((complaint) => complaint.message).join("; ");
    return { ...stalled(memory, first.reason, message, view.recheckMs), asks };
  }
  const [delay] = delays;
  if (delay) return { ...rest(delay, memory), asks };
  if (waiting) return { ...waiting, memory };
  if (asks.length > 0) return lacking(view.around, memory, asks);
  if (shutItselfDown(round))
    return done(
      memory,
      REASON.AutoShutdown,
      "the machine shut itself down, as autoShutdown allows. To start it again give the annotation paperspace.com/start-requested-at a new value, or set powerState to Stopped and back to Running",
    );
  return power === "off"
    ? done(memory, REASON.Stopped, "the machine is off, as asked")
    : done(memory, REASON.Available, "the machine is on and ready");
}

/** Waits for what we did not begin, and has it written down since when, so that it can be called late. */
function observe(view: MachineView, memory: MachineMemory, reason: string, message: string): Choice {
  const { limits, now } = view;
  const operation = standing(view, OBSERVE, limits.observeMs);
  const seen = { ...memory, operation };
  if (!isLate(operation, now)) return wait(seen, reason, message, untilLook(view, operation));
  const late = `${message}, since ${operation.requestedAt}: longer than it should. It goes on by itself once the machine does; otherwise look at it in the Paperspace console`;
  return stalled(seen, REASON.TransitionTimedOut, late, 10 * limits.lookMs);
}
