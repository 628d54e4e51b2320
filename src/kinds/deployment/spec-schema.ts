/**
 * What a user may declare of a deployment. Names and units follow the configuration of the Paperspace API
 * (deployments.md section 3); what is secret there is given by reference here, so that it never stands in an object.
 */
import { Type } from "../../base/json-schema.ts";
import { apiId, apiWord, stringEnum, textField } from "../../reconcile/schema.ts";
import { adoptOrRecreate, managedSpecFields } from "../managed-schema.ts";
import { placementSchema } from "./placement/schema.ts";
import { probe } from "./probe-schema.ts";

const keyOf = (what: string, description: string) =>
  Type.Object(
    {
      name: textField("objectName", `Name of the ${what}.`),
      key: textField("objectKey", `Key inside the ${what}.`),
    },
    { description },
  );

const ONE_VALUE = {
  rule: "has(self.value) != has(self.valueFrom)",
  message: "give exactly one of value and valueFrom",
};

const ONE_SOURCE = {
  rule: "has(self.secretKeyRef) != has(self.configMapKeyRef)",
  message: "give exactly one of secretKeyRef and configMapKeyRef",
};

const env = Type.Array(
  Type.Object(
    {
      name: textField("line", "Name of the variable."),
      value: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 8192,
          description:
            "Its value, in clear; secret:<name> names a secret of the project or team in Paperspace. The API takes no empty one.",
        }),
      ),
      valueFrom: Type.Optional(
        Type.Object(
          {
            secretKeyRef: Type.Optional(
              keyOf(
                "Secret",
                "Key of a Secret of this namespace. Its value goes to Paperspace as a secret of the project, and the deployment only names that.",
              ),
            ),
            configMapKeyRef: Type.Optional(keyOf("ConfigMap", "Key of a ConfigMap of this namespace.")),
          },
          { description: "Where the value comes from.", "x-kubernetes-validations": [ONE_SOURCE] },
        ),
      ),
    },
    { "x-kubernetes-validations": [ONE_VALUE] },
  ),
  {
    maxItems: 128,
    description: "Environment of the container.",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
  },
);

/** Which fields each type of integration needs and accepts (deployments.md section 3.3). */
const INTEGRATIONS = {
  model: { needs: ["id"], accepts: ["path"] },
  s3: { needs: ["url"], accepts: ["accessKeyId", "secretAccessKeyRef", "region", "endpoint", "path"] },
  spaces: { needs: ["endpoint"], accepts: ["accessKeyId", "secretAccessKeyRef", "path"] },
  volume: { needs: [], accepts: [] },
  "git-lfs": { needs: ["url"], accepts: ["path"] },
} as const satisfies Record<string, { needs: readonly string[]; accepts: readonly string[] }>;

const PARTS = ["id", "url", "endpoint", "region", "path", "accessKeyId", "secretAccessKeyRef"] as const;

const integrationRules = Object.entries(INTEGRATIONS).map(([type, { needs, accepts }]) => {
  const fields: readonly string[] = [...needs, ...accepts];
  const has = needs.map((field) => `has(self.${field})`);
  const hasNot = PARTS.filter((field) => !fields.includes(field)).map((field) => `!has(self.${field})`);
  const needed = needs.length > 0 ? `needs ${needs.join(" and ")}` : "needs only its name";
  const allowed = accepts.length > 0 ? `, and may have ${accepts.join(", ")}` : "";
  return {
    rule: `self.type != '${type}' || (${[...has, ...hasNot].join(" && ")})`,
    message: `an integration of type ${type} ${needed}${allowed}; no other fields`,
  };
});

const integrations = Type.Array(
  Type.Object(
    {
      type: stringEnum(Object.keys(INTEGRATIONS) as (keyof typeof INTEGRATIONS)[], {
        description: "What is mounted: model, s3, spaces, volume or git-lfs.",
      }),
      name: textField("line", "Name; contents appear at path/name."),
      id: Type.Optional(apiId("Id of the model.")),
      url: Type.Optional(
        textField("line", "s3: s3://bucket/path. git-lfs: of the repository.", { maxLength: 2048 }),
      ),
      endpoint: Type.Optional(
        textField("line", "Of the object store; spaces: https://<bucket>.<region>.digitaloceanspaces.com.", {
          maxLength: 2048,
        }),
      ),
      region: Type.Optional(apiWord("Region of the bucket.")),
      path: Type.Optional(textField("line", "Directory to mount below.", { maxLength: 1024 })),
      accessKeyId: Type.Optional(textField("line", "Id of the access key.")),
      secretAccessKeyRef: Type.Optional(
        keyOf(
          "Secret",
          "Secret of this namespace with the access key. It goes to Paperspace as a secret of the project.",
        ),
      ),
    },
    { "x-kubernetes-validations": integrationRules },
  ),
  {
    maxItems: 5,
    description: "What is mounted into the container, five at most.",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
  },
);

const autoscaling = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: "Whether Paperspace scales by itself." }),
    maxReplicas: Type.Integer({
      minimum: 1,
      maximum: 25,
      description: "Most replicas; replicas is the least.",
    }),
    metrics: Type.Array(
      Type.Object(
        {
          metric: stringEnum(["cpu", "memory", "requestDuration"], { description: "What is measured." }),
          summary: Type.Optional(stringEnum(["average"], { description: "How it is summed up: average." })),
          value: Type.Number({
            description: "Target: percent of all replicas for cpu and memory, seconds for requestDuration.",
          }),
        },
        {
          "x-kubernetes-validations": [
            {
              rule: "self.metric == 'requestDuration' ? self.value > 0.01 && self.value <= 100.0 : self.value > 0.0 && self.value <= 100.0 && double(int(self.value)) == self.value",
              message:
                "value is a whole percentage from 1 to 100 for cpu and memory, and seconds above 0.01 up to 100 for requestDuration",
              fieldPath: ".value",
            },
          ],
        },
      ),
      {
        minItems: 1,
        maxItems: 3,
        description: "Targets; the one that asks for most replicas wins.",
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["metric"],
      },
    ),
  },
  { description: "Scaling by Paperspace, between replicas and maxReplicas." },
);

const healthChecks = Type.Object(
  {
    liveness: Type.Optional(probe("The container is restarted when this fails.")),
    readiness: Type.Optional(probe("The container gets no traffic while this fails.")),
    startup: Type.Optional(probe("Has to pass before the other two begin.")),
  },
  { description: "Health checks: each asks by HTTP (path) or runs a command (exec)." },
);

const header = (description: string) =>
  Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 256,
      // It travels as an HTTP header.
      pattern: "^[!-~]([ -~]*[!-~])?$",
      description,
    }),
  );

const GIT = ["host", "actor", "owner", "repo", "ref", "sha"] as const;

const git = Type.Object(
  {
    host: Type.Optional(stringEnum(["github", "gitlab"], { description: "Where the repository is." })),
    actor: header("Who made the change."),
    owner: header("Owner of the repository."),
    repo: header("Name of the repository."),
    ref: header("Branch or tag."),
    sha: header("Commit."),
  },
  {
    description:
      "Where this configuration comes from, shown with it in Paperspace. It goes along with a change of the configuration and is none by itself.",
    "x-kubernetes-validations": [
      {
        rule: GIT.map((field) => `has(self.${field})`).join(" && "),
        message: `git needs all of ${GIT.join(", ")}: Paperspace keeps only whole sets`,
      },
    ],
  },
);

const policies = {
  progressDeadlineSeconds: Type.Integer({
    minimum: 30,
    maximum: 86400,
    default: 900,
    description: "How long a rollout may take until it counts as failed, in seconds.",
  }),
  rollback: stringEnum(["None", "OnFailure"], {
    default: "None",
    description:
      "What to do when a rollout fails or misses its deadline: None leaves it, OnFailure sends the last healthy configuration again. The new one is tried again only when the spec changes.",
  }),
};

export const deploymentSpecSchema = Type.Object(
  {
    projectId: apiId(
      "Id of the Paperspace project (kubectl paperspace list projects). It cannot be changed once the deployment exists.",
    ),
    name: Type.Optional(
      textField("line", "Name in Paperspace, unique in the project. Absent: metadata.name."),
    ),
    enabled: Type.Boolean({ default: true, description: "False switches the deployment off." }),
    image: textField("line", "Container image.", { maxLength: 1024 }),
    command: Type.Optional(
      Type.Array(Type.String({ maxLength: 8192 }), {
        maxItems: 128,
        description: "Start command. Absent: the image's own.",
        "x-kubernetes-list-type": "atomic",
      }),
    ),
    region: Type.Optional(apiWord("Region, such as ny2, ca1 or ams1. Absent: Paperspace chooses.")),
    containerRegistry: Type.Optional(
      textField(
        "line",
        "Name of a container registry stored in Paperspace (kubectl paperspace list registries). Absent: a public one.",
      ),
    ),
    replicas: Type.Integer({
      minimum: 0,
      maximum: 1000,
      default: 1,
      format: "int32",
      description: "How many instances; with autoscaling the least. 0 switches the deployment off.",
    }),
    machineType: Type.Optional(
      apiWord(
        "Machine type of an instance, such as C4 or A100-80G. Either this, or placement, which chooses one.",
      ),
    ),
    placement: Type.Optional(placementSchema),
    ports: Type.Array(Type.Integer({ minimum: 1, maximum: 65535 }), {
      maxItems: 32,
      description: "Ports of the container.",
      "x-kubernetes-list-type": "set",
    }),
    autoscaling: Type.Optional(autoscaling),
    env: Type.Optional(env),
    healthChecks: Type.Optional(healthChecks),
    integrations: Type.Optional(integrations),
    basicAuthSecretRef: Type.Optional(
      keyOf(
        "Secret",
        "Secret of this namespace with the key that protects the endpoint. It goes to Paperspace as a secret of the project.",
      ),
    ),
    git: Type.Optional(git),
    ...policies,
    ...managedSpecFields("deployment"),
  },
  {
    description: "The deployment as it shall be, whole: what is absent is not there.",
    "x-kubernetes-validations": [
      {
        rule: "!has(self.autoscaling) || !self.autoscaling.enabled || self.replicas <= self.autoscaling.maxReplicas",
        message:
          "replicas is the least number with autoscaling: it cannot be more than autoscaling.maxReplicas",
        fieldPath: ".replicas",
      },
      {
        rule: "has(self.placement) != has(self.machineType)",
        message: "give either machineType or placement",
      },
      {
        rule: "!has(self.placement) || !has(self.adoptId)",
        message: "placement cannot be together with adoptId: give the machineType that the deployment has",
      },
      adoptOrRecreate("deployment"),
    ],
  },
);
