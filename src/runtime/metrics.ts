/**
 * The runtime's metrics in Prometheus, under the names of client-go and controller-runtime, so that existing dashboards
 * and alerts work. What is measured is decided in each module; here are the names.
 */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { EventMetrics } from "../kube/events.ts";
import type { ReflectorMetrics } from "./reflector.ts";
import type { QueueMetrics } from "./work-queue.ts";
import type { WorkerMetrics } from "./workers.ts";

export interface RuntimeMetrics {
  /** `name` is that of the controller, e.g. the plural of its kind; so are the others'. */
  queue(name: string): QueueMetrics;
  workers(name: string): WorkerMetrics;
  reflector(name: string): ReflectorMetrics;
  /** For `Leadership.onChange`; `name` is that of the lease. */
  leadership(name: string): (leading: boolean) => void;
  events(): EventMetrics;
}

/** Seconds, from instant to half an hour: after a restart keys may wait long. */
const QUEUE_BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800];
/** Seconds: a pass is some calls to two APIs. */
const PASS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** To be called once per registry. */
export function createRuntimeMetrics(registry: Registry): RuntimeMetrics {
  return {
    queue: queueMetrics(registry),
    workers: workerMetrics(registry),
    reflector: reflectorMetrics(registry),
    leadership: leadershipMetrics(registry),
    events: eventMetrics(registry),
  };
}

function queueMetrics(registry: Registry): RuntimeMetrics["queue"] {
  const shared = { labelNames: ["name", "controller"] as const, registers: [registry] };
  const depth = new Gauge({
    name: "workqueue_depth",
    help: "Keys that could leave the queue now.",
    ...shared,
  });
  const adds = new Counter({ name: "workqueue_adds_total", help: "Keys that became ready.", ...shared });
  const retries = new Counter({
    name: "workqueue_retries_total",
    help: "Keys put back to back off.",
    ...shared,
  });
  const waits = new Histogram({
    name: "workqueue_queue_duration_seconds",
    help: "Time that a key was ready until a worker took it.",
    buckets: QUEUE_BUCKETS,
    ...shared,
  });
  const works = new Histogram({
    name: "workqueue_work_duration_seconds",
    help: "Time that a key was with a worker.",
    buckets: PASS_BUCKETS,
    ...shared,
  });
  const busy = new Map<string, () => number[]>();
  const collected = (name: string, help: string, combine: (ms: number[]) => number) =>
    new Gauge({
      name,
      help,
      ...shared,
      collect() {
        for (const [queue, read] of busy)
          this.set({ name: queue, controller: queue }, combine(read()) / 1000);
      },
    });
  collected("workqueue_unfinished_work_seconds", "Sum of the time that keys are with workers now.", (all) =>
    all.reduce((sum, ms) => sum + ms, 0),
  );
  collected(
    "workqueue_longest_running_processor_seconds",
    "Time of the key longest with a worker now.",
    (all) => Math.max(0, ...all),
  );
  return (name) => {
    const labels = { name, controller: name };
    adds.inc(labels, 0);
    retries.inc(labels, 0);
    return {
      depth: (ready) => depth.set(labels, ready),
      added: () => adds.inc(labels),
      started: (waitedMs) => waits.observe(labels, waitedMs / 1000),
      finished: (workedMs) => works.observe(labels, workedMs / 1000),
      retried: () => retries.inc(labels),
      processing: (read) => busy.set(name, read),
    };
  };
}

function workerMetrics(registry: Registry): RuntimeMetrics["workers"] {
  const shared = { labelNames: ["controller"] as const, registers: [registry] };
  const results = new Counter({
    name: "controller_runtime_reconcile_total",
    help: "Passes by how they ended.",
    labelNames: ["controller", "result"] as const,
    registers: [registry],
  });
  const errors = new Counter({
    name: "controller_runtime_reconcile_errors_total",
    help: "Passes that ended in an error nobody expected.",
    ...shared,
  });
  const times = new Histogram({
    name: "controller_runtime_reconcile_time_seconds",
    help: "Time of a pass.",
    buckets: PASS_BUCKETS,
    ...shared,
  });
  const active = new Gauge({
    name: "controller_runtime_active_workers",
    help: "Passes that run now.",
    ...shared,
  });
  const most = new Gauge({
    name: "controller_runtime_max_concurrent_reconciles",
    help: "Passes that may run at a time.",
    ...shared,
  });
  return (controller) => {
    for (const result of ["success", "requeue_after", "requeue", "error"])
      results.inc({ controller, result }, 0);
    errors.inc({ controller }, 0);
    return {
      started: (concurrency) => most.set({ controller }, concurrency),
      active: (workers) => active.set({ controller }, workers),
      finished(result, ms) {
        results.inc({ controller, result });
        if (result === "error") errors.inc({ controller });
        times.observe({ controller }, ms / 1000);
      },
    };
  };
}

function reflectorMetrics(registry: Registry): RuntimeMetrics["reflector"] {
  const counter = (what: string, help: string) =>
    new Counter({
      name: `reflector_${what}_total`,
      help,
      labelNames: ["name"] as const,
      registers: [registry],
    });
  const lists = counter("lists", "Complete lists taken in.");
  const watches = counter("watches", "Watches opened.");
  const badLines = counter("bad_lines", "Lines of a watch that could not be read.");
  const failures = counter("failures", "Lists and watches that failed.");
  return (name) => {
    for (const one of [lists, watches, badLines, failures]) one.inc({ name }, 0);
    return {
      listed: () => lists.inc({ name }),
      watched: () => watches.inc({ name }),
      badLine: () => badLines.inc({ name }),
      failed: () => failures.inc({ name }),
    };
  };
}

function leadershipMetrics(registry: Registry): RuntimeMetrics["leadership"] {
  const master = new Gauge({
    name: "leader_election_master_status",
    help: "1 while this process leads, 0 while it does not.",
    labelNames: ["name"] as const,
    registers: [registry],
  });
  return (name) => {
    master.set({ name }, 0);
    return (leading) => master.set({ name }, leading ? 1 : 0);
  };
}

function eventMetrics(registry: Registry): RuntimeMetrics["events"] {
  const events = new Counter({
    name: "paperspace_kubernetes_events_total",
    help: "Kubernetes Events by whether they were written or dropped.",
    labelNames: ["result"] as const,
    registers: [registry],
  });
  return () => {
    for (const result of ["written", "dropped"]) events.inc({ result }, 0);
    return {
      written: () => events.inc({ result: "written" }),
      dropped: () => events.inc({ result: "dropped" }),
    };
  };
}
