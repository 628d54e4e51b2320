/** What a user declares of the placement of a deployment, and what status shows and remembers of it. No behaviour. */
import { Type } from "../../../base/json-schema.ts";
import { apiWord, durationField, stringEnum } from "../../../reconcile/schema.ts";

const ONCE = {
  rule: "self.all(c, self.filter(d, d.machineType == c.machineType).size() == 1)",
  message: "the same machine type stands in it twice: leave one of them out",
};

export const placementSchema = Type.Object(
  {
    candidates: Type.Array(
      Type.Object({ machineType: apiWord("Machine type of an instance, such as A4000 or A100-80G.") }),
      {
        minItems: 1,
        maxItems: 16,
        "x-kubernetes-list-type": "atomic",
        "x-kubernetes-validations": [ONCE],
        description: "Machine types that will do, in order of preference.",
      },
    ),
    giveUpAfter: Type.Optional(
      durationField(
        "How long instances that get no hardware are waited for until the next candidate is tried, such as 10m; at most progressDeadlineSeconds, which is the default.",
      ),
    ),
  },
  {
    description:
      "Machine types of which the operator takes the first that has hardware, instead of machineType. While an instance serves, and once the configuration was healthy, it stays on its type.",
  },
);

const type = { machineType: Type.String() };

const tried = Type.Object({
  candidate: Type.Object(type),
  outcome: stringEnum(["Refused", "Declined", "NoHardware"], {
    description:
      "Refused: the configuration was refused for what it names. Declined: it was refused for the state that something is in. NoHardware: no instance of it got hardware.",
  }),
  at: Type.String({ format: "date-time", description: "When." }),
  message: Type.Optional(Type.String({ description: "What Paperspace answered." })),
});

export const placementStatusSchema = Type.Object(
  {
    chosen: Type.Optional(
      Type.Object(type, { description: "The candidate that is declared for now, instead of a machineType." }),
    ),
    tried: Type.Optional(
      Type.Array(tried, {
        "x-kubernetes-list-type": "atomic",
        description: "The last 20 candidates that came to nothing, oldest first.",
      }),
    ),
    next: Type.Optional(
      Type.Object(type, { description: "The candidate that comes next, until this one is healthy." }),
    ),
  },
  { description: "Which candidate of the placement runs, and what was tried." },
);
