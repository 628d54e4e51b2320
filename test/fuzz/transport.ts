/** What the API may answer: bytes in any chunks, with any status. The transport runs above sockets that are none. */
import fc from "fast-check";
import { Type } from "typebox";
import { Dispatcher } from "undici";
import { machineSchema } from "../../src/kinds/machine/api.ts";
import { resource } from "../../src/paperspace/answers.ts";
import { PaperspaceError } from "../../src/paperspace/errors.ts";
import { MOST_ITEMS } from "../../src/paperspace/list-body.ts";
import type { Permit } from "../../src/paperspace/permits.ts";
import { Transport } from "../../src/paperspace/transport.ts";
import { ReadTurns } from "../../src/paperspace/turns.ts";
import { AnswerMemory } from "../../src/paperspace/wire.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { chunkSizes, chunksOf, hostileText, jsonWith, mutated, repeated } from "./inputs.ts";
import { must, type Target, target } from "./target.ts";

const KEY = "hunter2hunter2";
const MACHINE = {
  id: "ps1",
  name: "box",
  state: "ready",
  ram: 8,
  accelerators: [{ name: "A", count: 1 }],
  dtDeleted: null,
};
const PAGE = { hasMore: true, items: [MACHINE, { ...MACHINE, id: "ps2" }], nextPage: "c1" };
const ERROR = { code: "NOT_FOUND", message: `no machine for ${KEY}`, details: [{ a: 1 }] };
const texts = [PAGE, MACHINE, ERROR, { items: [], hasMore: false }].map((value) => JSON.stringify(value));
const deep = fc
  .tuple(fc.constantFrom("[", '{"a":', '{"items":[', '{"id":[[{"b":'), fc.nat(30_000))
  .map(([part, times]) => part.repeat(times));
const flood = fc
  .tuple(fc.constantFrom("{},", "[],", '"",', '{"id":"a"},', "0,"), fc.nat(30_000))
  .map(([part, times]) => `{"hasMore":false,"items":[${part.repeat(times)}{}]}`);
const json = jsonWith(
  [...Object.keys(MACHINE), ...Object.keys(PAGE), ...Object.keys(ERROR)],
  [MACHINE, [MACHINE], PAGE, ERROR, null, true, "ps1", 7],
);

const answers = fc.record({
  text: fc.oneof(
    { arbitrary: mutated(texts), weight: 6 },
    { arbitrary: json.map((value) => JSON.stringify(value) ?? ""), weight: 4 },
    { arbitrary: hostileText, weight: 2 },
    { arbitrary: repeated, weight: 1 },
    { arbitrary: deep, weight: 1 },
    { arbitrary: flood, weight: 1 },
  ),
  sizes: chunkSizes,
  status: fc.oneof(
    { arbitrary: fc.constant(200), weight: 4 },
    { arbitrary: fc.integer({ min: 200, max: 599 }), weight: 2 },
  ),
  headers: fc.dictionary(
    fc.constantFrom("content-type", "retry-after"),
    fc.oneof(fc.constantFrom("application/json", "30", "1e9"), hostileText),
  ),
  ending: fc.constantFrom("end", "cut"),
});
type Answered = typeof answers extends fc.Arbitrary<infer T> ? T : never;

class FixedAnswer extends Dispatcher {
  readonly #given: Answered;

  constructor(given: Answered) {
    super();
    this.#given = given;
  }

  override dispatch(_: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { text, sizes, status, headers, ending } = this.#given;
    const gone = new AbortController();
    const controller = { abort: () => gone.abort() } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart?.(controller, {});
    handler.onResponseStart?.(controller, status, headers, "");
    for (const chunk of chunksOf(Buffer.from(text), sizes)) {
      if (gone.signal.aborted) break;
      handler.onResponseData?.(controller, Buffer.from(chunk));
    }
    if (ending === "end") handler.onResponseEnd?.(controller, {});
    else handler.onResponseError?.(controller, new Error(`other side closed\n${KEY}`));
    return true;
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  override destroy(): Promise<void> {
    return Promise.resolve();
  }
}

function transportOf(given: Answered, memory: AnswerMemory): Transport {
  const dispatcher = new FixedAnswer(given);
  return new Transport({
    clock: new VirtualClock(),
    sockets: {
      shared: dispatcher,
      fresh: () => dispatcher,
      memory,
      turns: new ReadTurns(),
      close: async () => {},
    },
    throttle: { run: (task) => task(), rateLimited() {}, succeeded() {} },
    baseUrl: "http://api.test/v1",
    apiKey: KEY,
    version: "1",
    maxBytes: 100_000,
  });
}

/** Sent once: what is retried, and when, is no matter of what an answer holds. */
const permit = { mayRepeat: false, run: (task: () => unknown) => task() } as unknown as Permit;

function refuse(error: unknown, isWrite: boolean): void {
  if (!(error instanceof PaperspaceError)) throw error;
  const { code, message, effect, apiCode = "", retryAfterMs = 0 } = error;
  must(message.length <= 1_000 && apiCode.length <= 80, "a message without bound");
  must(!/\p{Cc}/u.test(message + apiCode), "a message of more than one line");
  must(!JSON.stringify({ ...error, message }).includes(KEY), "a message with the key");
  must(retryAfterMs >= 0 && retryAfterMs < 1e9, "a pause without end");
  // Nothing was done only where the API itself says so, by a refusal.
  const { status = 0 } = error;
  must(!isWrite || effect === "unknown" || (status >= 400 && status < 500), `${code} with effect ${effect}`);
}

/** It can be walked by recursion, cut into JSON, and is of no more than was asked for. */
function checkRead(value: unknown): void {
  must((JSON.stringify(value) ?? "").length <= 700_000, "an answer without bound");
}

const loose = resource({ id: Type.String(), more: Type.Optional(Type.Unknown()) }, ["id"]);

export const TRANSPORT_TARGETS: readonly Target[] = [
  target("answers of the API", 1_500, answers, async (given) => {
    const memory = new AnswerMemory(1_000_000);
    for (const method of ["GET", "POST"] as const) {
      const call = {
        method,
        path: "/machines/ps1",
        answer: Type.Union([machineSchema, loose, Type.Null()]),
        retry: "never",
        permit,
      } as const;
      await transportOf(given, memory)
        .request(call)
        .then(({ body }) => checkRead(body))
        .catch((error) => refuse(error, method === "POST"));
    }
    must(memory.take(1_000_000), "memory that was not given back");
  }),
  target("pages of the API", 1_500, answers, async (given) => {
    const memory = new AnswerMemory(1_000_000);
    const read = async () => {
      for await (const { items, skipped } of transportOf(given, memory).pages({
        path: "/machines",
        item: machineSchema,
        permit,
        mostPages: 2,
      })) {
        must(items.length + skipped <= MOST_ITEMS, "more items than a page has");
        for (const item of items)
          must(typeof item.id === "string" && item.id !== "", "an item without an id");
        checkRead(items);
      }
    };
    await read().catch((error) => refuse(error, false));
    must(memory.take(1_000_000), "memory that was not given back");
  }),
];
