import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { createRuntimeMetrics } from "./metrics.ts";
import { WorkQueue } from "./work-queue.ts";

test("the names are those of client-go and controller-runtime, so that existing dashboards show something", async () => {
  const registry = new Registry();
  const metrics = createRuntimeMetrics(registry);
  const clock = new VirtualClock();
  const queue = new WorkQueue({ clock, metrics: metrics.queue("machines") });
  metrics.workers("machines").finished("error", 250);
  metrics.reflector("machines").listed();
  metrics.leadership("operator")(true);
  metrics.events().dropped();
  queue.add("a");
  queue.add("b");
  await queue.get();
  await clock.advance(2_000);
  const text = await registry.metrics();
  for (const line of [
    'workqueue_depth{name="machines",controller="machines"} 1',
    'workqueue_adds_total{name="machines",controller="machines"} 2',
    'workqueue_retries_total{name="machines",controller="machines"} 0',
    'workqueue_unfinished_work_seconds{name="machines",controller="machines"} 2',
    'workqueue_longest_running_processor_seconds{name="machines",controller="machines"} 2',
    'workqueue_queue_duration_seconds_count{name="machines",controller="machines"} 1',
    'controller_runtime_reconcile_total{controller="machines",result="error"} 1',
    'controller_runtime_reconcile_total{controller="machines",result="success"} 0',
    'controller_runtime_reconcile_errors_total{controller="machines"} 1',
    'controller_runtime_reconcile_time_seconds_sum{controller="machines"} 0.25',
    'reflector_lists_total{name="machines"} 1',
    'leader_election_master_status{name="operator"} 1',
    'paperspace_kubernetes_events_total{result="dropped"} 1',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});
