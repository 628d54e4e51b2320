/**
 * What the routes of the control port share: how a body is checked, and the answer of one without content. No route
 * lives here.
 */

import type { Static, TSchema } from "typebox";
import { issuesOf } from "../validate.ts";

export const closed = { additionalProperties: false };

/** Does one thing and answers that it is done. */
export function did(act: () => void): { ok: true } {
  act();
  return { ok: true };
}

/** The body, or an error that names what is wrong with it. */
export function checked<S extends TSchema>(schema: S, body: unknown): Static<S> {
  const issues = issuesOf(schema, body);
  if (issues.length > 0) throw new Error(issues.map((i) => `${i.path} ${i.message}`).join("; "));
  return body as Static<S>;
}
