/**
 * How random stories are told in virtual time, whatever they are of. `npm test` and CI tell the same ones each time, so
 * that a failure speaks of the change; STORY_SEED=new, as in `npm run stories`, looks for others. What a failure prints
 * as seed and path plays that one again, as STORY_SEED and STORY_PATH.
 */
import fc from "fast-check";

const { STORY_SEED: seed = "1", STORY_PATH: path } = process.env;

/** Rejects with the shortest story found that does not end well; each has its own stage, from `open`. */
export async function everyStory<S, T extends { judge(): void; close(): Promise<void> }>(
  stories: fc.Arbitrary<S>,
  count: number,
  open: (story: S) => T,
  play: (stage: T, story: S) => Promise<void>,
): Promise<void> {
  const told = fc.asyncProperty(stories, async (story) => {
    const stage = open(story);
    try {
      await play(stage, story);
      stage.judge();
    } finally {
      await stage.close();
    }
  });
  await fc.assert(told, {
    numRuns: count,
    ...(seed !== "new" && { seed: Number(seed) }),
    ...(path && { path }),
  });
}
