import { describe, expect, it } from "vitest";
import {
  ANNOTATION,
  cloudName,
  clusterIdIn,
  isOn,
  openRequests,
  parseAdopt,
  parseAttempt,
  parseRecord,
  requestsIn,
} from "./record.ts";

const CLUSTER = "0123abcd";

const meta = (annotations: Record<string, string>) => ({ name: "box", uid: "uid-1", annotations });

describe("record", () => {
  it("distinguishes an unreadable record from none, since none would mean: create", () => {
    expect(parseRecord(meta({}))).toEqual({ state: "absent" });
    for (const text of ["", "null", "{", '{"id":"ps1"}', '{"id":1,"team":"t","name":"n","uid":"u"}'])
      expect(parseRecord(meta({ [ANNOTATION.record]: text }))).toEqual({ state: "unreadable" });
  });

  it("accepts an adopt annotation for the object's own uid only, since annotations are copied with manifests", () => {
    expect(parseAdopt(meta({ [ANNOTATION.adopt]: "ps1@uid-1" }))).toBe("ps1");
    for (const request of ["ps1", "ps1@", "@uid-1", "ps1@uid-2", "ps1@uid-1@uid-1", ""])
      expect(parseAdopt(meta({ [ANNOTATION.adopt]: request }))).toBeUndefined();
  });

  it("reads an annotation of any value but false as on, so that a typing error never lets writes through", () => {
    expect(isOn(meta({ [ANNOTATION.paused]: "false" }), ANNOTATION.paused)).toBe(false);
    for (const value of ["true", "", "yes", "True"])
      expect(isOn(meta({ [ANNOTATION.paused]: value }), ANNOTATION.paused)).toBe(true);
  });

  it("reads the mark of an attempt where it has one; one that is no string makes the attempt unreadable", () => {
    const attempt = { name: "web", team: "te1", uid: "uid-1", time: "2026-06-01T00:00:00Z" };
    const read = (value: object) => parseAttempt(meta({ [ANNOTATION.createPending]: JSON.stringify(value) }));
    expect(read(attempt)).toEqual({ state: "read", value: attempt });
    expect(read({ ...attempt, mark: "m1" })).toEqual({ state: "read", value: { ...attempt, mark: "m1" } });
    for (const mark of [1, null, {}]) expect(read({ ...attempt, mark })).toEqual({ state: "unreadable" });
  });

  it("gives every attempt a name of its own, since the name alone finds it again", () => {
    const names = new Set<string>();
    for (const uid of ["a", "b"])
      for (const resourceVersion of ["1", "2"])
        for (const time of ["t1", "t2"])
          names.add(cloudName({ name: "box", uid, resourceVersion }, time, CLUSTER));
    expect(names.size).toBe(8);
    for (const name of names) expect(name).toMatch(/^box-0123abcd[0-9a-f]{12}$/);
  });

  it("gives it the id of the cluster, so that what a lost cluster left is told from another's", () => {
    const of = { name: "n".repeat(253), uid: "u", resourceVersion: "1" };
    expect(clusterIdIn(cloudName(of, "t", CLUSTER))).toBe(CLUSTER);
    expect(cloudName(of, "t", CLUSTER).length).toBeLessThanOrEqual(63);
  });

  it("finds none in a name that a user gave, or that was made before names had one", () => {
    for (const name of [
      "box",
      "job-550e8400-0123456789ab",
      "box-0123456789ab",
      "box-0123abcd",
      "",
      "0123abcd",
    ])
      expect(clusterIdIn(name), name).toBeUndefined();
  });

  it("finds a request in an annotation of any value, and none in an empty one: that is how it is withdrawn", () => {
    expect(
      requestsIn(meta({ [ANNOTATION.restartRequestedAt]: "now", [ANNOTATION.startRequestedAt]: "1" })),
    ).toEqual({ restart: "now", start: "1" });
    expect(requestsIn(meta({ [ANNOTATION.restartRequestedAt]: "" }))).toEqual({});
    expect(requestsIn({ name: "box" })).toEqual({});
  });

  it("treats a request as open until that very value is handled: each restart disconnects users", () => {
    const requested = meta({ [ANNOTATION.restartRequestedAt]: "t2", [ANNOTATION.startRequestedAt]: "t2" });
    expect(openRequests(requested, {})).toEqual({ restart: "t2", start: "t2" });
    expect(openRequests(requested, { restart: "t1" })).toEqual({ restart: "t2", start: "t2" });
    expect(openRequests(requested, { restart: "t2" })).toEqual({ start: "t2" });
    expect(openRequests(requested, { restart: "t2", start: "t2" })).toEqual({});
    expect(openRequests(meta({}), { restart: "t2" })).toEqual({});
  });

  it("cannot read a record whose handled requests are no text: they are copied into status, whose schema refuses it", () => {
    const record = { id: "ps1", team: "te1", name: "box-1", uid: "uid-1" };
    for (const handled of [{ restart: 5 }, { start: null }, { start: {} }])
      expect(parseRecord(meta({ [ANNOTATION.record]: JSON.stringify({ ...record, ...handled }) }))).toEqual({
        state: "unreadable",
      });
  });

  it("carries the handled requests with the record, so that a restored backup does not restart anything", () => {
    const record = { id: "ps1", team: "te1", name: "box-1", uid: "uid-1", restart: "t2" };
    const restored = meta({
      [ANNOTATION.record]: JSON.stringify(record),
      [ANNOTATION.restartRequestedAt]: "t2",
      [ANNOTATION.startRequestedAt]: "t1",
    });
    const parsed = parseRecord(restored);
    expect(parsed).toEqual({ state: "read", value: record });
    expect(openRequests(restored, parsed.state === "read" ? parsed.value : {})).toEqual({ start: "t1" });
  });
});
