/**
 * Who may have the metrics: a client that brings a token that the API server knows (TokenReview), and may get the path /metrics
 * (SubjectAccessReview), as with the metrics of Kubernetes itself. Answers are kept for a while; tokens are kept as hashes.
 */
import { hash } from "node:crypto";
import { setNewest } from "../base/bounded-map.ts";
import type { Clock } from "../base/clock.ts";
import type { Authorize } from "../base/health.ts";
import type { KubeConnection } from "./connection.ts";

type Verdict = Awaited<ReturnType<Authorize>>;

export interface ScrapeAccessOptions {
  connection: Pick<KubeConnection, "request">;
  clock: Pick<Clock, "monotonic">;
}

interface Review {
  status?: {
    authenticated?: boolean;
    user?: { username?: string; uid?: string; groups?: string[]; extra?: Record<string, string[]> };
    allowed?: boolean;
  };
}

/** How long an answer counts, in milliseconds: a right that was taken away ends within it. */
const ALLOWED_MS = 60_000;
const REFUSED_MS = 10_000;
/** Tokens of which it is kept that they are allowed, and of which that they are refused: neither pushes the others out. */
export const MOST_TOKENS = 64;
export const MOST_REFUSED = 64;
/** Reviews at once of tokens that were not allowed before: a client that sends garbage must not load the API server. */
export const MOST_REVIEWS = 4;
/** How long an address waits for its next such review after a refusal, in milliseconds, and how many addresses do. */
const PAUSE_MS = 1_000;
const MOST_ADDRESSES = 256;

export class ScrapeAccess {
  readonly #options: ScrapeAccessOptions;
  /** By hash of the token: until when it is allowed. Past that it is still known, and reviewed before unknown ones. */
  readonly #allowed = new Map<string, number>();
  /** By hash of the token. */
  readonly #refused = new Map<string, { verdict: Verdict; until: number }>();
  /** By hash of the token: the review that is under way. */
  readonly #reviews = new Map<string, Promise<Verdict>>();
  /** Of unknown tokens. */
  #reviewing = 0;
  /** By address: when the next unknown token of it may be reviewed. */
  readonly #pauses = new Map<string, number>();

  constructor(options: ScrapeAccessOptions) {
    this.#options = options;
  }

  /** Never rejects. `authorization` is the header of a request, `address` the one that it comes from. */
  async decide(authorization: string | undefined, address = ""): Promise<Verdict> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return 401;
    const now = this.#options.clock.monotonic();
    const id = hash("sha256", token, "base64");
    const allowedUntil = this.#allowed.get(id);
    if (allowedUntil !== undefined && now < allowedUntil) return "allowed";
    const refused = this.#refused.get(id);
    if (refused && now < refused.until) return refused.verdict;
    const isKnown = allowedUntil !== undefined;
    if (!this.#reviews.has(id) && !isKnown && !this.#mayReview(address, now)) return 503;
    return this.#reviews.get(id) ?? this.#begin(id, token, isKnown ? undefined : address);
  }

  /** Those of one address one after the other: garbage from one keeps no other address out. */
  #mayReview(address: string, now: number): boolean {
    for (const [other, until] of this.#pauses) if (until <= now) this.#pauses.delete(other);
    return this.#reviewing < MOST_REVIEWS && !this.#pauses.has(address) && this.#pauses.size < MOST_ADDRESSES;
  }

  /** `address`: of an unknown token. */
  #begin(id: string, token: string, address: string | undefined): Promise<Verdict> {
    if (address !== undefined) {
      this.#reviewing++;
      this.#pauses.set(address, Number.POSITIVE_INFINITY);
    }
    const review = this.#review(token).then((verdict) => {
      const now = this.#options.clock.monotonic();
      this.#reviews.delete(id);
      this.#note(id, verdict, now);
      if (address === undefined) return verdict;
      this.#reviewing--;
      if (verdict === 401 || verdict === 403) this.#pauses.set(address, now + PAUSE_MS);
      else this.#pauses.delete(address);
      return verdict;
    });
    this.#reviews.set(id, review);
    return review;
  }

  /** What could not be asked is asked again with the next request. */
  #note(id: string, verdict: Verdict, now: number): void {
    if (verdict === 503) return;
    this.#allowed.delete(id);
    this.#refused.delete(id);
    if (verdict === "allowed") setNewest(this.#allowed, id, now + ALLOWED_MS, MOST_TOKENS);
    else setNewest(this.#refused, id, { verdict, until: now + REFUSED_MS }, MOST_REFUSED);
  }

  async #review(token: string): Promise<Verdict> {
    try {
      const { authenticated, user } = await this.#ask("authentication.k8s.io/v1", "TokenReview", { token });
      if (!authenticated || !user?.username) return 401;
      const { username, uid, groups, extra } = user;
      const nonResourceAttributes = { path: "/metrics", verb: "get" };
      const subject = { user: username, uid, groups, extra, nonResourceAttributes };
      const { allowed } = await this.#ask("authorization.k8s.io/v1", "SubjectAccessReview", subject);
      return allowed === true ? "allowed" : 403;
    } catch {
      return 503;
    }
  }

  async #ask(apiVersion: string, kind: string, spec: object): Promise<NonNullable<Review["status"]>> {
    const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
    const body = { apiVersion, kind, spec };
    const { status } = await this.#options.connection.request<Review>({ method: "POST", path, body });
    return status ?? {};
  }
}
