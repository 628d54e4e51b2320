/**
 * What one object must not cost another: each test is the smallest input of a class that did, run with the whole operator
 * over a cluster and an account in memory, in virtual time.
 */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { checkTraffic, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;

checkTraffic();

const reason = (world: VirtualWorld, name: string) => world.condition(name, "Ready")?.reason;

/** The object ends and another one is made under its name, as `kubectl replace --force` does: in one pass of its key. */
async function replace(world: VirtualWorld, name: string, spec: Parameters<VirtualWorld["apply"]>[1] = {}) {
  world.kube.intercept = ({ method }) => (method === "PATCH" ? { answerDelayMs: 20 } : undefined);
  world.delete(name);
  while (world.get(name)) await world.clock.advance(1);
  await world.clock.advance(5);
  world.apply(name, spec);
}

describe("an object that replaces another one of its name", () => {
  it("is created at once though the former one was refused: the refusal belongs to that UID", async () => {
    const world = running();
    world.apply("box", { templateId: "tnowhere0" });
    await world.until("refused", () => reason(world, "box") === "Refused");
    await replace(world, "box");
    await world.clock.advance(3 * MINUTE);
    expect(reason(world, "box")).toBe("Available");
  });
});
