import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { DEFAULT_BEHAVIOUR } from "../simulator/world/behaviour.ts";
import { GAPS } from "./gaps.ts";
import { OPERATOR_UNDER_MUTATION } from "./mutations.ts";
import { switchComments } from "./page.ts";
import { UNKNOWNS } from "./unknowns.ts";

it("finds what each switch is in the code, so that no row is without a source", () => {
  const comments = switchComments();
  const silent = Object.keys(DEFAULT_BEHAVIOUR).filter((name) => !comments.get(name));
  expect(silent).toEqual([]);
  expect(comments.get("staleSpecMs")).toContain("(deployments.md section 10.3, traps)");
});

it("names only switches and mutations that there are, so that a renamed one is noticed", () => {
  const named = UNKNOWNS.flatMap(({ switches = [] }) => switches);
  expect(named.filter((name) => !Object.hasOwn(DEFAULT_BEHAVIOUR, name))).toEqual([]);
  const gaps = Object.values(GAPS).flatMap((of) => Object.keys(of));
  expect(gaps.filter((name) => OPERATOR_UNDER_MUTATION[name] === undefined)).toEqual([]);
});

it("is linked from where readers begin", () => {
  const contributing = fileURLToPath(new URL("../../CONTRIBUTING.md", import.meta.url));
  expect(readFileSync(contributing, "utf8")).toContain("docs/fidelity.md");
});
