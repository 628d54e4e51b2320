/** The command `metrics`: which metric is requested, and in which format it is printed. */
import { Type } from "../base/json-schema.ts";
import { oneOf } from "../base/options.ts";
import { printableJson } from "../base/plain-text.ts";
import { apiPath } from "../paperspace/transport.ts";
import { drawChart } from "./chart.ts";
import type { CommandContext } from "./command.ts";
import { deploymentName, openDeployment } from "./deployment.ts";
import { PluginError, UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { outputFormat } from "./format.ts";
import { decodeMetrics, type Series } from "./series.ts";
import { didYouMean } from "./suggest.ts";
import { table } from "./table.ts";
import { yaml } from "./yaml.ts";

/** A million samples are about 100 MB: no page is documented for metrics (deployments.md section 9). */
const MOST_BYTES = 256 * 1024 * 1024;
const TIMEOUT_MS = 120_000;

export const METRICS_FORMAT_NAMES = ["chart", "table", "json", "yaml"] as const;
export const METRICS_FORMATS = oneOf(...METRICS_FORMAT_NAMES);

/** The metrics of the API (deployments.md section 9), described as in the vendor's schema. */
export const METRICS: Readonly<Record<string, { summary: string; unit?: "bytes" | "s" | "/s" }>> = {
  requests_total: { summary: "requests that came to the load balancer" },
  requests_per_second: { summary: "requests a second that come to the load balancer", unit: "/s" },
  requests_duration_seconds_1m: { summary: "average duration of a request over a minute", unit: "s" },
  requests_duration_seconds_5m: { summary: "average duration of a request over five minutes", unit: "s" },
  cpu: { summary: "CPU used, by instance" },
  memory: { summary: "working set of memory, by instance", unit: "bytes" },
  gpu: { summary: "GPU used, by instance" },
};

export async function metrics(args: readonly string[], flags: Flags, context: CommandContext): Promise<void> {
  const name = deploymentName(args[0], "metrics");
  const metric = metricOf(args.slice(1));
  const format = outputFormat(flags, METRICS_FORMATS) ?? "chart";
  const { namespace, id, account } = await openDeployment(context.access, name);
  const { body } = await account.api.request({
    method: "GET",
    path: apiPath`/deployments/${id}/metrics`,
    query: { metric, timeframe: flags.timeframe },
    answer: Type.Unknown(),
    retry: "safe",
    maxBytes: MOST_BYTES,
    timeoutMs: TIMEOUT_MS,
    signal: context.signal,
  });
  const series = decodeMetrics(body);
  if (!series) throw new PluginError(`Paperspace answered in an unknown form about ${metric} of psd/${name}`);
  const { output } = context;
  if (format === "json" || format === "yaml") {
    const shown = { namespace, name, id, metric, timeframe: flags.timeframe ?? null, series: plain(series) };
    return output.print(format === "yaml" ? yaml(shown) : `${printableJson(shown, 2)}\n`);
  }
  if (format === "table") return output.print(tableOf(series));
  output.print(
    drawChart(series, {
      title: [metric, `psd/${name}`, flags.timeframe?.replace("_", " ")].filter(Boolean).join(" · "),
      width: output.width,
      colours: output.colours,
      format: (value, spread) => numberText(value, METRICS[metric]?.unit, spread),
    }),
  );
}

function metricOf([metric, ...more]: readonly string[]): string {
  const valid = `one of ${Object.keys(METRICS).join(", ")}`;
  if (metric === undefined) throw new UsageError(`which metric? Give ${valid}`);
  if (!Object.hasOwn(METRICS, metric))
    throw new UsageError(
      `there is no metric ${JSON.stringify(metric)}${didYouMean(metric, Object.keys(METRICS))}; give ${valid}`,
    );
  if (more.length > 0)
    throw new UsageError(`metrics takes one metric, but ${JSON.stringify(more[0])} came as well`);
  return metric;
}

/** Values as received, in one shape whichever of the API's three it was. */
function plain(series: readonly Series[]) {
  return series.map(({ samples, instanceId = null, gpu = null }) => ({
    instanceId,
    gpu,
    values: samples.map(({ timestamp, value }) => ({ timestamp, value })),
  }));
}

function tableOf(series: readonly Series[]): string {
  const labels = (["instanceId", "gpu"] as const).filter((label) => series.some((one) => one[label]));
  const headers = { instanceId: "INSTANCE", gpu: "GPU" };
  const rows = series.flatMap((one) =>
    one.samples.map(({ timestamp, value }) => [...labels.map((label) => one[label]), timestamp, value]),
  );
  return table([...labels.map((label) => headers[label]), "TIMESTAMP", "VALUE"], rows);
}

const SI = ["", "k", "M", "G", "T", "P"];
const BINARY = ["", "Ki", "Mi", "Gi", "Ti", "Pi"];

/** Three significant digits, more where values differ by only `spread`: 12.3k, 1.5Gi, 0.042 s. */
export function numberText(value: number, unit?: "bytes" | "s" | "/s", spread?: number): string {
  const [step, prefixes] = unit === "bytes" ? [1024, BINARY] : [1000, SI];
  let [rest, prefix] = [value, 0];
  // Whole numbers of four digits are read at a glance.
  const most = unit === "bytes" ? step : 10_000;
  for (; Math.abs(rest) >= (prefix === 0 ? most : step) && prefix < prefixes.length - 1; prefix++)
    rest /= step;
  const fine = spread ? Math.ceil(Math.log10(Math.abs(value) / spread)) + 2 : 0;
  const digits = Number(rest.toPrecision(Math.min(12, Math.max(Math.abs(rest) < 1000 ? 3 : 4, fine))));
  return `${digits}${prefixes[prefix]}${unit === "s" ? " s" : unit === "/s" ? "/s" : ""}`;
}
