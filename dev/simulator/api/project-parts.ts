/**
 * The operations on what a project has besides deployments and secrets: tags, collaborators and models.
 */

import { userOf } from "../world/checks.ts";
import { notFound } from "../world/errors.ts";
import { readable, writable } from "../world/lookups.ts";
import { addCollaborator, addTag, removeCollaborator, removeTag } from "../world/projects.ts";
import { modelView } from "../world/storage-views.ts";
import { collaboratorView, tagView } from "../world/views.ts";
import { listModels } from "./datasets.ts";
import { listOf, matchesName } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { closed, NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-projects.ts";
import { Model } from "./schemas-storage.ts";

const read = (c: Signed) => readable(c.world, c.team, c.world.projects, c.params.id ?? "");
const write = (c: Signed) => writable(c.world, c.team, c.world.projects, c.params.id ?? "");

export const PROJECT_PARTS: readonly Operation[] = [
  {
    method: "GET",
    path: "/projects/:id/tags",
    auth: "key",
    query: pageQuery(["dtCreated"], {}),
    answer: page(schemas.Tag),
    run: (c) =>
      listOf(c, read(c).tags, {
        id: (tag) => tag.name,
        view: tagView,
        keep: () => true,
        sortBy: (tag) => tag.dtCreated,
      }),
  },
  {
    method: "POST",
    path: "/projects/:id/tags",
    auth: "key",
    query: NoQuery,
    body: schemas.AddTag,
    answer: schemas.Tag,
    run: (c) => tagView(addTag(c.world, write(c), (c.body as { name: string }).name)),
  },
  {
    method: "DELETE",
    path: "/projects/:id/tags",
    auth: "key",
    // The CLI sends it in the body instead; the schema has it here.
    query: closed({ name: schemas.AddTag.properties.name }),
    answer: schemas.Tag,
    run: (c) => tagView(removeTag(write(c), c.query.name ?? "")),
  },
  {
    method: "GET",
    path: "/projects/:id/collaborators",
    auth: "key",
    query: pageQuery(["dtCreated"], {}),
    answer: page(schemas.Collaborator),
    run: (c) =>
      listOf(c, read(c).collaborators, {
        id: ({ user }) => user.id,
        view: collaboratorView,
        keep: () => true,
        sortBy: ({ dtCreated }) => dtCreated,
      }),
  },
  {
    method: "POST",
    path: "/projects/:id/collaborators",
    auth: "key",
    query: NoQuery,
    body: schemas.AddCollaborator,
    answer: schemas.Collaborator,
    run(c) {
      const user = userOf(c.world, c.team, (c.body as { userId: string }).userId);
      return collaboratorView(addCollaborator(c.world, write(c), user));
    },
  },
  {
    method: "DELETE",
    path: "/projects/:id/collaborators/:userId",
    auth: "key",
    query: NoQuery,
    answer: schemas.OnlyUserId,
    run: (c) => ({ userId: removeCollaborator(write(c), c.params.userId ?? "").user.id }),
  },
  {
    method: "GET",
    path: "/projects/:id/models",
    auth: "key",
    query: pageQuery(["dtCreated"], { name: text() }),
    answer: page(Model),
    run: (c) => listModels(c, read(c).id, (name) => matchesName(c.world, name, c.query.name)),
  },
  {
    method: "POST",
    path: "/projects/:id/models/:modelId",
    auth: "key",
    query: NoQuery,
    answer: Model,
    run: (c) => modelView(Object.assign(model(c), { projectId: write(c).id })),
  },
  {
    method: "DELETE",
    path: "/projects/:id/models/:modelId",
    auth: "key",
    query: NoQuery,
    answer: Model,
    run(c) {
      const found = model(c);
      if (found.projectId !== write(c).id) throw notFound();
      return modelView(Object.assign(found, { projectId: null }));
    },
  },
];

const model = (c: Signed) => writable(c.world, c.team, c.world.models, c.params.modelId ?? "");
