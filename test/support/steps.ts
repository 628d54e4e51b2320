/**
 * The steps of a create and of a delete, derived from what crosses between the operator and its two servers. A request
 * that is none of them has no name here, and the dry run of the crash suite fails.
 */
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import type { Crossing } from "./kill-proxy.ts";

/** Happen at any time, or again and again, and are no step of anything. */
const BACKGROUND = "background";

interface Patch {
  metadata?: { finalizers?: string[]; annotations?: Record<string, string | null> };
  status?: {
    id?: string | null;
    operation?: { intent?: string; eventId?: string } | null;
    conditions?: { type: string; status: string }[];
  };
}

/** What the operator does with this request, as the end of "it …". */
export function stepOf(crossing: Crossing): string {
  return crossing.side === "kubernetes" ? ofKubernetes(crossing) : ofPaperspace(crossing);
}

export function isStep(name: string): boolean {
  return name !== BACKGROUND;
}

function ofKubernetes({ method, path, query, body }: Crossing): string {
  if (query.has("watch")) return BACKGROUND;
  if (path.includes("/leases")) return method === "POST" ? "takes the lease" : BACKGROUND;
  if (path.includes("/secrets/")) return ofSecret(method, body as Patch);
  if (path.includes("/configmaps"))
    return method === "GET" ? "reads the id of the cluster" : "stores the id of the cluster";
  if (method === "GET" && /^\/api\/v1\/namespaces\/[^/]+$/.test(path)) return "reads the namespace";
  if (path.endsWith("/events"))
    return `writes the Event ${(body as { reason?: string }).reason ?? "without a reason"}`;
  if (method === "PATCH" && /\/paperspace(machines|deployments)\//.test(path)) return ofObject(body as Patch);
  return `${method} ${path}`;
}

function ofSecret(method: string, { metadata }: Patch = {}): string {
  if (method === "GET") return "reads the Secret";
  return metadata?.finalizers?.includes(FINALIZER)
    ? "adds a finalizer to the Secret"
    : "removes the finalizer of the Secret";
}

function ofObject({ metadata, status }: Patch): string {
  const { finalizers, annotations } = metadata ?? {};
  if (finalizers) return finalizers.length > 0 ? "adds the finalizer" : "removes the finalizer";
  if (annotations?.[ANNOTATION.record]) return "writes the record";
  if (annotations?.[ANNOTATION.record] === null) return "removes the record";
  if (status?.id === null) return "records that it owns nothing";
  if (status?.id) return "saves the id";
  if (annotations?.[ANNOTATION.createPending]) return "announces the create";
  if (annotations?.[ANNOTATION.createPending] === null) return "closes the attempt";
  if (status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"))
    return "reports Ready";
  if (status?.operation?.intent === "Delete") return "records the delete";
  if (status?.operation?.intent === "Create") return "mirrors the attempt in the status";
  if (status?.operation?.eventId) return "records the event of the create";
  return status ? "reports the progress" : `changes ${JSON.stringify(metadata)}`;
}

function ofPaperspace({ method, path, body }: Crossing): string {
  const call = `${method} ${path.replace(/^\/v1/, "")}`;
  if (call === "GET /auth/session") return "checks the key";
  if (call === "GET /billing/account-standing" || call === "GET /machine-availability")
    return "checks what prevents a create";
  if (call === "POST /machines") return "sends the create";
  if (call === "POST /deployments")
    return (body as { deploymentId?: string }).deploymentId ? "sends the configuration" : "sends the create";
  if (call === "GET /machines") return "lists the machines";
  if (/^DELETE \/(machines|deployments)\/[^/]+$/.test(call)) return "sends the delete";
  if (/^GET \/machines\/[^/]+$/.test(call)) return "reads the machine";
  if (call.startsWith("GET /machine-events")) return "reads the events";
  return call;
}
