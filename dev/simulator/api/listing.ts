/**
 * One page of a list of records: what the query filters, how it is sorted, and the tricks that a fault plays on lists.
 */

import { regionCode } from "../world/catalogue.ts";
import type { World } from "../world/world.ts";
import type { Context } from "./operation.ts";
import { type Page, pageOf } from "./paging.ts";

interface Listing<R, V> {
  id(record: R): string;
  view(record: R): V;
  /** Whether the query requests it. */
  keep(view: V): boolean;
  sortBy(record: R, view: V): string;
}

/** `records`: all that the team may see, in any order. */
export function listOf<R extends { seq: number }, V>(
  c: Context,
  records: readonly R[],
  { id, view, keep, sortBy }: Listing<NoInfer<R>, V>,
): Page<V> {
  const newest = records.reduce<R | undefined>((a, b) => (a && a.seq > b.seq ? a : b), undefined);
  const { omitFromList } = c.tricks;
  const omitted = omitFromList === "newest" && newest ? id(newest) : omitFromList;
  const items = records
    .filter((record) => id(record) !== omitted)
    .map((record) => ({ record, view: view(record) }))
    .filter((item) => keep(item.view));
  const page = pageOf(items, c.query, (i) => [sortBy(i.record, i.view), i.record.seq], c.world.behaviour);
  return { ...page, items: page.items.map((item) => item.view) };
}

/** The order that `orderBy` requests, of records that have a name. */
export const byDateOrName = (c: Context) => (record: { name: string; dtCreated: string }) =>
  c.query.orderBy === "name" ? record.name : record.dtCreated;

/** Exact, prefix or contains: not documented (machines.md section 2). */
export function matchesName(world: World, name: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  if (world.behaviour.nameFilter === "exact") return name === wanted;
  return world.behaviour.nameFilter === "prefix" ? name.startsWith(wanted) : name.includes(wanted);
}

/** In any spelling of the region. */
export function isInRegion(region: string | null, wanted: string | undefined): boolean {
  return wanted === undefined || region === (regionCode(wanted) ?? wanted);
}
