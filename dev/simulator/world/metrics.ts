/**
 * Metrics of a deployment (deployments.md section 9), made up from the seed: the same request at the same moment has
 * the same answer, and a request changes nothing. Which metric has which shape is the sheet's inference.
 */

import type { Behaviour } from "./behaviour.ts";
import { findMachineType, GIB } from "./catalogue.ts";
import { isOff, meaningOf } from "./deployment-config.ts";
import type { DeploymentRecord, InstanceRecord } from "./deployment-records.ts";
import { seeded } from "./random.ts";
import { activeRuns, latestSpec } from "./rollouts.ts";
import type { World } from "./world.ts";

export const METRICS = [
  "requests_total",
  "requests_per_second",
  "requests_duration_seconds_1m",
  "requests_duration_seconds_5m",
  "cpu",
  "memory",
  "gpu",
] as const;

export type Metric = (typeof METRICS)[number];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** How long each reaches back, and how far its points are apart. */
const FRAMES = {
  hour: [HOUR, MINUTE],
  "12_hours": [12 * HOUR, 10 * MINUTE],
  day: [24 * HOUR, 15 * MINUTE],
  "1_week": [7 * 24 * HOUR, HOUR],
  "2_weeks": [14 * 24 * HOUR, 2 * HOUR],
} as const;

export const TIMEFRAMES = Object.keys(FRAMES) as (keyof typeof FRAMES)[];

const TEXTS: Record<Exclude<Behaviour["metricValues"], "numbers">, string> = {
  NaN: "NaN",
  empty: "",
  "+Inf": "+Inf",
};

interface Point {
  timestamp: string;
  value: string;
}

/** One of the three shapes. `timeframe`: an hour where none is named, which is not documented. */
export function metricsOf(
  world: World,
  deployment: DeploymentRecord,
  metric: Metric,
  timeframe: keyof typeof FRAMES = "hour",
): unknown {
  const fixed = deployment.metrics.get(metric);
  if (world.behaviour.metricPoints === "none" || fixed?.length === 0) return [];
  const figure = (seriesOf: string, at: number, n: number) => {
    if (fixed) return fixed[n % fixed.length] ?? "";
    const { metricValues } = world.behaviour;
    return metricValues === "numbers"
      ? amountOf(metric, chanceOf(world, deployment, metric, seriesOf, at))
      : TEXTS[metricValues];
  };
  const series = (since: string, seriesOf: string): Point[] =>
    timesOf(world, Date.parse(since), timeframe).map((at, n) => ({
      timestamp: new Date(at).toISOString(),
      value: figure(seriesOf, at, n),
    }));
  const living = activeRuns(deployment).flatMap((run) => run.instances.filter((i) => !i.dtFinished));
  if (metric === "requests_total") return { timestamp: world.iso(), value: total(world, deployment, figure) };
  if (metric === "cpu" || metric === "memory") {
    return living.map(({ instanceId, dtCreated }) => ({ instanceId, values: series(dtCreated, instanceId) }));
  }
  if (metric === "gpu") return living.flatMap((instance) => gpuSeries(deployment, instance, series));
  return isOff(latestSpec(deployment).data) ? [] : series(deployment.dtCreated, "");
}

/** A value for each accelerator of the machine, none where it has none. */
function gpuSeries(
  deployment: DeploymentRecord,
  { instanceId, dtCreated }: InstanceRecord,
  series: (since: string, seriesOf: string) => Point[],
) {
  const count = findMachineType(meaningOf(latestSpec(deployment).data).machineType, true)?.gpu?.count ?? 0;
  return Array.from({ length: count }, (_, n) => String(n)).flatMap((gpu) =>
    series(dtCreated, `${instanceId}/${gpu}`).map((point) => ({ ...point, instanceId, gpu })),
  );
}

/** It only grows: some requests for each minute since the deployment was made. */
function total(
  world: World,
  deployment: DeploymentRecord,
  figure: (seriesOf: string, at: number, n: number) => string,
): string {
  const text = figure("", world.clock.now(), 0);
  if (deployment.metrics.has("requests_total") || world.behaviour.metricValues !== "numbers") return text;
  const minutes = Math.floor((world.clock.now() - Date.parse(deployment.dtCreated)) / MINUTE);
  return String(minutes * 42);
}

/** Whole steps of the frame that are over, from when there was something to measure. */
function timesOf(world: World, since: number, timeframe: keyof typeof FRAMES): number[] {
  const [reach, step] = FRAMES[timeframe];
  const now = world.clock.now();
  const first = Math.floor(Math.max(since, now - reach) / step) + 1;
  return Array.from(
    { length: Math.max(0, Math.floor(now / step) - first + 1) },
    (_, n) => (first + n) * step,
  );
}

/** In [0, 1), by request and time. */
function chanceOf(
  world: World,
  { id }: DeploymentRecord,
  metric: Metric,
  seriesOf: string,
  at: number,
): number {
  let hash = world.seed;
  for (const char of `${id}/${metric}/${seriesOf}/${at}`)
    hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619);
  return seeded(hash)();
}

/** Units are not documented: cores, bytes, percent, requests a second, seconds. */
function amountOf(metric: Metric, chance: number): string {
  if (metric === "memory") return String(Math.floor((0.5 + chance) * GIB));
  if (metric === "gpu") return String(Math.floor(chance * 100));
  if (metric === "cpu") return chance.toFixed(4);
  return metric === "requests_per_second" ? (chance * 10).toFixed(3) : (0.05 + chance / 5).toFixed(5);
}
