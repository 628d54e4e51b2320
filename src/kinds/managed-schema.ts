/**
 * The managed part of spec, status and CEL rules, the same for every kind: what src/reconcile/managed.ts declares, as
 * schemas. A kind passes its noun and the texts that are its own, and adds its fields. No behaviour.
 */
import { type TProperties, Type } from "../base/json-schema.ts";
import {
  apiId,
  conditionsSchema,
  credentialsSecretSchema,
  operationSchema,
  requestsSchema,
  secretKeyRef,
  stringEnum,
} from "../reconcile/schema.ts";

const disownedSchema = Type.Object({
  id: Type.String(),
  at: Type.String({ format: "date-time", description: "When it was given up." }),
  replaced: Type.Optional(
    Type.Boolean({ description: "Whether the operator deleted it, to replace it by another one." }),
  ),
});

const optionalText = (description: string) => Type.Optional(Type.String({ description }));

/** `deletes` and `recreates` say what these policies do where the default does not say enough. */
export function managedSpecFields(
  noun: string,
  { deletes = "deletes it", recreates = "makes a new one." }: { deletes?: string; recreates?: string } = {},
) {
  return {
    managementPolicy: Type.Optional(
      stringEnum(["Manage", "Observe"], {
        description: `Manage, as where it is absent: the ${noun} is made as declared. Observe: the ${noun} that adoptId names, or that this object owns, is read, compared and reported, and nothing is written: not to it, and to this object nothing but its status. The label paperspace.com/management-policy of the namespace and the operator's --management-policy may demand it as well: the strictest of the three holds.`,
      }),
    ),
    deletionProtection: Type.Optional(
      Type.Boolean({
        description: `Whether the ${noun} is protected: while true, it is not deleted, also where this object is. Absent: as the label paperspace.com/deletion-protection of the namespace says, else the operator's --deletion-protection.`,
      }),
    ),
    deletionPolicy: stringEnum(["Delete", "Orphan"], {
      default: "Delete",
      description: `What becomes of the ${noun} when this object is deleted: Delete ${deletes}, Orphan leaves it as it is.`,
    }),
    onExternalDeletion: stringEnum(["Stall", "Recreate"], {
      default: "Stall",
      description: `What to do when the ${noun} was deleted outside Kubernetes: Stall reports it, Recreate ${recreates}`,
    }),
    adoptId: Type.Optional(apiId(`Id of an existing ${noun} to take over instead of creating one.`)),
    credentialsSecretRef: Type.Optional(
      secretKeyRef(
        "Secret of the same namespace that holds the API key. Absent: the Secret paperspace-credentials, then the operator's own key where this namespace may use it.",
      ),
    ),
  };
}

interface StatusTexts<P extends TProperties> {
  name?: string;
  abandoned?: string;
  /** An entry of the plan: `planEntry`, and what the kind adds to it. */
  plan: P;
}

export function managedStatusFields<P extends TProperties>(
  noun: string,
  { name = "Name in Paperspace.", abandoned = "Names of creates that were given up.", plan }: StatusTexts<P>,
) {
  return {
    observedGeneration: Type.Integer({ description: "Generation of the spec this status is about." }),
    id: optionalText(`Id of the ${noun} in Paperspace.`),
    ownedSince: Type.Optional(
      Type.String({ format: "date-time", description: `Since when this object owns the ${noun}.` }),
    ),
    teamId: optionalText(`Paperspace team the ${noun} belongs to.`),
    uid: optionalText("UID of the object this status was written for."),
    name: optionalText(name),
    operation: Type.Optional(operationSchema),
    credentialsSecret: credentialsSecretSchema,
    abandoned: Type.Optional(
      Type.Array(Type.String(), { "x-kubernetes-list-type": "atomic", description: abandoned }),
    ),
    disowned: Type.Optional(
      Type.Array(disownedSchema, {
        "x-kubernetes-list-type": "atomic",
        description: `The last ten that this object gave up as gone, oldest first. One that shows up again goes on costing.`,
      }),
    ),
    plan: Type.Optional(
      Type.Array(Type.Object(plan), {
        "x-kubernetes-list-type": "atomic",
        description: "What would be done, under the annotation dry-run.",
      }),
    ),
    conditions: Type.Optional(conditionsSchema),
  };
}

/** `hidden`: where the values are not shown. */
export function planEntry(actions: string, hidden?: string) {
  const json = hidden === undefined ? "as JSON" : `as JSON; hidden ${hidden}`;
  return {
    action: Type.String({ description: actions }),
    field: optionalText("Path below spec."),
    from: optionalText(`As it is, ${json}.`),
    to: optionalText(`As it would be, ${json}.`),
  };
}

/** status.handled, for kinds that carry out requests by annotation. */
export const handledRequests = Type.Optional(requestsSchema("Requests by annotation that were carried out."));

/** A rule on the spec. `instead`: how to take adoptId out. */
export function adoptOrRecreate(noun: string, instead = "take adoptId out"): object {
  return {
    rule: "!has(self.adoptId) || self.onExternalDeletion != 'Recreate'",
    message: `onExternalDeletion Recreate cannot be together with adoptId: once the ${noun} is taken over, ${instead}`,
  };
}

/**
 * True while there is no resource yet. Rules on the whole object read the old status; a field-level `self == oldSelf` on
 * an optional field would be bypassed by removing it first.
 */
export const NOT_OWNED = "!has(oldSelf.status) || !has(oldSelf.status.id)";

/** What was owned is reported as gone, and the object asks for another one. */
const TO_RECREATE =
  "(has(oldSelf.status.conditions) && oldSelf.status.conditions.exists(c, c.type == 'Stalled' && c.reason == 'ExternallyDeleted') && self.spec.onExternalDeletion == 'Recreate')";

/** True while nothing binds the spec: there is no resource yet, or another one is to be made. */
export const UNBOUND = `${NOT_OWNED} || ${TO_RECREATE}`;

const UNCHANGED = {
  optional: (now: string, before: string) =>
    `(has(${now}) == has(${before}) && (!has(${now}) || ${now} == ${before}))`,
  required: (now: string, before: string) => `${now} == ${before}`,
  /** May be added later. */
  onceGiven: (now: string, before: string) => `(!has(${before}) || (has(${now}) && ${now} == ${before}))`,
};

/**
 * A rule on the whole object: the field of the spec stays as it was once there is a resource. `unbound`: until when, and
 * from when on, it may change.
 */
export function immutableRule(
  noun: string,
  field: string,
  presence: keyof typeof UNCHANGED = "optional",
  unbound = UNBOUND,
): object {
  return {
    rule: `${unbound} || ${UNCHANGED[presence](`self.spec.${field}`, `oldSelf.spec.${field}`)}`,
    message: `${field} cannot be changed once the ${noun} exists: put the old value back, or delete this object and make another`,
    fieldPath: `.spec.${field}`,
  };
}

/** A rule on the whole object: an object that owns a resource does not adopt another one. */
export function adoptRule(noun: string): object {
  return {
    // One that was there before the id stays: a rule that it breaks would refuse every write, the operator's included.
    rule: `${NOT_OWNED} || !has(self.spec.adoptId) || self.spec.adoptId == oldSelf.status.id || (has(oldSelf.spec.adoptId) && self.spec.adoptId == oldSelf.spec.adoptId)`,
    message: `adoptId cannot name another ${noun} than the one this object owns (status.id)`,
    fieldPath: ".spec.adoptId",
  };
}
