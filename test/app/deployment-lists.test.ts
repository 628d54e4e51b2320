/** Reads that lag behind, or show less than there is: no reason to send a configuration again. */
import { describe, expect, it } from "vitest";
import type { SimRequest } from "../../dev/simulator/api/handle.ts";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import { calls, checkTraffic } from "../support/scenario-world.ts";
import { edit, MINUTE, message, ready, reason, upserts } from "../support/scenario-world-deployments.ts";
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

type Spec = { latestSpec?: object | null };

/** From now on this is done to what reads by id show, of the first `times` of them, and to what lists show. */
function shown({ sim: simulation }: VirtualWorld, change: (shown: Spec) => void, times = Infinity): void {
  const sim = simulation as { handle: Simulation["handle"] };
  const { handle } = sim;
  let left = times;
  sim.handle = async (request, signal) => {
    const answer = await handle(request, signal);
    const isById = request.method === "GET" && /\/deployments\/[^/]+$/.test(request.path);
    if (!("body" in answer) || answer.status !== 200 || !(isById || isList(request))) return answer;
    if (left <= 0) return answer;
    if (isById) left--;
    const body = JSON.parse(String(answer.body)) as Spec & { items?: Spec[] };
    for (const one of body.items ?? [body]) change(one);
    return { ...answer, body: JSON.stringify(body) };
  };
}

describe("a deployment that is shown", () => {
  const missing = (one: Spec) => {
    delete one.latestSpec;
  };
  const none = (one: Spec) => {
    one.latestSpec = null;
  };

  it("without latestSpec by id as well is not known, which is not the same as none: nothing is sent", async () => {
    const world = await ready();
    shown(world, missing);
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(reason(world)).toBe("ApiUnavailable");
    expect(message(world)).toContain("latestSpec");
  });

  it("with latestSpec null has no valid configuration: the declared one is sent, once that was read twice by id", async () => {
    const world = await ready();
    shown(world, none);
    await world.until("it is sent", () => upserts(world).length === 1, 25 * MINUTE);
    const [sent] = upserts(world);
    const reads = calls(world, "GET", /\/deployments\/[^/]+$/).filter(({ seq }) => seq < (sent?.seq ?? 0));
    expect(reads.length).toBeGreaterThanOrEqual(2);
  });

  it("with latestSpec null once, and with its configuration in the next read, is as declared: nothing is sent", async () => {
    const world = await ready();
    shown(world, none, 1);
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toEqual([]);
    expect(reason(world)).toBe("Available");
  });
});
