import { Registry } from "prom-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { html, json, type Received, ScriptedServer } from "../../test/paperspace/scripted-server.ts";
import { failure, get, KEY, until } from "../../test/paperspace/transport.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { type Account, Accounts, keyFingerprint, mostPagesOf } from "./accounts.ts";
import { createApiMetrics } from "./metrics.ts";
import { createSockets, type Sockets } from "./wire.ts";

const RECHECK_MS = 300_000;
const UNUSED_MS = 1_800_000;

const session = (team: string) => json(200, { team: { id: team }, user: {} });
const loggedOut = json(200, null);
const unauthorized = json(401, {
  code: "UNAUTHORIZED",
  message: "You must be logged in to access this method.",
});

let clock: VirtualClock;
let server: ScriptedServer;
let sockets: Sockets;
let accounts: Accounts;
let registry: Registry;

beforeEach(async () => {
  clock = new VirtualClock();
  server = await ScriptedServer.start();
  sockets = createSockets();
  registry = new Registry();
  accounts = new Accounts({
    clock,
    sockets,
    baseUrl: `${server.origin}/v1`,
    version: "1.2.3",
    throttle: { requestsPerSecond: 1, burst: 5, concurrency: 10 },
    timeoutMs: 30_000,
    recheckMs: RECHECK_MS,
    unusedMs: UNUSED_MS,
    metrics: createApiMetrics(registry, { clock, teamLabels: true }),
  });
});
afterEach(async () => {
  accounts.close();
  await sockets.close();
  await server.stop();
});

const keyOf = ({ headers }: Received) => headers.authorization?.replace("Bearer ", "");

it("reads lists as long as the quota allows, and no quota allows any length", () => {
  expect([Number.POSITIVE_INFINITY, 7, 60_000].map(mostPagesOf)).toEqual([500, 500, 1_010]);
  expect([1e9, 1e300].map(mostPagesOf)).toEqual([1_677, 1_677]);
});

describe("a good key", () => {
  it("is probed once, however many objects use it", async () => {
    server.script = [session("te1")];
    const all = await Promise.all(Array.from({ length: 50 }, () => accounts.get(KEY)));
    await clock.advance(UNUSED_MS - 1);
    all.push(await accounts.get(KEY));
    expect(server.received.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v1/auth/session"]);
    expect(new Set(all).size).toBe(1);
    expect(all[0]).toMatchObject({ team: "te1" });
  });

  it("is forgotten once no object has used it for long, and its team with its last key: namespaces come and go", async () => {
    server.script = [session("te1"), session("te2"), session("te1")];
    await accounts.get(KEY);
    const isReported = async (team: string) =>
      (await registry.metrics()).includes(`paperspace_api_throttle_rate{team="${team}"}`);
    await clock.advance(UNUSED_MS / 2);
    await accounts.get("other-key");
    await clock.advance(UNUSED_MS / 2);
    await accounts.get("other-key");
    expect([accounts.size, await isReported("te1"), await isReported("te2")]).toEqual([1, false, true]);
    await accounts.get(KEY);
    expect([accounts.size, await isReported("te1")]).toEqual([2, true]);
  });

  it("may end in a line feed, as a Secret made from a file does", async () => {
    server.script = [session("te1")];
    await accounts.get(`${KEY}\n`);
    await accounts.get(KEY);
    expect(server.received.map(keyOf)).toEqual([KEY]);
  });
});

describe("a bad key", () => {
  it.each([
    ["null with 200", loggedOut],
    ["401", unauthorized],
  ])("answered with %s is refused, and not probed again before the recheck", async (_, reply) => {
    server.script = [reply];
    const first = await Promise.all(Array.from({ length: 20 }, () => failure(accounts.get(KEY))));
    expect(first.every(({ code, effect }) => code === "PS_UNAUTHORIZED" && effect === "none")).toBe(true);
    expect(first[0]?.retryAfterMs).toBe(RECHECK_MS);
    await clock.advance(RECHECK_MS - 1_000);
    expect(await failure(accounts.get(KEY))).toMatchObject({ code: "PS_UNAUTHORIZED", retryAfterMs: 1_000 });
    expect(server.received).toHaveLength(1);
  });

  it("is probed again after the recheck, and works once it is accepted", async () => {
    server.script = [loggedOut, session("te1")];
    await failure(accounts.get(KEY));
    await clock.advance(RECHECK_MS);
    expect((await accounts.get(KEY)).team).toBe("te1");
  });

  it.each(["", "  \n", "two keys", "line\nfeed", "schlüssel", "x".repeat(2_000)])(
    "that no header can carry (%j) is refused without asking",
    async (key) => {
      expect(await failure(accounts.get(key))).toMatchObject({ code: "PS_UNAUTHORIZED" });
      expect(server.received).toEqual([]);
    },
  );

  it("does not affect another one", async () => {
    server.script = [loggedOut, session("te1")];
    await failure(accounts.get("bad"));
    expect((await accounts.get(KEY)).team).toBe("te1");
  });

  it("is refused although its letters occur in the answer: redaction must not change the result", async () => {
    server.script = [unauthorized];
    expect(await failure(accounts.get("e"))).toMatchObject({ code: "PS_UNAUTHORIZED" });
  });
});

describe("an error that is not about the key", () => {
  it.each([
    ["a block page", html(403), "PS_NOT_JSON"],
    ["a gateway's 401", html(401), "PS_NOT_JSON"],
    ["a session without a team", json(200, { user: {} }), "PS_UNEXPECTED"],
    ["an address without /v1", json(404, { code: "NOT_FOUND", message: "Not found" }), "PS_NOT_FOUND"],
  ])("is remembered for a moment only: %s", async (_, reply, code) => {
    server.script = [reply, session("te1")];
    expect((await failure(accounts.get(KEY))).code).toBe(code);
    const again = await failure(accounts.get(KEY));
    expect([again.code, (again.retryAfterMs ?? 0) > 0]).toEqual([code, true]);
    await clock.advance(1_000);
    expect((await accounts.get(KEY)).team).toBe("te1");
  });

  it("slows the next probe all the same when it is a 429", async () => {
    const limited = json(429, { code: "TOO_MANY_REQUESTS", message: "slow down" });
    server.script = [limited, limited, limited, limited, session("te1")];
    const failed = failure(accounts.get(KEY));
    for (let n = 1; n <= 4; n++) {
      await server.arrived(n);
      await clock.advance(120_000);
    }
    expect((await failed).code).toBe("PS_RATE_LIMITED");
    const before = clock.monotonic();
    const again = accounts.get(KEY);
    await clock.settle();
    await until(() => clock.pending > 0 || server.received.length > 4);
    await clock.advance(1_000);
    expect((await again).team).toBe("te1");
    expect(clock.monotonic() - before).toBe(1_000);
  });
});

describe("many keys that nobody accepts", () => {
  const rubbish = (count: number, group: string) =>
    Array.from({ length: count }, (_, i) => failure(accounts.get(`rubbish-${group}-${i}`, group)));
  const answers = (count: number) => Array.from({ length: count }, () => loggedOut);

  it("have one budget together: inventing keys does not raise the rate", async () => {
    server.script = answers(40);
    const all = rubbish(40, "mallory");
    await until(() => server.received.length === 4);
    await clock.advance(10_000);
    await clock.settle();
    expect(server.received.length).toBeLessThanOrEqual(5 + 10);
    while (server.received.length < 40) await clock.advance(1_000);
    await Promise.all(all);
  });

  it("delay a key of another namespace by one turn", async () => {
    server.script = [...answers(5), session("te1"), ...answers(40)];
    const all = rubbish(40, "mallory");
    await until(() => server.received.length === 4);
    const good = accounts.get(KEY, "alice");
    for (let n = 5; n <= 6; n++) {
      await clock.advance(1_250);
      await server.arrived(n);
    }
    expect(server.received.slice(4).map(keyOf)).toContain(KEY);
    accounts.close();
    await Promise.allSettled([...all, good]);
  });

  it("give way to new keys once they were refused", async () => {
    server.script = [...answers(12), session("te1"), ...answers(4)];
    const first = rubbish(8, "mallory");
    while (server.received.length < 8) await clock.advance(1_000);
    await Promise.all(first);
    await clock.advance(RECHECK_MS);
    const again = rubbish(8, "mallory");
    await until(() => server.received.length === 12);
    // The same namespace: it is not its turn that counts here.
    const good = accounts.get(KEY, "mallory");
    await clock.advance(1_250);
    expect((await good).team).toBe("te1");
    accounts.close();
    await Promise.all(again);
  });

  it("are not paused by a 429 to one of them: only that key waits", async () => {
    server.script = [json(429, { code: "TOO_MANY_REQUESTS", message: "slow down" }), session("te1")];
    const limited = failure(accounts.get("limited", "mallory"));
    await server.arrived(1);
    expect((await accounts.get(KEY, "alice")).team).toBe("te1");
    accounts.close();
    await limited;
  });
});

describe("a key that stops working", () => {
  const refusedCall = async (account: Account) => failure(account.api.request(get()));

  it("is probed again after a 401 to any call", async () => {
    server.script = [session("te1"), unauthorized, loggedOut];
    const account = await accounts.get(KEY);
    await clock.advance(1_000);
    expect(await refusedCall(account)).toMatchObject({ code: "PS_UNAUTHORIZED" });
    expect(await failure(accounts.get(KEY))).toMatchObject({ code: "PS_UNAUTHORIZED" });
    expect(server.received).toHaveLength(3);
  });

  it("is not probed again for refusals from before the last probe", async () => {
    server.script = [session("te1"), session("te1")];
    await accounts.get(KEY);
    await clock.advance(1_000);
    accounts.invalidate(KEY, 500);
    await accounts.get(KEY);
    accounts.invalidate(KEY, 400);
    await accounts.get(KEY);
    expect(server.received).toHaveLength(2);
  });

  it("is probed once when a whole fleet gets a 401", async () => {
    server.script = [session("te1"), loggedOut];
    await accounts.get(KEY);
    await clock.advance(1_000);
    const fleet = Array.from({ length: 30 }, () => {
      accounts.invalidate(KEY);
      return failure(accounts.get(KEY));
    });
    await Promise.all(fleet);
    expect(server.received).toHaveLength(2);
  });
});

describe("teams", () => {
  it("share one budget among their keys: it is the team that the API limits", async () => {
    server.script = [session("te1"), session("te1"), session("te2"), json(200, { id: "ps1" })];
    const [a, b, other] = [
      await accounts.get("key-a"),
      await accounts.get("key-b"),
      await accounts.get("key-c"),
    ];
    const calls = [a, b, a, b, a, b, a, b, other].map((account) => account.api.request(get()));
    await until(() => server.received.length === 3 + 5);
    await clock.settle();
    const sent = server.received.slice(3).map(keyOf);
    expect(sent.filter((key) => key === "key-c")).toHaveLength(1);
    expect(sent).toHaveLength(5);
    await clock.advance(10_000);
    await Promise.all(calls);
  });

  it("appear in the metrics by id, routes by template, keys not at all", async () => {
    server.script = [
      session("te1"),
      json(200, { id: "ps1" }),
      json(404, { code: "NOT_FOUND", message: "no" }),
    ];
    const account = await accounts.get(KEY);
    await account.api.request(get());
    await refusedBy(account);
    const text = await registry.metrics();
    expect(text).toContain(
      'paperspace_api_requests_total{method="GET",route="/machines/{id}",status="404"} 1',
    );
    expect(text).toContain('paperspace_api_throttle_rate{team="te1"} 1');
    expect(text).not.toContain("ps1");
    expect(text).not.toContain(KEY);
  });
  const refusedBy = (account: Account) => failure(account.api.request(get()));
});

it("sends nothing once closed", async () => {
  server.script = [session("te1")];
  const account = await accounts.get(KEY);
  accounts.close();
  expect(await failure(account.api.request(get()))).toMatchObject({ code: "PS_NOT_SENT" });
  expect(await failure(accounts.get("another"))).toMatchObject({ code: "PS_NOT_SENT" });
  expect(server.received).toHaveLength(1);
});

it("distinguishes keys without revealing anything of them", () => {
  expect(keyFingerprint(KEY)).toMatch(/^[0-9a-f]{8}$/);
  expect(keyFingerprint(`${KEY}\n`)).toBe(keyFingerprint(KEY));
  expect(keyFingerprint("other")).not.toBe(keyFingerprint(KEY));
});

describe("open", () => {
  const caller = (holder: string) => {
    const answers: string[] = [];
    return { answers, holder, group: "ns", answered: () => void answers.push(holder) };
  };

  it("waits for no probe: callers are notified once it has ended, whatever it brought", async () => {
    server.script = [session("te1")];
    const one = caller("one");
    const two = caller("two");
    expect(accounts.open(KEY, one)).toBeUndefined();
    expect(accounts.open(KEY, two)).toBeUndefined();
    await until(() => one.answers.length > 0);
    expect([...one.answers, ...two.answers]).toEqual(["one", "two"]);
    expect(accounts.open(KEY, one)?.team).toBe("te1");
    expect(server.received).toHaveLength(1);
  });

  it.each([
    ["a refusal", unauthorized, "PS_UNAUTHORIZED"],
    ["a failure", html(403), "PS_NOT_JSON"],
  ])(
    "brings what a caller waited for, however late it comes: its turn may always be later than %s lasts",
    async (_, reply, code) => {
      server.script = [reply, session("te1")];
      const late = caller("late");
      accounts.open(KEY, late);
      await until(() => late.answers.length > 0);
      await clock.advance(2 * RECHECK_MS);
      expect(() => accounts.open(KEY, late)).toThrow(expect.objectContaining({ code }));
      // Once: the next call has it probed again.
      expect(accounts.open(KEY, late)).toBeUndefined();
      await until(() => late.answers.length > 1);
      expect(accounts.open(KEY, late)?.team).toBe("te1");
    },
  );

  it.each([
    ["an accepted key", session("te1")],
    ["a refused key", unauthorized],
  ])("keeps nothing for callers of %s that are gone, though others use it", async (_, reply) => {
    server.script = [reply];
    const stays = caller("stays");
    for (let n = 0; n < 100; n++) accounts.open(KEY, caller(`gone ${n}`));
    accounts.open(KEY, stays);
    await until(() => stays.answers.length > 0);
    for (let used = 0; used < 2 * UNUSED_MS; used += RECHECK_MS) {
      await clock.advance(RECHECK_MS);
      await accounts.get(KEY).catch(() => {});
    }
    expect(accounts.callers).toBeLessThanOrEqual(1);
  });
});
