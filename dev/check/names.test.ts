import { describe, expect, it } from "vitest";
import { namesWithTwoMeanings } from "./names.ts";

const files = (texts: Record<string, string>) =>
  Object.entries(texts).map(([path, text]) => ({ path, text: `${text}\n` }));

describe("an exported name", () => {
  it.each([
    "export function thing() {}",
    "export async function thing() {}",
    "export const thing = 1;",
    "export class thing {}",
    "export abstract class thing {}",
    "export interface thing {}",
    "export type thing = 1;",
  ])("that two files declare has two meanings: %s", (declaration) => {
    expect(
      namesWithTwoMeanings(files({ "kube/a.ts": declaration, "base/b.ts": "export let thing;" })),
    ).toEqual(["thing is declared in kube/a.ts, base/b.ts"]);
  });

  it("may be exported again elsewhere: it is the same", () => {
    for (const again of [
      'export { thing } from "./a.ts";',
      'export * from "./a.ts";',
      "export type { thing };",
    ])
      expect(namesWithTwoMeanings(files({ "a.ts": "export type thing = 1;", "b.ts": again }))).toEqual([]);
  });

  it("may be that of a type and of its value, side by side", () => {
    expect(namesWithTwoMeanings(files({ "a.ts": "export const T = 1;\nexport type T = typeof T;" }))).toEqual(
      [],
    );
  });

  it("may be used again where it is not exported", () => {
    expect(namesWithTwoMeanings(files({ "a.ts": "export const T = 1;", "b.ts": "const T = 2;" }))).toEqual(
      [],
    );
  });

  it("means the same in the same file of each kind, and there only", () => {
    const plans = {
      "kinds/machine/plan.ts": "export const planOf = 1;",
      "kinds/deployment/plan.ts": "export const planOf = 2;",
    };
    expect(namesWithTwoMeanings(files(plans))).toEqual([]);
    for (const other of ["kinds/plan.ts", "kinds/machine/status.ts", "reconcile/plan.ts"])
      expect(namesWithTwoMeanings(files({ ...plans, [other]: "export const planOf = 3;" }))).toHaveLength(1);
  });

  it("is excepted only by the list with reasons", () => {
    const two = (name: string) => ({
      "reconcile/a.ts": `export const ${name} = 1;`,
      "kinds/machine/b.ts": `export const ${name} = 2;`,
    });
    expect(namesWithTwoMeanings(files(two("REASON")))).toEqual([]);
    expect(namesWithTwoMeanings(files(two("toString")))).toHaveLength(1);
  });
});
