/** The law engine itself: a check that cannot fail would keep every law of every kind green. */
import { describe, expect, it } from "vitest";
import type { Decision } from "../../../src/reconcile/decision.ts";
import { lawsOf } from "./law.ts";
import { LawChecker } from "./law-checker.ts";
import { ModelWorld } from "./model-world.ts";
import { ended, play, playAll, type Verdict } from "./play.ts";
import { both, combinations, leakyValues, type Product, productsOf } from "./product.ts";
import { Walks } from "./walk.ts";

/** A resource with a size that is to change, in one step or two. */
interface Observation {
  size: number;
  desired: number;
  halted: boolean;
  memory: { at?: number };
  now: number;
}
type Sizing = Decision<{ do: "grow"; by: number } | { do: "shrink" }, Observation["memory"]>;

const start = (): { observation: Observation } => ({
  observation: { size: 1, desired: 1, halted: false, memory: {}, now: 0 },
});
const { axis, every } = productsOf(start);
const SIZES = axis([1, 2, 30], ({ observation }, size) => {
  observation.size = size;
});
const DESIRED = axis([1, 2], ({ observation }, desired) => {
  observation.desired = desired;
});
const HALTED = axis([false, true], ({ observation }, halted) => {
  observation.halted = halted;
});

function decide({ size, desired, halted, memory }: Observation): Sizing {
  if (halted) return { step: { do: "none", outcome: { kind: "Unknown" } }, memory, needs: ["peace"] };
  if (size < desired) return { step: { do: "grow", by: desired - size }, memory };
  if (size > desired) return { step: { do: "shrink" }, memory };
  return { step: { do: "none", outcome: { kind: "Done", reason: "AsDeclared", message: "" } }, memory };
}

const law = lawsOf<Observation, Sizing>();
const TRUE_LAW = law(["grow"], "it grows by what is missing", ({ size, desired }, { by }) => {
  return size + by === desired;
});
const FALSE_LAW = law(["shrink"], "it never shrinks below ten", ({ desired }) => desired >= 10);

function checker(...laws: ReturnType<typeof law>[]): LawChecker<Observation, Sizing> {
  return new LawChecker({ decide, laws, plain: () => start().observation });
}

describe("a product", () => {
  it("visits every combination once, so that no situation is missed", () => {
    const seen = new Set<string>();
    const visits = every([SIZES, DESIRED, HALTED], ({ observation }) =>
      seen.add(JSON.stringify(observation)),
    );
    expect(visits).toBe(12);
    expect(seen.size).toBe(12);
    expect(every([both(SIZES, DESIRED)], () => {})).toBe(6);
    expect([...combinations<{ a: number; b: boolean }>({ a: [1, 2], b: [true, false] })]).toHaveLength(4);
  });
});

describe("the values of axes", () => {
  it("are found out where one leaves something of the one before: its situations would be others than it says", () => {
    const added = axis([0, 1], ({ observation }, by) => {
      observation.size += by;
    });
    const sometimes = axis([5, 0], ({ observation }, at) => {
      if (at > 0) observation.memory = { at };
    });
    expect(leakyValues(start, [SIZES, DESIRED, HALTED])).toEqual([]);
    // What an axis right outside of it sets anew is not left.
    expect(leakyValues(start, [SIZES, added])).toEqual([]);
    expect(leakyValues(start, [added, HALTED, sometimes])).toEqual(["2/1"]);
    expect(leakyValues(start, [HALTED, added])).toEqual(["0/1", "1/0"]);
  });
});

describe("LawChecker", () => {
  it("reports each broken law with the smallest observation, not with the first", () => {
    const checks = checker(TRUE_LAW, FALSE_LAW);
    for (const size of [30, 2, 40]) checks.check({ ...start().observation, size });
    expect(checks.broken).toEqual({ "it never shrinks below ten (shrink)": '{"size":2}: shrink' });
  });

  it("checks a law only where it applies, and records which did", () => {
    const narrowed = law({ choices: ["grow"], when: (_, { by }) => by > 100 }, "far", () => false);
    const outcomes = law(["none"], "every outcome", () => true);
    const checks = checker(TRUE_LAW, FALSE_LAW, narrowed, outcomes);
    checks.check({ ...start().observation, desired: 2 });
    checks.check(start().observation);
    expect(checks.broken).toEqual({});
    expect(checks.applied).toEqual(["it grows by what is missing", "every outcome"]);
    expect([...checks.chosen]).toEqual(["grow", "Done"]);
  });
});

describe("a walk over products", () => {
  const product = (...axes: Product<ReturnType<typeof start>>["axes"]) => ({
    what: "sizes",
    axes,
    atLeast: 1,
  });

  it("walks each product once, however many laws need it", () => {
    let decisions = 0;
    const counted = (observation: Observation) => {
      decisions++;
      return decide(observation);
    };
    const walks = new Walks({ decide: counted, laws: [TRUE_LAW], plain: () => start().observation }, start);
    const sizes = product(SIZES, DESIRED);
    expect(walks.walk(sizes).situations).toBe(6);
    walks.neverApplied([sizes]);
    expect(decisions).toBe(6);
  });

  it("names the laws that applied in none of them: these could not fail", () => {
    const walks = new Walks({ decide, laws: [TRUE_LAW, FALSE_LAW], plain: () => start().observation }, start);
    expect(walks.neverApplied([product(DESIRED)])).toEqual(["it never shrinks below ten"]);
    expect(walks.neverApplied([product(DESIRED), product(SIZES)])).toEqual([]);
  });
});

class SizeWorld extends ModelWorld<Observation["memory"], Observation, Sizing> {
  override readonly observation = start().observation;
  override readonly moving = false;
  protected override readonly resyncMs = 60_000;
  readonly steps: string[] = [];

  protected override decide(observation: Observation): Sizing {
    return decide(observation);
  }
  protected override look(): void {}
  protected override perform(step: { do: string; by?: number }): void {
    this.steps.push(step.do);
    this.observation.size += step.by ?? -1;
  }
  protected override read(): void {
    this.observation.halted = false;
  }
  protected override elapse(ms: number): void {
    this.observation.now += ms;
  }
}

function sized(size: number, desired: number, halted = false): SizeWorld {
  const world = new SizeWorld();
  Object.assign(world.observation, { size, desired, halted });
  return world;
}

const RULES = {
  passes: 10,
  judge: (world: SizeWorld, { step }: Sizing): Verdict => {
    if (step.do !== "none" || step.outcome.kind !== "Done") return "goes on";
    return ended(world.steps.length > 3 ? "too many steps" : undefined);
  },
};

describe("a game", () => {
  it("goes on until it rests: steps are performed, missing facts are read, time goes on", () => {
    const world = sized(1, 4, true);
    const trace: string[] = [];
    expect(play(world, RULES, trace)).toBeUndefined();
    expect(trace).toEqual(["Unknown", "grow", "Done/AsDeclared"]);
    expect(world.observation.now).toBe(62_000);
  });

  it("is lost where it does not rest, or rests wrongly", () => {
    expect(play(sized(30, 1), RULES)).toBe("no rest");
    expect(play(sized(5, 1), RULES)).toBe("too many steps");
  });

  it("is reported once for each failure, with how it began", () => {
    const wrongWith = (size: number) => {
      const trace: string[] = [];
      const wrong = play(sized(size, 1), RULES, trace);
      return wrong === undefined ? undefined : { wrong, trace };
    };
    const { games, failures } = playAll([1, 5, 30, 40], wrongWith, (size, index) => `${index}: ${size}`);
    expect(games).toBe(4);
    expect(failures).toEqual([
      "too many steps: shrink Done/AsDeclared from 1: 5",
      "no rest: shrink from 2: 30",
    ]);
  });
});
