/**
 * A placement at a vendor that answers otherwise than documented, as mutations.test.ts has machines and deployments: in
 * combinations that a seed draws, and where STORIES is set, as in `npm run stories`, with each mutation alone.
 */
import { describe, expect, it } from "vitest";
import { GAPS } from "../../dev/fidelity/gaps.ts";
import { combinationOf } from "../../dev/simulator/mutations/catalogue.ts";
import { livable, type MutatedLife } from "../support/mutated-life.ts";
import { placementLife } from "../support/mutated-placement.ts";

const STORIES = process.env.STORIES;
const COUNT = Number(process.env.MUTATION_STORIES ?? STORIES ?? 5);
const FIRST_SEED =
  process.env.STORY_SEED === "new" ? Date.now() % 1_000_000_000 : Number(process.env.STORY_SEED ?? 1);

/** The delete is answered without its event, and the machine is still read as it was when that is listed. */
const STALE_AFTER_DELETE: readonly MutatedLife[] = [
  { mutations: ["writes-answer-ok", "lists-lag-20s", "pages-lose"], seed: 25, answerLost: false },
  { mutations: ["reads-lag-60s", "writes-answer-nothing"], seed: 41, answerLost: true },
];

describe("a machine that moves from one candidate to the next", () => {
  it.each(STALE_AFTER_DELETE)("is not taken for deleted by another actor: $mutations", async (life) => {
    expect(await placementLife(life)).toBeGreaterThan(0);
  });

  const mutations = livable(Object.keys(GAPS.machine));

  it(`is never one of two, and leaves nothing, whatever is answered, in ${COUNT} combinations`, async () => {
    const alone = STORIES === undefined ? [] : mutations.map(({ name }) => [name]);
    const drawn = Array.from({ length: COUNT }, (_, i) => combinationOf(FIRST_SEED + i, mutations));
    const failures: string[] = [];
    let moves = 0;
    for (const [i, names] of [...drawn, ...alone].entries()) {
      const life = { mutations: names, seed: FIRST_SEED + i, answerLost: i % 3 === 0 };
      await placementLife(life).then(
        (removed) => {
          moves += removed;
        },
        (error: Error) => {
          failures.push(`seed ${life.seed} (${names.join(", ")}): ${error.message.slice(0, 2_000)}`);
        },
      );
    }
    expect(failures.join("\n\n")).toBe("");
    expect(moves).toBeGreaterThan(0);
  }, 3_600_000);
});
