/**
 * Placements in random scenarios of machines: what users ask for, and a judge of what is deleted to try another candidate, of
 * what it leaves, and of what a machine costs.
 */
import type { Simulation } from "../../../dev/simulator/simulation.ts";
import { hourlyRate } from "../../../dev/simulator/world/lookups.ts";
import type { MachineRecord } from "../../../dev/simulator/world/records.ts";
import { RATE_EXCEEDED } from "../../../src/kinds/machine/placement/rates.ts";
import { REASON } from "../../../src/kinds/machine/reasons.ts";
import type { PaperspaceMachine } from "../../../src/kinds/machine/types.ts";
import type { Placement } from "../placed.ts";
import type { Dice } from "./dice.ts";

export const TYPES = ["A4000", "A5000", "RTX4000"] as const;
export const REGION = "ny2";

/** Two of them, or all. */
export function drawPlacement(dice: Dice): Placement {
  const [first, ...others] = dice.of([...TYPES], [...TYPES].reverse());
  const all = [first, ...(dice.chance(0.5) ? others : others.slice(0, 1))];
  return {
    candidates: all.flatMap((machineType) => (machineType ? [{ machineType, regions: [REGION] }] : [])),
    giveUpAfter: dice.of("30s", "5m"),
    ...(dice.chance(0.3) && { order: "Price" as const }),
    ...(dice.chance(0.3) && { maxHourlyRate: dice.of("0.90", "2.00") }),
  };
}

/** Of a machine that is there a placement can end with what it chose. */
export function drawPlacementEdit(
  chosen: { machineType: string; region: string } | undefined,
  dice: Dice,
): object {
  if (!chosen || dice.chance(0.5)) return { placement: drawPlacement(dice) };
  const { machineType, region } = chosen;
  return { placement: null, machineType, region };
}

/** Some of the rates, as they are now. */
export function drawPriceList({ world }: Pick<Simulation, "world">, dice: Dice): string {
  const lines = TYPES.filter(() => dice.chance(0.7)).map(
    (type) => `${type},${REGION},${hourlyRate(world, type)},USD,hour`,
  );
  return ["type,region,rate,currency,period", ...lines].join("\n");
}

/** It has none, since each candidate costs more than the user allows. */
export function isTooDear({ spec, status }: PaperspaceMachine): boolean {
  const stalled = status?.conditions?.find(({ type }) => type === "Stalled");
  const isDear = stalled?.reason === REASON.RateExceeded;
  return spec.placement?.maxHourlyRate !== undefined && status?.id === undefined && isDear;
}

/** Whether the object says that its machine costs more than the user allows exactly where it does. */
export function saysWhatItCosts(
  sim: Pick<Simulation, "world">,
  { spec, status }: PaperspaceMachine,
  { machineType }: MachineRecord,
): boolean {
  const most = spec.placement?.maxHourlyRate;
  const isDear = most !== undefined && hourlyRate(sim.world, machineType) > Number(most);
  const said = status?.conditions?.find(({ type }) => type === RATE_EXCEEDED);
  return (said?.status === "True") === isDear;
}

/** Events of a machine that never ran. */
const BEFORE_IT_RUNS = (name: string, state: string) =>
  name === "create" ||
  name === "deactivate" ||
  name.startsWith("bill-") ||
  (name === "start" && state !== "done");

export class PlacementJudge {
  readonly #sim: Pick<Simulation, "world">;
  /** By machine: the UID of the object that recorded it. */
  readonly #owners = new Map<string, string>();
  /** Machines that the spec of an object names to own. */
  readonly #adopted = new Set<string>();
  readonly #deletedElsewhere = new Set<string>();
  readonly #judged = new Set<string>();
  /** By address: the machine that had it last. */
  readonly #addresses = new Map<string, string>();

  constructor(sim: Pick<Simulation, "world">) {
    this.#sim = sim;
  }

  /** The console deletes it. */
  deletedElsewhere(id: string): void {
    this.#deletedElsewhere.add(id);
  }

  /** Throws where something was deleted that may have data, more than once, or not with all that was its own. */
  check(objects: readonly PaperspaceMachine[]): void {
    const removed = objects.flatMap(
      ({ status }) => status?.placement?.tried?.flatMap((one) => one.removed ?? []) ?? [],
    );
    if (new Set(removed).size < removed.length) throw new Error(`removed twice: ${removed}`);
    const deleted = new Set([...removed, ...this.#deletedAlone(objects)]);
    const adopted = [...deleted].filter((id) => this.#adopted.has(id));
    if (adopted.length > 0) throw new Error(`${adopted} was adopted, and is deleted`);
    this.#checkUnused(deleted);
    this.#checkAddresses(new Set(removed));
    for (const { metadata, spec, status } of objects) {
      if (status?.id === undefined || metadata.uid === undefined) continue;
      this.#owners.set(status.id, metadata.uid);
      if (spec.adoptId === status.id) this.#adopted.add(status.id);
    }
  }

  /** Those that are deleted while their objects stay. */
  #deletedAlone(objects: readonly PaperspaceMachine[]): string[] {
    const deleted = [...this.#sim.world.machines.values()].filter(
      ({ id, deleting, dtDeleted }) => (deleting !== null || dtDeleted !== null) && !this.#judged.has(id),
    );
    return deleted.flatMap(({ id }) => {
      this.#judged.add(id);
      const owner = objects.find(({ metadata: { uid } }) => uid === this.#owners.get(id));
      const isKept = owner !== undefined && owner.metadata.deletionTimestamp === undefined;
      return isKept && !this.#deletedElsewhere.has(id) ? [id] : [];
    });
  }

  #checkUnused(removed: ReadonlySet<string>): void {
    for (const { machineId, name, state } of this.#sim.world.events.values())
      if (machineId !== null && removed.has(machineId) && !BEFORE_IT_RUNS(name, state))
        throw new Error(`${machineId} was removed after ${name} ${state}`);
  }

  /** Nothing ever used the static address of what was removed, whatever is to become of others. */
  #checkAddresses(removed: ReadonlySet<string>): void {
    for (const { staticAddresses } of this.#sim.world.teams.values())
      for (const { ip, machineId } of staticAddresses) {
        if (machineId !== null) this.#addresses.set(ip, machineId);
        const former = this.#addresses.get(ip) ?? "";
        if (machineId === null && removed.has(former))
          throw new Error(`the address ${ip} of ${former}, which was removed, is still there`);
      }
  }
}
