/** The terms in which the cost of a machine is kept and worked out. No behaviour. */
import { type Static, Type } from "../../../base/json-schema.ts";
import { stringEnum } from "../../../reconcile/schema.ts";
import type { RateReading } from "../../cost-meter.ts";
import { costSchema, type ShownCost } from "../../cost-schema.ts";

/** Unclear: what came after the last event is not known yet. Gone: nothing is charged any more. */
export type BilledPower = "Running" | "Stopped" | "Unclear" | "Gone";

/** As the API shows them; the address's is by the hour. */
export interface Rates {
  /** That they are of. */
  machineType?: string | undefined;
  usageRate?: number | undefined;
  storageRate?: number | undefined;
  addressRate?: number | undefined;
}

export const machineCostSchema = costSchema({
  machineId: Type.String({
    description: "Machine that it is about; what others cost before is in `settled`.",
  }),
  power: stringEnum(["Running", "Stopped", "Unclear", "Gone"]),
  eventsThrough: Type.String({
    format: "date-time",
    description: "End of the last event that was accounted for, by Paperspace's clock.",
  }),
  machineType: Type.Optional(Type.String({ description: "That `usageRate` is of." })),
  usageRate: Type.Optional(Type.Number({ description: "As the API gave it last." })),
  storageRate: Type.Optional(Type.Number({ description: "As the API gave it last." })),
  addressRate: Type.Optional(Type.Number({ description: "Of its static address, by the price list." })),
});

export type MachineCost = Static<typeof machineCostSchema> & ShownCost;

/** The machine as it was read; `at` is wall time of this operator. */
export interface Look {
  at: number;
  /** Absent: on its way. */
  power?: "Running" | "Stopped";
  rates: Rates;
  /** It has a static address whose price is not known. */
  isAddressUnpriced: boolean;
  createdAt?: number;
}

/** All times in milliseconds. */
export interface CostFacts {
  reading: RateReading;
  /** Of a static address in the machine's region, by the hour. */
  addressRate?: number;
  /** Wall time at which the read of the machine began. */
  lookedAt?: number;
  /** Server time from which on no event of the machine is missing; absent: not read yet. */
  wholeSince?: number;
  /** Server time from which on they are needed. */
  neededSince?: number;
  /** Wall time of the last look that was as the cost has it; absent: none since this process began. */
  agreedAt?: number;
  /** The first look since then that was otherwise than the cost, as that was then (`costKey`). */
  disagreed?: { at: number; with: string };
}
