/** The calls of deployments by the real transport: over a simulated account, or over answers that a test makes up. */
import type { Answer, SimRequest } from "../../../dev/simulator/api/handle.ts";
import type { Behaviour } from "../../../dev/simulator/world/behaviour.ts";
import { DeploymentApi } from "../../../src/kinds/deployment/api.ts";
import { Throttle } from "../../../src/paperspace/throttle.ts";
import { Transport } from "../../../src/paperspace/transport.ts";
import { ALPHA, setUpConforming } from "../../simulator/simulation.ts";
import { simSockets } from "../../support/sim-sockets.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

export const PROJECT = "p-alpha";
export const TEAM = "te-alpha";
export const MAY = { gate: () => undefined };

type Server = Parameters<typeof simSockets>[0];

function transport(clock: VirtualClock, server: Server): Transport {
  return new Transport({
    clock,
    sockets: simSockets(server, { dead: false, passed() {} }),
    throttle: new Throttle(clock, { requestsPerSecond: 1_000, burst: 1_000, concurrency: 10 }),
    baseUrl: "http://sim.invalid/v1",
    apiKey: ALPHA,
    version: "test",
  });
}

/** What goes over it must fit the vendor's schema. */
export function simulated(behaviour: Partial<Behaviour> = {}) {
  const parts = setUpConforming({ behaviour });
  parts.sim.console.setBudget(TEAM, null);
  const paperspace = transport(parts.clock, parts.sim);
  const calls = (method: string, path: RegExp) =>
    parts.sim.calls.list().filter((call) => call.method === method && path.test(call.path));
  return { ...parts, paperspace, api: new DeploymentApi(paperspace), calls };
}

/** Answers every request with this. */
export function answering(json: unknown) {
  const requests: SimRequest[] = [];
  const handle = async (request: SimRequest): Promise<Answer> => {
    requests.push(request);
    const headers = { "content-type": "application/json" };
    return { status: 200, headers, body: JSON.stringify(json), json };
  };
  return { requests, api: new DeploymentApi(transport(new VirtualClock(), { handle })) };
}

export async function all<T>(pages: AsyncIterable<{ items: T[] }>): Promise<T[]> {
  const found: T[] = [];
  for await (const { items } of pages) found.push(...items);
  return found;
}
