/**
 * How random scenarios are run in virtual time, for any kind. `npm test` and CI run the same ones each time, so that a
 * failure is due to the change; STORY_SEED=new, as in `npm run stories`, runs others. The seed and path that a failure
 * prints repeat it, as STORY_SEED and STORY_PATH.
 */
import fc from "fast-check";

const { STORY_SEED: seed = "1", STORY_PATH: path } = process.env;

/** A failing scenario often waits for hours of the cloud's time: so many shorter ones are tried, and then it is reported. */
const MOST_SHORTER = 30;

/** Rejects with the shortest failing scenario found; each has its own driver, from `open`. */
export async function everyScenario<S, T extends { check(): void; close(): Promise<void> }>(
  scenarios: fc.Arbitrary<S>,
  count: number,
  open: (scenario: S) => T,
  run: (driver: T, scenario: S) => Promise<void>,
): Promise<void> {
  let sinceFailure: number | undefined;
  const property = fc.asyncProperty(scenarios, async (scenario) => {
    if (sinceFailure !== undefined) fc.pre(++sinceFailure <= MOST_SHORTER);
    const driver = open(scenario);
    try {
      await run(driver, scenario);
      driver.check();
    } catch (error) {
      sinceFailure ??= 0;
      throw error;
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
