/**
 * The shapes that all families of requests and answers share: what they are built of, pages and errors. Only schemas
 * live here: bodies are closed, so that an unknown field in a request is an error and one in an answer is a fault of
 * the simulator.
 */

import { type TProperties, type TSchema, Type } from "typebox";

export const closed = <P extends TProperties>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
export const nullable = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);
export const opt = <S extends TSchema>(schema: S) => Type.Optional(schema);
export const date = () => Type.String({ format: "date-time" });
/** A user's name, which an answer may lack. */
export const OptionalName = opt(nullable(Type.String()));
/** What is shown of a user wherever one is (other-resources.md, teams; machines.md section 5.3). */
export const SHOWN_USER = {
  id: Type.String(),
  email: Type.String(),
  firstName: OptionalName,
  lastName: OptionalName,
  publicProfileImageUrl: OptionalName,
};

/** No parameters in the query. */
export const NoQuery = closed({});
/** A filter in the query. */
export const text = () => opt(Type.String());

/** start, stop and restart take no fields. */
export const NoFields = closed({});

/** machines.md section 2; nextPage is null or "" only where nextPageWhenLast specifies it. */
export const page = <S extends TSchema>(item: S) =>
  closed({ hasMore: Type.Boolean(), items: Type.Array(item), nextPage: opt(nullable(Type.String())) });

/** Query of a paged list. `limit` is checked by paging.ts, since what lies outside the bounds has a switch. */
export const pageQuery = <P extends TProperties>(orderBy: [string, ...string[]], filters: P) =>
  closed({
    after: opt(Type.String()),
    limit: opt(Type.String()),
    orderBy: opt(Type.Enum(orderBy)),
    order: opt(Type.Enum(["asc", "desc"])),
    ...filters,
  });

/** errors-and-limits.md section 2, with either extra field. */
export const ErrorBody = closed({
  message: Type.String(),
  code: Type.String(),
  details: opt(Type.Object({})),
  issues: opt(Type.Array(closed({ message: Type.String() }))),
});
