/**
 * Secrets of projects and of teams (other-resources.md), and which of them deployments name. The values are kept here to
 * be looked at from this process, and go nowhere else.
 */

import { wrongState } from "./checks.ts";
import { secretNames } from "./deployment-config.ts";
import { ApiError } from "./errors.ts";
import type { SecretRecord } from "./records.ts";
import type { World } from "./world.ts";

/** Whose a secret is: a project's, or the whole team's where projectId is null. */
export type SecretScope = Pick<SecretRecord, "teamId" | "projectId">;

/** Body of POST. */
export interface SecretInput {
  name: string;
  value: string;
}

/** The name is the key, so that a scope can have only one secret of it. */
export const secretId = ({ teamId, projectId }: SecretScope, name: string) =>
  `${teamId}/${projectId ?? ""}/${name}`;

export function createSecret(world: World, scope: SecretScope, { name, value }: SecretInput): SecretRecord {
  const id = secretId(scope, name);
  const present = world.secrets.get(id);
  if (present && world.behaviour.secretNameTaken === "refuse") {
    throw new ApiError("CONFLICT", `There is a secret ${name} already`);
  }
  if (present) return changeSecret(world, present, value);
  const born = world.born(scope.teamId, "s");
  const { projectId } = scope;
  const secret: SecretRecord = { ...born, id, projectId, name, value, dtModified: born.dtCreated };
  world.secrets.set(id, secret);
  return secret;
}

export function changeSecret(world: World, secret: SecretRecord, value: string): SecretRecord {
  return Object.assign(secret, { value, dtModified: world.iso() });
}

export function deleteSecret(world: World, secret: SecretRecord): SecretRecord {
  if (world.behaviour.deleteUsedSecret === "refuse" && isSecretUsed(world, secret)) {
    throw wrongState(world, `Secret ${secret.name} is used by deployments`);
  }
  world.secrets.delete(secret.id);
  return secret;
}

export function secretsOf(world: World, { teamId, projectId }: SecretScope): SecretRecord[] {
  return [...world.secrets.values()].filter((s) => s.teamId === teamId && s.projectId === projectId);
}

/** What `secret:<name>` means in a project: its own one, or else the team's (not documented which comes first). */
export function secretNamed(world: World, scope: SecretScope, name: string): SecretRecord | undefined {
  const ofTeam = secretId({ ...scope, projectId: null }, name);
  return world.secrets.get(secretId(scope, name)) ?? world.secrets.get(ofTeam);
}

/** Whether a deployment names the secret, in its newest configuration. */
export function isSecretUsed(world: World, secret: SecretRecord): boolean {
  for (const deployment of world.deployments.values()) {
    if (deployment.dtDeleted || secretNamed(world, deployment, secret.name) !== secret) continue;
    const data = deployment.specs.at(-1)?.data;
    if (data && secretNames(data).includes(secret.name)) return true;
  }
  return false;
}
