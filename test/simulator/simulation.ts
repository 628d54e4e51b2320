/**
 * What the simulator's own tests share: a simulation in virtual time and a client that calls it without HTTP.
 */

import { expect, onTestFinished } from "vitest";
import type { Answer } from "../../dev/simulator/api/handle.ts";
import { VendorSchema } from "../../dev/simulator/conformance.ts";
import {
  createSimulation,
  DEFAULT_VENDOR_OPENAPI,
  type SimulationOptions,
} from "../../dev/simulator/simulation.ts";
import type { EventView, MachineView } from "../../dev/simulator/world/records.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

/** Loaded once: compiling it for every test would be most of their time. */
export const vendor = VendorSchema.load(DEFAULT_VENDOR_OPENAPI);

export const ALPHA = "sim-key-alpha";
export const BETA = "sim-key-beta";

export const MACHINE = {
  name: "trainer",
  machineType: "A4000",
  templateId: "t0nspur5",
  diskSize: 50,
  region: "ny2",
};

export type Written = { data: MachineView; event: EventView };

export function setUp(options: SimulationOptions = {}) {
  const clock = new VirtualClock();
  const sim = createSimulation({ clock, vendorOpenapi: vendor ?? false, ...options });

  /** Calls as a careful client would: a key, a JSON content type where there is a body. */
  const call = (
    method: string,
    path: string,
    body?: unknown,
    key: string | null = ALPHA,
    headers: Record<string, string> = {},
  ): Promise<Answer> =>
    sim.handle({
      method,
      path: `/v1${path}`,
      headers: {
        ...headers,
        ...(key !== null && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });

  /** The body of a call that must succeed. */
  const ok = async <T>(method: string, path: string, body?: unknown, key?: string): Promise<T> => {
    const answer = await call(method, path, body, key);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
    return answer.json as T;
  };

  const machine = (id: string) => ok<MachineView>("GET", `/machines/${id}`);
  const event = (id: string) => ok<EventView>("GET", `/machine-events/${id}`);
  const create = (change: object = {}) => ok<Written>("POST", "/machines", { ...MACHINE, ...change });
  const act = (id: string, name: "start" | "stop" | "restart") =>
    call("PATCH", `/machines/${id}/${name}`, {});

  /** A machine that is in `state` and has been for long. */
  const machineIn = async (state: MachineView["state"], change: object = {}): Promise<string> => {
    const { data } = await create(change);
    await clock.advance(120_000);
    if (state !== "ready") sim.console.setState(data.id, state);
    return data.id;
  };

  return { clock, sim, call, ok, machine, event, create, act, machineIn };
}

/** The same, for a test all of whose requests and answers must fit the vendor's document. */
export function setUpConforming(options: SimulationOptions = {}) {
  const parts = setUp(options);
  onTestFinished(() => expect(parts.sim.conformance.report().violations).toEqual([]));
  return parts;
}

/** `code message` of an error answer, for short assertions. */
export function refusal(answer: Answer): { status: number; code: string } {
  return { status: answer.status, code: (answer.json as { code: string }).code };
}
