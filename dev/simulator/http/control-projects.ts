/**
 * The routes of the control port for projects, secrets and container registries. No logic beyond checking bodies, and no
 * answer with a secret in it.
 */

import type { FastifyInstance } from "fastify";
import { Type } from "typebox";
import * as schemas from "../api/schemas-projects.ts";
import type { Simulation } from "../simulation.ts";
import { checked, closed, did } from "./orders.ts";

const { Optional: opt, String: Text } = Type;
const NewProject = Type.Object({ team: Text(), ...schemas.CreateProject.properties }, closed);
const NewRegistry = Type.Object(
  { team: Text(), registry: opt(Type.Partial(schemas.CreateRegistry, closed)) },
  closed,
);
const RegistryChange = Type.Object(
  { settings: opt(schemas.UpdateRegistry), connection: opt(schemas.ConnectionTest) },
  { ...closed, minProperties: 1 },
);

/** The help of these routes in GET /. */
export const PROJECT_ROUTES = `POST   /projects                   {team, name}: one made in the console; PATCH /projects/:id {name}, DELETE /projects/:id
PUT    /secrets/:owner/:name       {value}: made or changed, of a project or a team by its id; DELETE takes it away
POST   /registries                 {team, registry?}: a container registry made in the console; DELETE /registries/:id
PATCH  /registries/:id             {settings?, connection?: {success, error?}}: what test-connection finds
`;

export function projects(app: FastifyInstance, { console }: Simulation): void {
  type OfId = { Params: { id: string } };
  type OfName = { Params: { owner: string; name: string } };

  app.post("/projects", (request) => {
    const { team, name } = checked(NewProject, request.body);
    return { id: console.createProject(team, name).id };
  });
  app.patch<OfId>("/projects/:id", (request) =>
    did(() => console.renameProject(request.params.id, checked(schemas.UpdateProject, request.body).name)),
  );
  app.delete<OfId>("/projects/:id", (request) => did(() => console.deleteProject(request.params.id)));
  app.put<OfName>("/secrets/:owner/:name", (request) => {
    const { owner, name } = request.params;
    const { value } = checked(schemas.UpdateSecret, request.body);
    return did(() => console.setSecret(owner, checked(schemas.OnlyName, { name }).name, value));
  });
  app.delete<OfName>("/secrets/:owner/:name", (request) =>
    did(() => console.deleteSecret(request.params.owner, request.params.name)),
  );
  app.post("/registries", (request) => {
    const { team, registry } = checked(NewRegistry, request.body);
    return { id: console.createRegistry(team, registry).id };
  });
  app.patch<OfId>("/registries/:id", (request) => {
    const { settings, connection } = checked(RegistryChange, request.body);
    const { id } = request.params;
    if (settings) console.updateRegistry(id, settings);
    if (connection) console.setConnection(id, connection.success, connection.error);
    return { ok: true };
  });
  app.delete<OfId>("/registries/:id", (request) => did(() => console.deleteRegistry(request.params.id)));
}
