import { describe, expect, it } from "vitest";
import { ADA, BOB, EVE, scene } from "../../../test/decide/machine/situations.ts";
import { SPEC } from "../../../test/decide/machine/spec.ts";
import type { Failed } from "../../reconcile/outcome.ts";
import { accessorDrift, accessors, script, scriptDrift, surelyExtra } from "./belongings.ts";
import { type Convergence, FACT, type Related } from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { User } from "./related-api.ts";
import type { MachineSpec } from "./types.ts";

const related = (over: Partial<Related> = {}): Related => ({ capacity: {}, readErrors: {}, ...over });
const spec = (over: Partial<MachineSpec>): MachineSpec => ({ ...SPEC, ...over });
const ids = (people: readonly User[] | undefined) => people?.map(({ id }) => id);

function convergence(
  over: Partial<MachineSpec>,
  known: Partial<Related>,
  backingOff: Record<string, Failed> = {},
): Convergence {
  const { observation, machine } = scene();
  const seen = { ...observation, spec: spec(over), related: related(known), backingOff };
  return { observation: seen, machine, power: "ready", memory: {}, needs: [], userErrors: [], retries: [] };
}

const REFUSED: Failed = { kind: "Terminal", reason: "Refused", message: "no such thing", recheckMs: 1 };
const FAILED: Failed = { kind: "Retry", reason: "ApiUnavailable", message: "503" };

describe("scriptDrift", () => {
  it("says nothing of what is not managed, or not known: unknown must not look like missing", () => {
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

describe("script", () => {
  it("takes the others away first, since a machine may not take more than one", () => {
    const looked = { scripts: ["s2", "s3"] };
    expect(script(convergence({ startupScriptId: "s1" }, looked))?.step).toEqual({
      do: "unassign",
      of: "s2",
    });
    expect(script(convergence({ startupScriptId: "s1" }, { scripts: [] }))?.step).toEqual({
      do: "assign",
      of: "s1",
    });
  });

  it("asks for what is not known instead of assigning blindly", () => {
    const unknown = convergence({ startupScriptId: "s1" }, {});
    expect(script(unknown)).toBeUndefined();
    expect(unknown.needs).toEqual([FACT.scripts]);
  });

  it("tells a script that was refused and goes on: a machine must be stopped all the same", () => {
    const refused = convergence({ startupScriptId: "s1" }, { scripts: [] }, { "assign/s1": REFUSED });
    expect(script(refused)).toBeUndefined();
    expect(refused.userErrors).toEqual([{ reason: "Refused", message: "no such thing" }]);
    const failed = convergence({ startupScriptId: "s1" }, { scripts: [] }, { "assign/s1": FAILED });
    expect(script(failed)).toBeUndefined();
    expect(failed.retries).toEqual([FAILED]);
  });
});

describe("peopleDrift", () => {
  it("says nothing of what is not managed, or not known", () => {
    expect(accessorDrift(spec({}), related({ accessors: [EVE] }))).toBeUndefined();
    expect(accessorDrift(spec({ accessors: { userIds: [] } }), related())).toBeUndefined();
  });

  it("takes both lists together, each person once, and addresses in any letter case", () => {
    const desired = spec({
      accessors: { userIds: [ADA.id], emails: ["ADA@example.org", "Bob@Example.org"] },
    });
    const drift = accessorDrift(desired, related({ accessors: [EVE], users: [ADA, BOB] }));
    expect(drift).toEqual({ missing: [ADA, BOB], extra: [EVE], unknown: [], sure: true });
  });

  it("an empty list lets nobody in but the owner", () => {
    const drift = accessorDrift(spec({ accessors: { userIds: [] } }), related({ accessors: [ADA, EVE] }));
    expect(ids(drift?.extra)).toEqual([ADA.id, EVE.id]);
  });

  it("knows who has access already by the address, without asking for the whole team", () => {
    const drift = accessorDrift(spec({ accessors: { emails: [ADA.email] } }), related({ accessors: [ADA] }));
    expect(drift).toEqual({ missing: [], extra: [], unknown: [], sure: false });
  });

  it("takes an id that nobody knows for good: the API has the last word on it", () => {
    const drift = accessorDrift(
      spec({ accessors: { userIds: ["u9"] } }),
      related({ accessors: [], users: [ADA] }),
    );
    expect(drift?.missing).toEqual([{ id: "u9", email: "" }]);
  });

  it("does not take somebody without an address for everybody who is named by one", () => {
    const nameless = { id: "u8", email: "" };
    const drift = accessorDrift(
      spec({ accessors: { emails: [ADA.email] } }),
      related({ accessors: [nameless] }),
    );
    expect(drift).toMatchObject({ missing: [], extra: [nameless], unknown: [ADA.email] });
  });
});

describe("people", () => {
  const both = { accessors: { userIds: [ADA.id], emails: [BOB.email] } };

  it("lets people in before it takes others away: whoever takes over should not wait at a closed door", () => {
    const seen = convergence(both, { accessors: [EVE], users: [ADA, BOB] });
    expect(accessors(seen)?.step).toMatchObject({ do: "grant", of: ADA.id, person: ADA });
    const next = convergence(both, { accessors: [EVE, ADA, BOB], users: [ADA, BOB] });
    expect(accessors(next)?.step).toMatchObject({ do: "revoke", of: EVE.id });
  });

  it("takes nobody away while an address is not resolved: that person may be meant", () => {
    const unsure = convergence(both, { accessors: [ADA, EVE] });
    expect(accessors(unsure)).toBeUndefined();
    expect(unsure.needs).toEqual([FACT.users]);
    const drift = accessorDrift(spec(both), related({ accessors: [ADA, EVE] }));
    expect(drift && surelyExtra(drift)).toEqual([]);
  });

  it("names an address that nobody of the team has, and has done all else by then", () => {
    const desired = { accessors: { emails: ["nobody@example.org"] } };
    const first = convergence(desired, { accessors: [EVE], users: [ADA] });
    expect(accessors(first)?.step).toMatchObject({ do: "revoke", of: EVE.id });
    const then = convergence(desired, { accessors: [], users: [ADA] });
    expect(accessors(then)).toBeUndefined();
    expect(then.userErrors).toMatchObject([{ reason: REASON.AccessorNotFound }]);
    expect(then.userErrors[0]?.message).toContain("nobody@example.org");
  });

  it("one who was refused keeps nobody else out, and nobody in", () => {
    const backingOff = { [`grant/${ADA.id}`]: REFUSED };
    const seen = convergence(both, { accessors: [EVE], users: [ADA, BOB] }, backingOff);
    expect(accessors(seen)?.step).toMatchObject({ do: "grant", of: BOB.id });
    const next = convergence(both, { accessors: [EVE, BOB], users: [ADA, BOB] }, backingOff);
    expect(accessors(next)?.step).toMatchObject({ do: "revoke", of: EVE.id });
    expect(next.userErrors).toHaveLength(1);
  });
});
