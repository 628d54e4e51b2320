import { describe, expect, it } from "vitest";
import { ADA, BOB, EVE, scene } from "../../../../test/decide/machine/situations.ts";
import { SPEC } from "../../../../test/decide/machine/spec.ts";
import type { Failed } from "../../../reconcile/outcome.ts";
import { FACT, type Related } from "../observation.ts";
import { REASON } from "../reasons.ts";
import type { User } from "../related-api.ts";
import type { MachineSpec } from "../types.ts";
import { accessorDrift, accessors, surelyExtra } from "./accessors.ts";
import type { Convergence } from "./aspect.ts";

const related = (over: Partial<Related> = {}): Related => ({ capacity: {}, readErrors: {}, ...over });
const spec = (over: Partial<MachineSpec>): MachineSpec => ({ ...SPEC, ...over });
const ids = (users: readonly User[] | undefined) => users?.map(({ id }) => id);

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

describe("accessorDrift", () => {
  it("is undefined where it is not managed, or the fact is missing", () => {
    expect(accessorDrift(spec({}), related({ accessors: [EVE] }))).toBeUndefined();
    expect(accessorDrift(spec({ accessors: { userIds: [] } }), related())).toBeUndefined();
  });

  it("takes both lists together, each user once, and addresses in any letter case", () => {
    const desired = spec({
      accessors: { userIds: [ADA.id], emails: ["ADA@example.org", "Bob@Example.org"] },
    });
    const drift = accessorDrift(desired, related({ accessors: [EVE], users: [ADA, BOB] }));
    expect(drift).toEqual({ missing: [ADA, BOB], extra: [EVE], unknown: [], sure: true });
  });

  it("an empty list gives no access to any user but the owner", () => {
    const drift = accessorDrift(spec({ accessors: { userIds: [] } }), related({ accessors: [ADA, EVE] }));
    expect(ids(drift?.extra)).toEqual([ADA.id, EVE.id]);
  });

  it("resolves the address of a user who has access already, without reading the whole team", () => {
    const drift = accessorDrift(spec({ accessors: { emails: [ADA.email] } }), related({ accessors: [ADA] }));
    expect(drift).toEqual({ missing: [], extra: [], unknown: [], sure: false });
  });

  it("grants access to an id of no known user: the API decides on it", () => {
    const drift = accessorDrift(
      spec({ accessors: { userIds: ["u9"] } }),
      related({ accessors: [], users: [ADA] }),
    );
    expect(drift?.missing).toEqual([{ id: "u9", email: "" }]);
  });

  it("does not take a user without an address for every user who is named by one", () => {
    const nameless = { id: "u8", email: "" };
    const drift = accessorDrift(
      spec({ accessors: { emails: [ADA.email] } }),
      related({ accessors: [nameless] }),
    );
    expect(drift).toMatchObject({ missing: [], extra: [nameless], unknown: [ADA.email] });
  });
});

describe("accessors", () => {
  const both = { accessors: { userIds: [ADA.id], emails: [BOB.email] } };

  it("grants access before it revokes any: a user who takes over should not have to wait", () => {
    const seen = convergence(both, { accessors: [EVE], users: [ADA, BOB] });
    expect(accessors.next(seen)?.step).toMatchObject({ do: "grant", of: ADA.id, user: ADA });
    const next = convergence(both, { accessors: [EVE, ADA, BOB], users: [ADA, BOB] });
    expect(accessors.next(next)?.step).toMatchObject({ do: "revoke", of: EVE.id });
  });

  it("revokes no access while an address is not resolved: it may be that of this user", () => {
    const unsure = convergence(both, { accessors: [ADA, EVE] });
    expect(accessors.next(unsure)).toBeUndefined();
    expect(unsure.needs).toEqual([FACT.users]);
    const drift = accessorDrift(spec(both), related({ accessors: [ADA, EVE] }));
    expect(drift && surelyExtra(drift)).toEqual([]);
  });

  it("reports an address of no member of the team, after everything else is done", () => {
    const desired = { accessors: { emails: ["nobody@example.org"] } };
    const first = convergence(desired, { accessors: [EVE], users: [ADA] });
    expect(accessors.next(first)?.step).toMatchObject({ do: "revoke", of: EVE.id });
    const then = convergence(desired, { accessors: [], users: [ADA] });
    expect(accessors.next(then)).toBeUndefined();
    expect(then.userErrors).toMatchObject([{ reason: REASON.AccessorNotFound }]);
    expect(then.userErrors[0]?.message).toContain("nobody@example.org");
  });

  it("a grant that was refused stops no other grant, and no revocation", () => {
    const backingOff = { [`grant/${ADA.id}`]: REFUSED };
    const seen = convergence(both, { accessors: [EVE], users: [ADA, BOB] }, backingOff);
    expect(accessors.next(seen)?.step).toMatchObject({ do: "grant", of: BOB.id });
    const next = convergence(both, { accessors: [EVE, BOB], users: [ADA, BOB] }, backingOff);
    expect(accessors.next(next)?.step).toMatchObject({ do: "revoke", of: EVE.id });
    expect(next.userErrors).toHaveLength(1);
  });
});
