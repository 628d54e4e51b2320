import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { MOST_ENTRIES, MOST_JSON, MOST_TEXT } from "./answer-reader.ts";
import { isReadable, MOST_PROSE, nullable, prose, readAnswer, resource } from "./answers.ts";

const spec = resource({ id: Type.String(), error: nullable(Type.String()) }, ["id"]);
const schema = resource(
  {
    id: Type.String({ minLength: 1 }),
    name: Type.String({ default: "" }),
    ram: nullable(Type.Number()),
    accelerators: nullable(Type.Array(Type.Object({ name: Type.String() }))),
    latestSpec: nullable(spec),
  },
  ["id"],
);

const value = (answer: unknown) => {
  const reading = readAnswer(schema, answer);
  if (!reading.fits) throw new Error(reading.where);
  return reading.value;
};

describe("an answer", () => {
  it("that fits is taken as it came, but for fields that nobody reads: they would be held, and compared", () => {
    const known = { id: "a", name: "n", ram: 1, accelerators: null, latestSpec: null };
    const whole = {
      color: "blue",
      ...known,
      accelerators: [{ name: "V", color: 1 }],
      latestSpec: { id: "s", more: [] },
    };
    const value = { ...known, accelerators: [{ name: "V" }], latestSpec: { id: "s" } };
    expect(readAnswer(schema, whole)).toEqual({ fits: true, value, unreadable: [] });
  });

  it("has no half characters: what the API server stores must be what was written", () => {
    expect(value({ id: "a", name: "n\ud800" })).toMatchObject({ name: "n\ufffd" });
  });

  it("reads as the same text in whatever order its fields come", () => {
    const texts = [
      { id: "a", name: "n", ram: 1 },
      { ram: 1, name: "n", id: "a" },
    ].map((one) => value(one));
    expect(JSON.stringify(texts[1])).toBe(JSON.stringify(texts[0]));
  });

  it("loses a text or an array that is longer than its schema states, or than any is where it states nothing", () => {
    const long = "x".repeat(MOST_TEXT + 1);
    expect(value({ id: "a", name: long })).toMatchObject({ name: "", unreadable: ["name"] });
    expect(value({ id: "a", name: long.slice(1) })).toMatchObject({ name: long.slice(1) });
    const many = Array.from({ length: MOST_ENTRIES + 1 }, () => ({ name: "V" }));
    expect(value({ id: "a", name: "n", accelerators: many })).toMatchObject({ unreadable: ["accelerators"] });
    expect(value({ id: "a", name: "n", latestSpec: { id: "s", error: long } })).toMatchObject({
      latestSpec: { unreadable: ["error"] },
    });
    const stated = resource({ id: Type.String(), error: nullable(Type.String({ maxLength: 2_000 })) }, [
      "id",
    ]);
    expect(readAnswer(stated, { id: "a", error: long })).toMatchObject({
      value: { error: long },
      unreadable: [],
    });
    expect(readAnswer(stated, { id: long }).fits).toBe(false);
  });

  it("cuts a text for people to what a status shows, and loses none: it is kept for each of many events", () => {
    const event = resource({ id: Type.String(), error: nullable(prose) }, ["id"]);
    const kept = (error: unknown) => readAnswer(event, { id: "e", error });
    expect(kept("x".repeat(3_000_000))).toEqual({
      fits: true,
      value: { id: "e", error: `${"x".repeat(MOST_PROSE - 1)}…` },
      unreadable: [],
    });
    for (const error of ["short", "x".repeat(MOST_PROSE), null])
      expect(kept(error)).toMatchObject({ value: { error }, unreadable: [] });
    expect(kept(7)).toMatchObject({ unreadable: ["error"] });
    expect(kept(`${"x".repeat(MOST_PROSE - 2)}😀😀`)).toMatchObject({
      value: { error: `${"x".repeat(MOST_PROSE - 2)}…` },
    });
  });

  it("loses what the schema states nothing of where it is too large, and nothing else", () => {
    const stored = resource(
      { id: Type.String(), latest: nullable(resource({ id: Type.String(), data: Type.Unknown() }, ["id"])) },
      ["id"],
    );
    const latest = (length: number) => ({ id: "a", latest: { id: "s", data: ["x".repeat(length - 2)] } });
    expect(readAnswer(stored, latest(MOST_JSON))).toEqual({
      fits: true,
      value: latest(MOST_JSON),
      unreadable: [],
    });
    expect(readAnswer(stored, latest(MOST_JSON + 1))).toMatchObject({
      value: { id: "a", latest: { id: "s", unreadable: ["data"] } },
      unreadable: ["latest.data"],
    });
  });

  it("has what could not be kept of it as unreadable, which is not the same as absent", () => {
    expect(readAnswer(schema, { id: "a", name: "n" }, ["latestSpec", "", "color"])).toMatchObject({
      value: { id: "a", name: "n", unreadable: ["latestSpec"] },
    });
    expect(readAnswer(schema, { name: "n" }, ["id"]).fits).toBe(false);
  });

  it("with a field of another type loses that field only, which is named: it is not the same as null", () => {
    const read = value({ id: "a", name: "n", ram: "30", accelerators: [{ name: null }], latestSpec: null });
    expect(read).toEqual({ id: "a", name: "n", latestSpec: null, unreadable: ["ram", "accelerators"] });
    expect([isReadable(read, "ram"), isReadable(read, "latestSpec")]).toEqual([false, true]);
  });

  it("has the default of what it lacks, or has in another type", () => {
    expect(value({ id: "a" })).toEqual({ id: "a", name: "", unreadable: ["name"] });
    expect(value({ id: "a", name: 7 })).toMatchObject({ name: "" });
  });

  it("keeps what can be read of a resource inside it", () => {
    const answer = { id: "a", name: "n", latestSpec: { id: "s", error: 7 } };
    expect(value(answer)).toMatchObject({ latestSpec: { id: "s", unreadable: ["error"] } });
    expect(readAnswer(schema, answer)).toMatchObject({ unreadable: ["latestSpec.error"] });
    expect(value({ id: "a", name: "n", latestSpec: {} })).toMatchObject({ unreadable: ["latestSpec"] });
  });

  it.each([null, "", "OK", [], {}, { id: 7, name: "n" }, { id: "", name: "n" }])(
    "without an id is none at all: %j",
    (answer) => {
      expect(readAnswer(schema, answer).fits).toBe(false);
    },
  );

  it("cannot claim to be unreadable, or readable, by a field of that name", () => {
    expect(value({ id: "a", name: "n", unreadable: ["ram"] })).toEqual({ id: "a", name: "n" });
    expect(value({ id: "a", name: 1, unreadable: 3 })).toMatchObject({ unreadable: ["name"] });
  });
});
