import { expect, it } from "vitest";
import { isWrittenIn } from "./written-forms.ts";

const isForm = (field: string, sent: unknown, shown: unknown, as = field) =>
  isWrittenIn(new Map([[as, shown]]), field, sent);

it.each([
  ["image", "acme/model", "acme/model"],
  ["image", "acme/model", "acme/model:latest"],
  ["image", "acme/model:2", "docker.io/acme/model:2"],
  ["image", "model", "docker.io/library/model:latest"],
  ["image", "ghcr.io:443/acme/model", "ghcr.io:443/acme/model:latest"],
  ["env.MODE", " Fast ", "fast"],
  ["env.MODE", "Fast", "Fast", "env.mode"],
  ["command", ["Serve "], ["serve"]],
  ["healthChecks.readiness.path", "/up", "/up/"],
  ["healthChecks.readiness.path", "/up/", "up"],
  ["integrations.Data.path", "/data", "/data/", "integrations.data.path"],
  ["resources.replicas", 1, 1],
])("takes a form of what was sent for it: %s %o as %o", (field, sent, shown, as = field) => {
  expect(isForm(field, sent, shown, as)).toBe(true);
});

it.each([
  ["image", "acme/model:latest", "acme/model"],
  ["image", "docker.io/acme/model", "acme/model"],
  ["image", "acme/model@sha256:0", "acme/model@sha256:0:latest"],
  ["image", "acme/model:2", "acme/model:latest"],
  ["image", "model:2", "model:2:latest"],
  ["image", "ghcr.io/acme/model", "docker.io/ghcr.io/acme/model"],
  ["image", "localhost/model", "docker.io/localhost/model"],
  ["env.MODE", "fast", "Fast"],
  ["env.MODE", "fast", " fast"],
  ["env.MODE", "fast", "fast:latest"],
  ["env.BASE", "/up", "up"],
  ["env.mode", "fast", "fast", "env.MODE"],
  ["healthChecks.readiness.path", "/up", "/"],
  ["healthChecks.readiness.path", "/", ""],
  ["command", ["a", "b"], ["a"]],
  ["command", ["a"], "a"],
  ["models", [{ id: "A" }], [{ id: "a" }]],
])(
  "takes nothing else for it, nor what it could be a form of: %s %o as %o",
  (field, sent, shown, as = field) => {
    expect(isForm(field, sent, shown, as)).toBe(false);
  },
);
