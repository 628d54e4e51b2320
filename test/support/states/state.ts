/** A state that an object can stay in for hours, and how a world comes to it. */
import type { SimulationOptions } from "../../../dev/simulator/simulation.ts";
import { KubeError } from "../../../src/kube/errors.ts";
import type { VirtualWorld } from "../virtual-world.ts";

/** What an hour in a state may cost. */
export type Cost =
  /** Nothing is to be done, or nothing can be done before something changes that is read anyway. */
  | "atRest"
  /** What is stuck, refused, or cannot be reached: it is tried again at the slow pace. */
  | "waiting"
  /** As `waiting`, and each try is followed for about a minute, since it does not show at once what becomes of it. */
  | "retrying"
  /** A change before its deadline. */
  | "underWay";

export interface State {
  cost: Cost;
  /** Reason of the condition Ready while it lasts; undefined where the object has no conditions yet. */
  reason: string | undefined;
  reach(world: VirtualWorld): unknown;
  /** The object that is in that state; "box" or "web" by default. */
  name?: string;
  simulation?: SimulationOptions;
}

/** All requests of this kind are answered with this status, for ever. */
export function fails(
  world: VirtualWorld,
  status: number,
  path = "/",
  method?: string,
  headers: Record<string, string> = {},
): void {
  const match = { path, ...(method !== undefined && { method }), times: "always" } as const;
  world.sim.faults.add({ match, do: { status, headers } });
}

/** The API server answers writes of this path with this status, for ever. */
export function kubeFails(world: VirtualWorld, status: number, reason: string, path: RegExp): void {
  world.kube.intercept = ({ method, path: sent }) => {
    if (method === "GET" || !path.test(sent)) return undefined;
    throw KubeError.fromAnswer(status, { kind: "Status", reason, code: status, message: "no" }, method);
  };
}

/** Another actor does it now and then, for ever. */
export function again(world: VirtualWorld, ms: number, act: () => void): void {
  act();
  world.clock.after(ms, () => again(world, ms, act));
}
