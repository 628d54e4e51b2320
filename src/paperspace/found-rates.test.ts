import { expect, it } from "vitest";
import { readRates, writeRates } from "./found-rates.ts";

it("reads what was written, and nothing of what another client wrote there: it is a hint", () => {
  const rates = new Map([
    ["te1", 4.8123],
    ["te2", 0.31],
  ]);
  expect(readRates(writeRates(rates) ?? "")).toEqual(
    new Map([
      ["te1", 4.81],
      ["te2", 0.31],
    ]),
  );
  expect(writeRates(new Map())).toBeNull();
  for (const text of [undefined, "", "{", "null", "7", '{"te1":"4","te2":-1,"te3":0,"te4":null}'])
    expect(readRates(text).size).toBe(0);
});
