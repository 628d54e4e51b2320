/**
 * The operations on deployments: the upsert, the reads, the deletion, and what a project reports about its deployments.
 * Rules are in the world.
 */

import { Type } from "typebox";
import { issuesOf } from "../validate.ts";
import { type ActivityRecord, GIT_HEADERS, type GitHeaders } from "../world/deployment-records.ts";
import { activityView, historyView, logView, runView, shownDeployment } from "../world/deployment-views.ts";
import {
  deleteDeployment,
  listedDeployments,
  readableDeployment,
  type UpsertInput,
  upsert,
  writableDeployment,
} from "../world/deployments.ts";
import { ApiError } from "../world/errors.ts";
import { readable } from "../world/lookups.ts";
import { METRICS, type Metric, metricsOf, TIMEFRAMES } from "../world/metrics.ts";
import type { ProjectRecord } from "../world/records.ts";
import { activeRuns } from "../world/rollouts.ts";
import { listOf, matchesName } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { cursorAfter, pageOf } from "./paging.ts";
import { NoQuery, opt, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-deployments.ts";
import { OnlyId } from "./schemas-resources.ts";

const DEFAULT_RUNS = 10;

const read = (c: Signed) => readableDeployment(c.world, c.team, c.params.id ?? "");
const project = (c: Signed) => readable(c.world, c.team, c.world.projects, c.params.id ?? "");
const byDate = ({ dtCreated }: { dtCreated: string }) => dtCreated;

export const DEPLOYMENTS: readonly Operation[] = [
  {
    method: "GET",
    path: "/deployments",
    auth: "key",
    query: pageQuery(["dtCreated"], {}),
    answer: page(schemas.Deployment),
    run: (c) => listDeployments(c),
  },
  {
    method: "POST",
    path: "/deployments",
    auth: "key",
    query: NoQuery,
    body: schemas.Upsert,
    answer: schemas.Upserted,
    run: upsertDeployment,
  },
  {
    method: "GET",
    path: "/deployments/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Deployment,
    run: (c) => shownDeployment(c.world, read(c)),
  },
  {
    method: "DELETE",
    path: "/deployments/:id",
    auth: "key",
    query: NoQuery,
    answer: OnlyId,
    run(c) {
      const deployment = writableDeployment(c.world, c.team, c.params.id ?? "");
      deleteDeployment(c.world, deployment, c.team.users.find((u) => u.isOwner)?.id ?? null);
      return { id: deployment.id };
    },
  },
  {
    method: "GET",
    path: "/deployments/:id/history",
    auth: "key",
    query: pageQuery(["dtCreated"], {}),
    answer: page(schemas.HistoryItem),
    run: listHistory,
  },
  {
    method: "GET",
    path: "/deployments/:id/logs",
    auth: "key",
    query: pageQuery(["dtCreated"], { instanceId: text() }),
    answer: page(schemas.LogItem),
    run: listLogs,
  },
  {
    method: "GET",
    path: "/deployments/:id/metrics",
    auth: "key",
    query: Type.Object({ metric: Type.Enum([...METRICS]), timeframe: opt(Type.Enum(TIMEFRAMES)) }),
    answer: schemas.Metrics,
    run: getMetrics,
  },
  {
    method: "GET",
    path: "/deployments/:id/runs",
    auth: "key",
    query: Type.Object({ limit: text() }),
    answer: schemas.Runs,
    run: listRuns,
  },
  {
    method: "GET",
    path: "/projects/:id/deployments",
    auth: "key",
    query: pageQuery(["dtCreated"], { name: text() }),
    answer: page(schemas.Deployment),
    run: (c) => listDeployments(c, project(c)),
  },
  {
    method: "GET",
    path: "/projects/:id/activity",
    auth: "key",
    query: pageQuery(["dtCreated"], { deploymentId: text() }),
    answer: page(schemas.Activity),
    run: listActivity,
  },
];

/** The version that a configuration names determines what may be in it. */
function upsertDeployment(c: Signed) {
  const input = c.body as UpsertInput;
  const issues = issuesOf(schemas.CONFIGS[input.config.apiVersion], input.config).map((issue) => ({
    ...issue,
    path: issue.path === "/" ? "/config" : `/config${issue.path}`,
  }));
  if (issues.length > 0) {
    const problems = issues.map((i) => `${i.path} ${i.message}`).join("; ");
    throw new ApiError("BAD_REQUEST", `Invalid request: ${problems}`, issues);
  }
  const gitHeaders: GitHeaders = {};
  for (const name of GIT_HEADERS) gitHeaders[name] = c.headers[name];
  return { deploymentId: upsert(c.world, c.team, input, { gitHeaders }).id };
}

function listDeployments(c: Signed, of?: ProjectRecord) {
  const { world, query } = c;
  return listOf(c, listedDeployments(world, c.team, of), {
    id: (deployment) => deployment.id,
    view: (deployment) => shownDeployment(world, deployment),
    keep: (view) => matchesName(world, view.name, query.name),
    sortBy: byDate,
  });
}

function listHistory(c: Signed) {
  const deployment = read(c);
  return listOf(c, deployment.specs, {
    id: (spec) => spec.id,
    view: (spec) => historyView(deployment, spec),
    keep: () => true,
    sortBy: byDate,
  });
}

function listLogs(c: Signed) {
  const { instanceId } = c.query;
  return listOf(c, read(c).logs, {
    id: (line) => line.id,
    view: logView,
    keep: (line) => (instanceId ?? line.instanceId) === line.instanceId,
    sortBy: byDate,
  });
}

function getMetrics(c: Signed) {
  const { metric, timeframe } = c.query as { metric: Metric; timeframe?: (typeof TIMEFRAMES)[number] };
  return metricsOf(c.world, read(c), metric, timeframe);
}

/** A bare array, newest first (deployments.md section 8). No bound of `limit` is documented. */
function listRuns(c: Signed) {
  const deployment = read(c);
  const limit = c.query.limit === undefined ? DEFAULT_RUNS : Number(c.query.limit);
  if (!(limit >= 0)) {
    const message = "limit must be a number";
    throw new ApiError("BAD_REQUEST", message, [{ path: "/limit", message }]);
  }
  return activeRuns(deployment)
    .slice(0, limit)
    .map((run) => runView(c.world, run));
}

/** Its cursor is declared to be a uuid, unlike all others: the id of the last entry of a page. */
function listActivity(c: Signed) {
  const { world, query } = c;
  const { id } = project(c);
  const entries = world.activity.filter(
    (a) => a.projectId === id && (query.deploymentId ?? a.deploymentId) === a.deploymentId,
  );
  const key = (a: ActivityRecord) => [a.dtCreated, a.seq] as const;
  const last = entries.find((a) => a.id === query.after);
  const after = last ? cursorAfter(key(last)) : query.after;
  const found = pageOf(entries, { ...query, after }, key, { ...world.behaviour, pageStability: "keyset" });
  return {
    ...found,
    ...(found.hasMore && { nextPage: found.items.at(-1)?.id }),
    items: found.items.map((a) => activityView(world, a)),
  };
}
