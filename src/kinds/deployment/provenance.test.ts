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
const isOwnSecret = (name: string) => secrets?.includes(name) ?? false;
const LOCKED = { ...GOOD, basicAuthSecretRef: { name: "door", key: "key" } };
/** As an API stores it that chooses what is left out. */
const chosen = (spec: typeof GOOD, more: object) =>
  stored("s1", { ...targetOf(spec).config, ...more } as never, "applied");
/** As sent, with something in it that the API has filled in. */
const filled = (spec: typeof GOOD) => {
  const { config } = targetOf(spec);
  return stored("s1", { ...config, models: [{ id: "filled-in" }] } as never, "applied");
};
const FOLDED = { ...GOOD, image: "acme/model", env: [{ name: "MODE", value: " Fast " }] };
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
      { secrets, isOwnSecret },
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
    [
      "what was sent, with region and registry filled in, whatever is desired now",
      [chosen(GOOD, { region: "ny2", containerRegistry: "public" })],
      GOOD,
      {},
      targetOf(NEW),
      "ours",
    ],
    [
      "what was sent to another region",
      [chosen(GOOD, { region: "ams1" })],
      { ...GOOD, region: "ny2" },
      {},
      targetOf(NEW),
      "foreign",
    ],
    ["what was sent, without the key of its endpoint", [asSent(GOOD)], LOCKED, {}, targetOf(LOCKED), "ours"],
    [
      "a secret of this object's, though the rest is written otherwise, and the next one is the same",
      [asSent(WITH_SECRET), asSent(WITH_SECRET)],
      GOOD,
      { isOwnSecret },
      targetOf(NEW),
      "ours",
    ],
    [
      "anything, alone in a history that shows what the answered upsert sent",
      [asSent(FOREIGN)],
      GOOD,
      { answered: "settled" },
      targetOf(GOOD),
      "ours",
    ],
    [
      "anything, alone in a history that may not show yet what the answered upsert sent",
      [asSent(FOREIGN)],
      GOOD,
      { answered: "lately" },
      targetOf(GOOD),
      "unknown",
    ],
    [
      "another actor's, before what the answered upsert sent",
      [asSent(FOREIGN), asSent(GOOD)],
      GOOD,
      { answered: "settled" },
      targetOf(GOOD),
      "foreign",
    ],
    [
      "what was sent, but for case, blanks, slashes, registry and tag",
      [asSent({ ...FOLDED, image: "docker.io/acme/model:latest", env: [{ name: "mode", value: "Fast" }] })],
      FOLDED,
      {},
      targetOf(FOLDED),
      "ours",
    ],
    [
      "another actor's, whose image differs in more",
      [asSent({ ...FOLDED, image: "acme/model:2" })],
      FOLDED,
      {},
      targetOf(FOLDED),
      "foreign",
    ],
    [
      "another actor's, whose value the API could not have made of what was sent",
      [asSent({ ...FOLDED, env: [{ name: "MODE", value: "FAST" }] })],
      FOLDED,
      {},
      targetOf(FOLDED),
      "foreign",
    ],
    ["none that is shown", [], GOOD, {}, targetOf(GOOD), "unknown"],
    ["none that was read yet", undefined, GOOD, {}, targetOf(GOOD), "unknown"],
  ] as const)("%s", (_, specs, spec, more, desired, origin) => {
    expect(originOf(specs, { mark: markOf(spec), ...more }, desired)).toBe(origin);
  });
});
