import { beforeEach, describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import type { KubeRequest } from "./connection.ts";
import { MOST_REVIEWS, MOST_TOKENS, ScrapeAccess } from "./scrape-access.ts";

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

const bearer = (token: string) => access.decide(`Bearer ${token}`);

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
