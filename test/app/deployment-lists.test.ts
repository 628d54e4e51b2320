/** Lists that lag behind reads by id, or show less than they do: no reason to send a configuration again. */
import { describe, expect, it } from "vitest";
import type { SimRequest } from "../../dev/simulator/api/handle.ts";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import { checkTraffic } from "../support/scenario-world.ts";
import { edit, MINUTE, ready, reason, upserts } from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

interface Listed {
  id: string;
}

const isList = ({ method, path }: SimRequest) =>
  method === "GET" &&
  /\/projects\/[^/]+\/deployments$/.test(path.split("?")[0] ?? "") &&
  !path.includes("name=");

/** From now on lists of deployments show each as it was so long ago. */
function lagging({ sim: simulation, clock }: VirtualWorld, lagMs: number): void {
  const sim = simulation as { handle: Simulation["handle"]; console: Simulation["console"] };
  const { handle } = sim;
  const shown: { at: number; items: Map<string, Listed> }[] = [];
  const keep = () => {
    const items = sim.console.state().deployments.map(({ shown: item }) => structuredClone(item) as Listed);
    shown.push({ at: clock.now(), items: new Map(items.map((item) => [item.id, item])) });
  };
  sim.handle = async (request, signal) => {
    const answer = await handle(request, signal);
    keep();
    if (!isList(request) || answer.status !== 200) return answer;
    const isText = typeof answer.body === "string";
    const body = (isText ? JSON.parse(String(answer.body)) : structuredClone(answer.body)) as {
      items: Listed[];
    };
    const past = shown.findLast(({ at }) => at <= clock.now() - lagMs)?.items;
    body.items = body.items.map((item) => past?.get(item.id) ?? item);
    return { ...answer, body: isText ? JSON.stringify(body) : body } as typeof answer;
  };
}

describe("a list that lags behind", () => {
  it.each([20_000, 60_000, 180_000])("by %d ms is no reason to send a configuration again", async (lagMs) => {
    const world = await ready();
    lagging(world, lagMs);
    await world.clock.advance(12 * MINUTE);
    const sent: number[] = [];
    for (let i = 0; i < 10; i++) {
      world.sim.calls.clear();
      edit(world, { image: `ghcr.io/acme/model:v${i}` });
      // At ever another time before the next regular list.
      await world.clock.advance(9 * MINUTE + 7_000 * i);
      sent.push(upserts(world).length);
    }
    expect(sent).toEqual(Array.from({ length: 10 }, () => 1));
    expect(reason(world)).toBe("Available");
  });
});
