/**
 * The operations on secrets, the same for those of a project and those of a team. No answer holds the value of one.
 */

import { listed, ownTeam, readable, writable } from "../world/lookups.ts";
import type { SecretRecord } from "../world/records.ts";
import {
  changeSecret,
  createSecret,
  deleteSecret,
  isSecretUsed,
  type SecretInput,
  type SecretScope,
  secretId,
} from "../world/secrets.ts";
import { secretView } from "../world/views.ts";
import { listOf } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery } from "./schemas.ts";
import * as schemas from "./schemas-projects.ts";

/** Throws where there is no such project or team, for the reader or for the writer. */
type FindScope = (c: Signed, find: typeof readable | typeof writable) => SecretScope;

const ofProject: FindScope = (c, find) => {
  const { id, teamId } = find(c.world, c.team, c.world.projects, c.params.id ?? "");
  return { teamId, projectId: id };
};

const ofTeam: FindScope = (c) => ({
  teamId: ownTeam(c.world, c.team, c.params.id ?? "", true).id,
  projectId: null,
});

export const SECRETS: readonly Operation[] = [
  ...operations("/projects/:id/secrets", ofProject),
  ...operations("/teams/:id/secrets", ofTeam),
];

function operations(path: string, scopeOf: FindScope): Operation[] {
  const found = (c: Signed, find: typeof readable | typeof writable) =>
    find(c.world, c.team, c.world.secrets, secretId(scopeOf(c, find), c.params.name ?? ""));
  return [
    {
      method: "GET",
      path,
      auth: "key",
      query: pageQuery(["dtCreated"], {}),
      answer: page(schemas.Secret),
      run: (c) => listSecrets(c, scopeOf(c, readable)),
    },
    {
      method: "POST",
      path,
      auth: "key",
      query: NoQuery,
      body: schemas.CreateSecret,
      answer: schemas.WrittenSecret,
      run: (c) => secretView(createSecret(c.world, scopeOf(c, writable), c.body as SecretInput)),
    },
    {
      method: "GET",
      path: `${path}/:name`,
      auth: "key",
      query: NoQuery,
      answer: schemas.Secret,
      run: (c) => readSecret(c, found(c, readable)),
    },
    {
      method: "PATCH",
      path: `${path}/:name`,
      auth: "key",
      query: NoQuery,
      body: schemas.UpdateSecret,
      answer: schemas.WrittenSecret,
      run: (c) => secretView(changeSecret(c.world, found(c, writable), (c.body as SecretInput).value)),
    },
    {
      method: "DELETE",
      path: `${path}/:name`,
      auth: "key",
      query: NoQuery,
      answer: schemas.OnlyName,
      run: (c) => ({ name: deleteSecret(c.world, found(c, writable)).name }),
    },
  ];
}

function readSecret({ world }: Signed, secret: SecretRecord) {
  return { ...secretView(secret), hasDeploymentAttached: isSecretUsed(world, secret) };
}

function listSecrets(c: Signed, { projectId }: SecretScope) {
  const own = listed(c.world, c.team, c.world.secrets).filter((s) => s.projectId === projectId);
  return listOf(c, own, {
    id: (secret) => secret.name,
    view: (secret) => readSecret(c, secret),
    keep: () => true,
    sortBy: (secret) => secret.dtCreated,
  });
}
