/**
 * Decodes answers about metrics by their structure: which metric comes in which of the three shapes is not documented
 * (deployments.md section 9). Drawing is elsewhere.
 */

export interface Sample {
  /** As received. */
  readonly timestamp: string;
  /** As received: the API sends text, which need not be a number. */
  readonly value: string;
  /** Milliseconds since the epoch; undefined where the timestamp is unreadable. */
  readonly at: number | undefined;
  /** Undefined where the value is no finite number: a gap. */
  readonly number: number | undefined;
}

export interface Series {
  readonly instanceId?: string;
  readonly gpu?: string;
  /** Oldest first. */
  readonly samples: readonly Sample[];
}

/**
 * - A: one object `{timestamp, value}`
 * - B: a list of `{timestamp, value, instanceId?, gpu?}`
 * - C: a list of `{instanceId, values: [{timestamp, value}]}`
 *
 * Items of a list that fit neither are skipped. Undefined where the answer has none of these shapes.
 */
export function decodeMetrics(body: unknown): Series[] | undefined {
  if (!Array.isArray(body)) {
    const sample = sampleOf(body);
    return sample && [{ samples: [sample] }];
  }
  const found = new Map<string, { instanceId?: string; gpu?: string; samples: Sample[] }>();
  for (const item of body) {
    const { instanceId, gpu, values } = (item ?? {}) as Record<string, unknown>;
    const label = {
      ...(isLabel(instanceId) && { instanceId: String(instanceId) }),
      ...(isLabel(gpu) && { gpu: String(gpu) }),
    };
    const key = JSON.stringify([label.instanceId, label.gpu]);
    const series = found.get(key) ?? { ...label, samples: [] };
    const samples = Array.isArray(values) ? values.map(sampleOf) : [sampleOf(item)];
    // One by one: a call takes no more arguments than the stack has room for, and there may be a million samples.
    for (const sample of samples) if (sample) series.samples.push(sample);
    // An instance without values yet is kept, so that it is shown as such; an item of another shape is not.
    if (series.samples.length > 0 || Array.isArray(values)) found.set(key, series);
  }
  if (found.size === 0 && body.length > 0) return undefined;
  return [...found.values()].map(({ samples, ...label }) => ({ ...label, samples: samples.sort(byTime) }));
}

const isLabel = (value: unknown): boolean =>
  (typeof value === "string" && value !== "") || typeof value === "number";

function sampleOf(item: unknown): Sample | undefined {
  const { timestamp, value } = (item ?? {}) as Record<string, unknown>;
  if (typeof timestamp !== "string" || value === undefined) return undefined;
  const at = Date.parse(timestamp);
  const text = value === null ? "" : String(value);
  return { timestamp, value: text, at: Number.isNaN(at) ? undefined : at, number: numberOf(text) };
}

/** "NaN", "+Inf", "n/a" and "" are not numbers; Number() would accept some of them. */
function numberOf(text: string): number | undefined {
  if (!/^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Samples without a readable time come last. */
function byTime(a: Sample, b: Sample): number {
  return (a.at ?? Number.POSITIVE_INFINITY) === (b.at ?? Number.POSITIVE_INFINITY)
    ? 0
    : (a.at ?? Number.POSITIVE_INFINITY) - (b.at ?? Number.POSITIVE_INFINITY);
}
