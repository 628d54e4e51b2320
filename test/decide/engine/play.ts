/** Plays decisions against models of the cloud until they rest, from every start. */
import { type AnyDecision, wordOf } from "./law.ts";

/** What a pass shows: play goes on, it has ended well, or something is wrong. */
export type Verdict = "goes on" | "has ended" | { wrong: string };

interface Playable<D extends AnyDecision> {
  /** Whether something is still to come by itself. */
  readonly moving: boolean;
  pass(): D;
}

export interface Rules<W extends Playable<D>, D extends AnyDecision> {
  /** Within so many passes it must rest. */
  passes: number;
  /** `moving` is of before the pass, `passes` how many there were before. */
  judge(world: W, decision: D, moving: boolean, passes: number): Verdict;
}

/** What went wrong; undefined where nothing did. The words of what was chosen are added to the trace. */
export function play<W extends Playable<D>, D extends AnyDecision>(
  world: W,
  { passes: most, judge }: Rules<W, D>,
  trace: string[] = [],
): string | undefined {
  for (let passes = 0; passes < most; passes++) {
    const { moving } = world;
    const decision = world.pass();
    const word = wordOf(decision);
    if (trace.at(-1) !== word) trace.push(word);
    const verdict = judge(world, decision, moving, passes);
    if (verdict === "has ended") return undefined;
    if (verdict !== "goes on") return verdict.wrong;
  }
  return "no rest";
}

/** `wrong` or nothing, as a verdict at the end. */
export function ended(wrong: string | undefined): Verdict {
  return wrong === undefined ? "has ended" : { wrong };
}

export interface Played {
  games: number;
  /** Each failure, with the first game in which it occurred. */
  failures: string[];
}

/** Plays every game. `show` is for the report alone: what the game was like when it began. */
export function playAll<G>(
  games: Iterable<G>,
  outcomeOf: (game: G) => { wrong: string; trace: readonly string[] } | undefined,
  show: (game: G, index: number) => string,
): Played {
  const failures = new Map<string, string>();
  let played = 0;
  for (const game of games) {
    const index = played++;
    const failure = outcomeOf(game);
    if (!failure || failures.has(failure.wrong)) continue;
    const { wrong, trace } = failure;
    failures.set(wrong, `${wrong}: ${trace.slice(-16).join(" ")} from ${show(game, index)}`);
  }
  return { games: played, failures: [...failures.values()] };
}
