/**
 * What is shown of a deployment, and what the operator must remember across restarts. Nothing secret, and nothing that
 * changes by itself while a deployment idles: each change of it is a write to the API server.
 */
import { Type } from "../../base/json-schema.ts";
import { stringEnum } from "../../reconcile/schema.ts";
import { handledRequests, managedStatusFields, planEntry } from "../managed-schema.ts";
import { placementStatusSchema } from "./placement/schema.ts";

const time = (description: string) => Type.String({ format: "date-time", description });
const count = (description: string) => Type.Integer({ format: "int32", description });

export const OUTCOMES = ["Progressing", "Healthy", "Disabled", "Failed", "TimedOut", "Superseded"] as const;

const gitOrigin = Type.Object(
  {
    host: Type.String(),
    actor: Type.String(),
    owner: Type.String(),
    repo: Type.String(),
    ref: Type.String(),
    sha: Type.String(),
  },
  { description: "Where it came from." },
);

const rollout = Type.Object({
  hash: Type.String({ description: "Hash of the configuration that was sent." }),
  template: Type.Optional(
    Type.String({
      description: "Hash of the same without the number of instances: what is assessed and rolled back.",
    }),
  ),
  replicas: Type.Optional(count("Instances that it asks for, 0 where it is switched off.")),
  machineType: Type.Optional(Type.String({ description: "Machine type that it was sent with." })),
  specId: Type.Optional(Type.String({ description: "Id of the spec in Paperspace, once it is seen." })),
  replaces: Type.Optional(Type.String({ description: "Id of the spec that was there when it was sent." })),
  generation: Type.Integer({ format: "int64", description: "Generation of the object that asked for it." }),
  sentAt: time("When, by the operator's clock."),
  answeredAt: Type.Optional(
    time("When Paperspace answered that it took it; absent where the answer was lost, or an error."),
  ),
  unseen: Type.Optional(
    Type.Object(
      {
        lastSentAt: time("When the last of them was sent."),
        replaced: Type.Optional(
          Type.String({ description: "Id of the spec that the first of them replaced." }),
        ),
      },
      {
        description: "It was sent after others whose specs were not seen: what is shown may be one of those.",
      },
    ),
  ),
  startedAt: Type.Optional(
    time(
      "When its template was sent first with this machine type, where that was before: the deadline runs from then. Later by the time for which it was switched off.",
    ),
  ),
  healthyAt: Type.Optional(
    time(
      "When its template was seen healthy, where that was with another number, or before it was put back or declared again.",
    ),
  ),
  healthyReplicas: Type.Optional(
    count("Instances with which it was healthy last, where it was sent again since."),
  ),
  earlier: Type.Optional(
    Type.Array(
      Type.Object({
        specId: Type.String({ description: "Id of the spec." }),
        replaces: Type.Optional(Type.String({ description: "Id of the spec that it replaced." })),
      }),
      {
        "x-kubernetes-list-type": "atomic",
        description:
          "Specs that the same template had before, with other numbers of instances; twenty at most.",
      },
    ),
  ),
  scaled: Type.Optional(
    Type.Boolean({
      description:
        "It differs in its number of instances alone from the healthy one that it replaced, so that it needs no mark of its own.",
    }),
  ),
  outcome: stringEnum([...OUTCOMES], { description: "What became of it." }),
  finishedAt: Type.Optional(time("When its outcome was seen, by the operator's clock.")),
  message: Type.Optional(Type.String({ maxLength: 1024, description: "Why it failed." })),
  rollback: Type.Optional(Type.Boolean({ description: "Sent by the operator to go back." })),
  git: Type.Optional(gitOrigin),
  secrets: Type.Optional(
    Type.Array(Type.String(), {
      "x-kubernetes-list-type": "atomic",
      description: "Names of the project secrets that it uses.",
    }),
  ),
  filled: Type.Optional(
    Type.Array(Type.String(), {
      "x-kubernetes-list-type": "atomic",
      description: "Fields that Paperspace filled in by itself.",
    }),
  ),
});

const template = (what: string, secrets: string) =>
  Type.Object({
    template: Type.String({ description: what }),
    secrets: Type.Optional(
      Type.Array(Type.String(), {
        "x-kubernetes-list-type": "atomic",
        description: `Names of the project secrets ${secrets}.`,
      }),
    ),
  });

const instance = Type.Object({
  id: Type.String({ description: "Id, as logs and metrics know it." }),
  state: Type.String({ description: "As Paperspace reports it; there is no closed set of states." }),
  message: Type.Optional(Type.String({ maxLength: 1024 })),
  createdAt: Type.Optional(time("By Paperspace's clock.")),
});

const { operation, credentialsSecret, abandoned, plan, conditions, ...managed } = managedStatusFields(
  "deployment",
  {
    abandoned: "Creates that were given up.",
    plan: planEntry("Create, Deploy or Delete.", "where it may be secret"),
  },
);

const memory = {
  projectId: Type.Optional(
    Type.String({
      description:
        "Id of the project that the deployment is in, or the create was sent to, with its secrets.",
    }),
  ),
  operation,
  history: Type.Optional(
    Type.Array(rollout, {
      "x-kubernetes-list-type": "atomic",
      description:
        "The last ten configurations that this object sent, newest first; one that differs in the number of instances alone is no other one. The configurations themselves stay in Paperspace.",
    }),
  ),
  rolledBack: Type.Optional(
    Type.Object(
      {
        hash: Type.String({ description: "Hash of the configuration that was asked for." }),
        to: Type.String({ description: "Id of the healthy spec whose configuration was sent again." }),
        message: Type.String({ maxLength: 1024, description: "Why." }),
        at: time("When, by the operator's clock."),
        failed: Type.Optional(
          template(
            "Hash of the template that failed, whatever the values of its Secrets.",
            "that failed with it",
          ),
        ),
        good: Type.Optional(template("Hash of the template that runs instead.", "that it was healthy with")),
      },
      { description: "The spec's configuration failed, and the last healthy one runs instead." },
    ),
  ),
  placement: Type.Optional(placementStatusSchema),
  storedAs: Type.Optional(
    Type.Array(
      Type.Object({
        field: Type.String({ description: "Of the configuration, by the API's names." }),
        declared: Type.String({
          description: "As JSON, null for none; a hash where it is long or may be secret.",
        }),
        shown: Type.String({ description: "How Paperspace writes it, in the same form." }),
        specId: Type.Optional(
          Type.String({ description: "Id of the spec that shows it, while that was seen once only." }),
        ),
      }),
      {
        "x-kubernetes-list-type": "atomic",
        description: "Fields that Paperspace writes otherwise than they were sent.",
      },
    ),
  ),
  secrets: Type.Optional(
    Type.Array(Type.String(), {
      "x-kubernetes-list-type": "atomic",
      description: "Names of the secrets that were put into the project for this object.",
    }),
  ),
  formerSecrets: Type.Optional(
    Type.Array(Type.String(), {
      "x-kubernetes-list-type": "atomic",
      description: "The same of projects that were declared before, as project/name; they are removed.",
    }),
  ),
  credentialsSecret,
  handled: handledRequests,
  abandoned,
};

export const deploymentStatusSchema = Type.Object(
  {
    ...managed,
    endpoint: Type.Optional(Type.String({ description: "Host name of the endpoint." })),
    url: Type.Optional(Type.String({ description: "Address of the endpoint." })),
    spec: Type.Optional(
      Type.Object(
        {
          id: Type.String({ description: "Id in Paperspace." }),
          hash: Type.Optional(
            Type.String({ description: "Hash of the configuration, where this object sent it." }),
          ),
          appliedAt: Type.Optional(time("When the cluster took it, by Paperspace's clock.")),
          healthyAt: Type.Optional(time("When its rollout was healthy, by Paperspace's clock.")),
          error: Type.Optional(Type.String({ maxLength: 4096, description: "As Paperspace reports it." })),
        },
        { description: "The configuration that Paperspace has now." },
      ),
    ),
    machineType: Type.Optional(Type.String({ description: "Machine type of an instance." })),
    replicas: Type.Optional(count("Instances that shall run now.")),
    readyReplicas: Type.Optional(count("Instances that serve.")),
    availableReplicas: Type.Optional(
      count("Instances that are up but not ready: the API's meaning of the word, not Kubernetes'."),
    ),
    selector: Type.Optional(
      Type.String({ description: "For the scale subresource. There are no pods: it matches none." }),
    ),
    instances: Type.Optional(
      Type.Array(instance, {
        "x-kubernetes-list-type": "atomic",
        description: "Instances of the run that is assessed, the troubled ones first, fifty at most.",
      }),
    ),
    createdAt: Type.Optional(time("By Paperspace's clock.")),
    ...memory,
    plan,
    conditions,
  },
  { description: "The deployment as it is." },
);
