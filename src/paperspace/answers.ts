/**
 * How an answer is read by its schema, which is all that is kept of it: a field that does not fit is left out of a resource
 * and named there, so that one odd field costs that field only. What a missing field means is up to the caller; HTTP is in
 * transport.ts.
 */
import { type Static, type TProperties, type TSchema, Type } from "../base/json-schema.ts";
import { ONE_SEGMENT, readerOf, readValue } from "./answer-reader.ts";

/** Names of the fields that were left out, because they did not have the type of the schema. */
export interface Unreadable {
  readonly unreadable?: readonly string[];
}

// Never, so that a field of this name in an answer is replaced.
const UNREADABLE = Type.Optional(Type.Unsafe<readonly string[]>(Type.Never()));

/**
 * An id, which is opaque: what a path can carry as one segment, and what stands in status as it was answered. A resource
 * with another one cannot be read, since it could be neither addressed nor found again.
 */
export const answeredId = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: ONE_SEGMENT.source,
});

/** Characters that are kept of a text for people: as many as the message of a condition has. */
export const MOST_PROSE = 1_024;

/** A text for people, of any length: what is kept of it is what a status shows, since it is kept for each object and event. */
export const prose = Type.String({ maxLength: Number.MAX_SAFE_INTEGER, cutAt: MOST_PROSE });

/** Absent, null, or as given. */
export function nullable<T extends TSchema>(schema: T) {
  return Type.Optional(Type.Union([schema, Type.Null()]));
}

/**
 * The schema of a resource that is read field by field. Only `id` (or what `needed` names) has to fit. Any other field that
 * does not fit, or is missing where it is required, has its `default`, or is left out, and is named in `unreadable`: what
 * decides on it MUST take it as unknown, which is neither null nor absent.
 */
export function resource<P extends TProperties>(properties: P, needed: readonly (keyof P & string)[]) {
  return Type.Object({ ...properties, unreadable: UNREADABLE }, { needed });
}

/** Whether this field of a resource could be read; null and absent are values. */
export function isReadable({ unreadable }: Unreadable, field: string): boolean {
  return !unreadable?.includes(field);
}

export type Reading<T> =
  /** `unreadable`: paths of all fields that were left out, without indices, such as "latestSpec.error". */
  | { readonly fits: true; readonly value: T; readonly unreadable: readonly string[] }
  /** `where`: the first misfit, for a message; it quotes nothing of the answer. */
  | { readonly fits: false; readonly where: string };

/** `dropped`: names of fields that the answer had and that are not in it, since they could not be read. */
export function readAnswer<S extends TSchema>(
  schema: S,
  answer: unknown,
  dropped: readonly string[] = [],
): Reading<Static<S>> {
  const reader = readerOf(schema);
  const unreadable = new Set<string>();
  const value = readValue(reader, answer, [], unreadable, dropped);
  if (value !== undefined) return { fits: true, value: value as Static<S>, unreadable: [...unreadable] };
  return {
    fits: false,
    // Of an item of a list nobody asks, and there may be many that do not fit.
    get where() {
      return reader.misfit(answer);
    },
  };
}

/** Names of the fields that are read of an answer; undefined where all are. */
export function fieldsOf(schema: TSchema): ReadonlySet<string> | undefined {
  const { properties } = schema as { properties?: TProperties };
  return properties && new Set(Object.keys(properties));
}
