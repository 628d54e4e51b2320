/**
 * The REST calls of deployments and of the secrets of their projects (deployments.md sections 1 to 8,
 * other-resources.md, secrets), and the part of their answers that we rely on. No decisions here.
 */
import { type Static, Type } from "../../base/json-schema.ts";
import { answeredId, isReadable, nullable, prose, resource } from "../../paperspace/answers.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { HELD_BYTES } from "../../paperspace/pages.ts";
import type { CallOptions, PaperspaceApi } from "../../paperspace/transport.ts";
import { apiPath } from "../../paperspace/transport.ts";
import { millis } from "../../reconcile/conditions.ts";
import { about, creating, OLDEST_FIRST, reading, removing } from "../calls.ts";
import type { ListFrom } from "../source.ts";
import type { DeploymentConfig } from "./config.ts";
import { foldedName } from "./types.ts";

/** deployments.md section 6.1. `data` is read by stored-config.ts, whatever its version. */
export const specSchema = resource(
  {
    id: answeredId,
    data: Type.Optional(Type.Unknown()),
    externalApplied: nullable(Type.String()),
    dtHealthy: nullable(Type.String()),
    error: nullable(prose),
  },
  ["id"],
);

/** deployments.md section 6. Only `id` is needed. `basicAuthKey` is secret and left unread. */
export const deploymentSchema = resource(
  {
    id: answeredId,
    name: Type.String({ default: "" }),
    projectId: nullable(Type.String()),
    endpoint: nullable(Type.String()),
    dtCreated: nullable(Type.String()),
    latestSpec: nullable(specSchema),
  },
  ["id"],
);

/** deployments.md section 8. */
const instanceSchema = resource(
  {
    id: Type.String(),
    instanceId: nullable(Type.String()),
    state: nullable(Type.String()),
    stateMessage: nullable(prose),
    dtCreated: nullable(Type.String()),
    dtFinished: nullable(Type.String()),
  },
  ["id"],
);
/** Health is decided by the counts: where they cannot be read, the runs are not known. */
const runSchema = resource(
  {
    id: Type.Optional(Type.String()),
    replicas: nullable(Type.Number()),
    readyReplicas: nullable(Type.Number()),
    availableReplicas: nullable(Type.Number()),
    instances: nullable(Type.Array(instanceSchema)),
  },
  ["replicas", "readyReplicas", "availableReplicas"],
);

const secretSchema = resource({ name: Type.String() }, ["name"]);

export type StoredSpec = Static<typeof specSchema>;
export type Deployment = Static<typeof deploymentSchema>;

export interface Instance {
  id: string;
  state: string;
  message?: string;
  createdAt?: string;
}

/** One active run; `instances` that have ended are left out. `newestAt`: when the newest of all was made, by the API's clock. */
export interface Run {
  newestAt?: number;
  replicas: number;
  ready: number;
  available: number;
  instances: readonly Instance[];
}

export class DeploymentApi {
  readonly #api: PaperspaceApi;

  constructor(api: PaperspaceApi) {
    this.#api = api;
  }

  /** The same, for calls on behalf of this group. */
  for(group: string): DeploymentApi {
    return new DeploymentApi(this.#api.with({ group }));
  }

  list(projectId: string, from: ListFrom = {}) {
    const path = apiPath`/projects/${projectId}/deployments`;
    return this.#api.pages({ ...from, path, query: OLDEST_FIRST, item: deploymentSchema });
  }

  /**
   * Those whose name the API may take for this one; what its filter does with others is not documented (deployments.md
   * section 11). Rejects where one of them has no readable name: it may have this one.
   */
  async named(projectId: string, name: string): Promise<Deployment[]> {
    const found: Deployment[] = [];
    const path = apiPath`/projects/${projectId}/deployments`;
    for await (const { items, skipped } of this.#api.pages({
      path,
      query: { name },
      item: deploymentSchema,
      mostKept: HELD_BYTES,
    })) {
      if (skipped > 0 || items.some((one) => !isReadable(one, "name")))
        throw new PaperspaceError("PS_UNEXPECTED", `GET ${path}: a deployment has no readable name or id`, {
          effect: "none",
        });
      found.push(...items.filter((one) => foldedName(one.name) === foldedName(name)));
    }
    return found;
  }

  get(id: string) {
    const request = reading(apiPath`/deployments/${id}`, deploymentSchema);
    return about(id, this.#api.request(request), (body) => body);
  }

  /** The whole configuration; `headers` carry its origin (deployments.md sections 2 and 6.2). */
  upsert(
    body: { projectId: string; config: DeploymentConfig; deploymentId?: string },
    options: CallOptions & { headers: Readonly<Record<string, string>> },
  ) {
    const answer = Type.Object({ deploymentId: answeredId });
    return this.#api.request(creating("/deployments", body, answer, options));
  }

  delete(id: string, options: CallOptions) {
    return this.#api.request(removing(apiPath`/deployments/${id}`, Type.Unknown(), options));
  }

  /** The active runs, newest first. */
  async runs(id: string): Promise<Run[]> {
    const { body } = await this.#api.request({
      method: "GET",
      path: apiPath`/deployments/${id}/runs`,
      answer: Type.Array(runSchema),
      retry: "safe",
      class: "poll",
    });
    return body.map(runOf);
  }

  /**
   * Every spec that the deployment ever had, in the given order; pages are fetched only as far as the caller iterates.
   */
  async *history(id: string, order: "asc" | "desc", limit: number) {
    const path = apiPath`/deployments/${id}/history`;
    const query = { orderBy: "dtCreated", order };
    for await (const { items } of this.#api.pages({ path, query, item: specSchema, limit })) yield* items;
  }

  /** Names only; no value is ever returned. */
  async secrets(projectId: string): Promise<string[]> {
    const path = apiPath`/projects/${projectId}/secrets`;
    const names: string[] = [];
    for await (const { items } of this.#api.pages({ path, item: secretSchema, mostKept: HELD_BYTES }))
      names.push(...items.map(({ name }) => name));
    return names;
  }

  putSecret(projectId: string, body: { name: string; value: string }, options: CallOptions) {
    return this.#api.request({
      ...options,
      method: "POST",
      path: apiPath`/projects/${projectId}/secrets`,
      body,
      answer: Type.Unknown(),
      retry: "safe",
    });
  }

  removeSecret(projectId: string, name: string, options: CallOptions) {
    return this.#api.request({
      ...options,
      method: "DELETE",
      path: apiPath`/projects/${projectId}/secrets/${name}`,
      answer: Type.Unknown(),
      retry: "safe",
    });
  }
}

function runOf({ replicas, readyReplicas, availableReplicas, instances }: Static<typeof runSchema>): Run {
  const made = (instances ?? []).flatMap(({ dtCreated }) => millis(dtCreated) ?? []);
  return {
    ...(made.length > 0 && { newestAt: Math.max(...made) }),
    replicas: replicas ?? 0,
    ready: readyReplicas ?? 0,
    available: availableReplicas ?? 0,
    instances: (instances ?? []).filter(({ dtFinished }) => !dtFinished).map(instanceOf),
  };
}

/** Logs and metrics identify an instance by instanceId (deployments.md section 8). */
function instanceOf({
  id,
  instanceId,
  state,
  stateMessage,
  dtCreated,
}: Static<typeof instanceSchema>): Instance {
  return {
    id: instanceId || id,
    state: state ?? "unknown",
    ...(stateMessage && { message: stateMessage }),
    ...(dtCreated && { createdAt: dtCreated }),
  };
}

/** The first items, at most `limit`; reads no further. */
export async function firstItems<T>(items: AsyncIterable<T>, limit: number): Promise<readonly T[]> {
  const first: T[] = [];
  for await (const item of items) {
    first.push(item);
    if (first.length >= limit) break;
  }
  return first;
}
