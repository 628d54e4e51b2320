/**
 * Paths of the API: how they are built safely, and their templates for metrics.
 */

import { PaperspaceError } from "./errors.ts";

/** The fixed segments of the vendor's paths; every other segment is an id or a name. */
const SEGMENTS: ReadonlySet<string> = new Set(
  (
    "accessors account-standing activity assign auth billing collaborators container-registries custom-templates datasets deployments desktop " +
    "health history logs machine-availability machine-events machines metrics models os-templates private-networks " +
    "projects public-ips restart restore runs secrets session shared-drives snapshots start startup-scripts stop " +
    "storage-providers tags teams test-connection unassign users utilization versions"
  ).split(" "),
);

/**
 * Builds a path with encoded ids: apiPath`/machines/${id}/start`. An empty id, a dot segment or one with a slash, which
 * many servers decode before they route, would name another resource altogether (DELETE /machines/): refused with
 * PS_INVALID.
 */
export function apiPath(parts: TemplateStringsArray, ...ids: readonly string[]): string {
  return parts.reduce((path, part, i) => {
    const id = ids[i - 1] ?? "";
    if (id.trim() === "" || id === "." || id === ".." || /[/\\]/.test(id)) {
      throw new PaperspaceError("PS_INVALID", `${JSON.stringify(id)} is no id for ${parts.join("…")}`, {
        effect: "none",
      });
    }
    return path + encodeURIComponent(id) + part;
  });
}

/** `/machines/{id}/start` for `/machines/ps1/start`: few enough values for a label of a metric. */
export function routeOf(path: string): string {
  const [bare = ""] = path.split("?");
  return bare
    .split("/")
    .map((part) => (part === "" || SEGMENTS.has(part) ? part : "{id}"))
    .join("/");
}
