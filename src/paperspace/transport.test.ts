import fc from "fast-check";
import { Type } from "typebox";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answer, cutAtOnce, html, json } from "../../test/paperspace/scripted-server.ts";
import {
  failure,
  get,
  KEY,
  machine as machineSchema,
  post,
  put,
  setUp,
  type TransportEnv,
  until,
} from "../../test/paperspace/transport.ts";
import { resource } from "./answers.ts";
import { MOST_DEPTH, MOST_VALUES } from "./nesting.ts";
import { apiPath } from "./route.ts";
import { Throttle } from "./throttle.ts";

let env: TransportEnv;
beforeEach(async () => {
  env = await setUp();
});
afterEach(() => env.stop());

const machine = json(200, { id: "ps1", more: { kept: true } });
const json200 = (body: string) => answer(200, "application/json", body);
const deepError = answer(
  404,
  "application/json",
  `{"code":"NOT_FOUND","message":"m","details":${"[".repeat(30_000)}`,
);
const busy = json(503, { code: "INTERNAL_SERVER_ERROR", message: "busy" });

describe("a request", () => {
  it("joins the path to the base URL, and sends key, client names and query", async () => {
    const { api, server } = env;
    server.script = [machine];
    const path = apiPath`/machines/${"a b?c"}`;
    await api.request({ ...get(path), query: { limit: 5, name: "x y&z", after: undefined, flag: false } });
    const [sent] = server.received;
    expect(sent?.path).toBe("/v1/machines/a%20b%3Fc?limit=5&name=x+y%26z&flag=false");
    expect(sent?.headers).toMatchObject({
      authorization: `Bearer ${KEY}`,
      accept: "application/json",
      "user-agent": "paperspace-operator/1.2.3",
      "x-client": "paperspace-operator",
      "x-client-version": "1.2.3",
    });
  });

  it("has a JSON content type exactly when it has a body; a power call sends {}", async () => {
    const { api, server } = env;
    server.script = [machine];
    await api.request(get());
    await api.request({ ...post(), method: "PATCH", path: "/machines/ps1/stop", body: {} });
    expect(server.received[0]?.headers["content-type"]).toBeUndefined();
    expect(server.received[1]).toMatchObject({ body: "{}", headers: { "content-type": "application/json" } });
  });

  it("sends a caller's headers, but none that would replace its own, such as the key", async () => {
    const { api, server } = env;
    server.script = [machine];
    const own = { Authorization: "Bearer other", "User-Agent": "other", "content-type": "text/plain" };
    const framing = { Host: "elsewhere", "Content-Length": "0", Connection: "close", "X-Client": "other" };
    await api.request({ ...put(), headers: { "X-Git-Ref": "main", "x-git-sha": "abc", ...own, ...framing } });
    await api.request({ ...get(), headers: own });
    const ours = { authorization: `Bearer ${KEY}`, "user-agent": "paperspace-operator/1.2.3" };
    expect(server.received[0]).toMatchObject({
      body: '{"name":"a"}',
      headers: {
        ...ours,
        "x-git-ref": "main",
        "x-git-sha": "abc",
        "content-type": "application/json",
        "x-client": "paperspace-operator",
        host: server.origin.replace("http://", ""),
      },
    });
    expect(server.received[1]?.headers).toMatchObject(ours);
    expect(server.received[1]?.headers["content-type"]).toBeUndefined();
  });

  it("returns what its schema names", async () => {
    env.server.script = [machine];
    expect((await env.api.request(get())).body).toEqual({ id: "ps1" });
  });

  it("takes no answer that is nested so deep that what walks it runs out of stack", async () => {
    const answer = Type.Object({ id: Type.Unknown() });
    const nested = (levels: number) => json200(`{"id":${"[".repeat(levels)}${"]".repeat(levels)}}`);
    env.server.script = [nested(MOST_DEPTH - 1), nested(MOST_DEPTH), nested(1_000_000), deepError];
    expect(await env.api.request({ ...get(), answer })).toMatchObject({ status: 200 });
    for (let n = 0; n < 2; n++)
      expect((await failure(env.api.request({ ...get(), answer }))).message).toContain("nested too deep");
    expect(await failure(env.api.request(post()))).toMatchObject({ code: "PS_SERVER", effect: "unknown" });
  });

  it("takes no answer of so many values that parsing them stops all else, unless it may be as large", async () => {
    const answer = Type.Array(Type.Unknown(), { maxItems: 1e6 });
    env.server.script = [json200(`[${"0,".repeat(MOST_VALUES)}0]`)];
    const call = { ...get(), answer };
    expect((await failure(env.api.request(call))).message).toContain(`more than ${MOST_VALUES} values`);
    expect(await env.api.request({ ...call, maxBytes: 8 * 1024 * 1024 })).toMatchObject({ status: 200 });
  });

  it("accepts null where the schema allows it", async () => {
    env.server.script = [json(200, null)];
    const answer = Type.Union([Type.Null(), machineSchema]);
    expect((await env.api.request({ ...get(), answer })).body).toBeNull();
  });

  it("reports when the answered attempt began, not the first one: older observations must not win", async () => {
    const { api, server, clock, tries } = env;
    server.script = [busy, machine];
    const pending = api.request(get());
    await until(() => tries.length === 1);
    await clock.advance(500);
    expect(await pending).toMatchObject({ beganAt: 500, answeredAt: 500 });
  });

  it("names the field that does not fit, and not its value", async () => {
    env.server.script = [json(200, { id: 5, password: "geheim" })];
    const error = await failure(env.api.request(get()));
    expect(error.message).toBe("GET /machines/ps1: unexpected answer: /id must be string");
  });
});

/** Whether it has ended, once sockets had their turn. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  void promise.finally(() => (done = true));
  for (let turn = 0; turn < 20 && !done; turn++) await new Promise((resolve) => setImmediate(resolve));
  return done;
}

describe("retries", () => {
  it.each([
    ["a failing server", busy],
    ["a failing gateway", html(502)],
    ["a cut", cutAtOnce],
  ])("help a safe call over %s", async (_, reply) => {
    const { api, server, clock, tries } = env;
    server.script = [reply, reply, machine];
    const pending = api.request(put());
    await until(() => tries.length === 1);
    await clock.advance(500);
    await until(() => tries.length === 2);
    await clock.advance(1_000);
    expect(await pending).toMatchObject({ status: 200 });
  });

  it("end after four attempts, with growing pauses, so that a pass is not blocked", async () => {
    const { api, server, clock, tries } = env;
    server.script = [busy];
    const failed = failure(api.request(get()));
    for (const [n, pause] of [500, 1_000, 2_000].entries()) {
      await until(() => tries.length === n + 1);
      await clock.advance(pause - 1);
      expect(server.received).toHaveLength(n + 1);
      await clock.advance(1);
    }
    expect(await failed).toMatchObject({ code: "PS_SERVER", status: 503 });
    expect(server.received).toHaveLength(4);
  });

  it.each([400, 401, 403, 404, 405, 409, 412])("do not happen after a refusal (%i)", async (status) => {
    env.server.script = [json(status, { code: "X", message: "no" })];
    await failure(env.api.request(get()));
    expect(env.server.received).toHaveLength(1);
  });

  it("do not happen after block pages: a blocking gateway must not be pressed", async () => {
    env.server.script = [html(403)];
    await failure(env.api.request(get()));
    expect(env.server.received).toHaveLength(1);
  });

  it("after a 429 wait 10 s, then 20 s, and pause every other call as long", async () => {
    const { api, server, clock, tries } = env;
    const limited = json(429, { code: "TOO_MANY_REQUESTS", message: "slow down" });
    server.script = [limited, limited, machine];
    const pending = api.request(get());
    await until(() => tries.length === 1);
    const other = api.request(get("/machines/ps2"));
    await clock.advance(9_999);
    expect(server.received).toHaveLength(1);
    await clock.advance(1);
    await until(() => tries.length >= 2);
    await clock.advance(19_000);
    expect(server.received).toHaveLength(2);
    await clock.advance(2_000);
    await Promise.all([pending, other]);
    expect(tries.slice(0, 2)).toEqual(["429", "429"]);
  });

  it("never happen to a call that is not safe, not even after a 429", async () => {
    const { api, server, clock } = env;
    server.script = [json(429, { code: "TOO_MANY_REQUESTS", message: "slow down" }, ["retry-after: 30"])];
    const error = await failure(api.request(post()));
    expect(error).toMatchObject({ code: "PS_RATE_LIMITED", effect: "none", retryAfterMs: 30_000 });
    await clock.advance(600_000);
    expect(server.received).toHaveLength(1);
  });

  it("end when the caller cancels, with the effect of the attempts so far", async () => {
    const { api, server, tries } = env;
    server.script = [cutAtOnce];
    const controller = new AbortController();
    const failed = failure(api.request({ ...put(), signal: controller.signal }));
    await until(() => tries.length === 1);
    await env.clock.settle();
    controller.abort();
    expect(await failed).toMatchObject({ code: "PS_NOT_SENT", effect: "unknown" });
  });

  it("call the gate every time", async () => {
    const { api, server, clock, tries } = env;
    server.script = [busy];
    const gate = () => (server.received.length > 0 ? "paused" : undefined);
    const failed = failure(api.request({ ...put(), gate }));
    await until(() => tries.length === 1);
    await clock.advance(10_000);
    expect(await failed).toMatchObject({ code: "PS_NOT_SENT", effect: "unknown" });
    expect(server.received).toHaveLength(1);
  });
});

describe("the key", () => {
  it("is in no error, even when the answer repeats it", async () => {
    const { api, server } = env;
    const echo = { code: `BAD ${KEY}`, message: `what is Bearer ${KEY}?`, details: { got: KEY } };
    for (const reply of [json(400, echo), json(200, echo), json(500, echo), json(429, echo)]) {
      server.script = [reply];
      const error = await failure(api.request(post()));
      expect(JSON.stringify({ ...error, message: error.message, stack: error.stack })).not.toContain(KEY);
    }
  });

  it("that is refused is reported, with the time of the refused call", async () => {
    const refusedAt: number[] = [];
    const other = await setUp({ onUnauthorized: (beganAt) => refusedAt.push(beganAt) });
    other.server.script = [json(401, { code: "UNAUTHORIZED", message: "You must be logged in" })];
    await other.clock.advance(5);
    expect(await failure(other.api.request(get()))).toMatchObject({ code: "PS_UNAUTHORIZED" });
    expect(refusedAt).toEqual([5]);
    await other.stop();
  });
});

describe("calls on behalf of a group", () => {
  it("take turns with those of other groups: a group with many does not delay the only one of another", async () => {
    const { clock } = env;
    const throttle = new Throttle(clock, { requestsPerSecond: 1, burst: 5, concurrency: 100 });
    const { server, api, stop } = await setUp({ throttle, clock });
    server.script = Array.from({ length: 20 }, () => machine);
    const [many, one] = [api.with({ group: "many" }), api.with({ group: "one" })];
    const all = Array.from({ length: 20 }, () => many.request(get("/machines/many")).catch(() => {}));
    await until(() => server.received.length === 4);
    all.push(one.request(get("/machines/one")).catch(() => {}));
    for (let n = 5; n <= 6; n++) {
      await clock.advance(1_250);
      await server.arrived(n);
    }
    expect(server.received.slice(4).map(({ path }) => path)).toContain("/v1/machines/one");
    throttle.close();
    await Promise.all(all);
    await stop();
  });
});

describe("pages", () => {
  const list = {
    path: "/machines",
    query: { orderBy: "dtCreated", order: "asc", name: "n" },
    item: machineSchema,
  };
  const page = (ids: string[], hasMore: boolean, nextPage?: string | null) =>
    json(200, { hasMore, items: ids.map((id) => ({ id })), ...(nextPage === undefined ? {} : { nextPage }) });

  const text = Type.Object({ id: Type.String(), text: Type.String() });

  async function ids(): Promise<string[]> {
    const found: string[] = [];
    for await (const { items } of env.api.pages(list)) found.push(...items.map(({ id }) => id));
    return found;
  }

  it("follow the cursor with everything else unchanged, 120 at a time", async () => {
    env.server.script = [page(["a"], true, "c1"), page([], true, "c2"), page(["b"], false, null)];
    expect(await ids()).toEqual(["a", "b"]);
    const fixed = "/v1/machines?orderBy=dtCreated&order=asc&name=n&limit=120";
    expect(env.server.received.map(({ path }) => path)).toEqual([
      fixed,
      `${fixed}&after=c1`,
      `${fixed}&after=c2`,
    ]);
  });

  it.each([
    ["absent", page(["a"], false)],
    ["null", page(["a"], false, null)],
    ["empty", page(["a"], false, "")],
    ["there although nothing follows", page(["a"], false, "c9")],
  ])("end when there is no more, whether the cursor is %s", async (_, reply) => {
    env.server.script = [reply];
    expect(await ids()).toEqual(["a"]);
    expect(env.server.received).toHaveLength(1);
  });

  it.each([
    ["absent", page(["a"], true)],
    ["null", page(["a"], true, null)],
    ["empty", page(["a"], true, "")],
  ])(
    "fail when there is more and the cursor is %s: half a list must not count as whole",
    async (_, reply) => {
      env.server.script = [reply];
      expect(await failure(ids())).toMatchObject({ code: "PS_UNEXPECTED" });
    },
  );

  it("fail when a cursor repeats: the list would never end", async () => {
    env.server.script = [page(["a"], true, "c1"), page(["b"], true, "c2"), page(["a"], true, "c1")];
    expect(await failure(ids())).toMatchObject({ code: "PS_UNEXPECTED" });
    expect(env.server.received).toHaveLength(3);
  });

  it("are read item by item: one without an id is counted, and costs nothing of the others", async () => {
    env.server.script = [
      json(200, { hasMore: false, items: [{ id: "a" }, { name: "no id" }, null, { id: "b" }] }),
    ];
    const pages = [];
    for await (const page of env.api.pages(list)) pages.push(page);
    expect(pages).toMatchObject([{ items: [{ id: "a" }, { id: "b" }], skipped: 2 }]);
  });

  it("are read in smaller pages where one is too large, down to one item, and the next list begins so", async () => {
    const small = await setUp({ maxBytes: 1_000 });
    const sizes: number[] = [];
    const all = ["a", "b", "c", "d", "e"].map((id) => ({ id, text: "x".repeat(id === "c" ? 700 : 300) }));
    small.server.script = [
      (socket) => {
        const query = new URL(small.server.received.at(-1)?.path ?? "", "http://x").searchParams;
        const [from, limit] = [Number(query.get("after") ?? 0), Number(query.get("limit"))];
        sizes.push(limit);
        const items = all.slice(from, from + limit);
        const hasMore = from + limit < all.length;
        socket.write(json(200, { hasMore, items, ...(hasMore && { nextPage: String(from + limit) }) }));
      },
    ];
    const read = async () => {
      const found: string[] = [];
      for await (const { items } of small.api.with({ group: "g" }).pages({ ...list, item: text, limit: 8 }))
        found.push(...items.map(({ id }) => id));
      return found;
    };
    expect(await read()).toEqual(["a", "b", "c", "d", "e"]);
    expect(sizes).toEqual([8, 4, 2, 2, 1, 1, 1]);
    sizes.length = 0;
    expect(await read()).toEqual(["a", "b", "c", "d", "e"]);
    expect(sizes[0]).toBe(2);
    await small.stop();
  });

  it("hold nothing of a field that nobody reads, however large it is", async () => {
    const small = await setUp({ maxBytes: 1_000 });
    const items = ["a", "b", "c"].map((id) => ({ padding: "x".repeat(1_200), id }));
    small.server.script = [json(200, { hasMore: false, items })];
    for await (const page of small.api.pages(list))
      expect(page).toMatchObject({ items: [{ id: "a" }, {}, {}] });
    expect(small.server.received).toHaveLength(1);
    await small.stop();
  });

  it("drop a field that is too large by itself, or too deep, so that it costs nothing of the others", async () => {
    const small = await setUp({ maxBytes: 1_000 });
    const item = resource({ id: Type.String({ maxLength: 1e6 }), more: Type.Optional(Type.Unknown()) }, [
      "id",
    ]);
    const deep = `${"[".repeat(99)}${"]".repeat(99)}`;
    const page = (items: string) => json200(`{"hasMore":false,"items":[${items}]}`);
    const read = async (request: Partial<typeof list>) => {
      for await (const page of small.api.pages({ ...list, ...request, item })) return page;
      throw new Error("no page");
    };
    small.server.script = [page(`{"id":"a","more":"${"x".repeat(2_000)}"}`)];
    expect(await read({})).toMatchObject({ items: [{ id: "a", unreadable: ["more"] }], skipped: 0 });
    expect(small.server.received.map(({ path }) => /limit=\d+/.exec(path)?.[0])).toEqual(
      [120, 60, 30, 15, 7, 3, 1].map((limit) => `limit=${limit}`),
    );
    small.server.script = [page(`{"more":${deep},"id":"b"},{"id":"c"},${deep}`)];
    expect(await read({ path: "/other" })).toMatchObject({
      items: [{ id: "b", unreadable: ["more"] }, { id: "c" }],
      skipped: 1,
    });
    small.server.script = [page(`{"id":"${"x".repeat(2_000)}"}`)];
    expect(await read({ path: "/third" })).toMatchObject({ items: [], skipped: 1 });
    await small.stop();
  });

  it("fail where a page of one item has too many bytes: the message says so, and the list is not complete", async () => {
    const small = await setUp({ maxBytes: 1_000 });
    small.server.script = [json(200, { hasMore: false, items: [{ id: "a", padding: "x".repeat(5_000) }] })];
    const reading = async () => {
      for await (const page of small.api.pages({ ...list, limit: 4 })) expect(page).toBeUndefined();
    };
    const error = await failure(reading());
    expect([error.code, error.message]).toEqual([
      "PS_TOO_LARGE",
      "GET /machines: the answer is larger than 4000 bytes",
    ]);
    expect(small.server.received).toHaveLength(3);
    await small.stop();
  });

  it.each([
    [
      "of items without end",
      `{"hasMore":false,"items":[${"{},".repeat(200_000)}{}]}`,
      "a page of more than 1200 items",
    ],
    [
      "of much besides",
      `{"hasMore":false,"nextPage":"${"x".repeat(1e6)}","items":[]}`,
      "the answer breaks off",
    ],
    [
      "with a cursor that goes into no address",
      json(200, { hasMore: true, items: [], nextPage: "x".repeat(5_000) }),
      "/nextPage",
    ],
    ["that is nested too deep", `{"hasMore":${"[".repeat(100)}`, "nested deeper than 64 levels"],
  ])("fail %s", async (_, body, message) => {
    env.server.script = [body.startsWith("HTTP") ? body : json200(body)];
    const failed = failure(ids());
    await env.server.arrived(1);
    while (!(await settled(failed))) await env.clock.advance(5_000);
    expect((await failed).message).toContain(message);
  });

  it("are read again from the beginning where one broke off: no item counts twice", async () => {
    const half = page(["a", "b"], false).slice(0, -8);
    env.server.script = [(socket) => socket.end(half), page(["a", "b"], false)];
    const reading = ids();
    await until(() => env.tries.length === 1);
    await env.clock.advance(1_000);
    expect(await reading).toEqual(["a", "b"]);
  });

  it("fail past so many pages: a list without end must not be read for ever", async () => {
    const small = await setUp({ mostPages: 5 });
    let next = 0;
    small.server.script = [
      (socket) =>
        void socket.write(json(200, { hasMore: true, items: [{ id: "a" }], nextPage: `c${next++}` })),
    ];
    const reading = async () => {
      for await (const { items } of small.api.pages(list)) expect(items).toHaveLength(1);
    };
    expect((await failure(reading())).message).toContain("more than 5 pages");
    expect(small.server.received).toHaveLength(5);
    await small.stop();
  });

  it("fail past so many bytes of all pages, where the caller holds them all", async () => {
    let next = 0;
    env.server.script = [
      (socket) =>
        void socket.write(
          json(200, { hasMore: true, items: [{ id: "a", text: "x".repeat(500) }], nextPage: `c${next++}` }),
        ),
    ];
    const reading = async () => {
      for await (const { items } of env.api.pages({ ...list, item: text, mostKept: 2_000 }))
        expect(items).toHaveLength(1);
    };
    expect((await failure(reading())).message).toBe(
      "GET /machines: more than 2000 bytes, so that it is not read on",
    );
    expect(env.server.received).toHaveLength(4);
  });

  it("return every item once, in order, for any page sizes and retries", async () => {
    const cut = fc.array(fc.record({ size: fc.nat(3), fails: fc.boolean() }), { minLength: 1, maxLength: 6 });
    const property = fc.asyncProperty(cut, async (pages) => {
      const other = await setUp();
      const all: string[] = [];
      other.server.script = pages.flatMap(({ size, fails }, i) => {
        const items = Array.from({ length: size }, (_, n) => `${i}-${n}`);
        all.push(...items);
        const last = i === pages.length - 1;
        return [...(fails ? [busy] : []), page(items, !last, last ? "" : `c${i}`)];
      });
      const found: string[] = [];
      let done = false;
      const reading = (async () => {
        for await (const got of other.api.pages(list)) found.push(...got.items.map(({ id }) => id));
        done = true;
      })();
      let seen = 0;
      while (!done) {
        await until(() => done || other.tries.length > seen);
        seen = other.tries.length;
        if (other.tries.at(-1) === "503") await other.clock.advance(500);
      }
      await reading;
      await other.stop();
      expect(found).toEqual(all);
    });
    await fc.assert(property, { numRuns: 20 });
  });
});
