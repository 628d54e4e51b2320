/** What status remembers of the power of a machine. No behaviour. */
import { Type } from "../../../base/json-schema.ts";
import { stringEnum } from "../../../reconcile/schema.ts";

const time = (description: string) => Type.String({ format: "date-time", description });

/** The newest request counts, whatever is in the annotations of the others. */
export const powerChangeSchema = Type.Object(
  {
    cause: stringEnum(["StartRequested", "StopRequested", "AutoShutdown"], {
      description:
        "StartRequested: start-requested-at or restart-requested-at. StopRequested: stop-requested-at. AutoShutdown: the machine shut itself down, as autoShutdown allows.",
    }),
    at: time(
      "When. Of a request its value, where that is a time, and else when the operator saw it; of a shutdown the date of its event, where there is one.",
    ),
    request: Type.Optional(
      Type.String({ description: "Value of the annotation, or its hash where it is no short word." }),
    ),
  },
  { description: "The newest request to start or stop the machine, or its own shutdown." },
);

export const awakeSchema = Type.Object(
  {
    value: Type.String({
      description: "Value of the annotation awake-until, or its hash where it is no short word.",
    }),
    until: Type.Optional(time("Until when the machine is kept on. Absent: the value is not acted upon.")),
  },
  { description: "What came of the annotation awake-until." },
);
