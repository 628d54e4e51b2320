/** The schema of one health check (deployments.md section 3.2), in both its forms. */
import { Type } from "../../base/json-schema.ts";

/** Fields of the HTTP form only. */
const HTTP_ONLY = ["port", "host", "headers"] as const;

export function probe(description: string) {
  return Type.Object(
    {
      path: Type.Optional(
        Type.String({ minLength: 1, maxLength: 1024, description: "HTTP form: the path to ask." }),
      ),
      port: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 65535, description: "HTTP form: absent, the container's." }),
      ),
      host: Type.Optional(
        Type.String({ minLength: 1, maxLength: 253, description: "HTTP form: Host header." }),
      ),
      headers: Type.Optional(
        Type.Array(
          Type.Object({
            name: Type.String({ minLength: 1, maxLength: 253, description: "Name of the header." }),
            value: Type.String({ maxLength: 4096, description: "Its value." }),
          }),
          {
            maxItems: 16,
            description: "HTTP form: more headers.",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
          },
        ),
      ),
      exec: Type.Optional(
        Type.Object(
          {
            command: Type.Array(Type.String({ maxLength: 8192 }), {
              minItems: 1,
              maxItems: 64,
              description: "The command and its arguments.",
              "x-kubernetes-list-type": "atomic",
            }),
          },
          { description: "Command form: passes where the command ends with 0." },
        ),
      ),
      initialDelaySeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: 1000,
          description: "Seconds before the first one; 0 if absent.",
        }),
      ),
      periodSeconds: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 1000, description: "Seconds between two; 10 if absent." }),
      ),
      timeoutSeconds: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 1000, description: "Seconds one may take; 1 if absent." }),
      ),
      failureThreshold: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 1000,
          description: "Failures in a row that count; 3 if absent.",
        }),
      ),
    },
    {
      description,
      "x-kubernetes-validations": [
        {
          rule: "has(self.path) != has(self.exec)",
          message: "a health check has either path (HTTP) or exec (a command)",
        },
        {
          rule: `!has(self.exec) || !(${HTTP_ONLY.map((field) => `has(self.${field})`).join(" || ")})`,
          message: `${HTTP_ONLY.join(", ")} belong to a health check with path`,
        },
      ],
    },
  );
}
