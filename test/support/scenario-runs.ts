/**
 * How random stories are told in virtual time, whatever they are of. `npm test` and CI tell the same ones each time, so
 * that a failure speaks of the change; STORY_SEED=new, as in `npm run stories`, looks for others. What a failure prints
 * as seed and path plays that one again, as STORY_SEED and STORY_PATH.
 */
import fc from "fast-check";

const { STORY_SEED: seed = "1", STORY_PATH: path } = process.env;

/** Rejects with the shortest story found that does not end well; each has its own stage, from `open`. */
export async function everyScenario<S, T extends { check(): void; close(): Promise<void> }>(
  scenarios: fc.Arbitrary<S>,
  count: number,
  open: (scenario: S) => T,
  run: (driver: T, scenario: S) => Promise<void>,
): Promise<void> {
  const property = fc.asyncProperty(scenarios, async (scenario) => {
    const driver = open(scenario);
    try {
      await run(driver, scenario);
      driver.check();
    } finally {
      await driver.close();
    }
  });
  await fc.assert(property, {
    numRuns: count,
    ...(seed !== "new" && { seed: Number(seed) }),
    ...(path && { path }),
  });
}
