/**
 * Whether an object is managed, only observed or halted, and whether its resource is protected from deletion: by its spec and
 * annotations, by the labels of its namespace, and by the defaults of the operator. The strictest of them wins. Pure.
 */
import type { ManagedObject } from "./managed.ts";
import { REASON } from "./reasons.ts";
import { ANNOTATION, GROUP, isOn } from "./record.ts";

/** Labels of a namespace. */
export const LABEL = {
  managementPolicy: `${GROUP}/management-policy`,
  deletionProtection: `${GROUP}/deletion-protection`,
} as const;

export interface ManagementDefaults {
  managementPolicy: "Manage" | "Observe";
  deletionProtection: boolean;
}

export type NamespaceFact =
  | { state: "read"; managementPolicy?: string; deletionProtection?: string; terminating: boolean }
  /** What its labels forbid is not known. */
  | { state: "unreadable"; message: string };

/** Why nothing is written for an object. */
export interface Halt {
  reason: string;
  message: string;
}

/** What must not be done for an object. */
export interface Restrictions {
  halted?: Halt;
  /** Halted, and reported on all the same. */
  observes?: true;
  /** By what its resource is protected from deletion. */
  protection?: string;
  /** Its namespace is being deleted. */
  namespaceEnds?: true;
}

export function restrictionsOf(
  object: ManagedObject,
  namespace: NamespaceFact,
  defaults: ManagementDefaults,
): Restrictions {
  const observation = observationOf(object, namespace, defaults);
  const halted = haltOf(object, observation);
  const protection = protectionOf(object, namespace, defaults);
  return {
    ...(halted && { halted }),
    ...(observation && { observes: true }),
    ...(protection !== undefined && { protection }),
    ...(namespace.state === "read" && namespace.terminating && { namespaceEnds: true }),
  };
}

/** A dry run shows its plan of what is observed as well; of what is observed a pause keeps no condition as it was. */
function haltOf({ metadata }: ManagedObject, observation: Halt | undefined): Halt | undefined {
  if (isOn(metadata, ANNOTATION.dryRun))
    return {
      reason: REASON.DryRun,
      message: `${stops(ANNOTATION.dryRun)}${observation ? `; ${observation.message}` : ""}`,
    };
  if (observation) return observation;
  if (isOn(metadata, ANNOTATION.paused)) return { reason: REASON.Paused, message: stops(ANNOTATION.paused) };
  return undefined;
}

function stops(annotation: string): string {
  return `the annotation ${annotation} stops every change in the cloud, deletion included`;
}

function observationOf(
  { metadata, spec }: ManagedObject,
  namespace: NamespaceFact,
  defaults: ManagementDefaults,
): Halt | undefined {
  const source = observedBy(spec, namespace, defaults);
  if (source !== undefined)
    return {
      reason: REASON.ObservedOnly,
      message: `it is only observed, and nothing is written: ${source}`,
    };
  if (namespace.state === "read") return undefined;
  const { namespace: name = "" } = metadata;
  return {
    reason: REASON.NamespaceUnreadable,
    message: `whether the labels of namespace ${name} forbid changes cannot be read, and nothing is written until it can be: ${namespace.message}. Let the operator get that namespace`,
  };
}

/** A label with another value is meant to restrict something. */
function observedBy(
  { managementPolicy }: ManagedObject["spec"],
  namespace: NamespaceFact,
  defaults: ManagementDefaults,
): string | undefined {
  if (managementPolicy === "Observe") return "spec.managementPolicy is Observe";
  const label = namespace.state === "read" ? namespace.managementPolicy : undefined;
  if (label === "Observe") return `the label ${LABEL.managementPolicy} of the namespace is Observe`;
  if (label !== undefined && label !== "Manage")
    return `the label ${LABEL.managementPolicy} of the namespace has a value that is neither Manage nor Observe`;
  return defaults.managementPolicy === "Observe"
    ? "the operator runs with --management-policy=Observe"
    : undefined;
}

/** The spec decides where it says anything; a label with another value than true or false is meant to protect. */
function protectionOf(
  { spec: { deletionProtection: declared } }: ManagedObject,
  namespace: NamespaceFact,
  defaults: ManagementDefaults,
): string | undefined {
  if (declared !== undefined) return declared ? "spec.deletionProtection is true" : undefined;
  if (namespace.state === "unreadable") return "whether its namespace protects it cannot be read";
  const label = namespace.deletionProtection;
  if (label === undefined)
    return defaults.deletionProtection ? "the operator runs with --deletion-protection" : undefined;
  if (label === "false") return undefined;
  return `the label ${LABEL.deletionProtection} of the namespace is ${label === "true" ? "true" : "not false"}`;
}
