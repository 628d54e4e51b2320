/**
 * What must hold of every choice to rest, and of what is remembered, whatever is known; in the manner of
 * laws.ts.
 */

import { peopleDrift, scriptDrift } from "../../../src/kinds/machine/belongings.ts";
import { hardwareDrift, settingsDrift } from "../../../src/kinds/machine/diff.ts";
import { ASK, AWAIT_CAPACITY, type MachineView } from "../../../src/kinds/machine/observation.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import { OBSERVE } from "../../../src/reconcile/decision.ts";
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
import { type Law, law, WRITES } from "./laws.ts";

export const REST_LAWS: readonly Law[] = [
  law(
    ["rest"],
    "who knows nothing knows who will tell, or nobody would ever queue the key again",
    (view, step, choice) => {
      const { kind } = step.outcome;
      return kind !== "Unknown" || view.sighting.state === "unknown" || asksOf(choice).length > 0;
    },
  ),
  law(["rest"], "what is asked for is not known yet, and can be looked up", (view, _step, choice) => {
    return asksOf(choice).every((ask) => isOpen(view, ask));
  }),
  law(
    ["rest"],
    "what is declared and not known is asked for, whatever else is waited for",
    (view, _step, choice) => {
      const { spec, around, memory } = view;
      const idle = !memory.operation || [OBSERVE, AWAIT_CAPACITY].includes(memory.operation.intent);
      if (!isOursAndLiving(view) || !idle || !isSettled(view)) return true;
      const asks = asksOf(choice);
      if (spec.startupScriptId !== undefined && !around.scripts && !asks.includes(ASK.scripts)) return false;
      return !spec.accessors || around.accessors !== undefined || asks.includes(ASK.accessors);
    },
  ),
  law(["rest"], "nobody is told to come back at once without anything being done", (_view, { outcome }) => {
    switch (outcome.kind) {
      case "Wait":
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
  law(["rest"], "Halted is said only while halted, Released only of what was let go", (view, { outcome }) => {
    if (outcome.kind === "Released") return view.deleting && !view.finalizer;
    return outcome.kind !== "Halted" || view.halted !== undefined;
  }),
  law(["rest"], "Done is said only of what is owned, seen and to live", (view, { outcome }) => {
    return outcome.kind !== "Done" || (isOursAndLiving(view) && machineOf(view) !== undefined);
  }),
  law(["rest"], "Done is said only when nothing that is known differs from the spec", (view, { outcome }) => {
    return outcome.kind !== "Done" || isAsDeclared(view);
  }),
  law(
    ["rest"],
    "Done is said only when no fact is missing, and nothing is left over",
    (view, step, choice) => {
      const { spec, around, memory } = view;
      if (step.outcome.kind !== "Done") return true;
      const reachable = isReady(view) && spec.desktopSecretRef !== undefined;
      const knows =
        (spec.startupScriptId === undefined || around.scripts !== undefined) &&
        (!spec.accessors || around.accessors !== undefined) &&
        (!reachable || around.desktop === "current");
      const { desktopSecret } = memory;
      const tidy = desktopSecret === undefined || desktopSecret === spec.desktopSecretRef?.name;
      return knows && tidy && asksOf(choice).length === 0 && choice.memory.operation === undefined;
    },
  ),
  law(
    [...WRITES, "rest", "disown", "release"],
    "a claimed address is forgotten only under Keep, or when it is known to be gone or another's",
    (view, _step, { memory }) => {
      const { staticIp } = view.memory;
      if (staticIp === undefined || memory.staticIp === staticIp) return true;
      const { publicIpType, publicIp } = machineOf(view) ?? {};
      if (publicIpType === "static") return memory.staticIp === publicIp;
      if (view.spec.publicIpReleasePolicy === "Keep") return true;
      const { addresses } = view.around;
      return addresses !== undefined && !isStillClaimed(addresses, staticIp);
    },
  ),
  law(
    [...WRITES, "rest"],
    "the Secret with a desktop is not forgotten before it is taken away",
    (view, _step, { memory }) => {
      const { desktopSecret } = view.memory;
      return desktopSecret === undefined || memory.desktopSecret === desktopSecret;
    },
  ),
  law(
    ["rest"],
    "a refused resize is complained of only while it is that very one, and not asked for anew",
    (view, { outcome }) => {
      const failed = view.event.state === "failed" && view.memory.operation?.intent === "Resize";
      const told = outcome.kind === "Terminal" && outcome.reason === REASON.ResizeRefused;
      return !told || failed || isRefused(view);
    },
  ),
  law(
    ["rest"],
    "a static address that is in use is remembered, for it outlives the machine",
    (view, { outcome }, { memory }) => {
      const { publicIpType, publicIp } = machineOf(view) ?? {};
      return (
        outcome.kind !== "Done" || publicIpType !== "static" || !publicIp || memory.staticIp === publicIp
      );
    },
  ),
];

function isOursAndLiving({ identity, deleting, halted, trouble, sighting }: MachineView): boolean {
  return identity.state === "ours" && !deleting && !halted && !trouble && sighting.state === "present";
}

function isAsDeclared(view: MachineView): boolean {
  const { spec, around, requests } = view;
  const machine = machineOf(view);
  if (!machine) return false;
  const hardware = hardwareDrift(spec, machine);
  const script = scriptDrift(spec, around);
  const people = peopleDrift(spec, around);
  return (
    settingsDrift(spec, machine).changes.length + hardware.changes.length === 0 &&
    !hardware.tooLarge &&
    (!script || (script.missing === undefined && script.extra.length === 0)) &&
    (!people || people.missing.length + people.extra.length + people.unknown.length === 0) &&
    Object.keys(requests).length === 0 &&
    stateOf(view) === (spec.powerState === "Stopped" || shutItselfDown(view) ? "off" : "ready")
  );
}
