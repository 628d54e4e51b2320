/** How often each kind of call was made: to Paperspace as the simulator saw it, to Kubernetes as its API server did. */
import { systemClock } from "../../src/base/clock.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import type { Call } from "../simulator/calls.ts";
import type { Counts } from "./figures.ts";

/** Segments of a path that are no ids, behind a collection. */
const WORDS = new Set(["session"]);

export class CallLog {
  readonly #counts = new Map<string, number>();
  readonly #creates = new Set<Arrivals>();
  /** Answers 429 so far. */
  refused = 0;

  add({ method, path, query, status, body, time }: Call): void {
    if (status === 429) this.refused++;
    const what = `${method} ${withoutIds(path)}${query.name === undefined ? "" : "?name"}`;
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1);
    if (method !== "POST" || path !== "/v1/machines") return;
    const { name } = body as { name: string };
    for (const arrivals of this.#creates) arrivals.add(name, Date.parse(time));
  }

  counts(): Counts {
    return Object.fromEntries(this.#counts);
  }

  /** The creates of machines that arrive from this moment on. */
  arrivals(signal: AbortSignal): Arrivals {
    const arrivals = new Arrivals(systemClock.now(), signal);
    this.#creates.add(arrivals);
    return arrivals;
  }
}

/** When creates arrived in the cloud, by the name of their object. */
export class Arrivals {
  readonly #since: number;
  readonly #signal: AbortSignal;
  readonly #at = new Map<string, number>();
  #wake = Promise.withResolvers<void>();

  constructor(since: number, signal: AbortSignal) {
    this.#since = since;
    this.#signal = signal;
  }

  /** `at`: wall clock. A call is known once it has ended. */
  add(cloudName: string, at: number): void {
    if (at < this.#since) return;
    this.#at.set(cloudName.replace(/-[0-9a-f]{20}$/, ""), at);
    this.#wake.resolve();
  }

  /** Once there are so many. */
  async until(count: number): Promise<ReadonlyMap<string, number>> {
    this.#signal.addEventListener("abort", () => this.#wake.resolve(), { once: true });
    while (this.#at.size < count) {
      this.#signal.throwIfAborted();
      this.#wake = Promise.withResolvers<void>();
      await this.#wake.promise;
    }
    return this.#at;
  }
}

/** "/machines/:id/start" of "/v1/machines/psx81kq02m/start". */
function withoutIds(path: string): string {
  const segments = path.split("/").slice(2);
  return segments.map((segment, i) => `/${i % 2 === 1 && !WORDS.has(segment) ? ":id" : segment}`).join("");
}

/** What came to a count since an earlier one; what stayed the same is left out. */
export function difference(now: Counts, before: Counts): Counts {
  const entries = Object.entries(now).map(([what, count]) => [what, count - (before[what] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]));
}

/** Resources of the core that an operator writes. */
const WRITTEN = new Set(["events", "leases", "secrets", "configmaps"]);
const METRIC = "apiserver_request_total";

/**
 * All writes that an API server has answered of what an operator writes. Objects are created and deleted by users; there
 * is no other client than the operator and this program.
 */
export async function serverWrites(kube: KubeConnection): Promise<Counts> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of await kube.stream({ method: "GET", path: "/metrics" })) chunks.push(chunk);
  const counts: Record<string, number> = {};
  for (const line of Buffer.concat(chunks).toString().split("\n")) {
    if (!line.startsWith(`${METRIC}{`)) continue;
    const labels = Object.fromEntries(
      Array.from(line.matchAll(/(\w+)="([^"]*)"/g), ([, name, value]) => [name, value]),
    );
    const { verb = "", group, resource = "", subresource = "" } = labels;
    const isOurs = group === "paperspace.com";
    if (!["POST", "PUT", "PATCH", "APPLY", "DELETE"].includes(verb)) continue;
    if (isOurs ? verb === "POST" || verb === "DELETE" : !WRITTEN.has(resource)) continue;
    const what = `${verb} ${[resource, subresource].filter(Boolean).join("/")}`;
    counts[what] = (counts[what] ?? 0) + Number(line.slice(line.lastIndexOf(" ")));
  }
  return counts;
}
