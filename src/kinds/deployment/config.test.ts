import fc from "fast-check";
import { Value } from "typebox/value";
import { describe, expect, it } from "vitest";
import { CONFIGS } from "../../../dev/simulator/api/schemas-deployments.ts";
import { issuesOf } from "../../../dev/simulator/validate.ts";
import { GIT_HEADERS } from "../../../dev/simulator/world/deployment-records.ts";
import {
  anySpec,
  configured,
  EVERYTHING,
  INTEGRATIONS,
  resolve,
} from "../../../test/decide/deployment/config.ts";
import { SPEC } from "../../../test/decide/deployment/spec.ts";
import { ALPHA, setUpConforming, vendor } from "../../../test/simulator/simulation.ts";
import { configOf, headersOf, referencesOf } from "./config.ts";
import { deploymentSpecSchema } from "./spec-schema.ts";

const PROJECT = "p-alpha";
const GIT = { host: "github", actor: "ada", owner: "acme", repo: "model", ref: "main", sha: "abc" } as const;

describe("configOf", () => {
  it("sends enabled and replicas also where they are the defaults: the official tools treat absent as off", () => {
    expect(configured()).toEqual({
      apiVersion: "v1",
      name: "web",
      image: SPEC.image,
      enabled: true,
      resources: { machineType: "C4", ports: [8080], replicas: 1 },
    });
    expect(configured({ enabled: false, replicas: 0 })).toMatchObject({
      enabled: false,
      resources: { replicas: 0 },
    });
  });

  it("carries every field of the spec, and nothing of our own policies", () => {
    const policies = { rollback: "OnFailure", adoptId: "d1", git: GIT } as const;
    expect(configured({ ...EVERYTHING, ...policies })).toEqual({
      apiVersion: "v1",
      name: "web",
      image: SPEC.image,
      enabled: true,
      resources: {
        machineType: "C4",
        ports: [8080, 9090],
        replicas: 2,
        autoscaling: {
          enabled: true,
          maxReplicas: 5,
          metrics: [
            { metric: "cpu", summary: "average", value: 80 },
            { metric: "requestDuration", summary: "average", value: 0.5 },
          ],
        },
      },
      command: ["serve", "--port", "8080"],
      region: "ny2",
      containerRegistry: "acme",
      basicAuthKey: "secret:door_key",
      env: [
        { name: "MODE", value: "fast" },
        { name: "TOKEN", value: "secret:hub_token" },
        { name: "LEVEL", value: "settings/level" },
      ],
      healthChecks: EVERYTHING.healthChecks,
      integrations: [
        INTEGRATIONS[0],
        {
          type: "s3",
          name: "data",
          url: "s3://bucket/path",
          accessKeyId: "AKIA1",
          secretAccessKey: "secret:aws_secret",
          region: "us-east-1",
          endpoint: "https://s3.example.org",
          path: "/data",
        },
        {
          type: "spaces",
          name: "space",
          endpoint: "https://bucket.nyc3.digitaloceanspaces.com",
          accessKeyId: "DO1",
          secretAccessKey: "secret:do_secret",
          path: "/space",
        },
        INTEGRATIONS[3],
        INTEGRATIONS[4],
      ],
    });
  });

  it("sends that scaling by Paperspace is off, rather than nothing: what absent means there is not documented", () => {
    const autoscaling = { enabled: false, maxReplicas: 3, metrics: [{ metric: "cpu" as const, value: 50 }] };
    expect(configured({ autoscaling }).resources.autoscaling?.enabled).toBe(false);
  });

  it("leaves out what is empty, since the API may find an empty list odd and stores none", () => {
    const empty = configured({ command: [], env: [], healthChecks: {}, integrations: [] });
    expect(empty).toEqual(configured());
  });

  it("has the declared name, which need not be the object's", () => {
    expect(configOf(SPEC, "another", resolve).name).toBe("another");
  });
});

describe("the configuration of whatever spec the API server lets in", () => {
  it("fits the vendor's schema: what does not is refused without a useful message for the user", () => {
    const upsert = vendor?.operation("POST", "/deployments")?.body;
    fc.assert(
      fc.property(anySpec, (spec) => {
        expect(Value.Check(deploymentSpecSchema, spec)).toBe(true);
        const config = configOf(spec, "web", resolve);
        expect(issuesOf(CONFIGS.v1, config)).toEqual([]);
        const body = { projectId: PROJECT, config, deploymentId: "d1" };
        if (upsert) expect([upsert(body), upsert.errors]).toEqual([true, null]);
      }),
      { numRuns: 300 },
    );
  });

  it("is accepted by the simulated API, and kept with its six git headers", async () => {
    const { call, ok } = setUpConforming();
    const spec = { ...SPEC, ...EVERYTHING, git: GIT };
    const body = { projectId: PROJECT, config: configOf(spec, "web", resolve) };
    const answer = await call("POST", "/deployments", body, ALPHA, headersOf(GIT));
    expect(answer.status).toBe(200);
    const { deploymentId } = answer.json as { deploymentId: string };
    const { latestSpec } = await ok<{ latestSpec: { metadata: object } }>(
      "GET",
      `/deployments/${deploymentId}`,
    );
    expect(latestSpec.metadata).toEqual({
      gitHeaders: {
        "x-git-host": "github",
        "x-git-actor": "ada",
        "x-git-owner": "acme",
        "x-git-repo": "model",
        "x-git-ref": "main",
        "x-git-sha": "abc",
      },
    });
  });
});

describe("headersOf", () => {
  it("names all six as the vendor's action does: a part of them may be dropped, or refused", () => {
    expect(Object.keys(headersOf(GIT)).sort()).toEqual([...GIT_HEADERS].sort());
    expect(headersOf(GIT)["x-git-sha"]).toBe("abc");
  });

  it("sends none where the spec has no origin", () => {
    expect(headersOf(undefined)).toEqual({});
  });
});

describe("referencesOf", () => {
  it("finds all that a spec refers to, with its field: one that is missed would be sent empty", () => {
    expect(referencesOf({ ...SPEC, ...EVERYTHING })).toEqual([
      { source: "Secret", name: "hub", key: "token", field: "env.TOKEN" },
      { source: "ConfigMap", name: "settings", key: "level", field: "env.LEVEL" },
      { source: "Secret", name: "aws", key: "secret", field: "integrations.data.secretAccessKeyRef" },
      { source: "Secret", name: "do", key: "secret", field: "integrations.space.secretAccessKeyRef" },
      { source: "Secret", name: "door", key: "key", field: "basicAuthSecretRef" },
    ]);
    expect(referencesOf(SPEC)).toEqual([]);
  });

  it("finds each that the configuration resolves, whatever the spec", () => {
    fc.assert(
      fc.property(anySpec, (spec) => {
        const resolved: string[] = [];
        configOf(spec, "web", ({ source, name, key }) => {
          resolved.push(`${source}/${name}/${key}`);
          return "secret:x";
        });
        const found = referencesOf(spec).map(({ source, name, key }) => `${source}/${name}/${key}`);
        expect(found.sort()).toEqual(resolved.sort());
      }),
    );
  });
});
