/** Which changes of a status are worth a Kubernetes Event: those of its leading condition. Pure. */
import type { Condition } from "../kube/objects.ts";

export interface EventNote {
  /** Identifies the event where it can be observed more than once; it is recorded once. */
  id?: string;
  type: "Normal" | "Warning";
  reason: string;
  note: string;
}

/** At most one: conditions change together, and one Event is enough. */
export function transitionEvents(
  before: readonly Condition[] = [],
  after: readonly Condition[] = [],
): EventNote[] {
  const was = leading(before);
  const is = leading(after);
  if (!is || (was?.type === is.type && was.status === is.status && was.reason === is.reason)) return [];
  const note = is.message || is.reason;
  const bad = is.type === "Stalled" || is.reason.endsWith("Failed");
  return [{ type: bad ? "Warning" : "Normal", reason: is.reason, note }];
}

function leading(conditions: readonly Condition[]): Condition | undefined {
  for (const type of ["Stalled", "Reconciling", "Ready"]) {
    const found = conditions.find((condition) => condition.type === type);
    if (found) return found;
  }
  return undefined;
}
