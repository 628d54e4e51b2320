/** What is left of former configurations is no part of how a deployment is: clean-up never shows in Ready. */
import { describe, expect, it } from "vitest";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, eventNotes, running } from "../support/scenario-world.ts";
import { annotate, keep, MINUTE, projectSecrets, stored } from "../support/scenario-world-deployments.ts";
import { DEPLOYMENTS, type VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const valueFrom = { secretKeyRef: { name: "hub", key: "token" } };

/** Each written change of Ready, oldest first. */
function statesOf({ kube }: VirtualWorld): string[] {
  const seen: string[] = [];
  for (const { of, object } of kube.storage.events) {
    if (of.plural !== DEPLOYMENTS.plural) continue;
    const { status } = object as PaperspaceDeployment;
    const state = status?.conditions?.find(({ type }) => type === "Ready")?.status ?? "none";
    if (seen.at(-1) !== state) seen.push(state);
  }
  return seen;
}

describe("a former project secret that cannot be removed", () => {
  it.each([403, 500])(
    "for status %d leaves a healthy deployment Ready, and is tried again rarely",
    async (status) => {
      const world = running();
      keep(world, "hub", { token: "first" });
      world.deployments.apply("web", { env: [{ name: "TOKEN", valueFrom }] });
      await world.deployments.ready("web");
      // More than the history keeps.
      for (let turn = 0; turn < 12; turn++) {
        keep(world, "hub", { token: `value ${turn}` });
        annotate(world, { [ANNOTATION.reconcileRequestedAt]: String(turn) });
        const before = stored(world)?.env?.[0]?.value;
        if (turn === 9)
          world.sim.faults.add({
            match: { method: "DELETE", path: "/secrets/", times: "always" },
            do: { status },
          });
        await world.until("it is sent", () => stored(world)?.env?.[0]?.value !== before);
        await world.deployments.ready("web");
      }
      await world.clock.advance(15 * MINUTE);
      world.sim.calls.clear();
      const states = statesOf(world).length;
      await world.clock.advance(6 * 60 * MINUTE);
      expect(statesOf(world).length).toBe(states);
      expect(world.deployments.condition("web", "Ready")?.status).toBe("True");
      const tries = calls(world, "DELETE", /\/secrets\//).length;
      expect(tries).toBeGreaterThan(0);
      expect(tries).toBeLessThan(6 * 60);
      expect(eventNotes(world, "Declined").filter((text) => text.includes("stays"))).not.toEqual([]);
      world.sim.faults.clear();
      const left = projectSecrets(world).length;
      await world.until("they go", () => projectSecrets(world).length < left);
    },
  );
});
