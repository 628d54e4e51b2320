/**
 * The shapes of projects, secrets and container registries (other-resources.md). Only schemas live here.
 */

import { Type } from "typebox";
import { REGISTRY_KINDS } from "../world/records.ts";
import { closed, date, nullable, opt, SHOWN_USER } from "./schemas.ts";

const projectName = () => Type.String({ minLength: 1, maxLength: 128 });

export const CreateProject = closed({ name: projectName() });
export const UpdateProject = closed({ name: projectName() });

/** other-resources.md, projects. */
export const Project = closed({
  id: Type.String(),
  name: projectName(),
  dtCreated: date(),
  dtDeleted: opt(nullable(date())),
  repoNodeId: opt(nullable(Type.String())),
  repoName: opt(nullable(Type.String())),
  repoUrl: opt(nullable(Type.String())),
});

const secretName = () => Type.String({ minLength: 1, maxLength: 128, pattern: "^[a-zA-Z][a-zA-Z0-9_]*$" });
const secretValue = () => Type.String({ minLength: 1, maxLength: 8192 });

export const CreateSecret = closed({ name: secretName(), value: secretValue() });
export const UpdateSecret = closed({ value: secretValue() });

const secretFacts = { name: secretName(), dtCreated: date(), dtModified: date() };

/** other-resources.md, secrets: what list and get return. */
export const Secret = closed({ ...secretFacts, hasDeploymentAttached: Type.Boolean() });
/** What a write returns. */
export const WrittenSecret = closed(secretFacts);
export const OnlyName = closed({ name: secretName() });

const some = () => Type.String({ minLength: 1 });
const Kind = Type.Enum([...REGISTRY_KINDS]);

export const CreateRegistry = closed({
  name: some(),
  namespace: Type.String(),
  url: some(),
  username: some(),
  password: Type.String(),
  kind: opt(Kind),
});
export const UpdateRegistry = closed({
  name: opt(some()),
  namespace: opt(Type.String()),
  url: opt(some()),
  username: opt(some()),
  password: opt(Type.String()),
  kind: opt(Kind),
});

/** other-resources.md, container-registries. */
export const Registry = closed({
  id: Type.String(),
  name: Type.String(),
  namespace: Type.String(),
  url: Type.String(),
  username: Type.String(),
  kind: Kind,
  dtCreated: date(),
  dtModified: date(),
});

export const ConnectionTest = closed({ success: Type.Boolean(), error: opt(Type.String()) });

export const AddTag = closed({ name: some() });
/** other-resources.md, projects: the only id that is a number. */
export const Tag = closed({ id: Type.Number(), name: Type.String(), dtCreated: date() });

export const AddCollaborator = closed({ userId: some() });
export const Collaborator = closed({
  user: closed({
    ...SHOWN_USER,
  }),
  dtCreated: date(),
  dtDeleted: opt(nullable(date())),
});
export const OnlyUserId = closed({ userId: Type.String() });
