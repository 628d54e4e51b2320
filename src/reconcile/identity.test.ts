import { describe, expect, it } from "vitest";
import { type IdentityFacts, judgeIdentity } from "./identity.ts";
import type { Attempt, OwnerRecord } from "./record.ts";

const UID = "uid-1";
const record = (over: Partial<OwnerRecord> = {}): IdentityFacts["record"] => ({
  state: "read",
  value: { id: "ps1", team: "te1", name: "box-1", uid: UID, ...over },
});
const attempt = (uid: string): IdentityFacts["attempt"] => {
  const value: Attempt = { name: "box-1", team: "te1", uid, time: "2026-06-01T00:00:00Z" };
  return { state: "read", value };
};
const facts = (over: Partial<IdentityFacts> = {}): IdentityFacts => ({
  uid: UID,
  noun: "machine",
  reference: "psm/box -n default",
  record: { state: "absent" },
  attempt: { state: "absent" },
  status: {},
  ...over,
});

describe("judgeIdentity", () => {
  it("lets a fresh object create, since nothing says that it owns anything", () => {
    expect(judgeIdentity(facts())).toEqual({ state: "none" });
  });

  it("restores a record that kubectl replace took away, so that no second machine is made", () => {
    const status = { id: "ps1", teamId: "te1", uid: UID, name: "box-1" };
    expect(judgeIdentity(facts({ status }))).toMatchObject({
      state: "ours",
      restore: true,
      record: { id: "ps1", uid: UID },
    });
  });

  it("trusts the record where status was not restored from the backup", () => {
    expect(judgeIdentity(facts({ record: record() }))).toMatchObject({ state: "ours", restore: false });
  });

  it.each([
    ["a manifest copied with its annotations", { record: record({ uid: "other" }) }],
    ["a status restored for another object", { status: { id: "ps1", teamId: "te1", uid: "other" } }],
    ["a status without an owner", { status: { id: "ps1", teamId: "te1" } }],
    [
      "a record and a status that disagree",
      { record: record(), status: { id: "ps2", teamId: "te1", uid: UID } },
    ],
    ["a record that cannot be read", { record: { state: "unreadable" } }],
    ["an attempt that cannot be read", { attempt: { state: "unreadable" } }],
    ["a copy made in the middle of a create", { attempt: attempt("other") }],
    ["a copy with a wish in its spec", { record: record({ uid: "other" }), wish: "ps1" }],
  ] satisfies [string, Partial<IdentityFacts>][])(
    "stops at %s, since another object may own the machine",
    (_, over) => {
      const verdict = judgeIdentity(facts(over));
      expect(verdict.state).toBe("conflict");
    },
  );

  it("says in a conflict the very line to paste, with id and uid", () => {
    const verdict = judgeIdentity(facts({ record: record({ uid: "other" }) }));
    expect(verdict).toMatchObject({
      message: expect.stringContaining(
        `kubectl annotate psm/box -n default --overwrite paperspace.com/adopt=ps1@${UID}`,
      ),
    });
  });

  it("follows the adopt annotation out of a conflict, since it names this very object", () => {
    const verdict = judgeIdentity(facts({ record: record({ uid: "other" }), order: "ps1" }));
    expect(verdict).toEqual({ state: "adopt", id: "ps1" });
  });

  it("is out of the conflict once the order is recorded, though the status is still another object's", () => {
    const status = { id: "ps7", teamId: "te1", uid: "other" };
    expect(judgeIdentity(facts({ status, order: "ps1" }))).toEqual({ state: "adopt", id: "ps1" });
    expect(judgeIdentity(facts({ status, order: "ps1", record: record() }))).toMatchObject({
      state: "ours",
      record: { id: "ps1" },
    });
    expect(judgeIdentity(facts({ status, record: record() })).state).toBe("conflict");
  });

  it("adopts by spec.adoptId alone where nothing contradicts it", () => {
    expect(judgeIdentity(facts({ wish: "ps9" }))).toEqual({ state: "adopt", id: "ps9" });
  });

  it("is at rest once the wish is recorded", () => {
    expect(judgeIdentity(facts({ wish: "ps1", record: record() }))).not.toHaveProperty("contradicted");
    expect(judgeIdentity(facts({ order: "ps1", record: record() }))).not.toHaveProperty("contradicted");
  });

  it("keeps what it owns when a wish names another, so that the owned one is neither lost nor swapped", () => {
    for (const over of [{ wish: "ps9" }, { order: "ps9" }])
      expect(judgeIdentity(facts({ record: record(), ...over }))).toMatchObject({
        state: "ours",
        record: { id: "ps1" },
        contradicted: expect.stringContaining("ps9"),
      });
  });

  it("restores with the record what was asked for and done, so that nothing is restarted for a lost annotation", () => {
    const handled = { restart: "t2", start: "t1" };
    const status = { id: "ps1", teamId: "te1", uid: UID, name: "box-1", handled };
    expect(judgeIdentity(facts({ status }))).toEqual({
      state: "ours",
      restore: true,
      record: { id: "ps1", team: "te1", name: "box-1", uid: UID, ...handled },
    });
  });

  it("trusts the record for what was done, not a status that may be a moment older", () => {
    const status = { id: "ps1", teamId: "te1", uid: UID, handled: { restart: "t1" } };
    expect(judgeIdentity(facts({ status, record: record({ restart: "t2" }) }))).toMatchObject({
      restore: false,
      record: { restart: "t2" },
    });
  });

  it("does not restore requests from a status that is another object's", () => {
    const status = { id: "ps1", teamId: "te1", uid: "other", handled: { restart: "t2" } };
    expect(judgeIdentity(facts({ status })).state).toBe("conflict");
  });
});
