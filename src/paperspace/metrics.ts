/**
 * Metrics of the calls to Paperspace. Labels hold routes, never ids, and teams, never keys.
 */

import { Counter, Gauge, Histogram, type Registry } from "prom-client";
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

export function createApiMetrics(registry: Registry): ApiMetrics {
  const registers = [registry];
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
    help: "Answers 429, by team.",
    labelNames: ["team"],
    registers,
  });
  const rate = new Gauge({
    name: "paperspace_api_throttle_rate",
    help: "Requests per second that the throttle allows at present, by team.",
    labelNames: ["team"],
    registers,
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
      const route = routeOf(path);
      requests.inc({ method, route, status });
      durations.observe({ method, route }, seconds);
    },
    throttle: (team) => ({
      waited: (seconds, lane) => waits.observe({ lane }, seconds),
      rateLimited: () => limited.inc({ team }),
      rateChanged: (value) => rate.set({ team }, value),
    }),
    forget(team) {
      limited.remove({ team });
      rate.remove({ team });
    },
  };
}
