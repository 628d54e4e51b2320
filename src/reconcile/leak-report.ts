/**
 * What is reported of an object that is gone from the cluster, and whose resource was left in the cloud because another
 * actor removed the finalizer: a log line, a count and an Event. It writes nothing else.
 */
import type { Logger } from "pino";
import { keyOf } from "../kube/objects.ts";
import type { Kind, KindTypes } from "./kind.ts";
import { leakedResource } from "./ownership-facts.ts";
import { REASON } from "./reasons.ts";
import type { Reporter } from "./reporter.ts";

export interface LeakReportOptions<T extends KindTypes> {
  kind: Pick<Kind<T>, "definition">;
  reporter: Pick<Reporter<T>, "note">;
  logger: Logger;
  /** Counts an object that was deleted while its resource was left in the cloud. */
  leaked: () => void;
}

/** `last` is the last known state of the object. Does nothing where it left nothing. */
export function reportLeak<T extends KindTypes>(
  last: T["object"],
  { kind, reporter, logger, leaked }: LeakReportOptions<T>,
): void {
  const left = leakedResource(last, kind.definition);
  if (left === undefined) return;
  const note = `its finalizer was taken off, so that nobody saw to ${left}: it goes on costing. Delete it in the Paperspace console, or adopt it (spec.adoptId)`;
  logger.error({ key: keyOf(last), left }, "an object was deleted without its finalizer");
  leaked();
  const id = `${REASON.LeftBehind}/${last.metadata.uid}`;
  reporter.note(last, { type: "Warning", reason: REASON.LeftBehind, note, id });
}
