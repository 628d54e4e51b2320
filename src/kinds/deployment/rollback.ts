/**
 * What a roll back goes back to: the template that was healthy last, with the number of instances that is declared now,
 * and with the Secrets that were rotated since the declared one failed. Pure.
 */
import { memoizedByObject } from "../../base/memoized.ts";
import { cut } from "../../base/text.ts";
import { toTime } from "../../kube/objects.ts";
import { digestOf, leavesOf, scaledHash, templateOf } from "./compare.ts";
import { type DeploymentConfig, secretValue } from "./config.ts";
import type { DeploymentMemory, DesiredTarget, Target } from "./observation.ts";
import { secretNamed, stemOf } from "./project-secrets.ts";
import { asV1, type StoredConfig } from "./stored-config.ts";
import type { Rollout } from "./types.ts";

export type RolledBack = NonNullable<DeploymentMemory["rolledBack"]>;
/** With what an earlier version of the operator did not note. */
export type StandingRollback = RolledBack & Required<Pick<RolledBack, "failed" | "good">>;

/** What is remembered from the failure of `desired` on; `good` is what is gone back to. */
export function rollbackTo(
  good: Rollout & { specId: string },
  { hash, leaves, secrets }: DesiredTarget,
  why: string,
  now: number,
): StandingRollback {
  return {
    hash,
    to: good.specId,
    message: cut(why, 1000),
    at: toTime(now),
    failed: templateWith(lastingTemplateOf(leaves), secrets),
    good: templateWith(good.template ?? good.hash, good.secrets),
  };
}

/** Whether what failed is what is declared: another number of instances or value of a Secret makes no other one of it. */
export function isStanding({ failed, hash }: RolledBack, desired: DesiredTarget): boolean {
  return failed ? failed.template === lastingTemplateOf(desired.leaves) : hash === desired.hash;
}

export function standing(
  rolledBack: RolledBack,
  { leaves, secrets }: DesiredTarget,
  history: readonly Rollout[],
): StandingRollback {
  const { failed, good } = rolledBack;
  const sent = sentAs(history, rolledBack.to);
  return {
    ...rolledBack,
    failed: failed ?? templateWith(lastingTemplateOf(leaves), secrets),
    good: good ?? templateWith(sent?.template ?? sent?.hash ?? "", sent?.secrets),
  };
}

function templateWith(template: string, secrets: readonly string[] = []): StandingRollback["good"] {
  return { template, ...(secrets.length > 0 && { secrets: [...secrets] }) };
}

/** What is rolled back to, as the history has it: from when it was sent first, or else when it was put back. */
export function sentAs(history: readonly Rollout[], id: string): Rollout | undefined {
  return history.find(({ specId }) => specId === id) ?? history.find(({ rollback }) => rollback);
}

/** Ids of the specs that have what is gone back to. */
export function specsBackTo({ to }: Pick<RolledBack, "to">, history: readonly Rollout[]): string[] {
  const again = history.filter(({ rollback }) => rollback);
  const ids = again.flatMap(({ specId, earlier = [] }) => [specId, ...earlier.map((one) => one.specId)]);
  return [to, ...ids.filter((id) => id !== undefined)];
}

/** `stored` is the configuration that was healthy, in the form of any of its specs. Which of them makes no difference. */
export function goodTarget(
  stored: StoredConfig,
  { good, failed }: StandingRollback,
  desired: DesiredTarget,
  name: string,
): Target {
  const current = currentSecret(good.secrets ?? [], failed.secrets ?? [], desired.secrets);
  const config = withSecrets(scaledAs({ ...asV1(stored), name }, desired.config), current);
  const leaves = leavesOf(config);
  const secrets = (good.secrets ?? []).map(current);
  const rotated = rotatedSecrets({ good }, secrets);
  const template = rotated.length > 0 ? digestOf([good.template, ...rotated]) : good.template;
  // Not of the stored form, which may have more in it than was sent.
  return { config, leaves, template, hash: scaledHash(template, leaves), secrets };
}

/** Whether what is declared has another value of a Secret than when it failed. */
export function isRotated({ failed }: StandingRollback, { secrets }: DesiredTarget): boolean {
  return secrets.some((secret) => !failed.secrets?.includes(secret));
}

/** Project secrets that it was not healthy with: their values are those of now. */
export function rotatedSecrets(
  { good }: Pick<StandingRollback, "good">,
  secrets: readonly string[],
): string[] {
  return secrets.filter((secret) => !good.secrets?.includes(secret)).sort();
}

/** A value that the declared one failed with does not go into what was healthy without it. */
function currentSecret(
  good: readonly string[],
  failed: readonly string[],
  desired: readonly string[],
): (name: string) => string {
  return (name) => {
    const stem = stemOf(name);
    if (stem === undefined) return name;
    const isSame = (other: string) => stemOf(other) === stem;
    return desired.find((other) => isSame(other) && !failed.includes(other)) ?? good.find(isSame) ?? name;
  };
}

function withSecrets(config: DeploymentConfig, current: (name: string) => string): DeploymentConfig {
  return JSON.parse(JSON.stringify(config), (_key, value) => {
    const name = secretNamed(value);
    return name === undefined ? value : secretValue(current(name));
  });
}

function scaledAs(config: DeploymentConfig, { enabled, resources }: DeploymentConfig): DeploymentConfig {
  const { machineType, ports } = config.resources;
  const { replicas, autoscaling } = resources;
  return {
    ...config,
    enabled,
    resources: { machineType, ports, replicas, ...(autoscaling && { autoscaling }) },
  };
}

/** The template's hash, whatever the values of Secrets in it. */
const lastingTemplateOf: (leaves: DesiredTarget["leaves"]) => string = memoizedByObject((leaves) => {
  const lasting = [...leaves].map(([field, value]): [string, unknown] => {
    const name = secretNamed(value);
    return [field, (name !== undefined && stemOf(name)) || value];
  });
  return templateOf(new Map(lasting));
});
