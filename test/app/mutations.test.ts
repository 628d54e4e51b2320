/**
 * A machine and a deployment at a vendor that answers otherwise than documented: each mutation alone, and combinations that
 * a seed draws. `npm run stories` draws a thousand of each.
 */
import { describe, expect, it } from "vitest";
import { GAPS } from "../../dev/fidelity/gaps.ts";
import { combinationOf } from "../../dev/simulator/mutations/catalogue.ts";
import { deploymentLife, livable, type MutatedLife, machineLife } from "../support/mutated-life.ts";

const COUNT = Number(process.env.MUTATION_STORIES ?? process.env.STORIES ?? 20);
const FIRST_SEED =
  process.env.STORY_SEED === "new" ? Date.now() % 1_000_000_000 : Number(process.env.STORY_SEED ?? 1);

const KINDS: readonly [keyof typeof GAPS, (life: MutatedLife) => Promise<void>][] = [
  ["machine", machineLife],
  ["deployment", deploymentLife],
];

describe.each(KINDS)(
  "a %s is made once, stays as declared with few writes, and can be deleted",
  (kind, live) => {
    const mutations = livable(Object.keys(GAPS[kind]));

    it.each(mutations.map(({ name }) => name))(
      "where answers are: %s",
      async (name) => {
        // Where the answer of the create is odd itself, it need not be lost.
        await live({ mutations: [name], answerLost: kind === "machine" && !name.startsWith("writes-") });
      },
      120_000,
    );

    // Of 12 MiB one kind is enough: the simulator writes them for each list anew.
    const sizes = [
      "large-neighbours",
      ...(kind === "deployment" ? ["items-of-1-mib", "items-of-12-mib"] : []),
    ];
    it.each(sizes)(
      "where answers are large: %s",
      async (name) => {
        await live({ mutations: [name], hurried: true });
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
