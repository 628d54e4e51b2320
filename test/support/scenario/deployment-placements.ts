/**
 * Placements of deployments in random scenarios, and what must hold of each change of the machine type alone, by the
 * simulator's own state: that hardware was all that lacked for a while, the declared order, and a bounded number.
 */
import { isDeepStrictEqual } from "node:util";
import type {
  DeploymentRecord,
  InstanceRecord,
  SpecRecord,
} from "../../../dev/simulator/world/deployment-records.ts";
import type { DeclaredSpec, PaperspaceDeployment } from "../../../src/kinds/deployment/types.ts";
import { placedOn, TYPES } from "../placed.ts";
import type { Dice } from "./dice.ts";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Reads, and the way of a write, may take so long: what was so just before is not known. */
const LAG_MS = 40 * SECOND;

export function anyPlacement(dice: Dice): Partial<DeclaredSpec> {
  const types = dice.of([...TYPES], ["A4000", "C4"], ["H100"], ["H100", "C4"]);
  return placedOn(types, { giveUpAfter: dice.of("1m", "1m", "3m") });
}

/** Throws where a change of the machine type alone was none that the placement allows. */
export function checkPlacement(
  { spec: { placement }, status }: PaperspaceDeployment,
  { specs, runs }: DeploymentRecord,
): void {
  if (!placement) return;
  const order = placement.candidates.map(({ machineType }) => machineType);
  const refused = status?.placement?.tried?.map(({ candidate }) => candidate.machineType) ?? [];
  const moves = specs.flatMap((to, index) => {
    const from = specs[index - 1];
    return from && isTypeAlone(from, to) ? [{ from, to, before: specs.slice(0, index) }] : [];
  });
  for (const { from, to, before } of moves) {
    const [left, chosen] = [from, to].map((one) => one.data.resources.machineType) as [string, string];
    const at = Date.parse(to.dtCreated);
    const had = runs
      .flatMap((run) => run.instances.map((one) => ({ run, state: stateAt(one, at - LAG_MS) })))
      .filter(({ state }) => state !== undefined);
    const serving = had.filter(({ run, state }) =>
      run.spec === from
        ? state !== "pending"
        : !["pending", "errored", "stopping", "stopped"].includes(state ?? ""),
    );
    if (had.length === 0 || serving.length > 0)
      throw new Error(
        `${left} was left for ${chosen} while its instances were ${had.map(({ state }) => state)}`,
      );
    const known = new Set([...before.map(({ data }) => data.resources.machineType), ...refused]);
    const skipped = order.slice(0, order.indexOf(chosen)).filter((type) => !known.has(type));
    if (skipped.length > 0) throw new Error(`${chosen} was tried before ${skipped}`);
  }
  const [first] = specs;
  const minutes = (Date.parse(specs.at(-1)?.dtCreated ?? "") - Date.parse(first?.dtCreated ?? "")) / MINUTE;
  if (moves.length > order.length * (2 + minutes / 10))
    throw new Error(`its type was changed ${moves.length} times in ${minutes} minutes`);
}

/** All else in the template is as it was. */
function isTypeAlone({ data: before }: SpecRecord, { data: after }: SpecRecord): boolean {
  const withoutType = ({
    resources: { machineType: _type, ...resources },
    ...config
  }: SpecRecord["data"]) => ({
    ...config,
    resources: resources.ports,
  });
  return (
    before.resources.machineType !== after.resources.machineType &&
    isDeepStrictEqual(withoutType(before), withoutType(after))
  );
}

/** Undefined where it was not there. */
function stateAt({ dtCreated, dtFinished, history }: InstanceRecord, at: number): string | undefined {
  if (Date.parse(dtCreated) > at || (dtFinished !== null && Date.parse(dtFinished) <= at)) return undefined;
  return history.findLast(({ timestamp }) => Date.parse(timestamp) <= at)?.state;
}
