/**
 * What a scenario runs on: objects of one kind, an account, and an operator, in virtual time or against a real API server.
 * Objects are named by their key, `namespace/name`. No rule of any scenario lives here.
 */
import type { Simulation } from "../../../dev/simulator/simulation.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";

/** Times are the cloud's, in milliseconds. */
export interface Driver<O extends ManagedObject> {
  readonly sim: Simulation;
  /** In real time the long pauses after a 429 would take too long. */
  readonly isReal: boolean;
  get(key: string): O | undefined;
  apply(key: string, spec: Partial<O["spec"]>): Promise<void>;
  /** A merge patch. */
  edit(key: string, patch: object): Promise<void>;
  delete(key: string): Promise<void>;
  /** Of a namespace; null removes one. */
  label(namespace: string, labels: Record<string, string | null>): Promise<void>;
  /** Puts the price list of the operator, where it has one. */
  putPrices?(csv: string): Promise<void>;
  pass(ms: number): Promise<void>;
  until(what: string, done: () => boolean): Promise<void>;
  /** The operator is killed, and another one starts once `meanwhile` is over. */
  replaceOperator(meanwhile?: () => Promise<void>): Promise<void>;
  cutStreams(): void;
  /** From now on the cluster has no faults. */
  calm(): void;
}

export function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf("/"));
}

export function nameOf(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}
