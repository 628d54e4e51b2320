import { describe, expect, it } from "vitest";
import { scene } from "../../../../test/decide/machine/situations.ts";
import { SPEC } from "../../../../test/decide/machine/spec.ts";
import type { Failed } from "../../../reconcile/outcome.ts";
import { FACT, type Related } from "../observation.ts";
import type { MachineSpec } from "../types.ts";
import type { Convergence } from "./aspect.ts";
import { scriptDrift, startupScript } from "./startup-script.ts";

const related = (over: Partial<Related> = {}): Related => ({ capacity: {}, readErrors: {}, ...over });
const spec = (over: Partial<MachineSpec>): MachineSpec => ({ ...SPEC, ...over });

function convergence(
  over: Partial<MachineSpec>,
  facts: Partial<Related>,
  backingOff: Record<string, Failed> = {},
): Convergence {
  const { observation, machine } = scene();
  const seen = { ...observation, spec: spec(over), related: related(facts), backingOff };
  return { observation: seen, machine, power: "ready", memory: {}, needs: [], userErrors: [], retries: [] };
}

const REFUSED: Failed = { kind: "Terminal", reason: "Refused", message: "no such thing", recheckMs: 1 };
const FAILED: Failed = { kind: "Retry", reason: "ApiUnavailable", message: "503" };

describe("scriptDrift", () => {
  it("is undefined where it is not managed, or the fact is missing: unknown must not be taken for unassigned", () => {
    expect(scriptDrift(spec({}), related({ scripts: ["s1"] }))).toBeUndefined();
    expect(scriptDrift(spec({ startupScriptId: "s1" }), related())).toBeUndefined();
  });

  it("takes the declared script for the only one, and the empty one for none at all", () => {
    const drift = (startupScriptId: string, scripts: string[]) =>
      scriptDrift(spec({ startupScriptId }), related({ scripts }));
    expect(drift("s1", [])).toEqual({ missing: "s1", extra: [] });
    expect(drift("s1", ["s1"])).toEqual({ missing: undefined, extra: [] });
    expect(drift("s1", ["s2", "s1"])).toEqual({ missing: undefined, extra: ["s2"] });
    expect(drift("", ["s2"])).toEqual({ missing: undefined, extra: ["s2"] });
    expect(drift("", [])).toEqual({ missing: undefined, extra: [] });
  });
});

describe("the startup script", () => {
  it("unassigns the others first, since a machine may not take more than one", () => {
    const others = { scripts: ["s2", "s3"] };
    expect(startupScript.next(convergence({ startupScriptId: "s1" }, others))?.step).toEqual({
      do: "unassign",
      of: "s2",
    });
    expect(startupScript.next(convergence({ startupScriptId: "s1" }, { scripts: [] }))?.step).toEqual({
      do: "assign",
      of: "s1",
    });
  });

  it("needs the fact instead of assigning blindly", () => {
    const unknown = convergence({ startupScriptId: "s1" }, {});
    expect(startupScript.next(unknown)).toBeUndefined();
    expect(unknown.needs).toEqual([FACT.scripts]);
  });

  it("reports a script that was refused and goes on: a machine must be stopped all the same", () => {
    const refused = convergence({ startupScriptId: "s1" }, { scripts: [] }, { "assign/s1": REFUSED });
    expect(startupScript.next(refused)).toBeUndefined();
    expect(refused.userErrors).toEqual([{ reason: "Refused", message: "no such thing" }]);
    const failed = convergence({ startupScriptId: "s1" }, { scripts: [] }, { "assign/s1": FAILED });
    expect(startupScript.next(failed)).toBeUndefined();
    expect(failed.retries).toEqual([FAILED]);
  });
});
