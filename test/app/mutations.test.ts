/**
 * A machine and a deployment at a vendor that answers otherwise than documented: each mutation alone, and combinations that
 * a seed draws. `npm run stories` draws a thousand of each.
 */
import { describe, expect, it } from "vitest";
import { combinationOf } from "../../dev/simulator/mutations/catalogue.ts";
import { deploymentLife, livable, type MutatedLife, machineLife } from "../support/mutated-life.ts";

const COUNT = Number(process.env.MUTATION_STORIES ?? process.env.STORIES ?? 20);
const FIRST_SEED =
  process.env.STORY_SEED === "new" ? Date.now() % 1_000_000_000 : Number(process.env.STORY_SEED ?? 1);

/** Not lived with yet, with what is missing. */
const OPEN = {
  machine: [
    // What the API stores otherwise than it was sent is put back until it is contended.
    "weekly-as-week",
  ],
  deployment: [
    // What the API stores otherwise than it was sent is taken for another actor's.
    "names-lower-case",
    "paths-with-slash",
    "paths-without-slash",
    // What a list lacks is sent again with each list.
    "latest-spec-missing-in-lists",
    "latest-spec-null-in-lists",
  ],
};

const KINDS: readonly [keyof typeof OPEN, (life: MutatedLife) => Promise<void>][] = [
  ["machine", machineLife],
  ["deployment", deploymentLife],
];

describe.each(KINDS)(
  "a %s is made once, stays as declared with few writes, and can be deleted",
  (kind, live) => {
    const mutations = livable(OPEN[kind]);

    it.each(mutations.map(({ name }) => name))(
      "where answers are: %s",
      async (name) => {
        // Where the answer of the create is odd itself, it need not be lost.
        await live({ mutations: [name], answerLost: kind === "machine" && !name.startsWith("writes-") });
      },
      120_000,
    );

    it(`where they differ in several ways, in ${COUNT} combinations`, async () => {
      const failures: string[] = [];
      for (let seed = FIRST_SEED; seed < FIRST_SEED + COUNT; seed++) {
        const names = combinationOf(seed, mutations);
        const life = { mutations: names, seed, answerLost: seed % 3 === 0, hurried: seed % 2 === 0 };
        await live(life).catch((error: Error) => {
          failures.push(`seed ${seed} (${names.join(", ")}): ${error.message.slice(0, 2_000)}`);
        });
      }
      expect(failures.join("\n\n")).toBe("");
    }, 3_600_000);
  },
);
