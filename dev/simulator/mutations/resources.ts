/**
 * Finds the resources in an answer, wherever they are: bare, under `data`, in a list, or inside another one. Mutations of
 * fields are written over this, each for one family.
 */

import { type Exchange, isJson, type Json } from "./mutation.ts";

export type Family =
  | "machine"
  | "event"
  | "deployment"
  | "spec"
  | "run"
  | "instance"
  | "project"
  | "script"
  | "network"
  | "address"
  | "accessor";

interface Route {
  path: RegExp;
  family: Family;
}

const ROUTES: readonly Route[] = [
  { path: /^\/v1\/machines(\/[^/]+(\/(start|stop|restart))?)?$/, family: "machine" },
  { path: /^\/v1\/machines\/[^/]+\/accessors/, family: "accessor" },
  { path: /^\/v1\/machine-events/, family: "event" },
  { path: /^\/v1\/(projects\/[^/]+\/)?deployments(\/[^/]+)?$/, family: "deployment" },
  { path: /^\/v1\/deployments\/[^/]+\/history$/, family: "spec" },
  { path: /^\/v1\/deployments\/[^/]+\/runs$/, family: "run" },
  { path: /^\/v1\/projects(\/[^/]+)?$/, family: "project" },
  { path: /^\/v1\/startup-scripts/, family: "script" },
  { path: /^\/v1\/private-networks/, family: "network" },
  { path: /^\/v1\/public-ips/, family: "address" },
];

/** The family of what this path answers with. */
export function familyOf(path: string): Family | undefined {
  return ROUTES.find((route) => route.path.test(path))?.family;
}

/** Whether it is a page of a list, and not one resource. */
export function isList({ json }: Exchange): boolean {
  return isJson(json) && Array.isArray(json.items);
}

/** All resources of a family in an answer that is no error; changing one changes the answer. */
export function resourcesIn(exchange: Exchange, family: Family): Json[] {
  if (exchange.status >= 300) return [];
  const { json } = exchange;
  const own = familyOf(exchange.path);
  const all = Array.isArray(json)
    ? json
    : !isJson(json)
      ? []
      : Array.isArray(json.items)
        ? json.items
        : [isJson(json.data) && own !== "spec" ? json.data : json];
  const resources = all.filter(isJson);
  if (family === own) return resources;
  if (family === "event" && own === "machine" && isJson(json) && isJson(json.event)) return [json.event];
  if (family === "spec" && own === "deployment")
    return resources.flatMap(({ latestSpec }) => (isJson(latestSpec) ? [latestSpec] : []));
  if (family === "instance" && own === "run")
    return resources.flatMap(({ instances }) => (Array.isArray(instances) ? instances.filter(isJson) : []));
  return [];
}
