/**
 * `decide` played against a model of the cloud until it comes to rest, from every start: what is declared must come
 * about, or a reason be reported that holds; and all else must come about nevertheless.
 */
import { describe, expect, it } from "vitest";
import { hardwareDrift } from "../../../src/kinds/machine/aspects/hardware.ts";
import { settingsDrift } from "../../../src/kinds/machine/aspects/settings.ts";
import type { MachineDecision } from "../../../src/kinds/machine/observation.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import type { Requests } from "../../../src/reconcile/record.ts";
import { differenceFrom } from "../engine/law-checker.ts";
import { ended, play, playAll, type Verdict } from "../engine/play.ts";
import { isPower } from "./facts.ts";
import { World } from "./model.ts";
import { ADA, BOB, ID, scene } from "./situations.ts";
import { beside, changing, underWay } from "./starts.ts";

/** What may differ from what is declared. */
const PARTS = [
  "machine",
  "power",
  "hardware",
  "settings",
  "script",
  "accessors",
  "desktop",
  "address",
  "requests",
];
type Part = (typeof PARTS)[number];

/** How a game began. */
interface Start {
  requests: Requests;
  /** Whether a machine that is off may have shut itself down. */
  mayRest: boolean;
}

const PASSES = 200;

/** How a pass ends the game: at rest, with a reason, or because something is wrong. */
function judge(world: World, { step }: MachineDecision, moving: boolean, start: Start): Verdict {
  const excess = tooMuch(world, start);
  if (excess) return { wrong: excess };
  const left = differing(world, start);
  if (step.do === "release") return ended(left.length > 0 ? `released, but ${left} is left` : undefined);
  if (step.do !== "none" || moving) return "goes on";
  const { outcome } = step;
  if (outcome.kind === "Done") return ended(left.length > 0 ? `done, but not ${left}` : undefined);
  const isEnd = outcome.kind === "Terminal" && isExcused(outcome.reason, left, world);
  return isEnd ? "has ended" : "goes on";
}

/** The whole game. What is wrong with it; undefined where nothing is. */
function wrongWith(world: World): { wrong: string; trace: readonly string[] } | undefined {
  const { observation } = world;
  const start = { requests: observation.requests, mayRest: !isPower(observation.memory.operation) };
  const trace: string[] = [];
  const rules = {
    passes: PASSES,
    judge: (_world: World, decision: MachineDecision, moving: boolean) =>
      judge(world, decision, moving, start),
  };
  const wrong = play(world, rules, trace);
  return wrong === undefined ? undefined : { wrong: `${wrong}, ${differing(world, start)} is open`, trace };
}

/** Nothing is done more often than it takes. */
function tooMuch({ done, manners, observation }: World, { requests }: Start): string | undefined {
  const times = (what: string) => done.filter((step) => step === what).length;
  if (times("create") > 1) return "created twice";
  if (times("restart") > (requests.restart === undefined ? 0 : 1))
    return "restarted more often than requested";
  if (times("stop") > 3 || times("start") > 3 || times("delete") > 3) return "a machine that comes and goes";
  const refused = [manners.resize, manners.snapshot].some((how) => how === "refused" || how === "failed");
  if (times("snapshot") > 1) return "saved twice for one resize";
  if (refused && manners.first === "done" && observation.spec.powerState === "Running" && times("stop") > 1)
    return "stopped again for what was refused";
  return done.length > 40 ? "an endless game" : undefined;
}

function differing(world: World, { requests, mayRest }: Start): Part[] {
  const { observation, machine, addresses, secrets, done } = world;
  const { spec, memory } = observation;
  const wrong = new Set<Part>();
  const mine = addresses.filter(({ machineId }) => machineId === null || machineId === ID);
  if (observation.deleting || !machine) {
    if (observation.deleting === (machine !== undefined)) wrong.add("machine");
    if (secrets.size > 0) wrong.add("desktop");
    if (spec.publicIpReleasePolicy === "Release" && mine.length > 0) wrong.add("address");
    return [...wrong];
  }
  const touched = done.some((step) => ["create", "start", "stop", "restart"].includes(step));
  const rests =
    mayRest &&
    !touched &&
    machine.autoShutdownEnabled === true &&
    memory.power === "Running" &&
    !hasAny(requests);
  const on = spec.powerState === "Running";
  if (machine.state !== (on ? "ready" : "off") && !(on && rests && machine.state === "off"))
    wrong.add("power");
  const hardware = hardwareDrift(spec, machine);
  if (hardware.changes.length > 0 || hardware.tooLarge) wrong.add("hardware");
  if (settingsDrift(spec, machine).changes.length > 0) wrong.add("settings");
  const { startupScriptId, accessors, desktopSecretRef } = spec;
  const script = startupScriptId ? [startupScriptId] : [];
  if (startupScriptId !== undefined && world.scripts.join() !== script.join()) wrong.add("script");
  if (
    accessors &&
    !isSet(
      world.accessors.map(({ id }) => id),
      idsOf(accessors),
    )
  )
    wrong.add("accessors");
  const secret = desktopSecretRef && machine.state === "ready" ? [desktopSecretRef.name] : [...secrets];
  if (!isSet([...secrets], secret) || (!desktopSecretRef && secrets.size > 0)) wrong.add("desktop");
  const unused = machine.publicIpType !== "static" && mine.length > 0;
  if (unused && spec.publicIpReleasePolicy === "Release") wrong.add("address");
  const restarted = done.some((step) => ["restart", "start", "create"].includes(step));
  if (hasAny(observation.requests) || (requests.restart !== undefined && on && !restarted))
    wrong.add("requests");
  return [...wrong];
}

function hasAny(requests: Requests): boolean {
  return requests.restart !== undefined || requests.start !== undefined;
}

function idsOf({ userIds = [], emails = [] }: NonNullable<MachineSpec["accessors"]>): string[] {
  const named = emails.map((email) => [ADA, BOB].find((user) => user.email === email.toLowerCase())?.id);
  return [...userIds, ...named.filter((id) => id !== undefined)];
}

function isSet(some: readonly string[], others: readonly string[]): boolean {
  return some.length === new Set(others).size && some.every((one) => others.includes(one));
}

/** The complaint is true, and what is not as declared is so because of that, or of another that is. */
function isExcused(reason: string, left: readonly Part[], world: World): boolean {
  const excuses = excusesOf(world);
  const excused = new Set([...excuses.values()].flat());
  return excuses.has(reason) && left.every((part) => excused.has(part));
}

/** What this world does not allow, by the reason that reports it. */
function excusesOf({ observation, machine, manners, accessors }: World): Map<string, readonly Part[]> {
  const { spec } = observation;
  const on = spec.powerState === "Running";
  const hardware = machine && hardwareDrift(spec, machine);
  const differs = hardware !== undefined && hardware.changes.length > 0;
  const strangers = spec.accessors?.emails?.some(
    (email) => ![ADA, BOB].some((known) => known.email === email.toLowerCase()),
  );
  const unhad = machine?.state === "off" || !machine ? OFF : ["hardware"];
  const all: [boolean | undefined, string, readonly Part[]][] = [
    [differs && on && spec.resizePolicy === "WhenStopped", REASON.ResizeNeedsStop, ["hardware"]],
    [["refused", "failed"].includes(manners.resize) && differs, REASON.ResizeRefused, ["hardware"]],
    [
      spec.snapshotBeforeResize && ["refused", "failed"].includes(manners.snapshot) && differs,
      REASON.SnapshotFailed,
      ["hardware"],
    ],
    [hardware?.tooLarge !== undefined, REASON.DiskCannotShrink, ["hardware"]],
    [strangers && accessors !== undefined, REASON.AccessorNotFound, []],
    [manners.desktop === "none", REASON.NoDesktop, ["desktop"]],
    [manners.desktop === "taken", REASON.DesktopSecretTaken, ["desktop"]],
    [manners.desktop === "forbidden", REASON.DesktopSecretForbidden, ["desktop"]],
    [manners.shortages === Number.POSITIVE_INFINITY && on, REASON.CapacityUnavailable, unhad],
    [!manners.goodStanding && on, REASON.AccountNotInGoodStanding, unhad],
    [!manners.agent && on, REASON.TransitionTimedOut, ["power", "desktop"]],
    [!machine && spec.onExternalDeletion === "Stall", REASON.ExternallyDeleted, ["machine"]],
    [observation.resolution?.state === "found", REASON.CreateAmbiguous, PARTS],
  ];
  return new Map(all.filter(([holds]) => holds).map(([, reason, parts]) => [reason, parts]));
}

/** What comes of nothing while a machine cannot be on. */
const OFF: readonly Part[] = ["machine", "power", "hardware", "desktop", "requests"];

describe("decide, played to the end", () => {
  it.each([
    ["whatever is under way when it begins", underWay, 80_000],
    ["whatever is declared of the hardware and of power", changing, 30_000],
    ["whatever is declared beside these, and left behind", beside, 19_000],
  ])(
    "comes to rest where it shall or with a reason, %s",
    (_what, starts, atLeast) => {
      // A world changes while it is played, so the one of a report is made anew.
      const { games, failures } = playAll(starts(), wrongWith, (_world, game) => startOf(starts(), game));
      expect(failures).toEqual([]);
      expect(games).toBeGreaterThan(atLeast);
    },
    600_000,
  );
});

/** How this game began. */
function startOf(worlds: Iterable<World>, game: number): string {
  const { observation, machine, manners } = [...worlds].at(game) ?? new World();
  return JSON.stringify({
    observation: differenceFrom(observation, scene().observation),
    machine: machine?.state,
    manners,
  });
}
