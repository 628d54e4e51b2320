/**
 * Who may have the metrics: a client that brings a token that the API server knows (TokenReview), and may get the path /metrics
 * (SubjectAccessReview), as with the metrics of Kubernetes itself. Answers are kept for a while; tokens are kept as hashes.
 */
import { createHash } from "node:crypto";
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
/** Tokens of which the answer is kept, and reviews at once: a client that sends rubbish must not load the API server. */
export const MOST_TOKENS = 64;
export const MOST_REVIEWS = 4;

export class ScrapeAccess {
  readonly #options: ScrapeAccessOptions;
  /** By hash of the token. */
  readonly #known = new Map<string, { verdict: Promise<Verdict>; until: number }>();
  #reviewing = 0;

  constructor(options: ScrapeAccessOptions) {
    this.#options = options;
  }

  /** Never rejects. `authorization` is the header of a request. */
  async decide(authorization: string | undefined): Promise<Verdict> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return 401;
    const { clock } = this.#options;
    const id = createHash("sha256").update(token).digest("base64");
    const known = this.#known.get(id);
    if (known && clock.monotonic() < known.until) return known.verdict;
    if (this.#reviewing >= MOST_REVIEWS) return 503;
    const entry = { verdict: this.#review(token), until: Number.POSITIVE_INFINITY };
    this.#known.delete(id);
    this.#known.set(id, entry);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MOST_TOKENS && oldest !== undefined) this.#known.delete(oldest);
    const verdict = await entry.verdict;
    // What could not be asked is asked again with the next request.
    const ms = verdict === "allowed" ? ALLOWED_MS : verdict === 503 ? 0 : REFUSED_MS;
    entry.until = clock.monotonic() + ms;
    return verdict;
  }

  async #review(token: string): Promise<Verdict> {
    this.#reviewing++;
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
    } finally {
      this.#reviewing--;
    }
  }

  async #ask(apiVersion: string, kind: string, spec: object): Promise<NonNullable<Review["status"]>> {
    const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
    const body = { apiVersion, kind, spec };
    const { status } = await this.#options.connection.request<Review>({ method: "POST", path, body });
    return status ?? {};
  }
}
