/** Statuses over a product of observations: what has not changed must not be written again. */
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import { machineStatusSchema } from "../../../src/kinds/machine/status-schema.ts";
import { isReported } from "../../../src/reconcile/outcome.ts";
import {
  CHANCES,
  DELETING,
  EVERY_STATE,
  HALTED,
  hardware,
  policy,
  SELF_SHUT_DOWN,
  SETTINGS,
  UNSEEN,
  WISH,
} from "./axes.ts";
import { every, MINUTE, NOW } from "./situations.ts";
import { status } from "./status.ts";

describe("machineStatus", () => {
  it("is equal for equal knowledge, however often and whenever it is written: an idle machine costs no write", () => {
    const unequal = new Set<string>();
    const axes = [
      [...UNSEEN, ...EVERY_STATE],
      WISH,
      SELF_SHUT_DOWN,
      hardware(["none", "disk", "disk too large", "not shown"]),
      policy("WhenStopped", "StopAndResize"),
      CHANCES,
      SETTINGS,
      DELETING,
      HALTED,
    ];
    let reported = 0;
    every(axes, ({ observation }) => {
      const { step, memory } = decideMachine(observation);
      if (step.do !== "none" || !isReported(step.outcome)) return;
      reported++;
      const given = { observation, spec: observation.spec, memory, outcome: step.outcome };
      const first = status(given);
      const again = status({ ...given, before: first, observation: { ...observation, now: NOW + MINUTE } });
      const third = status({
        ...given,
        before: again,
        observation: { ...observation, now: NOW + 2 * MINUTE },
      });
      // What was observed before a halt is not known at first.
      const known = step.outcome.kind === "Halted" ? again : first;
      for (const after of [again, third])
        if (JSON.stringify(known) !== JSON.stringify(after)) unequal.add(JSON.stringify([known, after]));
      if (!Value.Check(machineStatusSchema, again))
        unequal.add(`does not fit the schema: ${JSON.stringify(again)}`);
    });
    expect([...unequal].slice(0, 3)).toEqual([]);
    expect(reported).toBeGreaterThan(5_000);
  }, 120_000);
});
