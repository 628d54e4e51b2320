/**
 * Everything that reads what others wrote, with inputs that an attacker could send: it fails in the ways that it says,
 * within its bounds. A bounded number of runs here, the same each time, so that a failure is due to the change; `npm run fuzz`
 * (FUZZ_SECONDS, default an hour) looks for new ones, and prints how many there were.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CLUSTER_TARGETS } from "./cluster.ts";
import { DECISION_TARGETS } from "./decisions.ts";
import { PLUGIN_TARGETS } from "./plugin.ts";
import { TRANSPORT_TARGETS } from "./transport.ts";

const TARGETS = [...TRANSPORT_TARGETS, ...CLUSTER_TARGETS, ...DECISION_TARGETS, ...PLUGIN_TARGETS];
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0);
const shareMs = (SECONDS * 1_000) / TARGETS.length;

describe("hostile input", () => {
  it.each(TARGETS.map((target) => [target.name, target] as const))(
    "of %s",
    async (name, { runs, property }) => {
      const bounds =
        SECONDS > 0
          ? {
              numRuns: Number.MAX_SAFE_INTEGER,
              interruptAfterTimeLimit: shareMs,
              markInterruptAsFailure: false,
            }
          : { numRuns: runs, seed: 1 };
      const result = await fc.check(property, bounds);
      if (SECONDS > 0) console.log(`${name}: ${result.numRuns} executions`);
      expect(result.failed ? fc.defaultReportMessage(result) : undefined).toBeUndefined();
    },
    SECONDS > 0 ? 2 * shareMs + 60_000 : 60_000,
  );
});
