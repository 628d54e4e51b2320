import { describe, expect, it } from "vitest";
import { type IdentityFacts, resolveIdentity } from "./identity.ts";
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

describe("resolveIdentity", () => {
  it("lets a fresh object create, since nothing shows that it owns anything", () => {
    expect(resolveIdentity(facts())).toEqual({ state: "none" });
  });

  it("restores a record that kubectl replace removed, so that no second machine is created", () => {
    const status = { id: "ps1", teamId: "te1", uid: UID, name: "box-1" };
    expect(resolveIdentity(facts({ status }))).toMatchObject({
      state: "ours",
      restore: true,
      record: { id: "ps1", uid: UID },
    });
  });

  it("trusts the record where status was not restored from the backup", () => {
    expect(resolveIdentity(facts({ record: record() }))).toMatchObject({ state: "ours", restore: false });
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
    ["a copy with an adoptId in its spec", { record: record({ uid: "other" }), specAdoptId: "ps1" }],
  ] satisfies [string, Partial<IdentityFacts>][])(
    "stops at %s, since another object may own the machine",
    (_, over) => {
      const identity = resolveIdentity(facts(over));
      expect(identity.state).toBe("conflict");
    },
  );

  it("includes in a conflict the command that resolves it, with id and uid", () => {
    const identity = resolveIdentity(facts({ record: record({ uid: "other" }) }));
    expect(identity).toMatchObject({
      message: expect.stringContaining(
        `kubectl annotate psm/box -n default --overwrite paperspace.com/adopt=ps1@${UID}`,
      ),
    });
  });

  it("resolves a conflict by the adopt annotation, since that names the object by uid", () => {
    const identity = resolveIdentity(facts({ record: record({ uid: "other" }), annotationAdoptId: "ps1" }));
    expect(identity).toEqual({ state: "adopt", id: "ps1" });
  });

  it("ends the conflict once the adoption is recorded, though the status is still another object's", () => {
    const status = { id: "ps7", teamId: "te1", uid: "other" };
    expect(resolveIdentity(facts({ status, annotationAdoptId: "ps1" }))).toEqual({
      state: "adopt",
      id: "ps1",
    });
    expect(resolveIdentity(facts({ status, annotationAdoptId: "ps1", record: record() }))).toMatchObject({
      state: "ours",
      record: { id: "ps1" },
    });
    expect(resolveIdentity(facts({ status, record: record() })).state).toBe("conflict");
  });

  it("adopts by spec.adoptId alone where nothing contradicts it", () => {
    expect(resolveIdentity(facts({ specAdoptId: "ps9" }))).toEqual({ state: "adopt", id: "ps9" });
  });

  it("has nothing to adopt once the requested id is recorded", () => {
    expect(resolveIdentity(facts({ specAdoptId: "ps1", record: record() }))).not.toHaveProperty(
      "contradicted",
    );
    expect(resolveIdentity(facts({ annotationAdoptId: "ps1", record: record() }))).not.toHaveProperty(
      "contradicted",
    );
  });

  it("keeps what it owns when the user requests another, so that the owned one is neither lost nor replaced", () => {
    for (const over of [{ specAdoptId: "ps9" }, { annotationAdoptId: "ps9" }])
      expect(resolveIdentity(facts({ record: record(), ...over }))).toMatchObject({
        state: "ours",
        record: { id: "ps1" },
        contradicted: expect.stringContaining("ps9"),
      });
  });

  it("restores the handled requests with the record, so that a lost annotation does not cause a restart", () => {
    const handled = { restart: "t2", start: "t1" };
    const status = { id: "ps1", teamId: "te1", uid: UID, name: "box-1", handled };
    expect(resolveIdentity(facts({ status }))).toEqual({
      state: "ours",
      restore: true,
      record: { id: "ps1", team: "te1", name: "box-1", uid: UID, ...handled },
    });
  });

  it("trusts the record for handled requests, not a status that may be older", () => {
    const status = { id: "ps1", teamId: "te1", uid: UID, handled: { restart: "t1" } };
    expect(resolveIdentity(facts({ status, record: record({ restart: "t2" }) }))).toMatchObject({
      restore: false,
      record: { restart: "t2" },
    });
  });

  it("does not restore requests from a status that is another object's", () => {
    const status = { id: "ps1", teamId: "te1", uid: "other", handled: { restart: "t2" } };
    expect(resolveIdentity(facts({ status })).state).toBe("conflict");
  });
});
