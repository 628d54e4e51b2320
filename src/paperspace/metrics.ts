/**
 * Metrics of the calls to Paperspace. Labels hold routes, never ids and never keys, and teams only where that is asked for:
 * those who may read metrics need not know whose accounts there are.
 */

import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Clock } from "../base/clock.ts";
import type { PaperspaceErrorCode } from "./errors.ts";
import { routeOf } from "./route.ts";
import type { ThrottleHooks } from "./throttle.ts";

export interface ApiMetrics {
  /** One attempt of one call. `outcome`: the HTTP status, or the error code where there was no complete answer. */
  request(method: string, path: string, outcome: string, seconds: number): void;
  /** A field of an answer was left out, since it does not have the documented type; `field` is a path in our schema. */
  unreadableField(path: string, field: string): void;
  /** Items of a list were skipped, since they have no readable id. */
  skippedItems(path: string, count: number): void;
  /** The hooks of one team's throttle. */
  throttle(team: string): ThrottleHooks;
  /** No key gives access to the team any more. */
  forget(team: string): void;
}

export interface ApiMetricsOptions {
  clock: Pick<Clock, "monotonic">;
  /** Whether what is about one team has its id as a label; otherwise it is one figure for all. */
  teamLabels: boolean;
}

export function createApiMetrics(registry: Registry, { clock, teamLabels }: ApiMetricsOptions): ApiMetrics {
  const registers = [registry];
  const byTeam = teamLabels ? (["team"] as const) : [];
  const labelsOf = (team: string) => (teamLabels ? { team } : {});
  const unanswered = unansweredSince(clock);
  const requests = new Counter({
    name: "paperspace_api_requests_total",
    help: "Requests sent to the Paperspace API, retries included, by HTTP status or kind of failure.",
    labelNames: ["method", "route", "status"],
    registers,
  });
  const durations = new Histogram({
    name: "paperspace_api_request_duration_seconds",
    help: "Time from sending a request to the end of its answer.",
    labelNames: ["method", "route"],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const waits = new Histogram({
    name: "paperspace_api_throttle_wait_seconds",
    help: "Time that calls waited for their turn.",
    labelNames: ["lane"],
    buckets: [0.001, 0.01, 0.1, 0.5, 1, 5, 10, 30, 60, 120],
    registers,
  });
  const limited = new Counter({
    name: "paperspace_api_rate_limited_total",
    help: "Answers 429; by team with --metrics-team-labels.",
    labelNames: byTeam,
    registers,
  });
  const rate = new Gauge({
    name: "paperspace_api_throttle_rate",
    help: "Requests per second that the throttle of a team allows at present: the lowest; of each with --metrics-team-labels.",
    labelNames: byTeam,
    registers,
  });
  const rates = new Map<string, number>();
  const showRates = () => {
    rate.reset();
    if (teamLabels) for (const [team, value] of rates) rate.set({ team }, value);
    else if (rates.size > 0) rate.set(Math.min(...rates.values()));
  };
  new Gauge({
    name: "paperspace_api_unreachable_seconds",
    help: "For how long no request to the Paperspace API was answered, though some were sent; 0 while it answers.",
    registers,
    collect() {
      this.set(unanswered.seconds());
    },
  });
  const unreadable = new Counter({
    name: "paperspace_api_unreadable_fields_total",
    help: "Fields of answers that were left out because they do not have the documented type.",
    labelNames: ["route", "field"],
    registers,
  });
  const skipped = new Counter({
    name: "paperspace_api_skipped_items_total",
    help: "Items of lists that were skipped because they have no readable id.",
    labelNames: ["route"],
    registers,
  });
  return {
    unreadableField: (path, field) => unreadable.inc({ route: routeOf(path), field }),
    skippedItems: (path, count) => skipped.inc({ route: routeOf(path) }, count),
    request(method, path, status, seconds) {
      unanswered.note(status);
      const route = routeOf(path);
      requests.inc({ method, route, status });
      durations.observe({ method, route }, seconds);
    },
    throttle: (team) => ({
      waited: (seconds, lane) => waits.observe({ lane }, seconds),
      rateLimited: () => limited.inc(labelsOf(team)),
      rateChanged(value) {
        rates.set(team, value);
        showRates();
      },
    }),
    forget(team) {
      if (teamLabels) limited.remove({ team });
      if (rates.delete(team)) showRates();
    },
  };
}

/** Outcomes without any answer: no connection, or one that stayed silent. */
const UNANSWERED: ReadonlySet<string> = new Set<PaperspaceErrorCode>(["PS_CONNECTION", "PS_TIMEOUT"]);
/** When nothing was sent for so long, nothing is known any more. */
const FORGOTTEN_MS = 60 * 60_000;

/** From the first of the requests in a row that were not answered to the last. */
function unansweredSince(clock: Pick<Clock, "monotonic">) {
  let failing: { since: number; at: number } | undefined;
  return {
    note(outcome: string) {
      const at = clock.monotonic();
      failing = UNANSWERED.has(outcome) ? { since: failing?.since ?? at, at } : undefined;
    },
    seconds(): number {
      if (!failing || clock.monotonic() - failing.at >= FORGOTTEN_MS) return 0;
      return (failing.at - failing.since) / 1000;
    },
  };
}
