import { describe, expect, it } from "vitest";
import { storedLeaves } from "../../../test/decide/deployment/config.ts";
import { FOREIGN, GOOD, NEW, sent, stored, targetOf } from "../../../test/decide/deployment/situations.ts";
import type { StoredSpec } from "./api.ts";
import { additions } from "./compare.ts";
import { classifyExtras } from "./server-defaults.ts";
import type { Rollout } from "./types.ts";

const HISTORY = [sent(NEW, { replaces: "a" }), sent(GOOD, { specId: "a", outcome: "Healthy" })];
const FILLED = { command: ["entry"] };
const EDITED = { ...FILLED, containerRegistry: "theirs" };

/** NEW as it is stored, with more in it. */
function more(id: string, parts: object = {}): StoredSpec {
  const { data, ...rest } = stored(id, NEW);
  return { ...rest, data: { ...(data as object), ...parts } };
}

function extra(latest: StoredSpec, specs?: readonly StoredSpec[], history: readonly Rollout[] = HISTORY) {
  const target = targetOf(NEW);
  return classifyExtras(
    { history },
    latest,
    additions(target.leaves, storedLeaves(latest.data)),
    target,
    specs,
  );
}

describe("what a new spec has beside what was sent", () => {
  it("costs no read where there is nothing, or only what the API is known to fill in", () => {
    expect(extra(more("b"))).toEqual({ state: "filled" });
    const known = [...HISTORY, sent(FOREIGN, { specId: "z", filled: ["command"] })];
    expect(extra(more("b", FILLED), undefined, known)).toEqual({ state: "filled" });
    expect(extra(more("b", EDITED), undefined, known)).toEqual({ state: "unlooked" });
  });

  it("is looked up in the former specs, read after this one existed", () => {
    const latest = more("b", FILLED);
    expect(extra(latest)).toEqual({ state: "unlooked" });
    expect(extra(latest, [stored("a", GOOD)])).toEqual({ state: "stale" });
    expect(extra(latest, [])).toEqual({ state: "stale" });
  });

  it("is the API's own where no other spec came between: no other actor can have added it", () => {
    const latest = more("b", FILLED);
    expect(extra(latest, [latest, stored("a", GOOD)])).toEqual({ state: "filled" });
    // Of a create there is nothing before it.
    expect(extra(latest, [latest], [sent(NEW)])).toEqual({ state: "filled" });
  });

  it("is another actor's where our own spec came without it: else their edit would stay for ever", () => {
    const latest = more("c", EDITED);
    expect(extra(latest, [latest, more("b", FILLED), stored("a", GOOD)])).toEqual({
      state: "changed",
      changes: [{ field: "containerRegistry", from: "theirs", to: undefined }],
    });
    expect(extra(latest, [latest, more("b"), stored("a", GOOD)])).toMatchObject({
      changes: [{ field: "command" }, { field: "containerRegistry" }],
    });
  });

  it("is compared to the first spec since our upsert that holds what was sent, not to an older one", () => {
    const latest = more("c", EDITED);
    // An older one that looks like ours, and another actor's in between.
    const specs = [latest, stored("x", FOREIGN), more("b", EDITED), stored("a", GOOD), more("0")];
    expect(extra(latest, specs)).toEqual({ state: "filled" });
  });

  it("counts as filled in where nothing can be compared: what cannot be read is no evidence of an edit", () => {
    const latest = { ...more("b", FILLED), data: { apiVersion: "v7" } };
    const target = targetOf(NEW);
    expect(classifyExtras({ history: HISTORY }, latest, ["command"], target, [latest])).toEqual({
      state: "filled",
    });
  });
});
