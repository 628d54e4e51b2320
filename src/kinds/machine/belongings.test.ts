import { describe, expect, it } from "vitest";
import { ADA, BOB, EVE, scene } from "../../../test/decide/machine/situations.ts";
import { SPEC } from "../../../test/decide/machine/spec.ts";
import type { Failed } from "../../reconcile/step-backoff.ts";
import { people, peopleDrift, script, scriptDrift, surelyExtra } from "./belongings.ts";
import { type Around, ASK, type Round } from "./observation.ts";
import { REASON } from "./reasons.ts";
import type { Person } from "./related-api.ts";
import type { MachineSpec } from "./types.ts";

const around = (over: Partial<Around> = {}): Around => ({ capacity: {}, troubles: {}, ...over });
const spec = (over: Partial<MachineSpec>): MachineSpec => ({ ...SPEC, ...over });
const ids = (people: readonly Person[] | undefined) => people?.map(({ id }) => id);

function round(over: Partial<MachineSpec>, known: Partial<Around>, held: Record<string, Failed> = {}): Round {
  const { view, machine } = scene();
  const seen = { ...view, spec: spec(over), around: around(known), held };
  return { view: seen, machine, power: "ready", memory: {}, asks: [], complaints: [], delays: [] };
}

const REFUSED: Failed = { kind: "Terminal", reason: "Refused", message: "no such thing", recheckMs: 1 };
const FAILED: Failed = { kind: "Retry", reason: "ApiUnavailable", message: "503" };

describe("scriptDrift", () => {
  it("says nothing of what is not managed, or not known: unknown must not look like missing", () => {
    expect(scriptDrift(spec({}), around({ scripts: ["s1"] }))).toBeUndefined();
    expect(scriptDrift(spec({ startupScriptId: "s1" }), around())).toBeUndefined();
  });

  it("takes the declared script for the only one, and the empty one for none at all", () => {
    const drift = (startupScriptId: string, scripts: string[]) =>
      scriptDrift(spec({ startupScriptId }), around({ scripts }));
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
    expect(script(round({ startupScriptId: "s1" }, looked))?.step).toEqual({ do: "unassign", of: "s2" });
    expect(script(round({ startupScriptId: "s1" }, { scripts: [] }))?.step).toEqual({
      do: "assign",
      of: "s1",
    });
  });

  it("asks for what is not known instead of assigning blindly", () => {
    const unknown = round({ startupScriptId: "s1" }, {});
    expect(script(unknown)).toBeUndefined();
    expect(unknown.asks).toEqual([ASK.scripts]);
  });

  it("tells a script that was refused and goes on: a machine must be stopped all the same", () => {
    const refused = round({ startupScriptId: "s1" }, { scripts: [] }, { "assign/s1": REFUSED });
    expect(script(refused)).toBeUndefined();
    expect(refused.complaints).toEqual([{ reason: "Refused", message: "no such thing" }]);
    const failed = round({ startupScriptId: "s1" }, { scripts: [] }, { "assign/s1": FAILED });
    expect(script(failed)).toBeUndefined();
    expect(failed.delays).toEqual([FAILED]);
  });
});

describe("peopleDrift", () => {
  it("says nothing of what is not managed, or not known", () => {
    expect(peopleDrift(spec({}), around({ accessors: [EVE] }))).toBeUndefined();
    expect(peopleDrift(spec({ accessors: { userIds: [] } }), around())).toBeUndefined();
  });

  it("takes both lists together, each person once, and addresses in any letter case", () => {
    const wanted = spec({ accessors: { userIds: [ADA.id], emails: ["ADA@example.org", "Bob@Example.org"] } });
    const drift = peopleDrift(wanted, around({ accessors: [EVE], users: [ADA, BOB] }));
    expect(drift).toEqual({ missing: [ADA, BOB], extra: [EVE], unknown: [], sure: true });
  });

  it("an empty list lets nobody in but the owner", () => {
    const drift = peopleDrift(spec({ accessors: { userIds: [] } }), around({ accessors: [ADA, EVE] }));
    expect(ids(drift?.extra)).toEqual([ADA.id, EVE.id]);
  });

  it("knows who has access already by the address, without asking for the whole team", () => {
    const drift = peopleDrift(spec({ accessors: { emails: [ADA.email] } }), around({ accessors: [ADA] }));
    expect(drift).toEqual({ missing: [], extra: [], unknown: [], sure: false });
  });

  it("takes an id that nobody knows for good: the API has the last word on it", () => {
    const drift = peopleDrift(
      spec({ accessors: { userIds: ["u9"] } }),
      around({ accessors: [], users: [ADA] }),
    );
    expect(drift?.missing).toEqual([{ id: "u9", email: "" }]);
  });

  it("does not take somebody without an address for everybody who is named by one", () => {
    const nameless = { id: "u8", email: "" };
    const drift = peopleDrift(
      spec({ accessors: { emails: [ADA.email] } }),
      around({ accessors: [nameless] }),
    );
    expect(drift).toMatchObject({ missing: [], extra: [nameless], unknown: [ADA.email] });
  });
});

describe("people", () => {
  const both = { accessors: { userIds: [ADA.id], emails: [BOB.email] } };

  it("lets people in before it takes others away: whoever takes over should not wait at a closed door", () => {
    const seen = round(both, { accessors: [EVE], users: [ADA, BOB] });
    expect(people(seen)?.step).toMatchObject({ do: "grant", of: ADA.id, person: ADA });
    const next = round(both, { accessors: [EVE, ADA, BOB], users: [ADA, BOB] });
    expect(people(next)?.step).toMatchObject({ do: "revoke", of: EVE.id });
  });

  it("takes nobody away while an address is not resolved: that person may be meant", () => {
    const unsure = round(both, { accessors: [ADA, EVE] });
    expect(people(unsure)).toBeUndefined();
    expect(unsure.asks).toEqual([ASK.users]);
    const drift = peopleDrift(spec(both), around({ accessors: [ADA, EVE] }));
    expect(drift && surelyExtra(drift)).toEqual([]);
  });

  it("names an address that nobody of the team has, and has done all else by then", () => {
    const wanted = { accessors: { emails: ["nobody@example.org"] } };
    const first = round(wanted, { accessors: [EVE], users: [ADA] });
    expect(people(first)?.step).toMatchObject({ do: "revoke", of: EVE.id });
    const then = round(wanted, { accessors: [], users: [ADA] });
    expect(people(then)).toBeUndefined();
    expect(then.complaints).toMatchObject([{ reason: REASON.AccessorNotFound }]);
    expect(then.complaints[0]?.message).toContain("nobody@example.org");
  });

  it("one who was refused keeps nobody else out, and nobody in", () => {
    const held = { [`grant/${ADA.id}`]: REFUSED };
    const seen = round(both, { accessors: [EVE], users: [ADA, BOB] }, held);
    expect(people(seen)?.step).toMatchObject({ do: "grant", of: BOB.id });
    const next = round(both, { accessors: [EVE, BOB], users: [ADA, BOB] }, held);
    expect(people(next)?.step).toMatchObject({ do: "revoke", of: EVE.id });
    expect(next.complaints).toHaveLength(1);
  });
});
