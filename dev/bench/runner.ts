/** Runs scenarios: one size after the other, operators in turns, and of several runs the median. */
import type { Counts, Figure, Measurement } from "./figures.ts";
import { median } from "./figures.ts";
import type { OperatorKind } from "./operator.ts";
import { type ClusterSource, Rig } from "./rig.ts";
import type { Scenario } from "./scenario.ts";

export interface Plan {
  readonly scenarios: readonly Scenario[];
  /** In place of each scenario's own. */
  readonly sizes?: readonly number[];
  readonly isSmall: boolean;
  readonly runs: number;
  readonly operators: readonly OperatorKind[];
  readonly cluster: ClusterSource;
}

/** One size of one scenario. */
export interface Result {
  readonly scenario: Scenario;
  readonly size: number;
  readonly operators: readonly OperatorResult[];
}

export interface OperatorResult {
  readonly operator: string;
  /** Medians of the runs. */
  readonly figures: readonly Figure[];
  /** Of the last run. */
  readonly tables: Readonly<Record<string, Counts>>;
  readonly runs: readonly Measurement[];
}

/** `onResult` is called with each size that has ended. */
export async function runAll(
  plan: Plan,
  signal: AbortSignal,
  onResult: (result: Result) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = [];
  for (const scenario of plan.scenarios) {
    const sizes = plan.isSmall ? [scenario.small] : (plan.sizes ?? scenario.sizes);
    for (const size of sizes) {
      const result = await runSize(plan, scenario, size, signal);
      results.push(result);
      onResult(result);
    }
  }
  return results;
}

async function runSize(plan: Plan, scenario: Scenario, size: number, signal: AbortSignal): Promise<Result> {
  const operators = plan.operators.filter(({ isOurs }) => isOurs || scenario.forPeers);
  const runs = new Map<OperatorKind, Measurement[]>(operators.map((operator) => [operator, []]));
  // In turns, so that what changes on the host meanwhile meets all of them.
  for (let run = 0; run < plan.runs; run++)
    for (const operator of operators) {
      signal.throwIfAborted();
      const { cluster, isSmall } = plan;
      const open: Parameters<Scenario["run"]>[0]["open"] = (options = {}) =>
        Rig.open(options, { operator, cluster, isSmall, signal });
      runs.get(operator)?.push(await scenario.run({ operator, isSmall, signal, open }, size));
    }
  return { scenario, size, operators: Array.from(runs, ([{ name }, all]) => resultOf(name, all)) };
}

function resultOf(operator: string, runs: readonly Measurement[]): OperatorResult {
  const last = runs.at(-1);
  const figures = (last?.figures ?? []).map((figure, i) => ({
    ...figure,
    value: median(runs.map((run) => run.figures[i]?.value ?? Number.NaN)),
  }));
  return { operator, figures, tables: last?.tables ?? {}, runs };
}
