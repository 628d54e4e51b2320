/** For tests only: a transport against the scripted server, in virtual time. */

import { Type } from "typebox";
import { PaperspaceError } from "../../src/paperspace/errors.ts";
import { Throttle } from "../../src/paperspace/throttle.ts";
import { type ApiRequest, Transport, type TransportOptions } from "../../src/paperspace/transport.ts";
import { createSockets, type ProxyOptions } from "../../src/paperspace/wire.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { ScriptedServer } from "./scripted-server.ts";

export const KEY = "hunter2hunter2";

export const machine = Type.Object({ id: Type.String() });

export interface TransportEnv {
  readonly clock: VirtualClock;
  readonly server: ScriptedServer;
  readonly api: Transport;
  /** Outcomes of all attempts so far, as reported to the metrics. */
  readonly tries: string[];
  readonly throttle: Throttle;
  readonly stop: () => Promise<void>;
}

export async function setUp(
  more: Partial<TransportOptions> = {},
  proxy?: ProxyOptions,
): Promise<TransportEnv> {
  const clock = new VirtualClock();
  const server = await ScriptedServer.start();
  const sockets = createSockets(proxy);
  const throttle = new Throttle(clock, { requestsPerSecond: 100, burst: 1_000, concurrency: 100 });
  const tries: string[] = [];
  const api = new Transport({
    clock,
    sockets,
    throttle,
    baseUrl: `${server.origin}/v1`,
    apiKey: KEY,
    version: "1.2.3",
    metrics: {
      request: (_method, _path, outcome) => tries.push(outcome),
      unreadableField() {},
      skippedItems() {},
      throttle: () => ({}),
      forget() {},
    },
    ...more,
  });
  const stop = async () => {
    await sockets.close();
    await server.stop();
  };
  return { clock, server, api, tries, throttle, stop };
}

export function get(path = "/machines/ps1"): ApiRequest<typeof machine> {
  return { method: "GET", path, answer: machine, retry: "safe" };
}

export function post(): ApiRequest<typeof machine> {
  return { method: "POST", path: "/machines", body: { name: "a" }, answer: machine, retry: "never" };
}

export function put(): ApiRequest<typeof machine> {
  return { method: "PUT", path: "/machines/ps1", body: { name: "a" }, answer: machine, retry: "safe" };
}

/** The error that a call rejects with. */
export async function failure(promise: Promise<unknown>): Promise<PaperspaceError> {
  const outcome = await promise.then(
    (value) => new Error(`no failure but ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof PaperspaceError) return outcome;
  throw outcome;
}

/** Lets real sockets work, without advancing virtual time, until the condition holds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
