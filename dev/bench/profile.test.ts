import { expect, it } from "vitest";
import { partsOf } from "./profile.ts";

it("time belongs to the package or the file that ran, and waiting to nothing, so that the parts are the processor time", () => {
  const frames = [
    ["(idle)", ""],
    ["check", "file:///x/node_modules/a/node_modules/@b/c/d.js"],
    ["pass", "file:///x/src/reconcile/writer.ts"],
    ["(garbage collector)", ""],
  ] as const;
  const nodes = frames.map(([functionName, url], id) => ({ id, callFrame: { functionName, url } }));
  const profile = { nodes, samples: [0, 1, 2, 1, 3], timeDeltas: [9_000, 1_000, 2_000, 3_000, 5_000] };
  expect(partsOf(profile)).toEqual({ "@b/c": 4, "src/reconcile/writer.ts": 2, "(garbage collector)": 5 });
});
