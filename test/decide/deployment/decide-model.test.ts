/**
 * `decide` played against a model of the cloud until it comes to rest, from every start and through several changes:
 * what is declared must come about, or a reason be reported that holds; Ready is never reported too early; and
 * nothing is sent more often than it takes.
 */
import { describe, expect, it } from "vitest";
import type { DeploymentDecision } from "../../../src/kinds/deployment/observation.ts";
import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";
import { wordOf } from "../engine/law.ts";
import { ended, play, playAll, type Verdict } from "../engine/play.ts";
import { declared, type Fate, fateOf, type Manners, sameAs, World } from "./model.ts";
import { NONE, OURS, targetOf } from "./situations.ts";

type Declared = Fate | "off";

/** What happens between two rests. */
const TURNS: Readonly<Record<string, (world: World) => void>> = {
  nothing: () => {},
  "another that is healthy": (world) =>
    world.declare({ ...world.observation.spec, ...parts(declared("better")) }),
  "back to the first": (world) => world.declare({ ...world.observation.spec, ...parts(declared("good")) }),
  "one that is rejected": (world) =>
    world.declare({ ...world.observation.spec, ...parts(declared("rejected")) }),
  "one that gets stuck": (world) => world.declare({ ...world.observation.spec, ...parts(declared("stuck")) }),
  "one that is late": (world) => world.declare({ ...world.observation.spec, ...parts(declared("late")) }),
  "one that is invalid": (world) =>
    world.declare({ ...world.observation.spec, ...parts(declared("invalid")) }),
  "another number": (world) =>
    world.declare({ ...world.observation.spec, replicas: world.observation.spec.replicas + 1 }),
  "switched off": (world) => world.declare({ ...world.observation.spec, enabled: false }),
  "a new name": (world) => world.declare({ ...world.observation.spec, name: "api" }),
  "a name that is taken": (world) => {
    world.others = ["d9"];
    world.declare({ ...world.observation.spec, name: "api" });
  },
  "no rollback any more": (world) => world.declare({ ...world.observation.spec, rollback: "None" }),
  "a change in the console": (world) => {
    const { latest } = world;
    if (latest) world.upsert({ ...latest.config, resources: { ...latest.config.resources, replicas: 3 } });
  },
  "a deletion in the console": (world) => world.vanish(),
  "a deletion": (world) => {
    world.observation.deleting = true;
  },
};

function parts({ image, env, enabled }: DeploymentSpec): Partial<DeploymentSpec> {
  return { image, env, enabled };
}

const STARTS: Readonly<Record<string, (world: World) => void>> = {
  "of nothing": ({ observation }) => {
    observation.identity = NONE;
  },
  "of one to take over": (world) => {
    world.observation.identity = { state: "adopt", id: "d1" };
    world.upsert(targetOf(declared("better")).config);
  },
  "of one that is as declared, and nothing remembered": (world) => {
    world.observation.identity = OURS;
    world.upsert(targetOf(world.observation.spec).config);
  },
};

const PASSES = 400;

/** How a pass ends the game: at rest, with a reason, or because something is wrong. */
function judge(world: World, decision: DeploymentDecision, moving: boolean, passes: number): Verdict {
  const { step } = decision;
  if (step.do === "release")
    return ended(world.latest || world.secrets.size > 0 ? "released, and something is left" : undefined);
  if (step.do !== "none") return "goes on";
  const { outcome } = step;
  if (outcome.kind === "Done" && !isTrue(world)) return { wrong: "Ready, and it is not so" };
  if (moving || decision.needs?.length) return "goes on";
  if (outcome.kind === "Done") return ended(atRest(world, decision));
  if (outcome.kind !== "Terminal") return "goes on";
  const lie = wrongly(outcome.reason, world);
  // It may be reported before all of it is to be seen.
  if (lie && passes < PASSES / 2) return "goes on";
  return ended(lie ?? atRest(world, decision));
}

const RULES = { passes: PASSES, judge };

/** What has come to rest stays there, and costs nothing. */
function atRest(world: World, { step }: DeploymentDecision): string | undefined {
  const writes = world.done.length;
  const before = JSON.stringify(world.observation.memory);
  for (let passes = 0; passes < 6; passes++) {
    const again = world.pass();
    if (again.needs?.length) continue;
    if (wordOf(again) !== wordOf({ step })) return `rested, then ${wordOf(again)}`;
  }
  if (world.done.length > writes) return `rested, then ${world.done.at(-1)}`;
  return JSON.stringify(world.observation.memory) === before
    ? undefined
    : "rested, then remembered something else";
}

/** Whether a Ready is true; what another actor did just now cannot be known yet. */
function isTrue(world: World): boolean {
  const { observation, manners } = world;
  if (observation.now < world.changedAt + manners.staleMs + 700_000) return true;
  return (
    observation.desired.state === "known" &&
    world.isHealthy(observation.desired.config) &&
    world.name === observation.name
  );
}

const FAILING: readonly Fate[] = ["rejected", "stuck", "crashing", "invalid"];

/** What is wrong with this reason; undefined where it is true. */
function wrongly(reason: string, world: World): string | undefined {
  const { observation, latest } = world;
  if (observation.desired.state !== "known") return "what is declared is not known";
  const fate = fateOf(observation.desired.config);
  const isOff = !observation.spec.enabled;
  const isSent = latest !== undefined && sameAs(latest.config, observation.desired.config);
  const truth: Readonly<Record<string, boolean>> = {
    // What is invalid is not shown at all, whichever actor sent it.
    ConfigurationRejected:
      (fate === "rejected" && isSent) ||
      (latest !== undefined &&
        fateOf(latest.config) === "invalid" &&
        (fate === "invalid" || world.manners.loses > 0)),
    ProgressDeadlineExceeded: (fate === "stuck" || fate === "crashing") && isSent,
    RolledBack:
      observation.spec.rollback === "OnFailure" &&
      (FAILING.includes(fate) || fate === "late") &&
      !isOff &&
      latest !== undefined &&
      !isSent &&
      world.isHealthy(latest.config),
    RollbackFailed:
      observation.spec.rollback === "OnFailure" && world.manners.forgets && FAILING.includes(fate),
    ExternallyDeleted: latest === undefined,
    AlreadyExists: world.others.length > 0 && !isSent,
  };
  return truth[reason] === true ? undefined : `${reason}, and it is not so`;
}

/** Nothing is sent more often than it takes. */
function tooMuch({ done, manners }: World, turns: number): string | undefined {
  const count = (what: string) => done.filter((step) => step.startsWith(what)).length;
  if (count("create") > 2) return "created again and again";
  // Each turn may need one, and one to go back; what is read later than that counts as lost is sent again.
  const most = 2 * turns + manners.loses + (manners.staleMs > 30_000 ? 3 * turns : 0);
  return count("deploy") > most ? `${count("deploy")} upserts` : undefined;
}

const MANNERS: readonly Partial<Manners>[] = [
  {},
  { staleMs: 8_000 },
  { staleMs: 40_000 },
  { keeps: true },
  { loses: 1, staleMs: 3_000 },
  { forgets: true, fills: true, staleMs: 8_000 },
];

interface Game {
  start: string;
  first: Declared;
  turns: readonly string[];
  rollback: "None" | "OnFailure";
  manners: Partial<Manners>;
}

const THIRDS = [
  "another number",
  "back to the first",
  "one that is rejected",
  "switched off",
  "a change in the console",
  "a deletion",
];

function* games(): Generator<Game> {
  for (const manners of MANNERS)
    for (const rollback of ["None", "OnFailure"] as const)
      for (const start of Object.keys(STARTS))
        for (const first of ["good", "off", "rejected", "late", "crashing"] as const)
          for (const second of Object.keys(TURNS))
            for (const third of THIRDS) yield { start, first, turns: [second, third], rollback, manners };
}

/** What is wrong with the whole game; undefined where nothing is. Its endings are added to those met. */
function wrongWith(
  { start, first, turns, rollback, manners }: Game,
  endings: Set<string>,
): { wrong: string; trace: readonly string[] } | undefined {
  const world = new World(manners, declared(first, { rollback }));
  STARTS[start]?.(world);
  const trace: string[] = [];
  for (const [at, turn] of ["nothing", ...turns].entries()) {
    if (world.observation.deleting) break;
    trace.push(`(${turn})`);
    TURNS[turn]?.(world);
    const wrong = play(world, RULES, trace) ?? tooMuch(world, at + 1);
    if (wrong) return { wrong, trace };
    endings.add(trace.at(-1) ?? "");
  }
  return undefined;
}

const ENDINGS = [
  ...["Done/Available", "Done/Disabled", "release"],
  ...["Terminal/ConfigurationRejected", "Terminal/ProgressDeadlineExceeded"],
  ...["Terminal/RolledBack", "Terminal/RollbackFailed"],
  ...["Terminal/ExternallyDeleted", "Terminal/AlreadyExists"],
];

describe("decide, played to the end", () => {
  it("comes to rest where it shall or with a reason, whatever is declared and whatever happens", () => {
    const endings = new Set<string>();
    const { games: played, failures } = playAll(
      games(),
      (game) => wrongWith(game, endings),
      (game) => JSON.stringify(game),
    );
    expect(failures).toEqual([]);
    expect(ENDINGS.filter((ending) => !endings.has(ending))).toEqual([]);
    expect(played).toBeGreaterThan(10_000);
  }, 600_000);
});
