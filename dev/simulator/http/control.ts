/**
 * The second port: drives and inspects the simulator from another process, one route for each thing that the objects of
 * a Simulation can do in this one. No logic of its own beyond checking bodies.
 */

import Fastify, { type FastifyInstance } from "fastify";
import { Type } from "typebox";
import { CreateMachine, UpdateMachine } from "../api/schemas-machines.ts";
import { FaultInput } from "../faults.ts";
import { combinationOf, MUTATIONS } from "../mutations/catalogue.ts";
import type { Simulation } from "../simulation.ts";
import type { Behaviour } from "../world/behaviour.ts";
import { findMachineType, regionCode } from "../world/catalogue.ts";
import { ApiError } from "../world/errors.ts";
import { isDeployable } from "../world/fates.ts";
import { EVENT_NAMES, MACHINE_STATES } from "../world/records.ts";
import { DEPLOYMENT_ROUTES, deployments } from "./control-deployments.ts";
import { PROJECT_ROUTES, projects } from "./control-projects.ts";
import { checked, closed, did } from "./orders.ts";

const { Optional: opt, String: Text } = Type;
const Budget = Type.Object(
  { burst: Type.Number({ minimum: 0 }), perSecond: Type.Number({ minimum: 0 }) },
  closed,
);
const State = Type.Enum([...MACHINE_STATES]);
const Foreign = Type.Object(
  { team: Text(), state: opt(State), machine: opt(Type.Partial(CreateMachine, closed)) },
  closed,
);
const Change = Type.Object(
  { state: opt(State), hold: opt(State), settings: opt(UpdateMachine) },
  { ...closed, minProperties: 1 },
);
const Failure = Type.Object(
  {
    event: Type.Enum([...EVENT_NAMES]),
    machineId: opt(Text()),
    state: opt(Type.Enum(["error", "cancelled"])),
    error: opt(Text()),
  },
  closed,
);
const Capacity = Type.Object(
  {
    machineType: Text(),
    region: Text(),
    machines: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
  },
  closed,
);
const TeamChange = Type.Object(
  {
    maxMachines: opt(Type.Integer({ minimum: 0 })),
    budget: opt(Type.Union([Budget, Type.Null()])),
    goodStanding: opt(Type.Boolean()),
    messages: opt(Type.Array(Text())),
  },
  { ...closed, minProperties: 1 },
);
const MutationOrder = Type.Object(
  { names: opt(Type.Array(Text())), seed: opt(Type.Integer({ minimum: 0 })) },
  { ...closed, minProperties: 1 },
);
const NewUser = Type.Object(
  {
    email: Text({ minLength: 1 }),
    id: opt(Text({ minLength: 1 })),
    firstName: opt(Text()),
    lastName: opt(Text()),
    isAdmin: opt(Type.Boolean()),
    isOwner: opt(Type.Boolean()),
    dtConfirmed: opt(Type.Null()),
  },
  closed,
);

const ROUTES = `GET    /state                      teams, machines (deleted ones too), events, networks, staticAddresses, scripts
                                   (with their texts), snapshots, templates, projects, secrets (without their values),
                                   registries (without their passwords), deployments (specs, runs and all),
                                   activity, capacity, behaviour
GET    /calls?method=&path=&since=  log of calls; DELETE /calls empties it
GET    /conformance                comparison with the vendor's OpenAPI document
POST   /faults                     {match: {method, path, team, times, skip, probability}, do: {...}}
GET    /faults                     DELETE /faults, DELETE /faults/:id
PUT    /mutations                  {names, seed?} or {seed}: how answers differ from the documents, these and no others;
                                   GET /mutations lists them all, with those in force, DELETE /mutations ends them
PATCH  /behaviour                  switches and times; GET /behaviour
PUT    /capacity                   {machineType, region, machines | null}
PATCH  /teams/:id                  {maxMachines, budget | null, goodStanding, messages}
POST   /teams/:id/users            {email, id?, firstName?, lastName?, isAdmin?, isOwner?, dtConfirmed: null?}: a member
DELETE /teams/:id/users/:userId    out of the team, and away from its machines
POST   /teams/:id/keys             {key}; DELETE /keys/:key revokes
POST   /machines                   {team, machine?, state?}: one made in the console
PATCH  /machines/:id               {state?, hold?, settings?}; PATCH /machines/next {hold}
POST   /machines/:id/:action       start, stop, restart, auto-shutdown, auto-snapshot, renew-desktop
DELETE /machines/:id?now=true      deletes as the console would, or at once
${PROJECT_ROUTES}${DEPLOYMENT_ROUTES}POST   /failures                   {event, machineId?, state?, error?}: that event ends badly
POST   /reset                      back to the start
`;

export function controlServer(simulation: Simulation): FastifyInstance {
  const app = Fastify({ forceCloseConnections: true });
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) =>
    reply
      .code(error instanceof ApiError ? error.status : (error.statusCode ?? 400))
      .send({ message: error.message }),
  );
  app.get("/", (_request, reply) => reply.type("text/plain").send(ROUTES));
  inspection(app, simulation);
  circumstances(app, simulation);
  machines(app, simulation);
  projects(app, simulation);
  deployments(app, simulation);
  return app;
}

function inspection(app: FastifyInstance, simulation: Simulation): void {
  const { calls, conformance, faults, mutations } = simulation;
  app.get("/state", () => simulation.console.state());
  app.get<{ Querystring: { method?: string; path?: string; since?: string } }>("/calls", (request) => {
    const { method, path, since } = request.query;
    return calls.list({
      method,
      path: path === undefined ? undefined : new RegExp(path),
      since: Number(since ?? 0),
    });
  });
  app.delete("/calls", () => did(() => calls.clear()));
  app.get("/conformance", () => conformance.report());
  app.get("/faults", () => faults.list());
  app.post("/faults", (request) => ({ id: faults.add(checked(FaultInput, request.body)).id }));
  app.delete("/faults", () => did(() => faults.clear()));
  app.delete<{ Params: { id: string } }>("/faults/:id", (request) => ({
    removed: faults.remove(request.params.id),
  }));
  app.get("/mutations", () => ({
    active: mutations.names,
    all: MUTATIONS.map(({ name, source }) => ({ name, source })),
  }));
  app.put("/mutations", (request) => {
    const { names, seed } = checked(MutationOrder, request.body);
    mutations.use(names ?? combinationOf(seed ?? 1), seed);
    return { active: mutations.names };
  });
  app.delete("/mutations", () => did(() => mutations.clear()));
  app.post("/reset", () => did(() => simulation.reset()));
}

function circumstances(app: FastifyInstance, { world, console }: Simulation): void {
  app.get("/behaviour", () => world.behaviour);
  app.patch("/behaviour", (request) => {
    world.setBehaviour(request.body as Partial<Behaviour>);
    return world.behaviour;
  });
  app.put("/capacity", (request) => {
    const { machineType, region, machines } = checked(Capacity, request.body);
    const known = isDeployable(machineType) ? machineType : undefined;
    const label = findMachineType(machineType, false)?.label ?? known;
    const code = regionCode(region);
    if (!label || !code) throw new Error("no such machine type or region");
    world.setCapacity(label, code, machines);
    return world.capacity;
  });
  app.patch<{ Params: { id: string } }>("/teams/:id", (request) => {
    const { maxMachines, budget, goodStanding, messages } = checked(TeamChange, request.body);
    const { id } = request.params;
    if (maxMachines !== undefined) console.setQuota(id, maxMachines);
    if (budget !== undefined) console.setBudget(id, budget);
    if (goodStanding !== undefined || messages) {
      console.setStanding(id, goodStanding ?? console.team(id).goodStanding, messages);
    }
    return { ok: true };
  });
  app.post<{ Params: { id: string } }>("/teams/:id/keys", (request) => {
    const { key } = checked(Type.Object({ key: Text({ minLength: 1 }) }, closed), request.body);
    return did(() => console.addKey(request.params.id, key));
  });
  app.delete<{ Params: { key: string } }>("/keys/:key", (request) =>
    did(() => console.revokeKey(request.params.key)),
  );
  app.post<{ Params: { id: string } }>("/teams/:id/users", (request) => ({
    id: console.addUser(request.params.id, checked(NewUser, request.body)).id,
  }));
  app.delete<{ Params: { id: string; userId: string } }>("/teams/:id/users/:userId", (request) =>
    did(() => console.removeUser(request.params.id, request.params.userId)),
  );
  app.post("/failures", (request) => did(() => console.failNext(checked(Failure, request.body))));
}

function machines(app: FastifyInstance, { console }: Simulation): void {
  app.post("/machines", (request) => {
    const { team, machine, state } = checked(Foreign, request.body);
    return { id: console.create(team, machine, state).id };
  });
  app.patch<{ Params: { id: string } }>("/machines/:id", (request) => {
    const { state, hold, settings } = checked(Change, request.body);
    const { id } = request.params;
    if (hold) console.hold(id, hold);
    if (settings) console.update(id, settings);
    if (state) console.setState(id, state);
    return { ok: true };
  });
  app.delete<{ Params: { id: string }; Querystring: { now?: string } }>("/machines/:id", (request) =>
    did(() => console.delete(request.params.id, request.query.now === "true")),
  );
  app.post<{ Params: { id: string; action: string } }>("/machines/:id/:action", (request) => {
    const { id, action } = request.params;
    const act = {
      start: "start",
      stop: "stop",
      restart: "restart",
      "auto-shutdown": "autoShutdown",
      "auto-snapshot": "autoSnapshot",
      "renew-desktop": "renewDesktop",
    } as const;
    if (!Object.hasOwn(act, action)) throw new Error(`there is no action ${action}`);
    console[act[action as keyof typeof act]](id);
    return { ok: true };
  });
}
