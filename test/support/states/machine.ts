/** States of machines: at rest, stuck, or short of hardware. */
import type { EventName, MachineState } from "../../../dev/simulator/world/records.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import type { VirtualWorld } from "../virtual-world.ts";
import { fails, type State } from "./state.ts";

const TEAM = "te-alpha";
export const OFF = { powerState: "Stopped" } as const;
export const ON = { powerState: "Running" } as const;
export const NO_HINTS = { behaviour: { availabilityEndpoint: "absent" } } as const;
/** More events than can come in the time that is measured. */
const ALWAYS = 500;

/** Id of its machine, once it is Ready. */
export async function box(world: VirtualWorld, spec: Partial<MachineSpec> = {}): Promise<string> {
  world.apply("box", spec);
  await world.ready("box");
  return world.get("box")?.status?.id ?? "";
}

export const edit = (world: VirtualWorld, spec: Partial<MachineSpec>) => world.edit("box", { spec });

const annotate = (world: VirtualWorld, name: keyof typeof ANNOTATION, value = "true") =>
  world.edit("box", { metadata: { annotations: { [ANNOTATION[name]]: value } } });

/** A Ready machine with a change that ends in a state that it does not leave. */
export async function held(
  world: VirtualWorld,
  state: MachineState,
  before: Partial<MachineSpec>,
  change: () => void,
): Promise<void> {
  world.sim.console.hold(await box(world, before), state);
  change();
}

/** The next machine does not leave this state after its create. */
function heldAtFirst(world: VirtualWorld, state: MachineState): void {
  world.sim.console.hold("next", state);
  world.apply("box");
}

/** Every event of this name fails. */
function eventsFail(world: VirtualWorld, event: EventName): void {
  for (let i = 0; i < ALWAYS; i++) world.sim.console.failNext({ event });
}

const noHardware = (world: VirtualWorld) => world.sim.world.setCapacity("A4000", "ny2", 0);

/** A machine that is off is to be on, where there is no hardware for it. */
export async function startsWithoutHardware(world: VirtualWorld): Promise<void> {
  await box(world, OFF);
  noHardware(world);
  edit(world, ON);
}

export async function editedThen(
  world: VirtualWorld,
  before: Partial<MachineSpec>,
  after: Partial<MachineSpec>,
  then: (id: string) => void,
): Promise<void> {
  then(await box(world, before));
  edit(world, after);
}

export const AUTO_SHUTDOWN = { autoShutdown: { enabled: true, timeoutHours: 2 } } as const;

const AT_REST: Record<string, State> = {
  "on, as declared": { cost: "atRest", reason: "Available", reach: (w) => box(w) },
  "off, as declared": { cost: "atRest", reason: "Stopped", reach: (w) => box(w, OFF) },
  "with all facts around it": {
    cost: "atRest",
    reason: "Available",
    reach: (w) =>
      box(w, {
        ...AUTO_SHUTDOWN,
        accessors: { emails: ["user@alpha.example"] },
        startupScriptId: w.script("good"),
      }),
  },
  "that shut itself down": {
    cost: "atRest",
    reason: "AutoShutdown",
    reach: async (w) => w.sim.console.autoShutdown(await box(w, AUTO_SHUTDOWN)),
  },
  "whose disk would have to shrink": {
    cost: "atRest",
    reason: "DiskCannotShrink",
    reach: async (w) => {
      w.sim.console.update(await box(w, OFF), { diskSize: 250 });
    },
  },
  "that must be stopped for its resize": {
    cost: "atRest",
    reason: "ResizeNeedsStop",
    reach: (w) => editedThen(w, {}, { diskSize: 100 }, () => {}),
  },
  "without a desktop": {
    cost: "atRest",
    reason: "NoDesktop",
    reach: (w) => w.apply("box", { desktopSecretRef: { name: "access" } }),
  },
  "with an accessor whom the team does not have": {
    cost: "atRest",
    reason: "AccessorNotFound",
    reach: (w) => w.apply("box", { accessors: { emails: ["nobody@alpha.example"] } }),
  },
  "that is paused": {
    cost: "atRest",
    reason: "Available",
    reach: async (w) => {
      await box(w);
      annotate(w, "paused");
    },
  },
  "that is paused before it is made": {
    cost: "atRest",
    reason: undefined,
    reach: (w) => w.apply("box", {}, { annotations: { [ANNOTATION.paused]: "true" } }),
  },
  "that was deleted in the console": {
    cost: "atRest",
    reason: "ExternallyDeleted",
    reach: async (w) => w.sim.console.delete(await box(w), true),
  },
  "that another object owns": {
    cost: "atRest",
    reason: "AlreadyOwned",
    name: "other",
    reach: async (w) => w.apply("other", { adoptId: await box(w) }),
  },
  "of another object, by a forged record": {
    cost: "atRest",
    reason: "IdentityConflict",
    name: "other",
    reach: async (w) => {
      const record = { id: await box(w), team: TEAM, name: "box", uid: "uid" };
      w.apply("other", {}, { annotations: { [ANNOTATION.record]: JSON.stringify(record) } });
    },
  },
  "to be adopted that is not there": {
    cost: "atRest",
    reason: "AdoptNotFound",
    reach: (w) => w.apply("box", { adoptId: "psnowhere" }),
  },
  "to be adopted that differs": {
    cost: "atRest",
    reason: "AdoptMismatch",
    reach: (w) => {
      const { id } = w.sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
      w.apply("box", { adoptId: id, region: "ca1" });
    },
  },
  "without a Secret": {
    cost: "atRest",
    reason: "CredentialsInvalid",
    reach: (w) => {
      w.deleteSecret();
      w.apply("box");
    },
  },
  "with a key that nobody accepts": {
    cost: "atRest",
    reason: "CredentialsInvalid",
    reach: (w) => {
      w.secret("rubbish");
      w.apply("box");
    },
  },
  "with the key of another team": {
    cost: "atRest",
    reason: "CredentialsInvalid",
    reach: async (w) => {
      await box(w);
      w.secret("sim-key-beta");
    },
  },
  "whose account is not in good standing": {
    cost: "atRest",
    reason: "AccountNotInGoodStanding",
    reach: (w) => {
      w.sim.console.setStanding(TEAM, false, ["Add a payment method"]);
      w.apply("box");
    },
  },
};

const STUCK: Record<string, State> = {
  "that stays in provisioning": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => heldAtFirst(w, "provisioning"),
  },
  "that stays in starting after its create": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => heldAtFirst(w, "starting"),
  },
  "whose agent never answers": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => heldAtFirst(w, "serviceready"),
  },
  "that stays in starting": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => held(w, "starting", OFF, () => edit(w, ON)),
  },
  "that stays in stopping": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => held(w, "stopping", {}, () => edit(w, OFF)),
  },
  "that stays in restarting": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => held(w, "restarting", {}, () => annotate(w, "restartRequestedAt")),
  },
  "that stays in upgrading": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => held(w, "upgrading", OFF, () => edit(w, { machineType: "A5000" })),
  },
  "that stays in stopping, by another actor": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => held(w, "stopping", {}, () => w.sim.console.stop(w.machines()[0]?.id ?? "")),
  },
  "that stays in starting while it is paused": {
    cost: "waiting",
    reason: "Starting",
    reach: async (w) => {
      await held(w, "starting", OFF, () => edit(w, ON));
      await w.clock.advance(60_000);
      annotate(w, "paused");
    },
  },
  "in a state that is not known": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: async (w) => w.sim.console.setState(await box(w), "hibernating" as MachineState),
  },
  "whose start fails each time": {
    cost: "retrying",
    reason: "StartFailed",
    reach: (w) => editedThen(w, OFF, ON, () => eventsFail(w, "start")),
  },
  "whose stop fails each time": {
    cost: "retrying",
    reason: "StopFailed",
    reach: (w) => editedThen(w, ON, OFF, () => eventsFail(w, "stop")),
  },
  "whose create fails": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) => {
      eventsFail(w, "create");
      w.apply("box");
    },
  },
  "whose deletion fails each time": {
    cost: "retrying",
    reason: "DeleteFailed",
    reach: async (w) => {
      await box(w);
      eventsFail(w, "deactivate");
      w.delete("box");
    },
  },
  "whose start is declined": {
    cost: "waiting",
    reason: "Declined",
    reach: (w) => editedThen(w, OFF, ON, () => fails(w, 409, "start$", "PATCH")),
  },
  "whose stop is declined": {
    cost: "waiting",
    reason: "Declined",
    reach: (w) => editedThen(w, ON, OFF, () => fails(w, 409, "stop$", "PATCH")),
  },
  "whose deletion is declined": {
    cost: "waiting",
    reason: "Declined",
    reach: async (w) => {
      await box(w);
      fails(w, 409, "machines/", "DELETE");
      w.delete("box");
    },
  },
};

const SCARCE: Record<string, State> = {
  "to be made, without hardware": {
    cost: "waiting",
    reason: "CapacityUnavailable",
    reach: (w) => {
      noHardware(w);
      w.apply("box");
    },
  },
  "to be started, without hardware": {
    cost: "waiting",
    reason: "CapacityUnavailable",
    reach: startsWithoutHardware,
  },
  "off without hardware and without a hint, after its create": {
    cost: "waiting",
    reason: "CapacityUnavailable",
    simulation: NO_HINTS,
    reach: (w) => {
      noHardware(w);
      w.apply("box");
    },
  },
  "off without hardware and without a hint": {
    cost: "waiting",
    reason: "CapacityUnavailable",
    simulation: NO_HINTS,
    reach: startsWithoutHardware,
  },
  "off without hardware and without a hint, where the start fails": {
    cost: "retrying",
    reason: "StartFailed",
    simulation: { behaviour: { ...NO_HINTS.behaviour, capacityShortage: "eventError" } },
    reach: startsWithoutHardware,
  },
  "off without hardware and without a hint, where the start is refused": {
    cost: "waiting",
    reason: "Declined",
    simulation: { behaviour: { ...NO_HINTS.behaviour, capacityShortage: "refuse" } },
    reach: startsWithoutHardware,
  },
  "beyond the quota": {
    cost: "waiting",
    reason: "QuotaExceeded",
    reach: (w) => {
      w.sim.console.setQuota(TEAM, 0);
      w.apply("box");
    },
  },
};

export const MACHINE_STATES = { ...AT_REST, ...STUCK, ...SCARCE };

/** Before their deadlines: 15 minutes, 30 for a create. */
export const MACHINES_UNDER_WAY: Record<string, State> = {
  "that is made": { cost: "underWay", reason: "Creating", reach: (w) => heldAtFirst(w, "provisioning") },
  "that starts": {
    cost: "underWay",
    reason: "Starting",
    reach: (w) => held(w, "starting", OFF, () => edit(w, ON)),
  },
  "that another actor stops": {
    cost: "underWay",
    reason: "ChangingElsewhere",
    reach: (w) => held(w, "stopping", {}, () => w.sim.console.stop(w.machines()[0]?.id ?? "")),
  },
};
