/**
 * What an operation is: path, shapes, and the step from a checked request to the answer. No operation lives here; the
 * files of the families have them, and operations.ts the table of all.
 */

import type { TSchema } from "typebox";
import type { FaultAction } from "../faults.ts";
import type { Team } from "../world/records.ts";
import type { World } from "../world/world.ts";
import type { PageQuery } from "./paging.ts";

/** A request that has passed authentication and validation. */
export interface Context {
  world: World;
  params: Record<string, string>;
  query: PageQuery & Record<string, string | undefined>;
  body: unknown;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | undefined>>;
  /** Whose key it was; undefined only where `auth` is not `key`. */
  team: Team | undefined;
  /** What a fault does to the lists of this one request. */
  tricks: Pick<FaultAction, "omitFromList" | "lateEvents" | "repeatEvents">;
}

/** A request of a team. */
export type Signed = Context & { team: Team };

export interface Operation {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below /v1, with :names. */
  path: string;
  /** `key`: 401 without one. `session`, `templates`: by a switch. `none`: open to all. */
  auth: "key" | "session" | "templates" | "none";
  query: TSchema;
  /** Undefined: the operation takes no body. */
  body?: TSchema;
  answer: TSchema;
  run(context: Signed): unknown;
}
