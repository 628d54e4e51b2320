/**
 * The session of an API key: which team it belongs to, and how many machines that team may have. When it is read, and by
 * whom, is up to the caller.
 */
import { Type } from "../base/json-schema.ts";
import { answeredId, nullable, resource } from "./answers.ts";
import type { CallOptions, PaperspaceApi } from "./transport.ts";

export interface Session {
  /** Id of the team. */
  readonly team: string;
  /** The team's machine quota; Infinity where the session has none. */
  readonly maxMachines: number;
}

/** The only fields that are relied on; the live API answers a bad key with a session of null. */
const sessionSchema = Type.Union([
  Type.Null(),
  Type.Object({
    team: resource({ id: answeredId, maxMachines: nullable(Type.Number()) }, ["id"]),
  }),
]);

/** Undefined where the API does not accept the key. Rejects with PaperspaceError only. */
export async function readSession(
  api: Pick<PaperspaceApi, "request">,
  options: CallOptions = {},
): Promise<Session | undefined> {
  const { body } = await api.request({
    ...options,
    method: "GET",
    path: "/auth/session",
    answer: sessionSchema,
    retry: "safe",
  });
  if (body === null) return undefined;
  const { id: team, maxMachines } = body.team;
  return { team, maxMachines: maxMachines ?? Number.POSITIVE_INFINITY };
}
