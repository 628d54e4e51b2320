import { describe, expect, it } from "vitest";
import { GOOD, NEW, NOW, sent, targetOf } from "../../../test/decide/deployment/situations.ts";
import { hashOf, leavesOf, templateOf } from "./compare.ts";
import { configOf, secretValue } from "./config.ts";
import type { DesiredTarget } from "./observation.ts";
import { projectSecretName } from "./project-secrets.ts";
import { goodTarget, isStanding, rollbackTo } from "./rollback.ts";
import type { DeploymentSpec } from "./types.ts";

const HUB = { name: "hub", key: "token" };
const secretOf = (value: string) => projectSecretName("uid-1", HUB, value.repeat(20));
const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: HUB } }];

/** With a Secret whose value is one hexadecimal digit. */
function using(spec: DeploymentSpec, value: string): DesiredTarget {
  const config = configOf({ ...spec, env }, "web", () => secretValue(secretOf(value)));
  const leaves = leavesOf(config);
  const hashes = { hash: hashOf(leaves), template: templateOf(leaves) };
  return { state: "known", config, leaves, ...hashes, secrets: [secretOf(value)] };
}

const good = using(GOOD, "a");
const failed = using(NEW, "a");
const entry = { ...sent(GOOD), template: good.template, secrets: [secretOf("a")], specId: "s1" };
const rolledBack = rollbackTo(entry, failed, "no image", NOW);
const back = (desired: DesiredTarget) => goodTarget(good.config, rolledBack, desired, "web");

describe("what failed", () => {
  it("is the same with another number or another value of a Secret, and not with anything else", () => {
    expect(isStanding(rolledBack, using({ ...NEW, replicas: 7, enabled: false }, "b"))).toBe(true);
    expect(isStanding(rolledBack, using({ ...NEW, image: "acme/model:3" }, "a"))).toBe(false);
    expect(isStanding(rolledBack, targetOf(NEW))).toBe(false);
  });

  it("is known by its whole configuration where an earlier version of the operator noted it", () => {
    const { failed: _failed, good: _good, ...before } = rolledBack;
    expect(isStanding(before, failed)).toBe(true);
    expect(isStanding(before, using({ ...NEW, replicas: 2 }, "a"))).toBe(false);
  });
});

describe("what is gone back to", () => {
  it("has the declared number, and is of the template that was healthy", () => {
    const target = back(using({ ...NEW, replicas: 4 }, "a"));
    expect(target.config).toEqual({ ...good.config, resources: { ...good.config.resources, replicas: 4 } });
    expect(target.template).toBe(good.template);
    expect(target.secrets).toEqual([secretOf("a")]);
    expect(target.hash).not.toBe(back(failed).hash);
  });

  it("has a Secret that was rotated since, and not a value that failed with what was declared", () => {
    expect(back(using(NEW, "b"))).toMatchObject({
      config: { image: GOOD.image, env: [{ value: secretValue(secretOf("b")) }] },
      secrets: [secretOf("b")],
    });
    const both = rollbackTo(entry, using(NEW, "b"), "no image", NOW);
    expect(goodTarget(good.config, both, using(NEW, "b"), "web").secrets).toEqual([secretOf("a")]);
  });

  it("is the same by whichever of its specs it is read: else what was sent would not be recognised", () => {
    const rotated = using(NEW, "b");
    const { config } = back(rotated);
    expect(goodTarget(config, rolledBack, rotated, "web")).toEqual(back(rotated));
    expect(goodTarget(config, rolledBack, failed, "web")).toEqual(back(failed));
  });
});
