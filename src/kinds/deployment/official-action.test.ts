/** The rules of the official tools, each played through decide and the status. */
import { describe, expect, it } from "vitest";
import { SECTIONS } from "../../../test/decide/deployment/official-action.ts";
import { reported, situation } from "../../../test/decide/deployment/situations.ts";

describe.each(SECTIONS)("$heading (section $section)", ({ rules }) => {
  it.each(rules)(
    "$rule: $ours.reason, so that users see the reasons that they expect",
    ({ facts, ours, message = "" }) => {
      const { message: words, ...status } = reported(situation(facts));
      expect(status).toEqual(ours);
      expect(words).toContain(message);
    },
  );
});

it("has every rule once in its section, since the documentation shows them as a table", () => {
  for (const { rules } of SECTIONS) {
    const all = rules.map(({ rule }) => rule);
    expect(new Set(all).size).toBe(all.length);
  }
});
