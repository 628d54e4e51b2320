/**
 * What a mutation is: one way in which the vendor may differ from the documents, with the source that makes it thinkable.
 * No mutation lives here; the files beside this one have them, and catalogue.ts the table of all.
 */

import { createHash } from "node:crypto";
import type { Clock } from "../../../src/base/clock.ts";
import type { Behaviour } from "../world/behaviour.ts";
import type { Random } from "../world/random.ts";

export type Json = Record<string, unknown>;

/** A request on its way in, to be changed in place. */
export interface MutableRequest {
  readonly method: string;
  /** /v1 included, without the query. */
  path: string;
  query: Record<string, string>;
}

/** An answer on its way out, to be changed in place. */
export interface Exchange {
  readonly method: string;
  /** As the simulator understood it. */
  readonly path: string;
  /** As it was sent. */
  readonly query: Readonly<Record<string, string>>;
  status: number;
  json: unknown;
  /** In place of the JSON. */
  text?: string;
}

/** What a mutation may see and use. */
export interface MutationContext {
  readonly clock: Clock;
  /** For each call another one. */
  readonly random: Random;
  /** In [0, 1): the same for the same words, so that a value reads the same at each time. */
  stable(...words: readonly unknown[]): number;
  /** Id of the team whose request is under way. */
  readonly team: string | undefined;
  /** What the simulator answers to a GET with the key of the request under way, as it is now and without mutations. */
  read(path: string): unknown;
}

export interface Hooks {
  request?(request: MutableRequest): void;
  /** Called with each request before it takes effect and after, also with those that are not answered. */
  around?(): void;
  answer?(exchange: Exchange): void;
}

export interface Mutation {
  readonly name: string;
  /** Where it was seen, or what is silent about it: a section of the fact sheets. */
  readonly source: string;
  /** Switches of the simulator that it stands for. */
  readonly behaviour?: Partial<Behaviour>;
  /** Past what the operator guarantees: it is not drawn by a seed. */
  readonly beyond?: true;
  /** One of two lists lacks items. Two such together may leave none that has them, which is past the guarantee. */
  readonly omits?: true;
  /** It answers what was there before, and comes before those that change how that is written. */
  readonly past?: true;
  start?(context: MutationContext): Hooks;
}

/** A number in [0, 1) from words. */
export function share(...words: readonly unknown[]): number {
  const digest = createHash("sha256").update(JSON.stringify(words)).digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}

export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
