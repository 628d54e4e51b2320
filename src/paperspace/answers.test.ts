import { Type } from "typebox";
import { describe, expect, it } from "vitest";
import { isReadable, nullable, readAnswer, resource } from "./answers.ts";

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
  it("that fits is taken as it came, with fields that nobody has heard of", () => {
    const whole = { id: "a", name: "n", ram: 1, accelerators: null, color: "blue", latestSpec: null };
    expect(readAnswer(schema, whole)).toEqual({ fits: true, value: whole, unreadable: [] });
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
