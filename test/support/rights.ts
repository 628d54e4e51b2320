/**
 * The rights that a user has, by the roles that the API server holds, and the rights that the user used, by its audit
 * log.
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import type { ControlPlane } from "../../dev/control-plane/control-plane.ts";
import type { Rendered } from "./helm.ts";

const EVERYWHERE = "*";

export interface Right {
  verb: string;
  /** "secrets", "leases.coordination.k8s.io", "paperspacemachines.paperspace.com/status" */
  resource: string;
  /** "*": in all namespaces. */
  namespace: string;
  /** Absent: any. */
  name?: string;
}

export interface Use extends Right {
  status: number;
  uri: string;
}

export interface Comparison {
  /** Each right as a line, with the number of times it was used. */
  table: string;
  unused: string[];
  notGranted: string[];
  /** Requests that were answered with 403. */
  forbidden: string[];
}

/** All that the roles bound to a ServiceAccount allow, one right for each verb, resource and name. */
export async function rightsOf(plane: ControlPlane, user: string): Promise<Right[]> {
  const kinds = "clusterroles,roles,clusterrolebindings,rolebindings";
  const { stdout } = await promisify(execFile)(
    plane.kubectl,
    ["get", kinds, "--all-namespaces", "--output=json"],
    {
      env: { ...process.env, ...plane.env },
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const objects: Rendered[] = JSON.parse(stdout).items;
  const [, , namespace, account] = user.split(":");
  const isTheirs = ({ subjects = [] }: Rendered) =>
    subjects.some(
      (one: Record<string, string>) =>
        one.kind === "ServiceAccount" && one.name === account && one.namespace === namespace,
    );
  return objects
    .filter(({ kind }) => kind.endsWith("Binding"))
    .filter(isTheirs)
    .flatMap(({ roleRef, metadata }) => {
      const where = metadata.namespace ?? EVERYWHERE;
      const role = objects.find(
        (one) =>
          one.kind === roleRef.kind &&
          one.metadata.name === roleRef.name &&
          (roleRef.kind === "ClusterRole" || one.metadata.namespace === metadata.namespace),
      );
      return (role?.rules ?? []).flatMap((rule: Rule) => rightsIn(rule, where));
    });
}

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

function rightsIn({ apiGroups, resources, verbs, resourceNames }: Rule, namespace: string): Right[] {
  const names = resourceNames ? resourceNames.map((name) => ({ name })) : [{}];
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) =>
        names.map((name) => ({ verb, resource: resourceOf(group, resource), namespace, ...name })),
      ),
    ),
  );
}

function resourceOf(group: string, resource: string): string {
  const [plural = "", subresource] = resource.split("/");
  return `${plural}${group && `.${group}`}${subresource ? `/${subresource}` : ""}`;
}

interface AuditEntry {
  stage: string;
  verb: string;
  requestURI: string;
  user: { username: string };
  objectRef?: {
    resource: string;
    subresource?: string;
    apiGroup?: string;
    namespace?: string;
    name?: string;
  };
  responseStatus?: { code?: number };
}

/** Every request of this user, as the audit log has it. A watch counts when it begins. */
export function usesOf({ auditLog = "" }: ControlPlane, user: string): Use[] {
  return readFileSync(auditLog, "utf8")
    .split("\n")
    .filter((line) => line.includes(user))
    .map((line) => JSON.parse(line) as AuditEntry)
    .filter((entry) => entry.user.username === user)
    .map(({ verb, requestURI, objectRef, responseStatus }) => {
      const { resource = "", subresource, apiGroup = "", namespace = EVERYWHERE, name } = objectRef ?? {};
      return {
        verb,
        // A request that is no resource is granted by no role, and so it shows.
        resource: objectRef
          ? resourceOf(apiGroup, subresource ? `${resource}/${subresource}` : resource)
          : requestURI,
        namespace,
        // A right to create cannot be for one name, whatever the log fills in.
        ...(name !== undefined && verb !== "create" && { name }),
        status: responseStatus?.code ?? 0,
        uri: requestURI,
      };
    });
}

/** Both ways: what was used and not granted, and what was granted and not used. */
export function compared(granted: readonly Right[], used: readonly Use[]): Comparison {
  const rows = granted.map((right) => ({ right, times: used.filter((use) => covers(right, use)).length }));
  const beyond = used.filter((use) => !granted.some((right) => covers(right, use)));
  return {
    table: rows
      .map(({ right, times }) => `${String(times).padStart(6)} × ${inWords(right)}`)
      .toSorted()
      .join("\n"),
    unused: rows.filter(({ times }) => times === 0).map(({ right }) => inWords(right)),
    notGranted: [...new Set(beyond.map(inWords))],
    forbidden: used.filter(({ status }) => status === 403).map(({ verb, uri }) => `${verb} ${uri}`),
  };
}

function covers(right: Right, use: Use): boolean {
  if (right.verb !== use.verb || right.resource !== use.resource) return false;
  if (right.name !== undefined && right.name !== use.name) return false;
  return right.namespace === EVERYWHERE || right.namespace === use.namespace;
}

function inWords({ verb, resource, namespace, name }: Right): string {
  const where = namespace === EVERYWHERE ? "everywhere" : `in ${namespace}`;
  return `${verb} ${resource} ${where}${name === undefined ? "" : ` named ${name}`}`;
}
