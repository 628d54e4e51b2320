/**
 * Mutations of values: what the API stores otherwise than it was sent, and fills in by itself. Each is the same at every
 * read, as if the value were stored so.
 */

import { type Exchange, type Hooks, isJson, type Json, type Mutation } from "./mutation.ts";
import { isList, resourcesIn } from "./resources.ts";

/** Applies to each configuration of a deployment, wherever it shows. */
const configs =
  (change: (data: Json) => void) =>
  (exchange: Exchange): void => {
    for (const spec of resourcesIn(exchange, "spec")) if (isJson(spec.data)) change(spec.data);
  };

const machines =
  (change: (machine: Json) => void) =>
  (exchange: Exchange): void => {
    for (const machine of resourcesIn(exchange, "machine")) change(machine);
  };

const answering = (...changes: readonly ((exchange: Exchange) => void)[]): (() => Hooks) => {
  return () => ({
    answer(exchange) {
      for (const change of changes) change(exchange);
    },
  });
};

function image(data: Json, change: (name: string) => string): void {
  if (typeof data.image === "string") data.image = change(data.image);
}

function env(data: Json, change: (entry: { name: string; value: string }) => void): void {
  if (Array.isArray(data.env)) for (const entry of data.env) change(entry);
}

/** Paths of the health checks that are HTTP requests. */
function paths(data: Json, change: (path: string) => string): void {
  if (!isJson(data.healthChecks)) return;
  for (const probe of Object.values(data.healthChecks))
    if (isJson(probe) && typeof probe.path === "string") probe.path = change(probe.path);
}

const hasTag = (name: string) => /:[^/]*$/.test(name);
const hasRegistry = (name: string) => /^[^/]*[.:][^/]*\//.test(name);

export const VALUES: readonly Mutation[] = [
  {
    name: "image-tagged",
    source: "deployments.md 10.3, traps: data comes back in stored form",
    start: answering(configs((data) => image(data, (name) => (hasTag(name) ? name : `${name}:latest`)))),
  },
  {
    name: "image-with-registry",
    source: "deployments.md 10.3, traps: data comes back in stored form",
    start: answering(
      configs((data) => image(data, (name) => (hasRegistry(name) ? name : `docker.io/${name}`))),
    ),
  },
  {
    name: "values-trimmed",
    source: "deployments.md 10.3, traps: data comes back in stored form",
    start: answering(
      configs((data) =>
        env(data, (entry) => Object.assign(entry, { name: entry.name.trim(), value: entry.value.trim() })),
      ),
      machines((machine) => Object.assign(machine, { name: String(machine.name).trim() })),
    ),
  },
  {
    name: "names-lower-case",
    source: "machines.md 9 row 22, observed-in-the-field.md 12 and 13: letter case is not kept everywhere",
    start: answering(
      configs((data) => env(data, (entry) => Object.assign(entry, { name: entry.name.toLowerCase() }))),
      machines((machine) => Object.assign(machine, { name: String(machine.name).toLowerCase() })),
    ),
  },
  {
    name: "paths-with-slash",
    source: "deployments.md 3.2: the form of a path is not documented",
    start: answering(configs((data) => paths(data, (path) => (path.endsWith("/") ? path : `${path}/`)))),
  },
  {
    name: "paths-without-slash",
    source: "deployments.md 3.2: the form of a path is not documented",
    start: answering(
      configs((data) => paths(data, (path) => path.replace(/(?<=.)\/$/, "").replace(/^\/(?=.)/, ""))),
    ),
  },
  {
    name: "weekly-as-week",
    source: "machines.md 9 row 20: hour, day, week in the older API",
    start: answering(
      machines((machine) => {
        const { autoSnapshotFrequency: frequency } = machine;
        if (typeof frequency === "string")
          machine.autoSnapshotFrequency = OLD_FREQUENCY[frequency] ?? frequency;
      }),
    ),
  },
  {
    name: "floats-of-32-bits",
    source: "deployments.md 3.1: the precision of a metric's value is not documented",
    start: answering(
      configs(({ resources }) => {
        const { autoscaling } = isJson(resources) ? resources : {};
        if (!isJson(autoscaling) || !Array.isArray(autoscaling.metrics)) return;
        for (const metric of autoscaling.metrics) metric.value = Math.fround(metric.value);
      }),
      machines((machine) => Object.assign(machine, { usageRate: Math.fround(Number(machine.usageRate)) })),
    ),
  },
  {
    name: "region-and-registry-filled-in",
    source:
      "deployments.md 3: the default region is not documented; 10.3, traps: defaults possibly filled in",
    start: answering(
      configs((data) => {
        data.region ??= "ny2";
        data.containerRegistry ??= "";
        data.enabled ??= true;
      }),
    ),
  },
  {
    name: "registry-named",
    source: "deployments.md 3 and 10.3: a default registry, where none was given",
    start: answering(
      configs((data) => Object.assign(data, { containerRegistry: data.containerRegistry ?? "dockerhub" })),
    ),
  },
  {
    name: "basic-auth-key-hidden",
    source: "deployments.md 6: basicAuthKey is nullable, and a secret",
    start: answering(
      configs((data) => delete data.basicAuthKey),
      (exchange) => {
        for (const deployment of resourcesIn(exchange, "deployment"))
          if (Object.hasOwn(deployment, "basicAuthKey")) deployment.basicAuthKey = null;
      },
    ),
  },
  {
    name: "labelled-latest",
    source: "deployments.md 3, 12 row 15; observed-in-the-field.md 23: `latest` names more than one form",
    start: answering(configs((data) => Object.assign(data, { apiVersion: "latest" }))),
  },
  {
    name: "old-form-labelled-latest",
    source: "observed-in-the-field.md 23: latest meant the form with port and instanceType until mid-2023",
    start: answering(
      configs((data) => {
        if (!isJson(data.resources) || !Array.isArray(data.resources.ports)) return;
        const { ports, machineType, ...resources } = data.resources;
        if (ports.length === 1)
          Object.assign(data, {
            apiVersion: "latest",
            port: ports[0],
            resources: { ...resources, instanceType: machineType },
          });
      }),
    ),
  },
  {
    name: "unlabelled",
    source: "deployments.md 4: the older forms may come back; a label is nowhere promised in data",
    start: answering(configs((data) => delete data.apiVersion)),
  },
  ...(
    [
      ["latest-spec-missing-in-lists", (deployment: Json) => delete deployment.latestSpec],
      ["latest-spec-null-in-lists", (deployment: Json) => Object.assign(deployment, { latestSpec: null })],
      [
        "data-null-in-lists",
        ({ latestSpec }: Json) => isJson(latestSpec) && Object.assign(latestSpec, { data: null }),
      ],
    ] as const
  ).map(
    ([name, change]): Mutation => ({
      name,
      source: "deployments.md 6 and 6.1: latestSpec is nullable, its data optional and nullable",
      start: answering((exchange) => {
        if (isList(exchange)) for (const one of resourcesIn(exchange, "deployment")) change(one);
      }),
    }),
  ),
];

const OLD_FREQUENCY: Readonly<Record<string, string>> = {
  hourly: "hour",
  daily: "day",
  weekly: "week",
  monthly: "month",
};
