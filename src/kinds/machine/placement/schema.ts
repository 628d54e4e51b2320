/**
 * What a user declares of a placement, and what status shows and remembers of it. No behaviour.
 */
import { Type } from "../../../base/json-schema.ts";
import { apiId, apiWord, durationField, stringEnum, textField } from "../../../reconcile/schema.ts";

const candidate = Type.Object({
  machineType: apiWord("Machine type label, such as A4000 or H100."),
  regions: Type.Array(apiWord("Region: ny2, ca1 or ams1."), {
    minItems: 1,
    maxItems: 8,
    "x-kubernetes-list-type": "set",
    description: "Regions in which it is tried, in this order.",
  }),
  templateId: Type.Optional(
    apiId(
      "Template of this candidate, where it is not that of the spec: a custom template lives in one region.",
    ),
  ),
});

export const placementSchema = Type.Object(
  {
    candidates: Type.Array(candidate, {
      minItems: 1,
      maxItems: 16,
      "x-kubernetes-list-type": "atomic",
      "x-kubernetes-validations": [
        {
          rule: "self.all(c, c.regions.all(r, self.filter(d, d.machineType == c.machineType && r in d.regions).size() == 1))",
          message: "the same machine type and region stand in it twice: leave one of them out",
        },
      ],
      description: "What may be made, in order of preference.",
    }),
    order: Type.Optional(
      stringEnum(["Declared", "Price"], {
        description:
          "In which order candidates are tried: as they are written, or the cheapest first, and last those whose rate is not known. Absent: Declared.",
      }),
    ),
    maxHourlyRate: Type.Optional(
      textField(
        "rate",
        "Most that the machine may cost by the hour, as rates of machines are (USD), such as 4.00. A candidate that is known to cost more is not tried; one whose rate is not known is, and a machine that turns out to cost more has the condition RateExceeded.",
        { maxLength: 12 },
      ),
    ),
    giveUpAfter: Type.Optional(
      durationField(
        "How long a machine that got no hardware is waited for until the next candidate is tried, such as 20m; at most --start-deadline, which is the default.",
      ),
    ),
  },
  {
    description:
      "Machine types and regions of which the operator takes the first that is free, instead of machineType and region. A machine that was once on is not moved.",
  },
);

export const capacitySchema = Type.Object(
  {
    priority: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1000,
        description:
          "The higher one goes first for scarce hardware, within the namespace; between namespaces as far as --capacity-priorities allows. Absent: 0.",
      }),
    ),
    waitAtMost: Type.Optional(
      durationField(
        "How long hardware is waited for, over all candidates, such as 12h. Absent: for as long as it takes.",
      ),
    ),
    onTimeout: Type.Optional(
      stringEnum(["Keep", "Fail"], {
        description:
          "What then: Keep goes on waiting, Fail tries nothing more and is Stalled (CapacityUnavailable). Absent: Keep.",
      }),
    ),
  },
  { description: "How hardware is waited for that is short." },
);

export const capacityStatusSchema = Type.Object(
  {
    waitingSince: Type.String({ format: "date-time", description: "Since when hardware is waited for." }),
    machineType: Type.Optional(
      Type.String({ description: "Of the queue in which it is nearest to the front." }),
    ),
    region: Type.Optional(Type.String({ description: "Of that queue." })),
    position: Type.Optional(Type.Integer({ description: "Its place in that queue, from 1 on." })),
    of: Type.Optional(Type.Integer({ description: "How many are in that queue." })),
    shownAt: Type.Optional(
      Type.String({
        format: "date-time",
        description: "When the position was written: at most once a minute.",
      }),
    ),
  },
  { description: "The queue for hardware, while the machine waits for it." },
);

const place = {
  machineType: Type.String(),
  region: Type.String(),
};

const tried = Type.Object({
  candidate: Type.Object(place),
  outcome: stringEnum(["Refused", "Declined", "NoHardware"], {
    description:
      "Refused: the create was refused for what the spec names. Declined: it was refused for the state that something is in, such as for want of hardware. NoHardware: a machine was made, was not started for want of hardware, and was deleted again.",
  }),
  at: Type.String({ format: "date-time", description: "When." }),
  removed: Type.Optional(Type.String({ description: "Id of the machine that was deleted again." })),
  message: Type.Optional(Type.String({ description: "What Paperspace answered." })),
});

export const placementStatusSchema = Type.Object(
  {
    chosen: Type.Optional(
      Type.Object(
        {
          ...place,
          templateId: Type.Optional(Type.String()),
          rate: Type.Optional(
            Type.Number({
              description:
                "By the hour: what the machine shows, and before that what was known when it was chosen. Absent: not known.",
            }),
          ),
        },
        { description: "What the machine was created with, or is being created with." },
      ),
    ),
    attempt: Type.Optional(
      Type.Object(
        {
          name: Type.String({ description: "Name in the create." }),
          at: Type.String({ format: "date-time", description: "When it was announced." }),
          removing: Type.Optional(
            Type.String({ description: "Id of the machine, once it was asked to be deleted." }),
          ),
        },
        { description: "The create, for as long as the machine that it made was never seen on." },
      ),
    ),
    tried: Type.Optional(
      Type.Array(tried, {
        "x-kubernetes-list-type": "atomic",
        description: "The last 20 candidates that came to nothing, oldest first.",
      }),
    ),
    next: Type.Optional(
      Type.Object(place, { description: "The candidate that comes next, while the machine is not up." }),
    ),
    tooDear: Type.Optional(
      Type.Array(Type.Object({ ...place, rate: Type.Number({ description: "By the hour." }) }), {
        "x-kubernetes-list-type": "atomic",
        description:
          "Candidates that are known to cost more than maxHourlyRate, while the machine is not up: they are neither tried nor waited for.",
      }),
    ),
  },
  { description: "Where the machine is, and what was tried for it." },
);
