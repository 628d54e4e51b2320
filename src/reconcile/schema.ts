/**
 * Schema pieces that every kind's custom resource shares. TypeBox values, so that one definition gives the static type
 * and the CRD; Kubernetes' own keywords (x-kubernetes-...) ride along as options.
 */
import { type TSchemaOptions, type TUnsafe, Type } from "../base/json-schema.ts";
import type { KindDefinition } from "./managed.ts";
import { GROUP } from "./record.ts";

/** `noun`: the word for the resource in the cloud. */
export function defined(kind: string, shortName: string, noun: string): KindDefinition {
  return { group: GROUP, version: "v1alpha1", kind, plural: `${kind.toLowerCase()}s`, shortName, noun };
}

/** A string of a closed set, as `enum`, which structural schemas want, not as a union of constants. */
export function stringEnum<const T extends string>(
  values: readonly T[],
  options: TSchemaOptions = {},
): TUnsafe<T> {
  return Type.Unsafe<T>({ type: "string", enum: [...values], ...options });
}

/**
 * For a class of RE2, which knows neither Default_Ignorable_Code_Point nor what is not assigned: those of them that \pC lacks
 * (variation selectors, fillers, joiners), and the blank of Braille. Two names that differ by these alone look the same.
 */
const UNSEEN =
  "\\x{34f}\\x{115f}\\x{1160}\\x{17b4}\\x{17b5}\\x{180b}-\\x{180f}\\x{2065}\\x{2800}\\x{3164}\\x{fe00}-\\x{fe0f}\\x{ffa0}\\x{fff0}-\\x{fff8}\\x{e0000}-\\x{e0fff}";

/**
 * What a text may be, as CEL rules on the field itself and not as patterns: the refusal names the field and says what to
 * write. Of an object that is stored with a bad value all else can still be changed, since the API server checks only
 * fields that change.
 */
export const TEXT_RULES = {
  /** Ids are opaque (machines.md section 1): this is what a path can carry as one segment. */
  id: {
    rule: "self.matches('^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$')",
    message: "give the id as Paperspace shows it: letters, digits and . _ ~ - only, without blanks",
  },
  idOrEmpty: {
    rule: "self == '' || self.matches('^[A-Za-z0-9_~-][A-Za-z0-9._~-]*$')",
    message:
      "give the id as Paperspace shows it: letters, digits and . _ ~ - only, without blanks; or leave it empty",
  },
  line: {
    // As src/base/plain-text.ts: what is hidden could not be compared with what stands in status.
    rule: `self.matches(r'^[^\\pC\\pZ]([^\\pC\\p{Zl}\\p{Zp}]*[^\\pC\\pZ])?$') && !self.matches(r'[${UNSEEN}]')`,
    message: "write it on one line, without blanks at its beginning or end, and without hidden characters",
  },
  objectName: {
    rule: "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
    message:
      "name an object of Kubernetes: lower-case letters, digits, - and . only, with a letter or digit at both ends",
  },
  duration: {
    rule: "self.matches('^([0-9]+(h|m|s))+$')",
    message: "write a duration of hours, minutes and seconds, such as 90s, 20m or 1h30m",
  },
  longDuration: {
    rule: "self.matches('^[0-9]+(d|h|m|s)([0-9]+(h|m|s))*$')",
    message: "write a duration of days, hours, minutes and seconds, such as 7d, 36h or 1d12h",
  },
  cron: {
    rule: "self.matches('^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$')",
    message:
      'write the five fields of a cron line with one blank between them: minute, hour, day of the month, month, day of the week, such as "0 8 * * 1-5"',
  },
  rate: {
    rule: "self.matches('^[0-9]+([.][0-9]{1,4})?$') && double(self) > 0.0",
    message: 'write an amount above 0 in digits, between quotes, such as "4.00"',
  },
  objectKey: {
    rule: "self.matches('^[-._a-zA-Z0-9]+$')",
    message: "name a key of a Secret or ConfigMap: letters, digits and - _ . only",
  },
} as const;

/** A string that the rule allows, of at least one character unless it says otherwise. */
export function textField(
  rule: keyof typeof TEXT_RULES,
  description: string,
  { minLength = 1, maxLength = 253 }: { minLength?: number; maxLength?: number } = {},
) {
  return Type.String({
    minLength,
    maxLength,
    description,
    "x-kubernetes-validations": [TEXT_RULES[rule]],
  });
}

/** Longest id of the API that a field takes. */
const ID_LENGTH = { maxLength: 63 };

export function apiId(description: string) {
  return textField("id", description, ID_LENGTH);
}

/** The empty one means none, where absent means not managed. */
export function apiIdOrEmpty(description: string) {
  return textField("idOrEmpty", description, { minLength: 0, ...ID_LENGTH });
}

/** A short word of the API's that is no id, such as a machine type or a region. */
export function apiWord(description: string) {
  return textField("line", description, ID_LENGTH);
}

export function durationField(description: string) {
  return textField("duration", description, { minLength: 2, maxLength: 20 });
}

export function secretKeyRef(description: string) {
  return Type.Object(
    {
      name: textField("objectName", "Name of the Secret."),
      key: Type.Optional(textField("objectKey", "Key inside the Secret; apiKey if absent.")),
    },
    { description },
  );
}

/** Requests by annotation that were carried out, or need not be. */
export const requestsSchema = (description: string) =>
  Type.Object(
    { start: requestValue("start"), stop: requestValue("stop"), restart: requestValue("restart") },
    { description },
  );

const requestValue = (name: string) =>
  Type.Optional(
    Type.String({
      description: `Value of the annotation ${name}-requested-at, or its hash where it is no short word.`,
    }),
  );

export const credentialsSecretSchema = Type.Optional(
  Type.String({
    description: "Name of the Secret that carries the operator's finalizer on behalf of this object.",
  }),
);

/** metav1.Condition, as its Go type declares it. */
export const conditionsSchema = Type.Array(
  Type.Object({
    type: Type.String({ maxLength: 316 }),
    status: stringEnum(["True", "False", "Unknown"]),
    observedGeneration: Type.Optional(Type.Integer({ format: "int64", minimum: 0 })),
    lastTransitionTime: Type.String({ format: "date-time" }),
    reason: Type.String({ minLength: 1, maxLength: 1024 }),
    message: Type.String({ maxLength: 32768 }),
  }),
  {
    description:
      "Ready, Synced, Paused, Observed, and what the kind adds, such as Running or Healthy; Reconciling and Stalled only while true.",
    // Rules look for one, and the API server wants to know what that may cost.
    maxItems: 32,
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
  },
);

export const operationSchema = Type.Object(
  {
    intent: Type.String({
      description:
        "What was asked for, such as Create, Update or Delete; Observe, for a change begun elsewhere; AwaitCapacity, while no hardware is free.",
    }),
    requestedAt: Type.String({ format: "date-time", description: "When, by the operator's clock." }),
    deadline: Type.String({ format: "date-time", description: "When it counts as late." }),
    eventId: Type.Optional(Type.String({ description: "The API's event of it." })),
    name: Type.Optional(Type.String({ description: "Name that a create asked for." })),
    mark: Type.Optional(
      Type.String({ description: "What tells our create from another's of the same name." }),
    ),
    failedAt: Type.Optional(
      Type.String({ format: "date-time", description: "When its event was first seen to have failed." }),
    ),
    failedFor: Type.Optional(
      Type.String({
        description:
          "Generation and reconcile-requested-at for which it failed: once either changes it is retried soon.",
      }),
    ),
    target: Type.Optional(Type.String({ description: "Where it leads to." })),
    requests: Type.Optional(requestsSchema("Requests that it answers.")),
  },
  { description: "The change in the cloud that is under way; ours is written down before it is sent." },
);
