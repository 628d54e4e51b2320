/**
 * Mutations of single fields: what is dropped, null, of another type, unknown, or in another order.
 */

import { type Exchange, type Hooks, isJson, type Json, type Mutation } from "./mutation.ts";
import { type Family, isList, resourcesIn } from "./resources.ts";

/** Applies to every resource of the family, and to each read of it alike. */
const each =
  (family: Family, change: (resource: Json) => void) =>
  (exchange: Exchange): void => {
    for (const resource of resourcesIn(exchange, family)) change(resource);
  };

const answering = (...changes: readonly ((exchange: Exchange) => void)[]): (() => Hooks) => {
  return () => ({
    answer(exchange) {
      for (const change of changes) change(exchange);
    },
  });
};

function asText(resource: Json, ...fields: readonly string[]): void {
  for (const field of fields)
    if (typeof resource[field] === "number") resource[field] = String(resource[field]);
}

function drop(resource: Json, ...fields: readonly string[]): void {
  for (const field of fields) delete resource[field];
}

/** Without information: what is null, false, 0 or empty says no more than its absence. */
function dropEmpty(resource: Json, ...fields: readonly string[]): void {
  for (const field of fields) if (!resource[field]) delete resource[field];
}

function nullEmpty(resource: Json, ...fields: readonly string[]): void {
  for (const field of fields) if (!resource[field]) resource[field] = null;
}

const reversed = (value: unknown) => (Array.isArray(value) ? value.toReversed() : value);

export const FIELDS: readonly Mutation[] = [
  {
    name: "optional-dropped",
    source: "machines.md 5.1 (accelerators), 5.2; deployments.md 6.1, 8: optional fields",
    start: answering(
      each("machine", (machine) => drop(machine, "accelerators")),
      each("spec", (spec) => dropEmpty(spec, "externalApplied", "dtHealthy", "error", "metadata")),
      each("run", (run) => dropEmpty(run, "replicas", "readyReplicas", "availableReplicas")),
      each("instance", (instance) => dropEmpty(instance, "stateMessage", "dtFinished")),
      ({ json }) => {
        if (isJson(json)) dropEmpty(json, "nextPage");
      },
    ),
  },
  {
    name: "nullable-null",
    source: "machines.md 5.1 (nullable set); deployments.md 6, 8",
    start: answering(
      each("machine", (machine) => {
        Object.assign(machine, { accelerators: null, reservation: null, privateIp: null });
        nullEmpty(machine, "autoShutdownForce", "autoShutdownTimeout", "publicIp", "networkId");
        if (machine.autoSnapshotEnabled === false)
          Object.assign(machine, { autoSnapshotFrequency: null, autoSnapshotSaveCount: null });
      }),
      each("run", (run) => nullEmpty(run, "replicas", "readyReplicas", "availableReplicas")),
    ),
  },
  {
    name: "unknown-fields",
    source: "errors-and-limits.md 2; machines.md 9 row 14: fields that only some documents have",
    start: answering(
      ...(["machine", "event", "deployment", "spec", "run", "instance", "project"] as const).map((family) =>
        each(family, (resource) => {
          Object.assign(resource, {
            teamRef: "te1",
            tags: [],
            unreadable: ["name"],
            annotations: { a: null },
          });
        }),
      ),
    ),
  },
  {
    name: "unknown-states",
    source: "machines.md 7, 9 row 4: states outside the eight; deployments.md 8: no enum in any source",
    start: answering(
      each("machine", (machine) => {
        if (machine.state === "starting") machine.state = "Warming Up";
        if (machine.state === "provisioning") machine.state = "allocating";
      }),
      each("event", (event) => {
        if (event.state === "new") event.state = "queued";
      }),
      each("instance", (instance) => {
        if (instance.state === "running") instance.state = "serving";
      }),
    ),
  },
  {
    name: "unknown-events",
    source: "machines.md 8: accept unknown names",
    start: answering((exchange) => {
      if (exchange.path !== "/v1/machine-events" || !isJson(exchange.json)) return;
      const { items } = exchange.json;
      if (!Array.isArray(items)) return;
      const [newest] = items.filter(isJson);
      if (newest)
        items.unshift({ ...newest, id: `x${String(newest.id)}`, name: "vm-telemetry", state: "open" });
    }),
  },
  {
    name: "numbers-as-text",
    source: "machines.md 10: ram, storageTotal and usageRate were text in the older API (observed 22)",
    start: answering(each("machine", (m) => asText(m, "ram", "storageTotal", "storageUsed", "usageRate"))),
  },
  {
    name: "text-as-numbers",
    source: "observed-in-the-field.md 22: a shown field of another type",
    start: answering(
      each("machine", (machine) =>
        Object.assign(machine, { os: 22, agentType: 1, dtCreated: 1_767_225_600_000 }),
      ),
      each("deployment", (deployment) =>
        Object.assign(deployment, { dtCreated: 1_767_225_600_000, endpoint: 7 }),
      ),
      each("instance", (instance) => Object.assign(instance, { stateMessage: 0 })),
      each("event", (event) => Object.assign(event, { dtStarted: 5 })),
    ),
  },
  {
    name: "settings-as-text",
    source: "machines.md 10: hours and counts as text in the older API",
    start: answering(each("machine", (m) => asText(m, "autoShutdownTimeout", "autoSnapshotSaveCount"))),
  },
  {
    name: "date-of-deletion-empty-object",
    source: "other-resources.md, conventions: dtDeleted rendered as an empty object",
    start: answering(
      ...(["machine", "deployment", "project", "script", "network", "accessor"] as const).map((family) =>
        each(family, (resource) => {
          if (!resource.dtDeleted) resource.dtDeleted = {};
        }),
      ),
    ),
  },
  {
    name: "accelerator-without-name",
    source: "machines.md 5.1, 9 rows 12 and 13: accelerators as the documents disagree on them",
    start: answering(
      each("machine", (machine) =>
        Object.assign(machine, { accelerators: [{ name: null, count: 1, memory: null }] }),
      ),
    ),
  },
  {
    name: "arrays-reordered",
    source: "machines.md 2: stability of lists not documented; deployments.md 3: order of env and ports",
    start: answering(
      (exchange) => {
        const isOrdered = /events|history|\/runs/.test(exchange.path);
        if (isJson(exchange.json) && isList(exchange) && !isOrdered)
          exchange.json.items = reversed(exchange.json.items);
      },
      each("spec", ({ data }) => {
        if (!isJson(data)) return;
        for (const field of ["env", "integrations"]) if (data[field]) data[field] = reversed(data[field]);
        const { resources } = data;
        if (isJson(resources) && resources.ports) resources.ports = reversed(resources.ports);
      }),
      each("run", (run) => Object.assign(run, { instances: reversed(run.instances) })),
    ),
  },
  {
    name: "odd-neighbour",
    source: "observed-in-the-field.md 22: one record of the team of another shape, with its id and name",
    start: answering((exchange) => {
      insert(exchange, "machine", {
        id: "psodd",
        name: "odd",
        state: 7,
        ram: {},
        dtDeleted: 0,
        storageTotal: "x",
      });
      insert(exchange, "deployment", {
        id: "dodd",
        name: "odd",
        latestSpec: "none",
        projectId: 1,
        dtCreated: [],
      });
      insert(exchange, "project", { id: "podd", name: "odd", dtCreated: 5 });
    }),
  },
];

/** One more item in a list that is not filtered. */
export function insert(exchange: Exchange, family: Family, item: unknown): void {
  if (!isList(exchange) || exchange.query.name !== undefined || exchange.query.after !== undefined) return;
  const { items } = exchange.json as { items: unknown[] };
  const isOfFamily = family === "deployment" ? /projects\/[^/]+\/deployments$/ : LISTS[family];
  if (isOfFamily?.test(exchange.path)) items.unshift(item);
}

const LISTS: Partial<Record<Family, RegExp>> = { machine: /v1\/machines$/, project: /v1\/projects$/ };
