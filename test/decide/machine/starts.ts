/** Where the games of the model begin: what is under way, what is desired, and what the cloud makes of it. */

import type { User } from "../../../src/kinds/machine/related-api.ts";
import type { MachineSpec, PowerState } from "../../../src/kinds/machine/types.ts";
import type { Identity } from "../../../src/reconcile/identity.ts";
import type { Resolution } from "../../../src/reconcile/ownership.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { combinations } from "../engine/product.ts";
import { RESOLUTIONS } from "./axes.ts";
import { type Manners, World } from "./model.ts";
import {
  ADA,
  AGES,
  ATTEMPT,
  BOB,
  EVE,
  EVENTS,
  ID,
  type InFlight,
  IP,
  inFlight,
  RECORD,
  STATES,
} from "./situations.ts";

const SEEN: readonly Identity[] = [
  { state: "none" },
  { state: "ours", record: RECORD, restore: false },
  { state: "ours", record: RECORD, restore: true },
];

/** Whatever may be under way when an operator begins, under any ownership. */
export function* underWay(): Generator<World> {
  const events = EVENTS.filter(({ failedAgo }) => failedAgo === undefined);
  for (const { identity, resolution, ...start } of combinations<{
    identity: Identity;
    resolution: Resolution | undefined;
    state: string | undefined;
    power: PowerState;
    deleting: boolean;
    autoShutdown: boolean;
    flight: InFlight;
    agent: boolean;
  }>({
    identity: SEEN,
    resolution: RESOLUTIONS,
    state: [...STATES.slice(0, 8), undefined],
    power: ["Running", "Stopped"],
    deleting: [false, true],
    autoShutdown: [false, true],
    flight: inFlight([AGES[0], AGES[2]], events),
    agent: [true, false],
  })) {
    if (identity.state === "ours" && resolution) continue;
    // Only one that is coming up can be without an agent.
    if (!start.agent && !["starting", "serviceready"].includes(start.state ?? "")) continue;
    const world = new World({ agent: start.agent });
    const { observation, machine } = world;
    if (machine) Object.assign(machine, { state: start.state, autoShutdownEnabled: start.autoShutdown });
    const there = start.state !== undefined && (identity.state === "ours" || resolution?.state === "found");
    if (!there) world.machine = undefined;
    Object.assign(observation, { identity, deleting: start.deleting, event: start.flight.event });
    observation.attempt = resolution && ATTEMPT;
    observation.resolution = resolution;
    observation.spec.powerState = start.power;
    observation.memory.operation = start.flight.operation;
    if (start.autoShutdown) observation.memory.power = "Running";
    yield world;
  }
}

interface Hardware extends Pick<Manners, "resize" | "snapshot" | "first" | "shortages" | "staleMs"> {
  differs: Partial<MachineSpec>;
  resizePolicy: MachineSpec["resizePolicy"];
  goodStanding: boolean;
  agent: boolean;
  power: PowerState;
  state: string;
  rests: boolean;
  requests: Requests;
  saves: boolean;
}

/** Whatever may be desired of the hardware and of power, in clouds of all manners. */
export function* changing(): Generator<World> {
  const always = combinations<Hardware>({
    differs: [{}, { machineType: "H100" }, { machineType: "H100", diskSize: 100 }, { diskSize: 20 }],
    resizePolicy: ["WhenStopped", "StopAndResize"],
    saves: [false, true],
    snapshot: ["done", "refused", "failed", "lost, but done"],
    resize: ["off", "back on", "refused", "failed"],
    first: ["done", "failed", "lost, but done", "lost"],
    shortages: [0, 2, Number.POSITIVE_INFINITY],
    goodStanding: [true, false],
    agent: [true, false],
    power: ["Running", "Stopped"],
    state: ["ready", "off", "serviceready"],
    rests: [false, true],
    requests: [{}, { start: "s1" }, { restart: "r1" }],
    staleMs: [0, 8_000],
  });
  for (const { differs, resizePolicy, power, state, rests, requests, saves, ...manners } of always) {
    if (rests && state !== "off") continue;
    // Beside the snapshot little else varies.
    if (saves && (!("diskSize" in differs) || manners.staleMs > 0 || Object.keys(requests).length > 0))
      continue;
    if (!saves && manners.snapshot !== "done") continue;
    if (manners.resize !== "off" && !("machineType" in differs)) continue;
    if (!manners.goodStanding && manners.shortages > 0) continue;
    // Each try to resize begins the waiting for hardware anew, so that it is never called late.
    if (rests && manners.resize === "failed" && manners.shortages > 2) continue;
    const world = new World(manners);
    const { observation, machine } = world;
    Object.assign(observation.spec, differs, { resizePolicy, powerState: power });
    if (saves) observation.spec.snapshotBeforeResize = true;
    Object.assign(machine ?? {}, { state, autoShutdownEnabled: rests });
    if (rests) observation.memory.power = "Running";
    observation.requests = requests;
    yield world;
  }
}

/** What may become of the machine meanwhile. */
const FATES = [
  { deleting: false },
  { deleting: true },
  { deleting: true, deletesOn: false },
  { deleting: false, gone: true },
  { deleting: false, gone: true, recreate: true },
];

interface Beside {
  spec: Partial<MachineSpec>;
  /** Ids that have the machine's script, or access to it. */
  scripts?: string[];
  accessors?: User[];
  /** Name of a Secret that was written. */
  secret?: string;
  desktop?: Manners["desktop"];
  publicIpType?: "static" | "dynamic";
}

/** Whatever may be declared beside hardware and power, for a machine that lives, is deleted, or is gone. */
export function* beside(): Generator<World> {
  const mine = { desktopSecretRef: { name: "mine" } };
  const always = combinations<
    { [K in "script" | "access" | "desktop" | "address"]: Beside } & {
      policy: MachineSpec["publicIpReleasePolicy"];
      power: PowerState;
      state: string;
      fate: { deleting: boolean; deletesOn?: boolean; gone?: boolean; recreate?: boolean };
    }
  >({
    script: [
      { spec: {} },
      { spec: { startupScriptId: "" }, scripts: ["s1"] },
      { spec: { startupScriptId: "s1", name: "another" } },
      { spec: { startupScriptId: "s1" }, scripts: ["s2", "s1"] },
    ],
    access: [
      { spec: {} },
      { spec: { accessors: { userIds: [ADA.id] } }, accessors: [EVE] },
      { spec: { accessors: { emails: ["Ada@Example.org", BOB.email] } }, accessors: [EVE] },
      { spec: { accessors: { userIds: [ADA.id], emails: ["nobody@example.org"] } }, accessors: [BOB] },
      { spec: { accessors: { userIds: [] } }, accessors: [ADA, EVE] },
    ],
    desktop: [
      { spec: {} },
      { spec: mine },
      { spec: mine, secret: "former" },
      { spec: {}, secret: "former" },
      { spec: mine, desktop: "none" },
      { spec: mine, desktop: "taken" },
      { spec: mine, desktop: "forbidden" },
    ],
    address: [
      { spec: {} },
      { spec: {}, publicIpType: "static" },
      { spec: { publicIpType: "dynamic" }, publicIpType: "static" },
      { spec: {}, publicIpType: "dynamic" },
    ],
    policy: ["Keep", "Release"],
    power: ["Running", "Stopped"],
    state: ["ready", "off"],
    fate: FATES,
  });
  for (const { script, access, desktop, address, policy, power, state, fate } of always) {
    const { deletesOn = true, deleting, gone, recreate } = fate;
    const world = new World({ deletesOn, desktop: desktop.desktop ?? "some" });
    const { observation, machine } = world;
    Object.assign(observation.spec, script.spec, access.spec, desktop.spec, address.spec, {
      publicIpReleasePolicy: policy,
      powerState: power,
      onExternalDeletion: recreate ? "Recreate" : "Stall",
    });
    observation.deleting = deleting;
    world.scripts = script.scripts ?? [];
    world.accessors = access.accessors ?? [];
    if (desktop.secret) {
      world.secrets.add(desktop.secret);
      observation.memory.desktopSecret = desktop.secret;
    }
    const { publicIpType } = address;
    const uses = publicIpType === "static" && !gone;
    if (publicIpType) world.addresses = [{ ip: IP, machineId: uses ? ID : null }];
    if (publicIpType) observation.memory.staticIp = IP;
    Object.assign(machine ?? {}, { state }, publicIpType && { publicIpType, publicIp: uses ? IP : null });
    if (gone) world.machine = undefined;
    yield world;
  }
}
