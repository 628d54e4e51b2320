import { beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import type { KubeRequest } from "./connection.ts";
import { MOST_REFUSED, MOST_REVIEWS, MOST_TOKENS, ScrapeAccess } from "./scrape-access.ts";

const USER = { username: "system:serviceaccount:monitoring:prometheus", groups: ["system:authenticated"] };

let clock: VirtualClock;
let requests: KubeRequest[];
/** What the API server answers to a review. */
let answer: (request: KubeRequest) => unknown;
let access: ScrapeAccess;

beforeEach(() => {
  clock = new VirtualClock();
  requests = [];
  answer = ({ path }) =>
    path.endsWith("tokenreviews")
      ? { status: { authenticated: true, user: USER } }
      : { status: { allowed: true } };
  const request = async <T>(sent: KubeRequest) => {
    requests.push(sent);
    return (await answer(sent)) as T;
  };
  access = new ScrapeAccess({ connection: { request }, clock });
});

/** From an address of its own unless another is given. */
const bearer = (token: string, address = token) => access.decide(`Bearer ${token}`, address);
/** Only these tokens are known. */
const knowOnly = (...good: string[]) => {
  answer = ({ path, body }) => {
    if (!path.endsWith("tokenreviews")) return { status: { allowed: true } };
    const { token } = (body as { spec: { token: string } }).spec;
    return { status: good.includes(token) ? { authenticated: true, user: USER } : { authenticated: false } };
  };
};

describe("who may have the metrics", () => {
  it("is who the API server knows by the token, and lets get the path", async () => {
    expect(await bearer("t0k3n")).toBe("allowed");
    expect(requests.map(({ method, path, body }) => [method, path, (body as { spec: object }).spec])).toEqual(
      [
        ["POST", "/apis/authentication.k8s.io/v1/tokenreviews", { token: "t0k3n" }],
        [
          "POST",
          "/apis/authorization.k8s.io/v1/subjectaccessreviews",
          {
            user: USER.username,
            groups: USER.groups,
            nonResourceAttributes: { path: "/metrics", verb: "get" },
          },
        ],
      ],
    );
  });

  it.each([undefined, "", "Bearer", "Basic dTpw", "Bearer a b"])(
    "is nobody without a bearer token, which costs no review: %j",
    async (header) => {
      expect(await access.decide(header)).toBe(401);
      expect(requests).toEqual([]);
    },
  );

  it("is nobody whom the API server does not know, whatever else it answers", async () => {
    for (const status of [undefined, {}, { authenticated: false, user: USER }, { authenticated: true }]) {
      answer = () => ({ status });
      expect(await bearer(`token ${requests.length}`.replace(" ", "-"))).toBe(401);
    }
  });

  it.each([undefined, {}, { allowed: false, reason: "no" }, { allowed: "true" }])(
    "is nobody who may not get the path: %j",
    async (status) => {
      answer = ({ path }) =>
        path.endsWith("tokenreviews") ? { status: { authenticated: true, user: USER } } : { status };
      expect(await bearer("t")).toBe(403);
    },
  );

  it("is asked anew at once where the API server could not be asked: nobody is let in meanwhile", async () => {
    answer = () => Promise.reject(new Error("no route"));
    expect(await bearer("t")).toBe(503);
    answer = () => ({ status: { authenticated: true, user: USER, allowed: true } });
    expect(await bearer("t")).toBe("allowed");
  });
});

describe("answers", () => {
  it("count for a minute, so that each scrape does not cost two reviews; refusals for ten seconds", async () => {
    await bearer("good");
    await clock.advance(59_000);
    expect(await bearer("good")).toBe("allowed");
    expect(requests).toHaveLength(2);
    answer = () => ({ status: { authenticated: false } });
    expect(await bearer("good")).toBe("allowed");
    await clock.advance(1_000);
    expect(await bearer("good")).toBe(401);
    answer = () => ({ status: { authenticated: true, user: USER, allowed: true } });
    expect(await bearer("good")).toBe(401);
    await clock.advance(10_000);
    expect(await bearer("good")).toBe("allowed");
  });

  it("are kept of so many tokens at most, and not for another token", async () => {
    for (let i = 0; i <= MOST_TOKENS; i++) await bearer(`t${i}`);
    requests.length = 0;
    await bearer(`t${MOST_TOKENS}`);
    expect(requests).toEqual([]);
    await bearer("t0");
    expect(requests).toHaveLength(2);
  });

  it("are waited for by few at once, however much rubbish is sent, and by one for each token", async () => {
    const { promise, resolve } = Promise.withResolvers<unknown>();
    answer = () => promise;
    const first = Array.from({ length: MOST_REVIEWS }, (_, i) => bearer(`t${i}`));
    const again = bearer("t0");
    expect(await bearer("one-more")).toBe(503);
    expect(requests).toHaveLength(MOST_REVIEWS);
    resolve({ status: { authenticated: false } });
    expect(await Promise.all([...first, again])).toEqual(Array(MOST_REVIEWS + 1).fill(401));
  });
});

describe("garbage", () => {
  it("pushes no scraper out, however many tokens it tries: its refusals have a bound of their own", async () => {
    knowOnly("good");
    await bearer("good");
    for (let i = 0; i <= MOST_REFUSED; i++) expect(await bearer(`t${i}`)).toBe(401);
    requests.length = 0;
    expect(await bearer("good")).toBe("allowed");
    expect(await bearer(`t${MOST_REFUSED}`)).toBe(401);
    expect(requests).toEqual([]);
    expect(await bearer("t0", "10.0.0.9")).toBe(401);
    expect(requests).toHaveLength(1);
  });

  it("keeps no scraper waiting whose minute is over: a token that was allowed has a review of its own", async () => {
    knowOnly("good");
    await bearer("good");
    await clock.advance(60_000);
    const known = answer;
    const { promise, resolve } = Promise.withResolvers<void>();
    answer = async (sent) => {
      const { token = "good" } = (sent.body as { spec: { token?: string } }).spec;
      if (token !== "good") await promise;
      return known(sent);
    };
    const garbage = Array.from({ length: MOST_REVIEWS }, (_, i) => bearer(`t${i}`));
    expect(await bearer("new")).toBe(503);
    expect(await bearer("good")).toBe("allowed");
    resolve();
    await Promise.all(garbage);
    expect(await bearer("good")).toBe("allowed");
  });

  it("of one address costs a review a second, and keeps a new scraper of another address out no longer than that", async () => {
    knowOnly("good");
    for (let i = 0; i < 100; i++) {
      await bearer(`t${i}`, "10.0.0.9");
      await clock.advance(100);
    }
    expect(requests.length).toBeLessThanOrEqual(11);
    expect(await bearer("good", "10.0.0.1")).toBe("allowed");
  });

  it("by a token whose right was taken away is garbage as any other", async () => {
    knowOnly("gone");
    await bearer("gone");
    await clock.advance(60_000);
    knowOnly();
    expect(await bearer("gone", "10.0.0.9")).toBe(401);
    await clock.advance(10_000);
    expect(await bearer("gone", "10.0.0.9")).toBe(401);
    expect(await bearer("other", "10.0.0.9")).toBe(503);
  });
});
