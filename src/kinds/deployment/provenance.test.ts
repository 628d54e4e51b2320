import { describe, expect, it } from "vitest";
import {
  FOREIGN,
  GOOD,
  NEW,
  sent,
  stored,
  targetOf,
  WITH_SECRET,
} from "../../../test/decide/deployment/situations.ts";
import type { Desired } from "./observation.ts";
import { originOf } from "./provenance.ts";

const MISSING: Desired = { state: "missing", reason: "SecretNotFound", message: "make it" };
const markOf = (spec: typeof GOOD) => targetOf(spec).hash;
const { secrets } = sent(WITH_SECRET);
/** As sent, with something in it that the API has filled in. */
const filled = (spec: typeof GOOD) => {
  const { config } = targetOf(spec);
  return stored("s1", { ...config, models: [{ id: "filled-in" }] } as never, "applied");
};
const asSent = (spec: typeof GOOD) => stored("s1", targetOf(spec).config, "applied");

describe("originOf derives who created a deployment from its first spec:", () => {
  it.each([
    ["what was sent", [asSent(GOOD)], GOOD, {}, targetOf(GOOD), "ours"],
    ["what was sent, whatever is desired or missing now", [asSent(GOOD)], GOOD, {}, MISSING, "ours"],
    ["another actor's", [asSent(FOREIGN)], GOOD, {}, targetOf(GOOD), "foreign"],
    [
      "what was sent, and the same once more",
      [asSent(GOOD), asSent(GOOD)],
      GOOD,
      {},
      targetOf(GOOD),
      "foreign",
    ],
    ["what was sent, with something filled in", [filled(GOOD)], GOOD, {}, targetOf(GOOD), "ours"],
    ["that of another spec of this object", [filled(NEW)], GOOD, {}, targetOf(NEW), "foreign"],
    ["something, with nothing left to compare it to", [filled(GOOD)], GOOD, {}, MISSING, "unknown"],
    [
      "something that uses this object's secrets",
      [filled(WITH_SECRET)],
      WITH_SECRET,
      { secrets },
      MISSING,
      "ours",
    ],
    [
      "something without this object's secrets",
      [asSent(FOREIGN)],
      WITH_SECRET,
      { secrets },
      MISSING,
      "foreign",
    ],
    ["none that is shown", [], GOOD, {}, targetOf(GOOD), "unknown"],
    ["none that was read yet", undefined, GOOD, {}, targetOf(GOOD), "unknown"],
  ] as const)("%s", (_, specs, spec, more, desired, origin) => {
    expect(originOf(specs, { mark: markOf(spec), ...more }, desired)).toBe(origin);
  });
});
