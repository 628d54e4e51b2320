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
const OWNED = { id: "ps1", teamId: "te1", uid: UID, name: "box-1" };
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

  it("does not believe a record that status does not confirm: anyone who may edit the object can write it", () => {
    const identity = resolveIdentity(facts({ record: record() }));
    expect(identity).toMatchObject({
      state: "conflict",
      message: expect.stringContaining(`adopt=ps1@${UID}`),
    });
  });

  it("takes the team from status, since the record may name another one", () => {
    expect(resolveIdentity(facts({ status: OWNED, record: record({ team: "te2" }) }))).toMatchObject({
      state: "ours",
      restore: true,
      record: { id: "ps1", team: "te1" },
    });
  });

  it("searches for what its own create made, whatever a record says", () => {
    const status = { teamId: "te1", uid: UID, creating: "box-1" };
    for (const id of ["ps1", "ps9"])
      expect(resolveIdentity(facts({ status, record: record({ id }) }))).toEqual({ state: "none" });
  });

  it("restores the name of the create where the resource was not observed yet", () => {
    const { name: _unseen, ...owned } = OWNED;
    expect(resolveIdentity(facts({ status: { ...owned, creating: "box-7" } }))).toMatchObject({
      restore: true,
      record: { name: "box-7" },
    });
  });

  it("stops where status names an id without a team, rather than creating another one", () => {
    const { teamId: _none, ...owned } = OWNED;
    expect(resolveIdentity(facts({ status: owned })).state).toBe("conflict");
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
    // The process died before the annotation was written.
    const former = record({ uid: "other", id: "ps7" });
    expect(resolveIdentity(facts({ status: OWNED, annotationAdoptId: "ps1", record: former }))).toMatchObject(
      {
        state: "ours",
        restore: true,
        record: { id: "ps1", uid: UID },
      },
    );
    expect(resolveIdentity(facts({ status, record: record() })).state).toBe("conflict");
  });

  it("adopts by spec.adoptId alone where nothing contradicts it", () => {
    expect(resolveIdentity(facts({ specAdoptId: "ps9" }))).toEqual({ state: "adopt", id: "ps9" });
    // A record of the same id contradicts nothing; an adoption is checked against owners, whatever the record says.
    expect(resolveIdentity(facts({ specAdoptId: "ps1", record: record() }))).toEqual({
      state: "adopt",
      id: "ps1",
    });
  });

  it("has nothing to adopt once the requested id is recorded", () => {
    expect(resolveIdentity(facts({ specAdoptId: "ps1", status: OWNED }))).not.toHaveProperty("contradicted");
    expect(resolveIdentity(facts({ annotationAdoptId: "ps1", status: OWNED }))).not.toHaveProperty(
      "contradicted",
    );
  });

  it("keeps what it owns when the user requests another, so that the owned one is neither lost nor replaced", () => {
    for (const over of [{ specAdoptId: "ps9" }, { annotationAdoptId: "ps9" }])
      expect(resolveIdentity(facts({ status: OWNED, ...over }))).toMatchObject({
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
