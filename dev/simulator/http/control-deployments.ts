/**
 * The routes of the control port for deployments. No logic beyond checking bodies.
 */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import { SomeConfig } from "../api/schemas-deployments.ts";
import type { Simulation } from "../simulation.ts";
import type { ConfigChange } from "../world/console-deployments.ts";
import { HOLDS, INSTANCE_FATES, SPEC_FATES, WORKFLOW_PHASES } from "../world/deployment-records.ts";
import { METRICS, type Metric } from "../world/metrics.ts";
import { checked, closed, did } from "./orders.ts";

const { Optional: opt, String: Text } = Type;
const orNull = <S extends Parameters<typeof Type.Array>[0]>(schema: S) => Type.Union([schema, Type.Null()]);
const Hold = orNull(Type.Enum([...HOLDS]));
const New = Type.Object(
  { project: Text(), config: opt(SomeConfig), settled: opt(Type.Boolean()), userId: opt(Text()) },
  closed,
);
const Trouble = Type.Object({ fate: Type.Enum([...INSTANCE_FATES]), message: opt(Text()) }, closed);
const Change = Type.Object(
  {
    config: opt(SomeConfig),
    hold: opt(Hold),
    trouble: opt(orNull(Trouble)),
    invalid: opt(Type.Boolean()),
    storedAs: opt(Type.Enum(["v0alpha0", "v0alpha1"])),
    workflowRun: opt(Type.Object({ phase: Type.Enum([...WORKFLOW_PHASES]), message: opt(Text()) }, closed)),
    replicas: opt(Type.Integer({ minimum: 1 })),
  },
  { ...closed, minProperties: 1 },
);
const Crash = Type.Object(
  { instanceId: opt(Text()), message: opt(Text()), startsOver: opt(Type.Boolean()) },
  closed,
);
const State = Type.Object({ state: Text(), instanceId: opt(Text()), message: opt(Text()) }, closed);
const Line = Type.Object({ message: Text(), instanceId: opt(Text()) }, closed);
const Values = Type.Object({ values: orNull(Type.Array(Text())) }, closed);
const ImageFate = Type.Object(
  { part: Text({ minLength: 1 }), fate: orNull(Type.Enum([...INSTANCE_FATES, ...SPEC_FATES])) },
  closed,
);
const SpecFailure = Type.Object({ error: Text(), name: opt(Text()) }, closed);

/** The help of these routes in GET /. */
export const DEPLOYMENT_ROUTES = `POST   /deployments                {project, config?, settled?, userId?}: one made in the console; settled: healthy at once
PATCH  /deployments/:id            {config?: what is to differ, hold?: ${HOLDS.join(" | ")} | null,
                                   trouble?: {fate: ${INSTANCE_FATES.join(" | ")}, message?} | null, invalid?: latestSpec null,
                                   storedAs?: v0alpha0 | v0alpha1, workflowRun?: {phase, message?},
                                   replicas?: as the autoscaler would}; PATCH /deployments/next {hold}
POST   /deployments/:id/settle     the latest configuration is applied and healthy at once
POST   /deployments/:id/crash      {instanceId?, message?, startsOver?}: a container ends by itself
POST   /deployments/:id/state      {state, instanceId?, message?}: an instance is in any state, by no rule
POST   /deployments/:id/logs       {message, instanceId?}: a line of the log
PUT    /deployments/:id/metrics/:metric  {values | null}: returned in turn instead of figures; [] makes an empty answer
DELETE /deployments/:id?now=true   deletes as the console would, or at once
PUT    /image-fates                {part, fate: ${[...INSTANCE_FATES, ...SPEC_FATES].join(" | ")} | null}: of images with this in their names
POST   /spec-failures              {error, name?}: the next configuration is a fatal error
`;

export function deployments(app: FastifyInstance, { console: { deployments: console } }: Simulation): void {
  type OfId = { Params: { id: string } };

  app.post("/deployments", (request) => {
    const { project, config, ...options } = checked(New, request.body);
    return { id: console.create(project, config as ConfigChange, options).id };
  });
  app.patch<OfId>("/deployments/:id", (request) => change(console, request.params.id, request.body));
  app.delete<OfId & { Querystring: { now?: string } }>("/deployments/:id", (request) =>
    did(() => console.delete(request.params.id, request.query.now === "true")),
  );
  app.post<OfId>("/deployments/:id/settle", (request) => did(() => console.settle(request.params.id)));
  app.post<OfId>("/deployments/:id/crash", (request) => ({
    instanceId: console.crash(request.params.id, checked(Crash, request.body ?? {})).instanceId,
  }));
  app.post<OfId>("/deployments/:id/state", (request) => {
    const { state, ...which } = checked(State, request.body);
    return did(() => console.setInstanceState(request.params.id, state, which));
  });
  app.post<OfId>("/deployments/:id/logs", (request) => {
    const { message, instanceId } = checked(Line, request.body);
    return did(() => console.log(request.params.id, message, instanceId));
  });
  app.put<{ Params: { id: string; metric: string } }>("/deployments/:id/metrics/:metric", (request) => {
    const { id, metric } = request.params;
    if (!METRICS.includes(metric as Metric)) throw new Error(`there is no metric ${metric}`);
    return did(() => console.setMetric(id, metric as Metric, checked(Values, request.body).values));
  });
  app.put("/image-fates", (request) => {
    const { part, fate } = checked(ImageFate, request.body);
    return did(() => console.setImageFate(part, fate));
  });
  app.post("/spec-failures", (request) => did(() => console.failNext(checked(SpecFailure, request.body))));
}

/** Circumstances first, so that a new configuration meets them. */
function change(console: Simulation["console"]["deployments"], id: string, body: unknown): { ok: true } {
  const { hold, trouble, storedAs, invalid, workflowRun, replicas, config } = checked(Change, body);
  if (hold !== undefined) console.hold(id, hold);
  if (trouble) console.fail(id, trouble.fate, trouble.message);
  if (trouble === null) console.recover(id);
  if (config) console.edit(id, config as ConfigChange);
  if (replicas !== undefined) console.autoscale(id, replicas);
  if (storedAs) console.rewrite(id, storedAs);
  if (invalid !== undefined) console.invalidate(id, invalid);
  if (workflowRun) console.attachWorkflowRun(id, workflowRun.phase, workflowRun.message);
  return { ok: true };
}
