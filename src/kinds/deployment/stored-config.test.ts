import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CONFIGS } from "../../../dev/simulator/api/schemas-deployments.ts";
import { issuesOf } from "../../../dev/simulator/validate.ts";
import { DEFAULT_BEHAVIOUR } from "../../../dev/simulator/world/behaviour.ts";
import { inOlderSchema } from "../../../dev/simulator/world/deployment-config.ts";
import {
  anyBehaviour,
  anySpec,
  configured,
  EVERYTHING,
  inStoredForm,
  resolve,
  storedLeaves,
} from "../../../test/decide/deployment/config.ts";
import { additions, differences, leavesOf } from "./compare.ts";
import { configOf } from "./config.ts";
import { asV1, readConfig } from "./stored-config.ts";

const PLAIN = { name: "web", image: "nginx", resources: { machineType: "C4", ports: [80] } };

describe("what was sent, as Paperspace stores it", () => {
  it("means the same in every stored form: else an idle deployment would be rolled out for ever", () => {
    fc.assert(
      fc.property(anySpec, anyBehaviour, (spec, behaviour) => {
        const sent = configOf(spec, "web", resolve);
        const desired = leavesOf(sent);
        const stored = storedLeaves(inStoredForm(sent, behaviour));
        expect(differences(desired, stored)).toEqual([]);
        expect(additions(desired, stored)).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it("means the same in version `latest`, which is v1 under another name", () => {
    const sent = configured(EVERYTHING);
    const latest = { ...sent, apiVersion: "latest" };
    expect(storedLeaves(latest)).toEqual(leavesOf(sent));
  });

  it("means the same in v0alpha1, which differs in nothing but its name", () => {
    fc.assert(
      fc.property(anySpec, anyBehaviour, (spec, behaviour) => {
        const sent = configOf(spec, "web", resolve);
        const older = inOlderSchema(inStoredForm(sent, behaviour), "v0alpha1");
        expect(differences(leavesOf(sent), storedLeaves(older))).toEqual([]);
      }),
    );
  });

  it("means the same in v0alpha0, as far as that can express it: the vendor's own samples still use it", () => {
    fc.assert(
      fc.property(anySpec, anyBehaviour, fc.integer({ min: 1, max: 65535 }), (spec, behaviour, port) => {
        const { integrations: _, basicAuthSecretRef: __, ...rest } = spec;
        const sent = configOf({ ...rest, ports: [port] }, "web", resolve);
        const older = inOlderSchema(
          inStoredForm(sent, { ...behaviour, storedHealthChecks: "asSent" }),
          "v0alpha0",
        );
        expect(issuesOf(CONFIGS.v0alpha0, older)).toEqual([]);
        expect(differences(leavesOf(sent), storedLeaves(older))).toEqual([]);
      }),
    );
  });

  it("can be sent again as it is: a rollback sends what Paperspace has stored", () => {
    fc.assert(
      fc.property(anySpec, anyBehaviour, (spec, behaviour) => {
        const stored = readConfig(inStoredForm(configOf(spec, "web", resolve), behaviour));
        expect(issuesOf(CONFIGS.v1, stored && asV1(stored))).toEqual([]);
      }),
    );
  });
});

describe("readConfig", () => {
  it("uses the default for what is absent: only false switches off, and one replica runs", () => {
    for (const absent of [{}, { enabled: null }, { enabled: undefined }])
      expect(readConfig({ ...PLAIN, ...absent })).toMatchObject({
        apiVersion: "v1",
        enabled: true,
        resources: { machineType: "C4", ports: [80], replicas: 1 },
      });
    expect(readConfig({ ...PLAIN, enabled: false })?.enabled).toBe(false);
    expect(readConfig({ ...PLAIN, resources: { ...PLAIN.resources, replicas: 0 } })?.resources.replicas).toBe(
      0,
    );
  });

  it("treats null and an empty string as absent, since the API uses all three", () => {
    const nothing = {
      command: null,
      region: "",
      containerRegistry: "",
      basicAuthKey: null,
      env: null,
      healthChecks: null,
      integrations: null,
      models: [],
      repositories: null,
    };
    expect(readConfig({ ...PLAIN, ...nothing })).toEqual(readConfig(PLAIN));
  });

  it("reads both spellings of health checks, and the one that is set where the other is null", () => {
    const checks = { readiness: { path: "/ready" } };
    for (const spelt of [
      { healthChecks: checks },
      { healthchecks: checks },
      { healthChecks: null, healthchecks: checks },
    ])
      expect(readConfig({ ...PLAIN, ...spelt })?.healthChecks).toEqual(checks);
  });

  it("reads the machine of v0alpha0 by its old name, and its port, which is 80 where none is given", () => {
    const old = { apiVersion: "v0alpha0", name: "web", image: "nginx", resources: { instanceType: "C4" } };
    expect(readConfig({ ...old, port: 8080 })?.resources).toEqual({
      machineType: "C4",
      ports: [8080],
      replicas: 1,
    });
    expect(readConfig(old)?.resources.ports).toEqual([80]);
    for (const apiVersion of ["latest", "v0alpha1", undefined])
      expect(readConfig({ ...old, apiVersion, port: 8080 })?.resources.ports).toEqual([8080]);
    // Only in v0alpha0 is a port in this place the port of the container.
    expect(readConfig({ ...PLAIN, resources: { machineType: "C4" }, port: 8080 })?.resources.ports).toEqual(
      [],
    );
  });

  it("keeps what only an older version has, so that it is compared and does not count as desired", () => {
    const models = [{ id: "mo1" }];
    const repositories = { dataset: "d", repositories: [{ name: "r", url: "https://git.example/r" }] };
    const old = { ...PLAIN, apiVersion: "v0alpha0", models, repositories };
    const fields = differences(
      storedLeaves({ ...PLAIN, apiVersion: "v0alpha0", resources: PLAIN.resources }),
      storedLeaves(old),
    ).map(({ field }) => field);
    expect(fields).toEqual(["models", "repositories"]);
  });

  it("is never of an older version where it is to be sent: the API would refuse what v1 does not have", () => {
    const old = { ...PLAIN, apiVersion: "v0alpha0", models: [{ id: "mo1" }], repositories: { dataset: "d" } };
    const stored = readConfig(old);
    expect(stored && asV1(stored)).toEqual(readConfig({ ...PLAIN, apiVersion: "v1" }));
  });

  it("leaves out the parts that it does not understand, and keeps the rest of them", () => {
    const odd = {
      ...PLAIN,
      command: ["serve", 7, null],
      env: [{ name: "A", value: "1" }, { name: "B" }, "C", null],
      integrations: [{ type: "volume", name: "v", size: 5 }, { name: "nameless" }, 5],
      healthChecks: { liveness: { path: "/", port: "8080", headers: "none" }, readiness: "yes", other: {} },
      resources: { machineType: "C4", ports: [80, "443", null], autoscaling: { metrics: [] } },
    };
    expect(readConfig(odd)).toEqual({
      apiVersion: "v1",
      name: "web",
      image: "nginx",
      enabled: true,
      resources: { machineType: "C4", ports: [80], replicas: 1 },
      command: ["serve"],
      env: [{ name: "A", value: "1" }],
      integrations: [{ type: "volume", name: "v" }],
      healthChecks: { liveness: { path: "/" } },
    });
  });

  it("treats scaling as on unless it is switched off: what absent means is not documented", () => {
    const metrics = [{ metric: "cpu", value: 50 }, { metric: "memory" }];
    const read = (autoscaling: object) =>
      readConfig({ ...PLAIN, resources: { ...PLAIN.resources, autoscaling } })?.resources.autoscaling;
    expect(read({ maxReplicas: 3, metrics })).toEqual({
      enabled: true,
      maxReplicas: 3,
      metrics: [{ metric: "cpu", summary: "average", value: 50 }],
    });
    expect(read({ enabled: false, maxReplicas: 3 })?.enabled).toBe(false);
  });

  it("returns undefined where a required part is missing, which differs from an empty configuration", () => {
    const { name: _n, ...nameless } = PLAIN;
    const { image: _i, ...imageless } = PLAIN;
    const { resources: _r, ...bare } = PLAIN;
    for (const data of [
      null,
      undefined,
      "x",
      5,
      [],
      {},
      nameless,
      imageless,
      bare,
      { ...PLAIN, resources: {} },
    ])
      expect(readConfig(data)).toBeUndefined();
  });

  it("never throws and never gives what cannot be compared, whatever it is given: one bad spec must not stop a pass", () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    const whole = configured(EVERYTHING) as unknown as Record<string, unknown>;
    const broken = fc.tuple(fc.constantFrom(...Object.keys(whole), "healthchecks", "port", "models"), json);
    const within = fc.tuple(fc.constantFrom("ports", "replicas", "autoscaling", "instanceType"), json);
    fc.assert(
      fc.property(
        json,
        fc.array(broken, { maxLength: 3 }),
        fc.array(within, { maxLength: 2 }),
        (any, outer, inner) => {
          readConfig(any);
          const resources = { ...(whole.resources as object), ...Object.fromEntries(inner) };
          const config = readConfig({ ...whole, resources, ...Object.fromEntries(outer) });
          if (!config) return;
          expect(differences(leavesOf(config), leavesOf(config))).toEqual([]);
          // Reading the result again gives the same: it is what would be sent.
          expect(readConfig(config)).toEqual(config);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the simulator's defaults", () => {
  it("are filled in at all, or none of the above would be tested", () => {
    const sent = configured(EVERYTHING);
    const filled = inStoredForm(sent, { ...DEFAULT_BEHAVIOUR, storedDefaults: "filled" });
    expect(filled).not.toEqual(sent);
    expect(filled.healthChecks?.startup).toMatchObject({ periodSeconds: 10, timeoutSeconds: 1 });
  });
});
