import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  anySpec,
  configured,
  EVERYTHING,
  leaves,
  resolve,
  storedLeaves,
} from "../../../test/decide/deployment/config.ts";
import { describe as words } from "../../reconcile/change.ts";
import { additions, differences, hashOf, leavesOf, shown } from "./compare.ts";
import { configOf } from "./config.ts";
import type { DeploymentSpec } from "./types.ts";

/** Fields that differ, whichever of the two is the desired one. */
function differing(a: Partial<DeploymentSpec>, b: Partial<DeploymentSpec>): string[] {
  return differences(leaves(a), leaves(b)).map(({ field }) => field);
}

function same(a: Partial<DeploymentSpec>, b: Partial<DeploymentSpec>): void {
  expect(differing(a, b)).toEqual([]);
  expect(differing(b, a)).toEqual([]);
  expect(hashOf(leaves(a))).toBe(hashOf(leaves(b)));
}

describe("two configurations mean the same", () => {
  it("whatever the order of variables, ports, headers, integrations and metrics: else a re-sorted file is a rollout", () => {
    const turned: Partial<DeploymentSpec> = {
      ...EVERYTHING,
      env: EVERYTHING.env?.toReversed() ?? [],
      ports: EVERYTHING.ports?.toReversed() ?? [],
      integrations: EVERYTHING.integrations?.toReversed() ?? [],
      ...(EVERYTHING.autoscaling && {
        autoscaling: {
          ...EVERYTHING.autoscaling,
          metrics: EVERYTHING.autoscaling.metrics.toReversed(),
        },
      }),
    };
    expect(turned.env).not.toEqual(EVERYTHING.env);
    same(EVERYTHING, turned);
    const headers = [
      { name: "A", value: "1" },
      { name: "B", value: "2" },
    ];
    const check = (given: typeof headers) => ({ healthChecks: { liveness: { path: "/", headers: given } } });
    same(check(headers), check(headers.toReversed()));
  });

  it("whatever the spelling of region, machine type and header names: the vendor's own pages differ in it", () => {
    same({ region: "ny2" }, { region: "East Coast (NY2)" });
    same({ machineType: "A100-80G" }, { machineType: "a100-80g" });
    const header = (name: string) => ({
      healthChecks: { liveness: { path: "/", headers: [{ name, value: "1" }] } },
    });
    same(header("X-Key"), header("x-key"));
  });

  it("where one states the defaults that the other leaves out", () => {
    const defaults = { initialDelaySeconds: 0, periodSeconds: 10, timeoutSeconds: 1, failureThreshold: 3 };
    same(
      { healthChecks: { liveness: { path: "/" } } },
      { healthChecks: { liveness: { path: "/", ...defaults } } },
    );
    const model = { type: "model", name: "m", id: "mo1" } as const;
    same({ integrations: [model] }, { integrations: [{ ...model, path: "/opt/models" }] });
  });

  it("where scaling is off in one and not there in the other: its numbers have no meaning then", () => {
    const autoscaling = { enabled: false, maxReplicas: 9, metrics: [{ metric: "cpu" as const, value: 1 }] };
    same({}, { autoscaling });
    same({ autoscaling }, { autoscaling: { ...autoscaling, maxReplicas: 3 } });
    expect(differing({ autoscaling: { ...autoscaling, enabled: true } }, { autoscaling })).toEqual([
      "autoscaling.maxReplicas",
      "autoscaling.metrics.cpu",
    ]);
  });

  it("where a port stands twice, or a check has no headers in the end", () => {
    same({ ports: [80, 80] }, { ports: [80] });
    const check = (more: object) => ({ healthChecks: { liveness: { path: "/", ...more } } });
    same(check({ headers: [] }), check({}));
  });
});

describe("two configurations differ", () => {
  const scaling = EVERYTHING.autoscaling as NonNullable<DeploymentSpec["autoscaling"]>;
  const [model, s3] = EVERYTHING.integrations ?? [];
  const others: [Partial<DeploymentSpec>, string[]][] = [
    [{ image: "another" }, ["image"]],
    [{ enabled: false }, ["enabled"]],
    [{ replicas: 3 }, ["replicas"]],
    [{ machineType: "C5" }, ["machineType"]],
    [{ ports: [8080] }, ["ports"]],
    [{ region: "ca1" }, ["region"]],
    [{ command: ["--port", "serve", "8080"] }, ["command"]],
    [{ containerRegistry: "other" }, ["containerRegistry"]],
    [{ basicAuthSecretRef: { name: "door", key: "other" } }, ["basicAuthKey"]],
    [{ autoscaling: { ...scaling, maxReplicas: 9 } }, ["autoscaling.maxReplicas"]],
    [
      { autoscaling: { ...scaling, metrics: [{ metric: "cpu", value: 1 }] } },
      ["autoscaling.metrics.cpu", "autoscaling.metrics.requestDuration"],
    ],
    [{ env: [{ name: "MODE", value: "slow" }] }, ["env.MODE", "env.TOKEN", "env.LEVEL"]],
    [
      { healthChecks: { ...EVERYTHING.healthChecks, readiness: { path: "/ready", timeoutSeconds: 2 } } },
      ["healthChecks.readiness.periodSeconds"],
    ],
    [
      {
        healthChecks: {
          ...EVERYTHING.healthChecks,
          startup: { exec: { command: ["true"] }, failureThreshold: 30 },
        },
      },
      ["healthChecks.startup.exec"],
    ],
    [
      {
        integrations: [
          { ...(model as object), path: "/elsewhere" } as never,
          ...(EVERYTHING.integrations ?? []).slice(1),
        ],
      },
      ["integrations.weights.path"],
    ],
    [
      {
        integrations: (EVERYTHING.integrations ?? []).map((one) =>
          one === s3 ? { ...one, accessKeyId: "AKIA2" } : one,
        ),
      },
      ["integrations.data.accessKeyId"],
    ],
  ];

  it.each(others)("in %j: a difference that is missed is never rolled out", (change, fields) => {
    const other = { ...EVERYTHING, ...change };
    expect(differing(other, EVERYTHING).sort()).toEqual([...fields].sort());
    expect(differing(EVERYTHING, other).sort()).toEqual([...fields].sort());
    expect(hashOf(leaves(other))).not.toBe(hashOf(leaves(EVERYTHING)));
  });

  it("in everything that only one of them has: what the spec lacks is removed", () => {
    const there = leaves(EVERYTHING);
    const gone = differences(leaves(), there).filter(({ to }) => to === undefined);
    const expected = [...there.keys()].filter((field) => !leaves().has(field) && field !== "region");
    expect(gone.map(({ field }) => field)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(25);
  });

  it("and show from what to what, for messages and for the plan", () => {
    expect(differences(leaves({ replicas: 3 }), leaves({ replicas: 2 }))).toEqual([
      { field: "replicas", from: 2, to: 3 },
    ]);
    expect(differences(leaves({ command: ["x"] }), leaves())).toEqual([
      { field: "command", from: undefined, to: ["x"] },
    ]);
  });

  it("exactly where their hashes do, whatever the specs: the hash identifies a rollout", () => {
    fc.assert(
      fc.property(anySpec, anySpec, (one, another) => {
        const [a, b] = [one, another].map((spec) => leavesOf(configOf(spec, "web", resolve)));
        if (!a || !b) throw new Error("two were drawn");
        const isSame = [...differences(a, b), ...differences(b, a)].length === 0;
        expect(hashOf(a) === hashOf(b)).toBe(isSame);
        expect(differences(a, a)).toEqual([]);
      }),
    );
  });
});

describe("a name", () => {
  it("is no part of the hash, since a rename is no other configuration; yet it is compared", () => {
    const one = leavesOf(configured({}, "one"));
    const two = leavesOf(configured({}, "two"));
    expect(hashOf(one)).toBe(hashOf(two));
    expect(differences(one, two)).toEqual([{ field: "name", from: "two", to: "one" }]);
  });
});

describe("what the API filled in by itself", () => {
  const stored = storedLeaves({ ...configured(), region: "ny2", command: ["entry"], containerRegistry: "x" });

  it("is no difference once it is known as such, and is one before: it may be another actor's change", () => {
    expect(additions(leaves(), stored)).toEqual(["command", "containerRegistry"]);
    expect(differences(leaves(), stored, ["command", "containerRegistry"])).toEqual([]);
    expect(differences(leaves(), stored, ["command"]).map(({ field }) => field)).toEqual([
      "containerRegistry",
    ]);
  });

  it("is a difference where the spec has another value there", () => {
    const desired = leaves({ command: ["mine"] });
    expect(differences(desired, stored, ["command", "containerRegistry"])).toEqual([
      { field: "command", from: ["entry"], to: ["mine"] },
    ]);
  });

  it("never counts a region, which the API chooses where none is requested", () => {
    expect(additions(leaves(), stored)).not.toContain("region");
    expect(differences(leaves({ region: "ca1" }), stored, ["command", "containerRegistry"])).toEqual([
      { field: "region", from: "ny2", to: "ca1" },
    ]);
  });
});

describe("shown", () => {
  const SECRET = "hunter2";
  const withSecrets = storedLeaves({
    ...configured(),
    command: ["serve", SECRET],
    basicAuthKey: SECRET,
    env: [{ name: "A", value: SECRET }],
    healthChecks: {
      liveness: { path: "/", headers: [{ name: "Authorization", value: SECRET }] },
      startup: { exec: { command: ["curl", SECRET] } },
    },
    integrations: [
      { type: "s3", name: "a.b", url: `s3://${SECRET}`, accessKeyId: SECRET, secretAccessKey: SECRET },
      // Whatever an older version, or a future one, keeps there.
      {
        type: "git-lfs",
        name: "repo",
        url: `https://ada:${SECRET}@git.example`,
        username: SECRET,
        password: SECRET,
      },
    ],
    repositories: { dataset: "d", repositories: [{ name: "r", url: "u", password: SECRET }] },
  });

  it("never shows a value that may be secret, neither the old nor the new one, where all may read it", () => {
    const removed = shown(differences(leaves(), withSecrets));
    const added = shown(differences(withSecrets, leaves()));
    expect(removed.length).toBeGreaterThan(12);
    for (const changes of [removed, added]) {
      expect(JSON.stringify(changes)).not.toContain(SECRET);
      expect(words(changes)).not.toContain(SECRET);
    }
  });

  it("still shows that they change, and which: otherwise nothing would seem to differ", () => {
    const fields = shown(differences(leaves(), withSecrets));
    for (const field of [
      "basicAuthKey",
      "env.A",
      "integrations.a.b.secretAccessKey",
      "integrations.repo.password",
    ])
      expect(fields).toContainEqual({ field, from: "(not shown)", to: undefined });
  });

  it("shows the names of project secrets, which distinguish a rotation from an edit and nothing more", () => {
    const env = (key: string) => ({
      env: [{ name: "T", valueFrom: { secretKeyRef: { name: "hub", key } } }],
    });
    expect(shown(differences(leaves(env("two")), leaves(env("one"))))).toEqual([
      { field: "env.T", from: "secret:hub_one", to: "secret:hub_two" },
    ]);
  });

  it("shows all else as it is, since users decide by it", () => {
    const changes = differences(
      leaves({ ...EVERYTHING, env: [], command: [], basicAuthSecretRef: undefined as never }),
      leaves(),
    ).filter(({ field }) => !/accessKeyId|secretAccessKey|url$|headers|exec$/.test(field));
    expect(changes.length).toBeGreaterThan(20);
    expect(shown(changes)).toEqual(changes);
  });
});
