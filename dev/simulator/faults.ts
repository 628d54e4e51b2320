/**
 * Faults put in on purpose: which request one meets, and what it does to it. This is the rule book only; the api carries
 * a fault out, and the server is what cuts a real connection.
 */

import { type Static, Type } from "typebox";
import { issuesOf } from "./validate.ts";
import { type Random, seeded } from "./world/random.ts";

const closed = { additionalProperties: false };
const Count = Type.Integer({ minimum: 0 });
const Milliseconds = Type.Number({ minimum: 0 });

/** Which requests a fault meets. What is left out matches everything. */
export const FaultMatch = Type.Object(
  {
    method: Type.Optional(Type.String({ description: "GET, POST, …; letter case does not matter" })),
    path: Type.Optional(Type.String({ description: "regular expression for the path, /v1 included" })),
    team: Type.Optional(Type.String({ description: "id of the team whose key came with the request" })),
    times: Type.Optional(Type.Union([Count, Type.Literal("always")], { description: "default 1" })),
    skip: Type.Optional(Type.Integer({ minimum: 0, description: "so many matching requests go free first" })),
    probability: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: "drawn from the seed" })),
  },
  closed,
);

/** What it does. Several may go together, such as a delay and a status. */
export const FaultAction = Type.Object(
  {
    status: Type.Optional(
      Type.Integer({ minimum: 100, maximum: 599, description: "answers with this status" }),
    ),
    body: Type.Optional(Type.Unknown({ description: "with this JSON body; default: an error body" })),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    html: Type.Optional(
      Type.Union([Type.Boolean(), Type.String()], { description: "a block page (observed-in-the-field 3)" }),
    ),
    truncate: Type.Optional(Type.Boolean({ description: "half the body, in a well-formed HTTP answer" })),
    hang: Type.Optional(Type.Boolean({ description: "never answers" })),
    cut: Type.Optional(
      Type.Enum(["before", "after", "during"], {
        description: "breaks the connection before or after the write took effect, or in mid-answer",
      }),
    ),
    takesEffect: Type.Optional(
      Type.Boolean({ description: "with status, html or hang: the request is carried out all the same" }),
    ),
    delayMs: Type.Optional({ ...Milliseconds, description: "waits before the request is carried out" }),
    answerDelayMs: Type.Optional({ ...Milliseconds, description: "waits between the effect and the answer" }),
    lateEvents: Type.Optional({ ...Milliseconds, description: "event lists lack what is younger than this" }),
    repeatEvents: Type.Optional(Type.Boolean({ description: "event lists hold every event twice" })),
    omitFromList: Type.Optional(
      Type.String({ description: "lists lack this id (of a secret: this name), or `newest`" }),
    ),
  },
  { ...closed, minProperties: 1 },
);

export const FaultInput = Type.Object({ match: Type.Optional(FaultMatch), do: FaultAction }, closed);

export type FaultInput = Static<typeof FaultInput>;
export type FaultAction = Static<typeof FaultAction>;

/** An active fault. */
export interface Fault extends FaultInput {
  id: string;
  /** Requests that passed, and requests that it was applied to. */
  seen: number;
  struck: number;
}

interface Placed extends Fault {
  pattern: RegExp | undefined;
}

export class Faults {
  readonly #seed: number;
  #placed: Placed[] = [];
  #random: Random;
  #next = 1;

  constructor(seed = 1) {
    this.#seed = seed;
    this.#random = seeded(seed);
  }

  /** Adds a fault; it applies once unless `times` specifies otherwise. Throws TypeError on a bad one. */
  add(input: FaultInput): Fault {
    const [issue] = issuesOf(FaultInput, input);
    if (issue) throw new TypeError(`fault${issue.path}: ${issue.message}`);
    let pattern: RegExp | undefined;
    try {
      if (input.match?.path !== undefined) pattern = new RegExp(input.match.path);
    } catch (cause) {
      throw new TypeError(`fault/match/path: ${(cause as Error).message}`, { cause });
    }
    const fault: Placed = { ...input, id: `f${this.#next++}`, seen: 0, struck: 0, pattern };
    this.#placed.push(fault);
    return fault;
  }

  /** The active faults, the used-up ones included. */
  list(): Fault[] {
    return this.#placed.map(({ pattern: _, ...fault }) => fault);
  }

  remove(id: string): boolean {
    const before = this.#placed.length;
    this.#placed = this.#placed.filter((f) => f.id !== id);
    return this.#placed.length < before;
  }

  clear(): void {
    this.#placed = [];
    this.#random = seeded(this.#seed);
  }

  /** The fault to apply to this request: the oldest that matches. Counts it. */
  take(request: { method: string; path: string; team: string | undefined }): Fault | undefined {
    for (const fault of this.#placed) {
      if (!matches(fault, request)) continue;
      const { times = 1, skip = 0, probability } = fault.match ?? {};
      if (times !== "always" && fault.struck >= times) continue;
      fault.seen++;
      if (fault.seen <= skip) continue;
      if (probability !== undefined && this.#random() >= probability) continue;
      fault.struck++;
      return fault;
    }
    return undefined;
  }
}

function matches(
  fault: Placed,
  request: { method: string; path: string; team: string | undefined },
): boolean {
  const { method, team } = fault.match ?? {};
  return (
    (method === undefined || method.toUpperCase() === request.method) &&
    (team === undefined || team === request.team) &&
    (fault.pattern === undefined || fault.pattern.test(request.path))
  );
}
