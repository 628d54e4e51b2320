/**
 * How the calls that every family of the API has are sent: which go first, which may be repeated, which may use the
 * reserve of the budget. Paths and bodies are the kinds' own.
 */
import type { TSchema } from "../base/json-schema.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import type { ApiAnswer, ApiRequest, CallOptions } from "../paperspace/transport.ts";

/** Oldest first, so that what is created while a list is read comes at its end and is not missed. */
export const OLDEST_FIRST = { orderBy: "dtCreated", order: "asc" } as const;

export function reading<S extends TSchema>(
  path: string,
  answer: S,
  options: CallOptions = {},
): ApiRequest<S> {
  return { ...options, method: "GET", path, answer, retry: "safe" };
}

/** Not safe to send twice (errors-and-limits.md section 6). */
export function creating<S extends TSchema>(
  path: string,
  body: object,
  answer: S,
  options: CallOptions & Pick<ApiRequest<S>, "headers">,
): ApiRequest<S> {
  return { ...options, method: "POST", path, body, answer, retry: "never" };
}

export function changing<S extends TSchema>(
  path: string,
  body: object,
  answer: S,
  options: CallOptions,
): ApiRequest<S> {
  return { ...options, method: "PUT", path, body, answer, retry: "safe" };
}

export function removing<S extends TSchema>(path: string, answer: S, options: CallOptions): ApiRequest<S> {
  return { ...options, method: "DELETE", path, answer, retry: "safe", reserve: true };
}

/**
 * The answer to a request about the resource `id`. Throws PS_UNEXPECTED where it is about another one: an id that the API
 * understands in more than one spelling would have more than one owner.
 */
export async function about<T>(
  id: string,
  request: Promise<ApiAnswer<T>>,
  shownIn: (body: T) => { id: string },
): Promise<ApiAnswer<T>> {
  const answer = await request;
  const shown = shownIn(answer.body).id;
  if (shown === id) return answer;
  const message = `the API answered with ${shown} to a request about ${id}`;
  throw new PaperspaceError("PS_UNEXPECTED", message, { effect: "unknown" });
}
