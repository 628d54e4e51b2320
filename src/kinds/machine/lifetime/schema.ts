/** What a user declares of the lifetime of a machine, and what status remembers of it. No behaviour. */
import { Type } from "../../../base/json-schema.ts";
import { textField } from "../../../reconcile/schema.ts";

const time = (description: string) => Type.String({ format: "date-time", description });
const span = (description: string) =>
  Type.Optional(textField("longDuration", description, { minLength: 2, maxLength: 20 }));

export const lifetimeSchema = Type.Object(
  {
    stopAfter: span(
      "The machine is stopped so long after its last start, such as 8h, and stays off until another start (LifetimeStopped).",
    ),
    deleteAfter: span(
      "The machine is deleted with its disk so long after it became this object's, or after this was given first, such as 7d. The object stays (Expired), and no machine is made again until lifetime changes.",
    ),
    deleteAt: Type.Optional(
      time(
        "The machine is deleted with its disk at this time; with deleteAfter, at the earlier of the two. The object stays (Expired).",
      ),
    ),
    warnBefore: span(
      "How long before the deletion the condition ExpiresSoon and one Event warn of it, such as 24h; at least 1h, which is the default. Nothing is deleted sooner than so long after the warning.",
    ),
  },
  {
    description:
      "When the machine is stopped or deleted by itself. The annotation paperspace.com/extended-until moves both; deletionProtection, deletionPolicy Orphan and managementPolicy Observe keep the machine.",
    "x-kubernetes-validations": [
      {
        rule: "has(self.stopAfter) || has(self.deleteAfter) || has(self.deleteAt)",
        message: "give stopAfter, deleteAfter or deleteAt",
      },
      {
        rule: "!has(self.warnBefore) || has(self.deleteAfter) || has(self.deleteAt)",
        message: "warnBefore goes with deleteAfter or deleteAt",
      },
    ],
  },
);

export const lifetimeStatusSchema = Type.Object(
  {
    declared: Type.String({ description: "What was declared when this was written." }),
    declaredAt: Type.Optional(time("When that, or the extension, was seen first.")),
    since: Type.Optional(time("Since when deleteAfter counts.")),
    warnedAt: Type.Optional(time("Since when it is warned of the deletion.")),
    deletesAt: Type.Optional(time("When the machine is deleted.")),
    runSince: Type.Optional(time("Since when stopAfter counts: the last start.")),
    stopsAt: Type.Optional(time("When the machine is stopped.")),
    stopped: Type.Optional(
      Type.Object(
        { at: time("When."), after: Type.String({ description: "stopAfter then." }) },
        { description: "It was stopped by stopAfter." },
      ),
    ),
    expired: Type.Optional(
      Type.Object(
        {
          id: Type.String({ description: "Id of the machine." }),
          at: time("When its deletion began."),
          declared: Type.String({ description: "What was declared then." }),
        },
        { description: "The machine that was deleted at the end of its lifetime." },
      ),
    ),
  },
  { description: "The lifetime of the machine." },
);
