/**
 * For tests only: how Flux and other users of kstatus assess a custom resource, by the published rules of
 * sigs.k8s.io/cli-utils/pkg/kstatus.
 */
import type { Condition, KubeObject } from "../../src/kube/objects.ts";

export type Kstatus = "Current" | "InProgress" | "Failed" | "Terminating";

export function kstatus({ metadata, status }: KubeObject): Kstatus {
  const { observedGeneration, conditions = [] } = (status ?? {}) as {
    observedGeneration?: number;
    conditions?: Condition[];
  };
  if (metadata.deletionTimestamp) return "Terminating";
  const { generation } = metadata;
  if (generation !== undefined && observedGeneration !== undefined && observedGeneration !== generation)
    return "InProgress";
  // The first of the two in the list decides, so an object must not show both.
  const progress = conditions.find(
    ({ type, status: is }) => is === "True" && (type === "Reconciling" || type === "Stalled"),
  );
  if (progress) return progress.type === "Stalled" ? "Failed" : "InProgress";
  const ready = conditions.find(({ type }) => type === "Ready");
  return ready && ready.status !== "True" ? "InProgress" : "Current";
}
