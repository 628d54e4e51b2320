/** What status shows of costs, of every kind that has some (docs/cost.md). Nothing in it moves by itself. */
import { type AccruingCost, KEPT_DAYS } from "../base/cost.ts";
import { type TProperties, Type } from "../base/json-schema.ts";
import { stringEnum } from "../reconcile/schema.ts";

export const CAVEATS = ["RatesUnconfirmed", "RateUnknown", "AddressUnpriced", "HistoryLost"] as const;
export type Caveat = (typeof CAVEATS)[number];

export interface ShownCost extends AccruingCost {
  currency?: string;
  caveats?: Caveat[];
  history?: AccruingCost[];
}

const millionths = (description: string) => Type.Integer({ format: "int64", minimum: 0, description });

/** `meter`: what the operator needs to go on from it. */
export function costSchema<M extends TProperties>(meter: M) {
  return Type.Object(
    {
      currency: Type.Optional(
        Type.String({ description: "As the operator was given it; absent: it was given none." }),
      ),
      rate: millionths("What it costs now, in millionths an hour."),
      settled: millionths("What was surely charged up to `since`, in millionths."),
      since: Type.String({
        format: "date-time",
        description: "From here on `rate` counts: so far it has cost settled + rate × (now − since).",
      }),
      unknown: millionths("What may have been charged beside that, in millionths."),
      caveats: Type.Optional(
        Type.Array(
          stringEnum(CAVEATS, {
            description:
              "RatesUnconfirmed: currency or periods of the API's rates are assumed. RateUnknown: a rate was not known for a while, and `unknown` does not cover it. AddressUnpriced: a static address is not counted, for its price is not known. HistoryLost: Paperspace kept no events of some time, which is in `unknown`.",
          }),
          { "x-kubernetes-list-type": "set" },
        ),
      ),
      history: Type.Optional(
        Type.Array(
          Type.Object({
            since: Type.String({ format: "date-time" }),
            rate: millionths("As above."),
            settled: millionths("As above."),
            unknown: millionths("As above."),
          }),
          {
            "x-kubernetes-list-type": "atomic",
            maxItems: KEPT_DAYS,
            description:
              "Of each day (UTC) that something changed in, how it stood last; oldest first. For the cost of a period.",
          },
        ),
      ),
      meter: Type.Object(meter, { description: "What the operator goes on from." }),
    },
    {
      description:
        "What it has cost; accrued figures are computed by kubectl paperspace cost and by metrics.",
    },
  );
}
