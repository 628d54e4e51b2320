/** What must hold of every step that is chosen for a machine, whatever is observed. */

import { hardwareDrift } from "../../../src/kinds/machine/aspects/hardware.ts";
import { fieldDrifts, settingsDrift } from "../../../src/kinds/machine/aspects/settings.ts";
import { scriptDrift } from "../../../src/kinds/machine/aspects/startup-script.ts";
import {
  type MachineDecision,
  type MachineObservation,
  TO_DELETE,
  TO_RESIZE,
} from "../../../src/kinds/machine/observation.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import type { Change } from "../../../src/reconcile/change.ts";
import { stepName } from "../../../src/reconcile/managed.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { type Law, lawsOf } from "../engine/law.ts";
import { restrictionLaws } from "../engine/restriction-laws.ts";
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

export type MachineLaw = Law<MachineObservation, MachineDecision>;
export const law = lawsOf<MachineObservation, MachineDecision>();

/** What a round does beside power and hardware: one that is refused must not stop the others. */
export const ROUND = ["update", "assign", "unassign", "grant", "revoke", "writeDesktop"] as const;
const POWER = ["start", "stop", "restart"] as const;
const ON_MACHINE = ["resize", "snapshot", ...POWER, "delete", "expire", "releaseAddress"] as const;
const CLOUD = ["create", "update", "assign", "unassign", "grant", "revoke", ...ON_MACHINE] as const;
export const WRITES = [...CLOUD, "writeDesktop", "removeDesktop", "handle"] as const;
/** Done to a living machine that can be seen. */
const LIVING = [...ROUND, "resize", "snapshot", "start", "restart", "handle"] as const;

export const STEP_LAWS: readonly MachineLaw[] = [
  ...restrictionLaws<MachineObservation, MachineDecision>(WRITES),
  law(WRITES, "nothing is written without the finalizer", ({ finalizer }) => finalizer),
  law(WRITES, "nothing is written while halted", ({ halted }) => !halted),
  law(WRITES, "nothing is written for an object that leaves its machine as an orphan", (observation) => {
    return !(observation.deleting && observation.deletionPolicy === "Orphan");
  }),
  law(WRITES, "nothing is written without the right account", ({ account, identity }) => {
    return account.state === "valid" && (account.team === TEAM || identity.state === "none");
  }),
  law(WRITES, "nothing is written where what is owned is contradicted", ({ identity, deleting }) => {
    if (identity.state === "ours") return deleting || identity.contradicted === undefined;
    return identity.state !== "conflict";
  }),
  law(
    [...WRITES, "disown"],
    "what another object owns is not touched",
    ({ ownedBy, identity }) => ownedBy === undefined || identity.state === "none",
  ),
  law(
    ["recordOwnership"],
    "what another object owns, or is making, is not adopted",
    ({ ownedBy, madeBy, attempt }) => (ownedBy ?? madeBy) === undefined || attempt !== undefined,
  ),
  law(WRITES, "nothing is written beside an open attempt", ({ attempt, identity }) => {
    return !attempt || identity.state === "ours";
  }),
  law(
    WRITES,
    "a create is for an object that owns nothing, all else for what is owned",
    ({ identity }, step) => {
      return identity.state === (step.do === "create" ? "none" : "ours");
    },
  ),
  law(WRITES, "nothing is written on facts that are known to be stale", ({ readError }, step) => {
    return step.do === "create" || !readError;
  }),
  law(
    [...LIVING, "create", "addFinalizer", "disown"],
    "nothing is begun for what is being deleted, but for the power of what is protected",
    ({ deleting, protection }, step) => {
      const isPower = ["start", "restart", "handle"].includes(step.do);
      return !deleting || (isPower && protection !== undefined);
    },
  ),
  law(
    [...LIVING, "stop", "delete", "expire"],
    "nothing is done to a machine that cannot be seen",
    (observation) => {
      return machineOf(observation) !== undefined;
    },
  ),

  law(
    ["create"],
    "no machine is made in vain: in bad standing, beyond the quota, without hardware",
    (observation) => {
      const { standing, machines } = observation.related;
      const controller = machines !== undefined && machines.count < machines.most;
      const runs = observation.spec.powerState === "Running";
      return (
        controller &&
        standing?.good === true &&
        (!runs || mayRunOn(observation, observation.spec.machineType))
      );
    },
  ),
  law(
    ["create"],
    "a create begins with nothing under way",
    (_observation, _step, { memory }) => !memory.operation,
  ),

  law(ROUND, "what has failed is not tried again by the round before its time", ({ backingOff }, step) => {
    return backingOff[stepName(step)] === undefined;
  }),
  law(
    ["update"],
    "settings are put back only where they differ, and only those, each field whole",
    (observation, step) => {
      const machine = machineOf(observation);
      const drifts = machine ? fieldDrifts(observation.spec, machine) : [];
      const sent = drifts.filter(({ field }) => step.changes.some((change) => isOf(change, field)));
      const settings = Object.assign({}, ...sent.map((drift) => drift.settings));
      const isNamed =
        step.of === undefined
          ? sent.length > 1
          : isSame(
              sent.map(({ field }) => field),
              [step.of],
            );
      return sent.length > 0 && isNamed && isSame(settings, step.settings);
    },
  ),
  law(
    ["update"],
    "a field that was refused is in no update before its time, and keeps no other from being put back",
    ({ backingOff }, step) => step.changes.every((change) => !isHeld(change, backingOff)),
  ),
  law(
    ["update"],
    "a field goes by itself only where it is the only one that is due, or all together were refused",
    (observation, step) => {
      const { backingOff, spec } = observation;
      const machine = machineOf(observation);
      const due = machine
        ? settingsDrift(spec, machine).changes.filter((change) => !isHeld(change, backingOff))
        : [];
      const isOnly = due.every((change) => isOf(change, step.of ?? ""));
      return step.of === undefined || isOnly || backingOff.update?.reason === REASON.Refused;
    },
  ),
  law(
    ["assign"],
    "only the declared script is assigned, where it is missing and no other is left",
    (observation, step) => {
      const drift = scriptDrift(observation.spec, observation.related);
      const waived = drift?.extra.every(
        (of) => observation.backingOff[`unassign/${of}`]?.kind === "Terminal",
      );
      return drift?.missing === step.of && waived === true;
    },
  ),
  law(
    ["unassign"],
    "a script is unassigned only where scripts are managed, never the declared one",
    (observation, { of }) => {
      const { startupScriptId } = observation.spec;
      const has = observation.related.scripts?.includes(of) ?? false;
      return startupScriptId !== undefined && startupScriptId !== of && has;
    },
  ),
  law(
    ["grant"],
    "access is given only to whom the spec names, and who has none",
    ({ spec, related }, step) => {
      const { user, of } = step;
      const has = related.accessors?.some(({ id }) => id === of);
      return of === user.id && isNamed(spec, user) && has === false;
    },
  ),
  law(
    ["revoke"],
    "access is taken only from whom the spec does not name",
    ({ spec, related }, { user, of }) => {
      const has = related.accessors?.some(({ id }) => id === of);
      return spec.accessors !== undefined && of === user.id && !isNamed(spec, user) && has === true;
    },
  ),
  law(
    { choices: ["revoke"], when: (observation) => unresolved(observation).length > 0 },
    "no access is revoked while an address is not resolved",
    ({ related }) => related.users !== undefined,
  ),

  law(["resize"], "only what is off is resized", isOff),
  law(
    ["resize"],
    "only a real difference is resized, and a disk never shrinks",
    (observation, { hardware }) => {
      const machine = machineOf(observation);
      const drift = machine && hardwareDrift(observation.spec, machine);
      const grows = !hardware.diskSize || hardware.diskSize * GIB > (machine?.storageTotal ?? 0);
      return drift !== undefined && drift.changes.length > 0 && grows && isSame(drift.hardware, hardware);
    },
  ),
  law(
    { choices: ["resize", "snapshot"], when: isRefused },
    "a resize that was refused is tried again only after a while",
    ({ now, memory, limits }) =>
      now - Date.parse(memory.resizeRefusal?.at ?? "") >= limits.slowMs &&
      memory.resizeRefusal?.snapshot !== "Unconfirmed",
  ),
  law(
    {
      choices: ["resize"],
      when: (observation) => observation.spec.powerState === "Running" && !shutItselfDown(observation),
    },
    "what is to run is not changed to hardware that is short, nor in bad standing",
    (observation) => mayRunOn(observation, observation.spec.machineType),
  ),

  law(["start"], "only what is off is started", isOff),
  law(
    ["start"],
    "nothing is started that is declared to be off",
    ({ spec }) => spec.powerState === "Running",
  ),
  law(
    ["start"],
    "nothing is started before its hardware is known not to be short, or in bad standing",
    (observation) => {
      return mayRunOn(observation, machineOf(observation)?.machineType || observation.spec.machineType);
    },
  ),
  law(
    { choices: ["start"], when: shutItselfDown },
    "a machine that shut itself down is started only on request",
    ({ requests, memory }) => {
      // After an operation of ours it is off because of that, or was to be on already.
      return Object.keys(requests).length > 0 || isPower(memory.operation);
    },
  ),

  law(
    { choices: ["start", "stop", "restart"], when: ({ memory }) => isPower(memory.operation) },
    "power is not changed while the change before may not show yet",
    (observation) => {
      const { event, memory, now, limits } = observation;
      const { operation } = memory;
      if (!operation) return true;
      const late = now >= Date.parse(operation.deadline);
      const young = now - Date.parse(operation.requestedAt) < limits.resendMs;
      const unseen = event.state === "pending" || (event.state === "done" && event.unseen === true);
      const timed = event.state === "none" || event.state === "unreadable";
      return late || !(unseen || (timed && young)) || hasShown(observation, operation);
    },
  ),
  law(
    {
      choices: ["start", "stop"],
      when: ({ event, memory }, step) => {
        const { intent, target } = memory.operation ?? {};
        const same = intent === "Stop" && target === (step.target ?? "Stopped");
        return event.state === "failed" && (step.do === "start" ? intent === "Start" : same);
      },
    },
    "power that failed to change is not changed so again at once",
    ({ memory, now, limits }) => {
      const { failedAt, deadline = "" } = memory.operation ?? {};
      const waited = failedAt !== undefined && now - Date.parse(failedAt) >= limits.resendMs;
      return now >= Date.parse(deadline) || waited;
    },
  ),
  law(["stop"], "only what is on is stopped", isOn),
  law(["stop"], "nothing is stopped but as declared, for a resize, or to be deleted", (observation, step) => {
    const { spec, deleting, protection, memory, deletionPolicy } = observation;
    const refused = memory.operation?.intent === "Delete" && memory.operation.target === TO_DELETE;
    if (deleting && protection === undefined)
      return step.target === TO_DELETE && refused && deletionPolicy === "Delete";
    if (step.target === TO_RESIZE) return spec.powerState === "Running";
    return spec.powerState === "Stopped" && step.target === undefined;
  }),
  law(
    { choices: ["stop"], when: (_observation, { target }) => target === TO_RESIZE },
    "a machine is stopped for a resize only where that is allowed and the hardware is free",
    (observation) => {
      const machine = machineOf(observation);
      const differs = machine !== undefined && hardwareDrift(observation.spec, machine).changes.length > 0;
      const allowed = observation.spec.resizePolicy === "StopAndResize" && !isRefused(observation);
      return differs && allowed && mayRunOn(observation, observation.spec.machineType);
    },
  ),

  law(["restart"], "only what is on and shall be on is restarted", (observation) => {
    return isOn(observation) && observation.spec.powerState === "Running";
  }),
  law(["restart"], "a restart is requested, and nothing answers it already", ({ requests, memory }, step) => {
    const { restart } = requests;
    const answered = memory.operation?.requests?.restart === restart;
    return restart !== undefined && step.requests?.restart === restart && !answered;
  }),
  law(
    ["handle"],
    "a request is put aside only when it is answered, or there is nothing to do",
    (observation, step) => {
      const { requests, memory, spec } = observation;
      const what = Object.keys(step.requests);
      const isIn = (others: Requests | undefined) =>
        what.every((one) => requestOf(step.requests, one) === requestOf(others, one));
      const idle =
        spec.powerState === "Stopped" || (isOn(observation) && step.requests.restart === undefined);
      return what.length > 0 && isIn(requests) && (idle || isIn(memory.operation?.requests));
    },
  ),

  law(["delete"], "only what is being deleted and is not to be kept is deleted", (observation) => {
    return observation.deleting && observation.deletionPolicy === "Delete";
  }),
  law(
    ["expire"],
    "only what is over, and neither protected nor to be kept, is deleted while its object stays",
    ({ lifetime, protection, deleting, deletionPolicy }) =>
      lifetime?.isDue === true && protection === undefined && !deleting && deletionPolicy === "Delete",
  ),
  law(
    ["releaseAddress"],
    "only an address that was claimed is given back, and only under Release",
    (observation, step) => {
      return observation.spec.publicIpReleasePolicy === "Release" && observation.memory.staticIp === step.ip;
    },
  ),
  law(["releaseAddress"], "an address that another machine has is not given back", ({ related }, { ip }) => {
    return isStillClaimed(related.addresses, ip);
  }),
  law(
    ["releaseAddress"],
    "an address that the machine may be using is not given back",
    (observation, { ip }) => {
      const { publicIp, publicIpType } = machineOf(observation) ?? {};
      return isGone(observation) || (!!publicIpType && publicIpType !== "static" && publicIp !== ip);
    },
  ),

  law(
    ["writeDesktop"],
    "a desktop is written down where it is wanted, can be reached, and is not yet",
    (observation) => {
      return (
        observation.spec.desktopSecretRef !== undefined &&
        isReady(observation) &&
        observation.related.desktop === "stale"
      );
    },
  ),
  law(
    ["removeDesktop"],
    "a desktop's Secret goes only where memory names it and it has no use",
    (observation, { name }) => {
      const unwanted = observation.spec.desktopSecretRef?.name !== name;
      return observation.memory.desktopSecret === name && (unwanted || isGone(observation));
    },
  ),

  law(
    ["recordOwnership"],
    "no object becomes owner of a second machine",
    ({ identity }) => identity.state !== "ours",
  ),
  law(
    ["disown"],
    "a machine is given up only when gone for certain, and another is declared",
    (observation) => {
      return (
        isGone(observation) &&
        observation.spec.onExternalDeletion === "Recreate" &&
        !observation.halted &&
        observation.finalizer
      );
    },
  ),
  law(["release"], "only what is being deleted is released", ({ deleting }) => deleting),
  law(
    ["release"],
    "nothing is released before its machine is gone for certain, or to be kept",
    (observation) => {
      const { identity, attempt, deletionPolicy, account, ownedBy } = observation;
      if (identity.state !== "ours") return identity.state === "conflict" || !attempt;
      if (ownedBy !== undefined) return true;
      // Another team's key sees nothing: that must never look like gone.
      const sure = isGone(observation) && account.state === "valid" && account.team === TEAM;
      return deletionPolicy === "Orphan" || sure;
    },
  ),
  law(
    {
      choices: ["release", "disown"],
      when: ({ identity, deletionPolicy, ownedBy }, step) =>
        identity.state === "ours" &&
        ownedBy === undefined &&
        !(step.do === "release" && deletionPolicy === "Orphan"),
    },
    "nothing of a machine that is gone is left behind",
    ({ memory, related, spec }) => {
      if (memory.desktopSecret !== undefined) return false;
      if (memory.staticIp === undefined || spec.publicIpReleasePolicy === "Keep") return true;
      return related.addresses !== undefined && !isStillClaimed(related.addresses, memory.staticIp);
    },
  ),
];

/** What is sent is small, and made in one order. */
export function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function isOf(change: Change, field: string): boolean {
  return change.field === field || change.field.startsWith(`${field}.`);
}

function isHeld({ field }: Change, backingOff: MachineObservation["backingOff"]): boolean {
  return backingOff[`update/${field.split(".")[0]}`] !== undefined;
}
