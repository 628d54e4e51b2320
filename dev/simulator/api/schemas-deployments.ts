/**
 * The shapes of deployments (deployments.md) as the vendor's document declares them: configurations of all versions,
 * specs, runs, logs, metrics and activity. Only schemas live here.
 */

import { type Static, type TProperties, type TSchema, Type } from "typebox";
import { ACTIONS, type ApiVersion, GIT_HEADERS, WORKFLOW_PHASES } from "../world/deployment-records.ts";
import { closed, date, nullable, opt } from "./schemas.ts";

const Text = Type.String;
const Words = Type.Array(Text());
const portNumber = () => Type.Number({ minimum: 1, maximum: 65535 });
const named = () => Type.Object({ name: Text(), value: Text() }, { additionalProperties: false });

const timing = {
  initialDelaySeconds: opt(Type.Number({ minimum: 0, maximum: 1000 })),
  periodSeconds: opt(Type.Number({ minimum: 1, maximum: 1000 })),
  timeoutSeconds: opt(Type.Number({ minimum: 1, maximum: 1000 })),
  failureThreshold: opt(Type.Number({ minimum: 1, maximum: 1000 })),
};

/** deployments.md section 3.2: by HTTP or by a command. */
const Probe = Type.Union([
  closed({
    ...timing,
    path: Text({ minLength: 1 }),
    host: opt(Text()),
    port: opt(Type.Number({ exclusiveMinimum: 0, maximum: 65535 })),
    headers: opt(Type.Array(named())),
  }),
  closed({ ...timing, exec: closed({ command: Words }) }),
]);
const HealthChecks = closed({ liveness: opt(Probe), readiness: opt(Probe), startup: opt(Probe) });

const Env = Type.Array(closed({ name: Text({ minLength: 1 }), value: Text({ minLength: 1 }) }));

const metric = (names: string[], value: TSchema) =>
  closed({ metric: Type.Enum(names), summary: Type.Literal("average"), value });

/** deployments.md section 3.1. */
const amounts = {
  replicas: opt(Type.Number({ minimum: 0 })),
  autoscaling: opt(
    closed({
      maxReplicas: Type.Number({ exclusiveMinimum: 0, maximum: 25 }),
      enabled: opt(Type.Boolean()),
      metrics: Type.Array(
        Type.Union([
          metric(["requestDuration"], Type.Number({ exclusiveMinimum: 0.01, maximum: 100 })),
          metric(["cpu", "memory"], Type.Integer({ exclusiveMinimum: 0, maximum: 100 })),
        ]),
      ),
    }),
  ),
};

const integration = <P extends TProperties>(type: string, properties: P) =>
  closed({ type: Type.Literal(type), ...properties });
const bucket = {
  name: Text({ minLength: 1 }),
  path: opt(Text()),
  accessKeyId: opt(Text({ minLength: 1 })),
  secretAccessKey: opt(Text({ pattern: "secret:" })),
};

/** deployments.md section 3.3. */
const Integration = Type.Union([
  integration("model", { id: Text(), name: Text(), path: opt(Text()) }),
  integration("s3", {
    ...bucket,
    url: Text({ pattern: "^(s3:\\/\\/[a-zA-Z0-9_-]*\\/[a-zA-Z0-9_-]*)" }),
    region: opt(Text()),
    endpoint: opt(Text()),
  }),
  integration("spaces", {
    ...bucket,
    endpoint: Text({ pattern: "^https:\\/\\/[a-z0-9-]+\\.([a-z0-9-]+)\\.digitaloceanspaces\\.com$" }),
  }),
  integration("volume", { name: Text() }),
  integration("git-lfs", { name: Text({ minLength: 1 }), url: Text({ format: "uri" }), path: opt(Text()) }),
]);

const inAllVersions = {
  name: Text(),
  image: Text(),
  enabled: opt(Type.Boolean()),
  command: opt(Words),
  containerRegistry: opt(Text()),
  env: opt(Env),
  healthChecks: opt(HealthChecks),
  region: opt(Text()),
};

const resources = { machineType: Text(), ports: Type.Array(portNumber()), ...amounts };

/** v0alpha1 and v1 differ in nothing but their names (deployments.md section 3). */
const modern = (version: TSchema) =>
  closed({
    apiVersion: version,
    ...inAllVersions,
    healthchecks: opt(HealthChecks),
    integrations: opt(Type.Array(Integration)),
    basicAuthKey: opt(Text()),
    resources: closed(resources),
  });

const V1 = modern(Type.Enum(["v1", "latest"]));
const V0Alpha1 = modern(Type.Literal("v0alpha1"));
const V0Alpha0 = closed({
  apiVersion: Type.Literal("v0alpha0"),
  ...inAllVersions,
  port: opt(portNumber()),
  models: opt(Type.Array(closed({ id: Text(), path: opt(Text()) }))),
  repositories: opt(
    closed({
      dataset: Text(),
      mountPath: opt(Text()),
      repositories: Type.Array(
        closed({
          name: Text(),
          url: Text(),
          ref: opt(Text()),
          username: opt(Text()),
          password: opt(Text()),
        }),
      ),
    }),
  ),
  resources: closed({ instanceType: Text(), ...amounts }),
});

/** By version, so that an error is reported for the version that was meant, and not for all. */
export const CONFIGS: Readonly<Record<ApiVersion, TSchema>> = {
  v0alpha0: V0Alpha0,
  v0alpha1: V0Alpha1,
  v1: V1,
  latest: V1,
};

/** What is to differ in one, which only the control port takes. */
export const SomeConfig = Type.Partial(
  closed({ ...V1.properties, resources: Type.Partial(closed(resources), { additionalProperties: false }) }),
  { additionalProperties: false },
);

const AnyConfig = Type.Union([V0Alpha0, V0Alpha1, V1]);

/** What is in `config` is checked by the version that it names, see CONFIGS. */
export const Upsert = closed({
  projectId: Text(),
  deploymentId: opt(nullable(Text())),
  config: Type.Object({ apiVersion: Type.Enum(Object.keys(CONFIGS)) }),
});
export const Upserted = closed({ deploymentId: Text() });

/** All six are required (deployments.md section 6.2); a partial set only with partialGitHeaders `stored`. */
const GitHeaders = closed(Object.fromEntries(GIT_HEADERS.map((name) => [name, opt(Text())])));

const spec = {
  id: Text(),
  deploymentId: Text(),
  userId: Text(),
  data: opt(nullable(AnyConfig)),
  externalApplied: opt(nullable(date())),
  dtHealthy: opt(nullable(date())),
  error: opt(nullable(Text())),
  metadata: opt(nullable(closed({ gitHeaders: opt(GitHeaders) }))),
};

/** deployments.md section 6. */
export const Deployment = closed({
  id: Text(),
  name: Text(),
  projectId: Text(),
  teamId: Text(),
  endpoint: Text(),
  basicAuthKey: opt(nullable(Text())),
  dtCreated: date(),
  latestSpec: opt(nullable(closed(spec))),
  latestSpecHash: opt(nullable(Text())),
});

/** deployments.md section 7. */
export const HistoryItem = closed({
  ...spec,
  workflowRun: opt(
    nullable(
      closed({
        id: Text({ format: "uuid" }),
        workflowId: Text({ format: "uuid" }),
        phase: Type.Enum([...WORKFLOW_PHASES]),
        message: opt(nullable(Text())),
        dtCreated: opt(nullable(date())),
        dtStarted: opt(nullable(date())),
        dtFinished: opt(nullable(date())),
        workflow: closed({
          id: Text({ format: "uuid" }),
          name: nullable(Text()),
          dtCreated: opt(nullable(date())),
        }),
      }),
    ),
  ),
});

/** deployments.md section 8. */
export const Runs = Type.Array(
  closed({
    id: Text(),
    replicas: opt(nullable(Type.Number())),
    readyReplicas: opt(nullable(Type.Number())),
    availableReplicas: opt(nullable(Type.Number())),
    instances: Type.Array(
      closed({
        id: Text(),
        instanceId: Text(),
        state: Text(),
        stateMessage: opt(nullable(Text())),
        dtCreated: date(),
        dtFinished: opt(nullable(date())),
        history: Type.Array(closed({ state: Text(), message: opt(nullable(Text())), timestamp: date() })),
      }),
    ),
  }),
);

export const LogItem = closed({
  id: Text(),
  jobId: Text(),
  message: Text(),
  dtCreated: date(),
  instanceId: opt(nullable(Text())),
  uuid: opt(nullable(Text())),
});

const point = { timestamp: date(), value: Text() };

/** deployments.md section 9: one point, a series, or a series for each instance. */
export const Metrics = Type.Union([
  closed(point),
  Type.Array(closed({ ...point, instanceId: opt(Text()), gpu: opt(Text()) })),
  Type.Array(closed({ instanceId: Text(), values: Type.Array(closed(point)) })),
]);

/** deployments.md section 11. */
export const Activity = closed({
  id: Text({ format: "uuid" }),
  action: Type.Enum([...ACTIONS]),
  dtCreated: date(),
  data: opt(nullable(closed({ from: Type.Number(), to: Type.Number() }))),
  deployment: opt(nullable(closed({ id: Text(), name: Text(), dtDeleted: nullable(date()) }))),
  actor: opt(
    nullable(
      closed({
        email: opt(nullable(Text())),
        fullName: opt(nullable(Text())),
        avatarUrl: opt(nullable(Text())),
      }),
    ),
  ),
});

export type UpsertBody = Static<typeof Upsert>;
