/** What a user declares of the power of a machine beside powerState, and what status remembers of it. No behaviour. */
import { Type } from "../../../base/json-schema.ts";
import { durationField, stringEnum, textField } from "../../../reconcile/schema.ts";

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

const annotatedTime = (annotation: string, until: string) =>
  Type.Object(
    {
      value: Type.String({
        description: `Value of the annotation ${annotation}, or its hash where it is no short word.`,
      }),
      until: Type.Optional(time(`${until} Absent: the value is not acted upon.`)),
    },
    { description: `What came of the annotation ${annotation}.` },
  );

export const awakeSchema = annotatedTime("awake-until", "Until when the machine is kept on.");
export const extendedSchema = annotatedTime("extended-until", "Until when its lifetime is extended.");

const cronLine = (description: string) =>
  Type.Optional(textField("cron", description, { minLength: 9, maxLength: 100 }));

export const scheduleSchema = Type.Object(
  {
    timeZone: textField("line", "Time zone of the lines, such as Europe/Berlin or UTC.", { maxLength: 64 }),
    start: cronLine('When the machine is started, as a cron line such as "0 8 * * 1-5".'),
    stop: cronLine('When it is stopped, as a cron line such as "0 18 * * 1-5".'),
    startAhead: Type.Optional(
      durationField(
        "How much earlier a start begins, such as 15m, so that the machine is up by then, or has its place in the queue for hardware. More than 12h counts as 12h.",
      ),
    ),
  },
  {
    description:
      "When the machine is started and stopped, while powerState is Running. Each time counts until the next one, or until something newer, such as a request.",
    "x-kubernetes-validations": [
      { rule: "has(self.start) || has(self.stop)", message: "give start, stop or both" },
      { rule: "!has(self.startAhead) || has(self.start)", message: "startAhead needs start" },
    ],
  },
);

export const scheduleStatusSchema = Type.Object(
  {
    state: stringEnum(["Running", "Stopped"], { description: "What the last time of the schedule says." }),
    since: time("When that was, with startAhead."),
    next: Type.Optional(time("The next time of the schedule, with startAhead.")),
  },
  { description: "Where the machine is in its schedule." },
);
