/**
 * A machine with nothing of ours under way: what differs from the spec is put right, one thing at a time, settings
 * before hardware and hardware before power. What only the user can mend is told at the end. Pure.
 */
import { describe } from "../../reconcile/change.ts";
import {
  ageOfTime,
  done,
  isLate,
  needFacts,
  noStep,
  OBSERVE,
  ongoingOrStart,
  stalled,
  untilLook,
  wait,
  withoutOperation,
} from "../../reconcile/decision.ts";
import type { Machine } from "./api.ts";
import { accessors, script } from "./belongings.ts";
import { typeOf, whenFree } from "./capacity.ts";
import { leftovers } from "./deletion.ts";
import { hardwareDrift, settingsDrift } from "./diff.ts";
import {
  act,
  type Convergence,
  FACT,
  type MachineDecision,
  type MachineMemory,
  type MachineObservation,
  rested,
  TO_RESIZE,
  unlessBackingOff,
} from "./observation.ts";
import { powerOf } from "./operation.ts";
import { REASON } from "./reasons.ts";

export function converge(
  observation: MachineObservation,
  machine: Machine,
  memory: MachineMemory,
): MachineDecision {
  const power = powerOf(machine.state);
  if (power === "changing") {
    const message = `the machine is ${machine.state}, which this object did not ask for`;
    return observe(observation, memory, REASON.ChangingElsewhere, message);
  }
  const convergence: Convergence = {
    observation,
    machine,
    power,
    memory: rested(memory),
    needs: [],
    userErrors: [],
    retries: [],
  };
  noteAddress(convergence);
  const decision =
    settings(convergence) ??
    script(convergence) ??
    accessors(convergence) ??
    hardware(convergence) ??
    requests(convergence) ??
    powered(convergence) ??
    cleanup(convergence) ??
    conclusion(convergence);
  if (decision.step.do !== "none") return decision;
  // Waiting for hardware or an agent may take for ever: what else is missing is looked up meanwhile.
  return { ...decision, needs: [...new Set([...convergence.needs, ...(decision.needs ?? [])])] };
}

/** A static address is claimed for the machine, and must not be forgotten: it costs money on its own. */
function noteAddress(convergence: Convergence): void {
  const { publicIp, publicIpType } = convergence.machine;
  if (publicIpType === "static" && publicIp)
    convergence.memory = { ...convergence.memory, staticIp: publicIp };
}

function settings(convergence: Convergence): MachineDecision | undefined {
  const { changes, settings } = settingsDrift(convergence.observation.spec, convergence.machine);
  return changes.length > 0 ? unlessBackingOff(convergence, { do: "update", settings, changes }) : undefined;
}

/** Type and disk change with the machine off only; it is stopped for that where the policy says so. */
function hardware(convergence: Convergence): MachineDecision | undefined {
  const { observation, machine, power, userErrors } = convergence;
  const { spec } = observation;
  const { changes, hardware, tooLarge } = hardwareDrift(spec, machine);
  if (tooLarge)
    userErrors.push({
      reason: REASON.DiskCannotShrink,
      message: `the disk has ${tooLarge.from} GiB and cannot shrink to ${spec.diskSize}: set diskSize to ${tooLarge.from}`,
    });
  if (changes.length === 0) {
    const { resizeRefusal: _settled, ...memory } = convergence.memory;
    convergence.memory = memory;
    return undefined;
  }
  if (isRefused(convergence)) return undefined;
  const wantsOn = spec.powerState === "Running";
  const runsNext = wantsOn && !shutItselfDown(convergence);
  const free = (go: (memory: MachineMemory) => MachineDecision) =>
    runsNext
      ? whenFree(observation, spec.machineType, convergence.memory, go)
      : go(withoutOperation(convergence.memory));
  if (power === "off") return free((memory) => act({ do: "resize", hardware, changes }, memory));
  // Where it shall be off anyway, the wish for power stops it first.
  if (!wantsOn) return undefined;
  if (spec.resizePolicy === "StopAndResize") {
    const decision = free((memory) => act({ do: "stop", target: TO_RESIZE }, memory));
    return decision.step.do === "none" ? meanwhile(convergence, decision) : decision;
  }
  userErrors.push({
    reason: REASON.ResizeNeedsStop,
    message: `${describe(changes)} needs the machine off, and it is on. It is changed the next time it is off; set powerState to Stopped for that, or resizePolicy to StopAndResize`,
  });
  return undefined;
}

/** It runs until it can be resized, which may take for ever: all else goes on, and the waiting is told at the end. */
function meanwhile(convergence: Convergence, waiting: MachineDecision): undefined {
  if (waiting.needs) convergence.needs.push(...waiting.needs);
  else convergence.waiting = waiting;
}

/** Whether this very change was refused before and is not to be tried now. */
function isRefused({ observation, memory, power, userErrors }: Convergence): boolean {
  const { spec, limits, now, asked } = observation;
  const refusal = memory.resizeRefusal;
  if (!refusal || refusal.asked !== asked) return false;
  if (refusal.machineType !== spec.machineType || refusal.diskSize !== spec.diskSize) return false;
  if (power === "off" && ageOfTime(refusal.at, now) >= limits.slowMs) return false;
  userErrors.push({
    reason: REASON.ResizeRefused,
    message: `${refusal.message}. The machine stays as it is: correct machineType or diskSize, or put the old value back; a new value of the annotation paperspace.com/reconcile-requested-at tries it again`,
  });
  return true;
}

/** What the user asks for once, by annotation. */
function requests(convergence: Convergence): MachineDecision | undefined {
  const { observation, power, memory } = convergence;
  const { requests, spec } = observation;
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
  if (power === "off") return startUp(convergence);
  if (requests.restart !== undefined) return act({ do: "restart", requests }, withoutOperation(memory));
  return act({ do: "handle", requests }, memory);
}

function startUp({ observation, machine, memory }: Convergence): MachineDecision {
  const { requests, spec } = observation;
  const asked = requests.restart !== undefined || requests.start !== undefined;
  return whenFree(observation, typeOf(spec, machine), memory, (ready) =>
    act({ do: "start", ...(asked && { requests }) }, ready),
  );
}

function powered(convergence: Convergence): MachineDecision | undefined {
  const { observation, power, memory } = convergence;
  if (observation.spec.powerState === "Stopped") {
    if (power !== "off") return act({ do: "stop" }, withoutOperation(memory));
    convergence.memory = { ...withoutOperation(memory), power: "Stopped" };
    return undefined;
  }
  if (power === "serviceready")
    return observe(
      observation,
      memory,
      REASON.WaitingForAgent,
      "its services run, the Paperspace agent does not answer yet",
    );
  if (power === "ready") {
    convergence.memory = { ...withoutOperation(memory), power: "Running" };
    return undefined;
  }
  if (shutItselfDown(convergence)) return undefined;
  return startUp(convergence);
}

/** Off after it was on as asked, and allowed to do so. A stop in the console looks the same (machines.md section 7). */
export function shutItselfDown({
  observation,
  machine,
  power,
  memory,
}: Pick<Convergence, "observation" | "machine" | "power" | "memory">): boolean {
  const on = observation.spec.powerState === "Running";
  return on && power === "off" && memory.power === "Running" && machine.autoShutdownEnabled === true;
}

/** The desktop's Secret, and what the machine has no use for any more. */
function cleanup(convergence: Convergence): MachineDecision | undefined {
  const { observation, machine, power } = convergence;
  const left = leftovers(observation, convergence.memory, machine);
  convergence.memory = left.memory;
  if (left.decision) return left.decision;
  const desired = observation.spec.desktopSecretRef;
  // Only a machine that is on tells how to reach it.
  if (!desired || power !== "ready") return undefined;
  const { desktop } = observation.related;
  switch (desktop) {
    case undefined:
      convergence.needs.push(FACT.desktop);
      return undefined;
    case "stale":
      return unlessBackingOff(convergence, { do: "writeDesktop" });
    case "current":
      convergence.memory = { ...convergence.memory, desktopSecret: desired.name };
      return undefined;
    case "none":
      convergence.userErrors.push({
        reason: REASON.NoDesktop,
        message: `the machine offers no desktop (agentType ${machine.agentType ?? "unknown"}): remove desktopSecretRef, or use a template with a desktop`,
      });
      return undefined;
    case "taken":
      convergence.userErrors.push({
        reason: REASON.DesktopSecretTaken,
        message: `the Secret ${desired.name} exists and is not this object's: choose another name in desktopSecretRef, or delete it`,
      });
      return undefined;
    case "forbidden":
      convergence.userErrors.push({
        reason: REASON.DesktopSecretForbidden,
        message: `the operator may not read the Secret ${desired.name}, so it does not write the desktop access into it: give it the right, choose a name for which it has it, or remove desktopSecretRef`,
      });
      return undefined;
  }
}

function conclusion(convergence: Convergence): MachineDecision {
  const { observation, power, needs, userErrors, retries, waiting } = convergence;
  const { operation } = waiting?.memory ?? {};
  const memory = { ...withoutOperation(convergence.memory), ...(operation && { operation }) };
  const [first] = userErrors;
  if (first) {
    const message = userErrors.map((userError) => userError.message).join("; ");
    return { ...stalled(memory, first.reason, message, observation.recheckMs), needs };
  }
  const [delay] = retries;
  if (delay) return { ...noStep(delay, memory), needs };
  if (waiting) return { ...waiting, memory };
  if (needs.length > 0) return needFacts(observation.related, memory, needs);
  if (shutItselfDown(convergence))
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
function observe(
  observation: MachineObservation,
  memory: MachineMemory,
  reason: string,
  message: string,
): MachineDecision {
  const { limits, now } = observation;
  const operation = ongoingOrStart(observation, OBSERVE, limits.observeMs);
  const seen = { ...memory, operation };
  if (!isLate(operation, now)) return wait(seen, reason, message, untilLook(observation, operation));
  const late = `${message}, since ${operation.requestedAt}: longer than it should. It goes on by itself once the machine does; otherwise look at it in the Paperspace console`;
  return stalled(seen, REASON.TransitionTimedOut, late, 10 * limits.lookMs);
}
