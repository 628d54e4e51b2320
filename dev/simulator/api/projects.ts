/**
 * The operations on projects themselves. What a project holds is in the families of that.
 */

import { listed, readable, writable } from "../world/lookups.ts";
import { createProject, deleteProject, type ProjectInput } from "../world/projects.ts";
import { projectView } from "../world/views.ts";
import { listOf } from "./listing.ts";
import type { Operation, Signed } from "./operation.ts";
import { NoQuery, page, pageQuery } from "./schemas.ts";
import * as schemas from "./schemas-projects.ts";

const write = (c: Signed) => writable(c.world, c.team, c.world.projects, c.params.id ?? "");

export const PROJECTS: readonly Operation[] = [
  {
    method: "GET",
    path: "/projects",
    auth: "key",
    query: pageQuery(["dtCreated"], {}),
    answer: page(schemas.Project),
    run: listProjects,
  },
  {
    method: "POST",
    path: "/projects",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateProject,
    answer: schemas.Project,
    run: (c) => projectView(createProject(c.world, c.team, c.body as ProjectInput)),
  },
  {
    method: "GET",
    path: "/projects/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Project,
    run: (c) => projectView(readable(c.world, c.team, c.world.projects, c.params.id ?? "")),
  },
  {
    method: "PUT",
    path: "/projects/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateProject,
    answer: schemas.Project,
    run: (c) => projectView(Object.assign(write(c), c.body as ProjectInput)),
  },
  {
    method: "DELETE",
    path: "/projects/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Project,
    run: (c) => projectView(deleteProject(c.world, write(c))),
  },
];

function listProjects(c: Signed) {
  return listOf(c, listed(c.world, c.team, c.world.projects), {
    id: (project) => project.id,
    view: projectView,
    keep: () => true,
    sortBy: (project) => project.dtCreated,
  });
}
