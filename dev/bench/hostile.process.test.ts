/** A hostile API and hostile tenants, short; `npm run bench -- hostile` runs it for an hour, and prints what it costs. */
import { expect, it } from "vitest";
import { besideHostile, LIMIT_MIB } from "./hostile.ts";

/** Of each sort a few. */
const ANSWERS = 80;

it("the operator lives beside them in the memory of its container, and serves another tenant", async () => {
  const goOn = (run: number, answers: number) => run < 2 || answers < ANSWERS;
  const { beside, samples } = await besideHostile(
    { speed: 15, runsBefore: 0, goOn },
    AbortSignal.timeout(110_000),
  );
  expect(beside.length).toBeGreaterThanOrEqual(2);
  expect(samples.length).toBeGreaterThan(0);
  for (const { rssMiB } of samples) expect(rssMiB).toBeLessThan(LIMIT_MIB);
});
