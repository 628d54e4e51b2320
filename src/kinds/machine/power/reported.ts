/** What is reported of a machine that is on or off as desired, and why it is. Pure. */
import type { MachineObservation } from "../observation.ts";
import { REASON } from "../reasons.ts";

type Reported = Pick<MachineObservation, "power" | "spec" | "memory">;

/** Why the desired power state is what it is, as a clause. */
export function whyDesired({ spec, power }: Reported): string {
  const since = power?.since;
  switch (power?.reason) {
    case "Awake":
      return "the annotation paperspace.com/awake-until keeps the machine on";
    case "StartRequested":
      return `the machine is on by the request of ${since}`;
    case "StopRequested":
      return `the machine is off by the request of ${since} (paperspace.com/stop-requested-at)`;
    case "LifetimeStopped":
      return `the machine is off since ${since}, when spec.lifetime.stopAfter was over: a request starts it again`;
    case "Schedule":
      return `the machine is ${spec.powerState === "Stopped" ? "off" : "on"} by its schedule since ${since}`;
    case "AutoShutdown":
      return `the machine shut itself down at ${since}, which is later than the request`;
    default:
      return `powerState is ${spec.powerState}`;
  }
}

/** Of a machine that is off, and shall be. */
export function offReport(reported: Reported): { reason: string; message: string } {
  const { power } = reported;
  if (power === undefined || power.reason === "Declared")
    return { reason: REASON.Stopped, message: "the machine is off, as asked" };
  if (power.reason === "LifetimeStopped")
    return { reason: REASON.LifetimeStopped, message: whyDesired(reported) };
  if (power.reason !== "Schedule") return { reason: REASON.Stopped, message: whyDesired(reported) };
  const { next } = reported.memory.schedule ?? {};
  const message = `${whyDesired(reported)}${next === undefined ? "" : `; its schedule comes next at ${next}`}`;
  return { reason: REASON.ScheduledOff, message };
}

/** Of a machine that is on, and shall be. */
export function onReport(reported: Reported): { reason: string; message: string } {
  const kept = reported.power?.reason === "Awake" ? `; ${whyDesired(reported)}` : "";
  return { reason: REASON.Available, message: `the machine is on and ready${kept}` };
}
