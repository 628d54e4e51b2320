/** What must hold of every outcome of a machine's decision, and of what is remembered, whatever is observed. */

import { accessorDrift } from "../../../src/kinds/machine/aspects/accessors.ts";
import { hardwareDrift } from "../../../src/kinds/machine/aspects/hardware.ts";
import { settingsDrift } from "../../../src/kinds/machine/aspects/settings.ts";
import { scriptDrift } from "../../../src/kinds/machine/aspects/startup-script.ts";
import { AWAIT_CAPACITY, FACT, type MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import { EXTERNAL_CHANGE } from "../../../src/reconcile/decision.ts";
import { ofManaged } from "../engine/restriction-laws.ts";
import {
  asksOf,
  isOpen,
  isReady,
  isRefused,
  isSettled,
  isStillClaimed,
  machineOf,
  shutItselfDown,
  stateOf,
} from "./facts.ts";
import { law, type MachineLaw, WRITES } from "./laws.ts";

const OF_MANAGED: readonly MachineLaw[] = [
  law(
    ["Unknown"],
    "where facts are missing they are fetched, or nothing would ever queue the key again",
    ({ resource, account }, _step, decision) =>
      resource.state === "unknown" || account.state === "pending" || asksOf(decision).length > 0,
  ),
  law(
    { choices: ["none"], when: (_observation, _step, decision) => asksOf(decision).length > 0 },
    "what is fetched is missing, and can be read",
    (observation, _step, decision) => asksOf(decision).every((fact) => isOpen(observation, fact)),
  ),
  law(
    {
      choices: ["none"],
      when: (observation) => {
        const { operation } = observation.memory;
        const idle = !operation || [EXTERNAL_CHANGE, AWAIT_CAPACITY].includes(operation.intent);
        return idle && isOursAndLiving(observation) && isSettled(observation);
      },
    },
    "what is declared and missing is fetched, whatever else is waited for",
    ({ spec, related }, _step, decision) => {
      const needs = asksOf(decision);
      if (spec.startupScriptId !== undefined && !related.scripts && !needs.includes(FACT.scripts))
        return false;
      return !spec.accessors || related.accessors !== undefined || needs.includes(FACT.accessors);
    },
  ),
  law(["none"], "the key is not queued at once without anything being done", (_observation, { outcome }) => {
    switch (outcome.kind) {
      case "RequeueAfter":
        return outcome.afterMs > 0;
      case "Retry":
        return outcome.atLeastMs === undefined || outcome.atLeastMs > 0;
      case "Terminal":
      case "Halted":
        return outcome.recheckMs > 0;
      default:
        return true;
    }
  }),
  law(
    ["Halted", "Released"],
    "Halted is reported only while halted, Released only of what was released",
    (observation, { outcome }) => {
      if (outcome.kind === "Released") return observation.deleting && !observation.finalizer;
      return observation.halted !== undefined;
    },
  ),
  law(["Done"], "Done is reported only of what is owned, seen and to live", (observation) => {
    return isOursAndLiving(observation) && machineOf(observation) !== undefined;
  }),
  law(["Done"], "Done is reported only when nothing that is known differs from the spec", isAsDeclared),
  law(
    ["Done"],
    "Done is reported only when no fact is missing, and nothing is left over",
    (observation, _step, decision) => {
      const { spec, related, memory } = observation;
      const reachable = isReady(observation) && spec.desktopSecretRef !== undefined;
      const isComplete =
        (spec.startupScriptId === undefined || related.scripts !== undefined) &&
        (!spec.accessors || related.accessors !== undefined) &&
        (!reachable || related.desktop === "current");
      const { desktopSecret } = memory;
      const tidy = desktopSecret === undefined || desktopSecret === spec.desktopSecretRef?.name;
      return isComplete && tidy && asksOf(decision).length === 0 && decision.memory.operation === undefined;
    },
  ),
  law(
    {
      choices: [...WRITES, "none", "disown", "release"],
      when: ({ memory }) => memory.staticIp !== undefined,
    },
    "a claimed address is forgotten only under Keep, or when it is known to be gone or another's",
    (observation, _step, { memory }) => {
      const { staticIp } = observation.memory;
      if (memory.staticIp === staticIp) return true;
      const { publicIpType, publicIp } = machineOf(observation) ?? {};
      if (publicIpType === "static") return memory.staticIp === publicIp;
      if (observation.spec.publicIpReleasePolicy === "Keep") return true;
      const { addresses } = observation.related;
      return addresses !== undefined && !isStillClaimed(addresses, staticIp);
    },
  ),
  law(
    { choices: [...WRITES, "none"], when: ({ memory }) => memory.desktopSecret !== undefined },
    "the Secret with a desktop is not forgotten before it is removed",
    (observation, _step, { memory }) => memory.desktopSecret === observation.memory.desktopSecret,
  ),
  law(
    {
      choices: ["Terminal"],
      when: (_observation, { outcome }) => outcome.reason === REASON.ResizeRefused,
    },
    "a refused resize is reported only while it is that very one, and not requested anew",
    (observation) => {
      const failed =
        observation.event.state === "failed" && observation.memory.operation?.intent === "Resize";
      return failed || isRefused(observation);
    },
  ),
  law(
    {
      choices: ["Done"],
      when: (observation) => {
        const { publicIpType, publicIp } = machineOf(observation) ?? {};
        return publicIpType === "static" && !!publicIp;
      },
    },
    "a static address that is in use is remembered, for it outlives the machine",
    (observation, _step, { memory }) => memory.staticIp === machineOf(observation)?.publicIp,
  ),
];

export const REST_LAWS: readonly MachineLaw[] = [
  law(
    { choices: ["Done"], when: ({ observes }) => observes === true },
    "what is only observed is Ready only where it is on, or off as it may be",
    (observation, { outcome }) => {
      const isOff = observation.spec.powerState === "Stopped" || shutItselfDown(observation);
      const isSo = isReady(observation) || (isOff && stateOf(observation) === "off");
      return isSo === (outcome.ready !== false);
    },
  ),
  ...ofManaged(OF_MANAGED),
];

function isOursAndLiving({ identity, deleting, halted, readError, resource }: MachineObservation): boolean {
  return identity.state === "ours" && !deleting && !halted && !readError && resource.state === "present";
}

function isAsDeclared(observation: MachineObservation): boolean {
  const { spec, related, requests } = observation;
  const machine = machineOf(observation);
  if (!machine) return false;
  const hardware = hardwareDrift(spec, machine);
  const script = scriptDrift(spec, related);
  const access = accessorDrift(spec, related);
  return (
    settingsDrift(spec, machine).changes.length + hardware.changes.length === 0 &&
    !hardware.tooLarge &&
    (!script || (script.missing === undefined && script.extra.length === 0)) &&
    (!access || access.missing.length + access.extra.length + access.unknown.length === 0) &&
    Object.keys(requests).length === 0 &&
    stateOf(observation) === (spec.powerState === "Stopped" || shutItselfDown(observation) ? "off" : "ready")
  );
}
