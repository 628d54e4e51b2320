/**
 * What must hold of every step that is chosen, whatever is known: sentences, each with the steps that it is about. They
 * are written against the views alone, not against the code that chooses.
 */

import { scriptDrift } from "../../../src/kinds/machine/belongings.ts";
import { hardwareDrift, settingsDrift } from "../../../src/kinds/machine/diff.ts";
import {
  type Choice,
  type MachineStep,
  type MachineView,
  TO_DELETE,
  TO_RESIZE,
} from "../../../src/kinds/machine/observation.ts";
import { stepName } from "../../../src/reconcile/kind.ts";
import type { OwnershipStep } from "../../../src/reconcile/ownership.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import {
  hasShown,
  isGone,
  isNamed,
  isOff,
  isOn,
  isPower,
  isReady,
  isRefused,
  isStillClaimed,
  machineOf,
  mayRunOn,
  requestOf,
  shutItselfDown,
  unresolved,
} from "./facts.ts";
import { GIB, TEAM } from "./situations.ts";

type Taken = MachineStep | OwnershipStep;
/** Steps that share a shape are one member of the union, which `Extract` would not find by one of its names. */
type Named<D extends Taken["do"], T = Taken> = T extends { do: infer E }
  ? E & D extends never
    ? never
    : T
  : never;

export interface Law {
  of: readonly string[];
  says: string;
  holds(view: MachineView, step: Taken, choice: Choice): boolean;
}

export function law<const D extends Taken["do"]>(
  of: readonly D[],
  says: string,
  holds: (view: MachineView, step: Named<D>, choice: Choice) => boolean,
): Law {
  // It is looked up by the steps that it is about, and never asked about another.
  return { of, says, holds } as Law;
}

/** What a round does beside power and hardware: one that is refused must not stop the others. */
export const ROUND = ["update", "assign", "unassign", "grant", "revoke", "writeDesktop"] as const;
const ON_MACHINE = ["resize", "start", "stop", "restart", "delete", "releaseAddress"] as const;
const CLOUD = ["create", "update", "assign", "unassign", "grant", "revoke", ...ON_MACHINE] as const;
export const WRITES = [...CLOUD, "writeDesktop", "removeDesktop", "handle"] as const;
/** Done to a living machine that can be seen. */
const LIVING = [...ROUND, "resize", "start", "restart", "handle"] as const;

export const STEP_LAWS: readonly Law[] = [
  law(WRITES, "nothing is written without the finalizer", ({ finalizer }) => finalizer),
  law(WRITES, "nothing is written while halted", ({ halted }) => !halted),
  law(WRITES, "nothing is written without the right account", ({ account, identity }) => {
    return account.state === "valid" && (account.team === TEAM || identity.state === "none");
  }),
  law(WRITES, "nothing is written where it is at odds what is owned", ({ identity, deleting }) => {
    if (identity.state === "ours") return deleting || identity.contradicted === undefined;
    return identity.state !== "conflict";
  }),
  law(WRITES, "nothing is written beside an open attempt", ({ attempt, identity }) => {
    return !attempt || identity.state === "ours";
  }),
  law(WRITES, "a create is for who owns nothing, all else for what is owned", ({ identity }, step) => {
    return identity.state === (step.do === "create" ? "none" : "ours");
  }),
  law(WRITES, "nothing is written on knowledge that is known to be old", ({ trouble }, step) => {
    return step.do === "create" || !trouble;
  }),
  law(
    [...LIVING, "create", "addFinalizer", "disown"],
    "nothing is begun for what is being deleted",
    (view) => {
      return !view.deleting;
    },
  ),
  law([...LIVING, "stop", "delete"], "nothing is done to a machine that cannot be seen", (view) => {
    return machineOf(view) !== undefined;
  }),

  law(
    ["create"],
    "no machine is made in vain: in bad standing, beyond the quota, without hardware",
    (view) => {
      const { standing, machines } = view.around;
      const room = machines !== undefined && machines.count < machines.most;
      const runs = view.spec.powerState === "Running";
      return room && standing?.good === true && (!runs || mayRunOn(view, view.spec.machineType));
    },
  ),
  law(["create"], "a create begins with nothing under way", (_view, _step, { memory }) => !memory.operation),

  law(ROUND, "what has failed is not tried again by the round before its time", ({ held }, step) => {
    return held[stepName(step)] === undefined;
  }),
  law(["update"], "settings are put back only where they differ, and only those", (view, step) => {
    const machine = machineOf(view);
    const drift = machine && settingsDrift(view.spec, machine);
    return drift !== undefined && drift.changes.length > 0 && isSame(drift.settings, step.settings);
  }),
  law(
    ["assign"],
    "only the declared script is assigned, where it is missing and no other is left",
    (view, step) => {
      const drift = scriptDrift(view.spec, view.around);
      const waived = drift?.extra.every((of) => view.held[`unassign/${of}`]?.kind === "Terminal");
      return drift?.missing === step.of && waived === true;
    },
  ),
  law(
    ["unassign"],
    "a script is taken away only where scripts are managed, never the declared one",
    (view, { of }) => {
      const { startupScriptId } = view.spec;
      const has = view.around.scripts?.includes(of) ?? false;
      return startupScriptId !== undefined && startupScriptId !== of && has;
    },
  ),
  law(
    ["grant"],
    "access is given only to whom the spec names, and who has none",
    ({ spec, around }, step) => {
      const { person, of } = step;
      const has = around.accessors?.some(({ id }) => id === of);
      return of === person.id && isNamed(spec, person) && has === false;
    },
  ),
  law(
    ["revoke"],
    "access is taken only from whom the spec does not name",
    ({ spec, around }, { person, of }) => {
      const has = around.accessors?.some(({ id }) => id === of);
      return spec.accessors !== undefined && of === person.id && !isNamed(spec, person) && has === true;
    },
  ),
  law(["revoke"], "nobody is revoked while an address is not resolved", (view) => {
    return view.around.users !== undefined || unresolved(view).length === 0;
  }),

  law(["resize"], "only what is off is resized", isOff),
  law(["resize"], "only a real difference is resized, and a disk never shrinks", (view, { hardware }) => {
    const machine = machineOf(view);
    const drift = machine && hardwareDrift(view.spec, machine);
    const grows = !hardware.diskSize || hardware.diskSize * GIB > (machine?.storageTotal ?? 0);
    return drift !== undefined && drift.changes.length > 0 && grows && isSame(drift.hardware, hardware);
  }),
  law(["resize"], "a resize that was refused is tried again only after a while", (view) => {
    const age = view.now - Date.parse(view.memory.resizeRefusal?.at ?? "");
    return !isRefused(view) || age >= view.limits.slowMs;
  }),
  law(["resize"], "what is to run is not changed to hardware that is short, nor in bad standing", (view) => {
    const stays = view.spec.powerState === "Stopped" || shutItselfDown(view);
    return stays || mayRunOn(view, view.spec.machineType);
  }),

  law(["start"], "only what is off is started", isOff),
  law(["start"], "nothing is started against the wish", ({ spec }) => spec.powerState === "Running"),
  law(
    ["start"],
    "nothing is started before its hardware is known not to be short, or in bad standing",
    (view) => {
      return mayRunOn(view, machineOf(view)?.machineType || view.spec.machineType);
    },
  ),
  law(["start"], "a machine that shut itself down is started only on request", (view) => {
    const asked = Object.keys(view.requests).length > 0;
    // After an operation of ours it is off because of that, or was to be on already.
    return !shutItselfDown(view) || asked || isPower(view.memory.operation);
  }),

  law(
    ["start", "stop", "restart"],
    "power is not changed while the change before may not show yet",
    (view) => {
      const { event, memory, now, limits } = view;
      const { operation } = memory;
      if (!isPower(operation) || !operation) return true;
      const late = now >= Date.parse(operation.deadline);
      const young = now - Date.parse(operation.requestedAt) < limits.resendMs;
      const unseen = event.state === "pending" || (event.state === "done" && event.unseen === true);
      return late || !(unseen || (event.state === "none" && young)) || hasShown(view, operation);
    },
  ),
  law(["start", "stop"], "power that failed to change is not changed so again at once", (view, step) => {
    const { event, memory, now, limits } = view;
    const { intent, target, failedAt, deadline = "" } = memory.operation ?? {};
    const same =
      step.do === "start" ? intent === "Start" : intent === "Stop" && target === (step.target ?? "Stopped");
    const late = now >= Date.parse(deadline);
    const waited = failedAt !== undefined && now - Date.parse(failedAt) >= limits.resendMs;
    return event.state !== "failed" || !same || late || waited;
  }),
  law(["stop"], "only what is on is stopped", isOn),
  law(["stop"], "nothing is stopped but by the wish, for a resize, or to be deleted", (view, step) => {
    const { spec, deleting, memory, deletionPolicy } = view;
    const refused = memory.operation?.intent === "Delete" && memory.operation.target === TO_DELETE;
    if (deleting) return step.target === TO_DELETE && refused && deletionPolicy === "Delete";
    if (step.target === TO_RESIZE) return spec.powerState === "Running";
    return spec.powerState === "Stopped" && step.target === undefined;
  }),
  law(
    ["stop"],
    "a machine is stopped for a resize only where that is allowed and can be had",
    (view, step) => {
      if (step.target !== TO_RESIZE) return true;
      const machine = machineOf(view);
      const differs = machine !== undefined && hardwareDrift(view.spec, machine).changes.length > 0;
      const allowed = view.spec.resizePolicy === "StopAndResize" && !isRefused(view);
      return differs && allowed && mayRunOn(view, view.spec.machineType);
    },
  ),

  law(["restart"], "only what is on and shall be on is restarted", (view) => {
    return isOn(view) && view.spec.powerState === "Running";
  }),
  law(["restart"], "a restart is asked for, and nothing answers it already", ({ requests, memory }, step) => {
    const { restart } = requests;
    const answered = memory.operation?.requests?.restart === restart;
    return restart !== undefined && step.requests?.restart === restart && !answered;
  }),
  law(
    ["handle"],
    "a request is put aside only when it is answered, or there is nothing to do",
    (view, step) => {
      const { requests, memory, spec } = view;
      const what = Object.keys(step.requests);
      const isIn = (others: Requests | undefined) =>
        what.every((one) => requestOf(step.requests, one) === requestOf(others, one));
      const idle = spec.powerState === "Stopped" || (isOn(view) && step.requests.restart === undefined);
      return what.length > 0 && isIn(requests) && (idle || isIn(memory.operation?.requests));
    },
  ),

  law(["delete"], "only what is being deleted and is not to be kept is deleted", (view) => {
    return view.deleting && view.deletionPolicy === "Delete";
  }),
  law(
    ["releaseAddress"],
    "only an address that was claimed is given back, and only under Release",
    (view, step) => {
      return view.spec.publicIpReleasePolicy === "Release" && view.memory.staticIp === step.ip;
    },
  ),
  law(["releaseAddress"], "an address that another machine has is not given back", ({ around }, { ip }) => {
    return isStillClaimed(around.addresses, ip);
  }),
  law(["releaseAddress"], "an address that the machine may be using is not given back", (view, { ip }) => {
    const { publicIp, publicIpType } = machineOf(view) ?? {};
    return isGone(view) || (!!publicIpType && publicIpType !== "static" && publicIp !== ip);
  }),

  law(
    ["writeDesktop"],
    "a desktop is written down where it is wanted, can be reached, and is not yet",
    (view) => {
      return view.spec.desktopSecretRef !== undefined && isReady(view) && view.around.desktop === "stale";
    },
  ),
  law(
    ["removeDesktop"],
    "a desktop's Secret goes only where memory names it and it has no use",
    (view, { name }) => {
      const unwanted = view.spec.desktopSecretRef?.name !== name;
      return view.memory.desktopSecret === name && (unwanted || isGone(view));
    },
  ),

  law(["take"], "nobody takes a second machine", ({ identity }) => identity.state !== "ours"),
  law(["disown"], "a machine is given up only when gone for certain, and another is wished", (view) => {
    return isGone(view) && view.spec.onExternalDeletion === "Recreate" && !view.halted && view.finalizer;
  }),
  law(["release"], "only what is being deleted is let go", ({ deleting }) => deleting),
  law(["release"], "nothing is let go before its machine is gone for certain, or to be kept", (view) => {
    const { identity, attempt, deletionPolicy, account } = view;
    if (identity.state !== "ours") return identity.state === "conflict" || !attempt;
    // Another team's key sees nothing: that must never look like gone.
    const sure = isGone(view) && account.state === "valid" && account.team === TEAM;
    return deletionPolicy === "Orphan" || sure;
  }),
  law(["release", "disown"], "nothing of a machine that is gone is left behind", (view, step) => {
    const { memory, identity, deletionPolicy, around, spec } = view;
    const kept = step.do === "release" && deletionPolicy === "Orphan";
    if (identity.state !== "ours" || kept) return true;
    if (memory.desktopSecret !== undefined) return false;
    if (memory.staticIp === undefined || spec.publicIpReleasePolicy === "Keep") return true;
    return around.addresses !== undefined && !isStillClaimed(around.addresses, memory.staticIp);
  }),
];

/** What is sent is small, and made in one order. */
function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
