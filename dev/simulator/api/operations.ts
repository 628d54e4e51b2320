/**
 * The table of all operations: path, shapes, and the step from a checked request to the answer. Rules are in the world,
 * authentication and validation in handle.ts.
 */

import { type TSchema, Type } from "typebox";
import type { FaultAction } from "../faults.ts";
import * as actions from "../world/actions.ts";
import { findMachineType, MACHINE_TYPES, OS_TEMPLATES, regionCode } from "../world/catalogue.ts";
import { ApiError, notFound, unauthorized } from "../world/errors.ts";
import { isOn } from "../world/lifecycle.ts";
import {
  listedEvents,
  listedMachines,
  readableEvent,
  readableMachine,
  writableMachine,
} from "../world/lookups.ts";
import type { EventRecord, MachineRecord, Team, User } from "../world/records.ts";
import { accessorView, eventView, machineView, shownMachine } from "../world/views.ts";
import type { World } from "../world/world.ts";
import { type PageQuery, pageOf } from "./paging.ts";
import * as schemas from "./schemas.ts";

/** A request that has passed authentication and validation. */
export interface Context {
  world: World;
  params: Record<string, string>;
  query: PageQuery & Record<string, string | undefined>;
  body: unknown;
  /** Whose key it was; undefined only where `auth` is not `key`. */
  team: Team | undefined;
  /** What a fault does to the lists of this one request. */
  tricks: Pick<FaultAction, "omitFromList" | "lateEvents" | "repeatEvents">;
}

export interface Operation {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below /v1, with :names. */
  path: string;
  /** `key`: 401 without one. `session`, `templates`: by a switch. `none`: open to all. */
  auth: "key" | "session" | "templates" | "none";
  query: TSchema;
  /** Undefined: the operation takes no body. */
  body?: TSchema;
  answer: TSchema;
  run(context: Context & { team: Team }): unknown;
}

const { Optional, String: Text } = Type;
const NoQuery = Type.Object({}, { additionalProperties: false });
const text = () => Optional(Text());
const PagedAccessors = schemas.pageQuery(["id"], {});

const read = (c: Context & { team: Team }) => readableMachine(c.world, c.team, c.params.id ?? "");
const write = (c: Context & { team: Team }) => writableMachine(c.world, c.team, c.params.id ?? "");
const outcome = (world: World, { machine, event }: { machine: MachineRecord; event?: EventRecord }) => ({
  data: shownMachine(world, machine),
  ...(event && { event: eventView(event) }),
});

export const OPERATIONS: readonly Operation[] = [
  {
    method: "GET",
    path: "/machines",
    auth: "key",
    query: schemas.pageQuery(["dtCreated", "name", "state"], {
      name: text(),
      region: text(),
      agentType: text(),
      machineType: text(),
    }),
    answer: schemas.page(schemas.Machine),
    run: listMachines,
  },
  {
    method: "POST",
    path: "/machines",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateMachine,
    answer: schemas.MachineAndEvent,
    run: (c) => outcome(c.world, actions.createMachine(c.world, c.team, c.body as actions.CreateInput)),
  },
  {
    method: "GET",
    path: "/machines/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.Machine,
    run: (c) => shownMachine(c.world, read(c)),
  },
  {
    method: "PUT",
    path: "/machines/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateMachine,
    answer: schemas.MachineAndMaybeEvent,
    run: (c) =>
      outcome(c.world, actions.updateMachine(c.world, c.team, write(c), c.body as actions.UpdateInput)),
  },
  {
    method: "DELETE",
    path: "/machines/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.MachineAndEvent,
    run: (c) => outcome(c.world, actions.deleteMachine(c.world, write(c))),
  },
  action("start", (c) => actions.startMachine(c.world, c.team, write(c))),
  action("stop", (c) => actions.stopMachine(c.world, write(c))),
  action("restart", (c) => actions.restartMachine(c.world, c.team, write(c))),
  {
    method: "GET",
    path: "/machines/:id/accessors",
    auth: "key",
    query: PagedAccessors,
    answer: schemas.page(schemas.Accessor),
    run: listAccessors,
  },
  {
    method: "POST",
    path: "/machines/:id/accessors",
    auth: "key",
    query: NoQuery,
    body: schemas.AddAccessor,
    answer: schemas.Accessor,
    run: (c) =>
      accessorView(actions.addAccessor(c.world, c.team, write(c), (c.body as { userId: string }).userId)),
  },
  {
    method: "GET",
    path: "/machines/:id/accessors/:userId",
    auth: "key",
    query: NoQuery,
    answer: schemas.Accessor,
    run: getAccessor,
  },
  {
    method: "DELETE",
    path: "/machines/:id/accessors/:userId",
    auth: "key",
    query: NoQuery,
    answer: schemas.Accessor,
    run: (c) => accessorView(actions.removeAccessor(c.world, write(c), c.params.userId ?? "")),
  },
  {
    method: "GET",
    path: "/machines/:id/desktop",
    auth: "key",
    query: NoQuery,
    answer: schemas.Desktop,
    run: getDesktop,
  },
  {
    method: "GET",
    path: "/machine-events",
    auth: "key",
    query: schemas.pageQuery(["dtCreated"], { machineId: text() }),
    answer: schemas.page(schemas.MachineEvent),
    run: listEvents,
  },
  {
    method: "GET",
    path: "/machine-events/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.MachineEvent,
    run: (c) => eventView(readableEvent(c.world, c.team, c.params.id ?? "")),
  },
  {
    method: "GET",
    path: "/machine-availability",
    auth: "key",
    query: Type.Object({ machineType: Text(), region: Text() }, { additionalProperties: false }),
    answer: schemas.Availability,
    run: getAvailability,
  },
  {
    method: "GET",
    path: "/os-templates",
    auth: "templates",
    query: schemas.pageQuery(["name"], { name: text() }),
    answer: schemas.page(schemas.OsTemplate),
    run: listTemplates,
  },
  {
    method: "GET",
    path: "/auth/session",
    auth: "session",
    query: NoQuery,
    answer: schemas.Session,
    run: (c) => getSession(c.world, c.team),
  },
  {
    method: "GET",
    path: "/teams/:teamId/users",
    auth: "key",
    query: schemas.pageQuery(["dtConfirmed"], { role: Optional(Type.Enum(["member", "admin", "owner"])) }),
    answer: schemas.page(schemas.TeamUser),
    run: listTeamUsers,
  },
  {
    method: "GET",
    path: "/health",
    auth: "none",
    query: NoQuery,
    answer: schemas.Health,
    run: () => "HEALTHY",
  },
];

function action(
  name: "start" | "stop" | "restart",
  act: (c: Context & { team: Team }) => actions.Outcome,
): Operation {
  return {
    method: "PATCH",
    path: `/machines/:id/${name}`,
    auth: "key",
    query: NoQuery,
    body: schemas.NoFields,
    answer: schemas.MachineAndEvent,
    run: (c) => outcome(c.world, act(c)),
  };
}

function listMachines(c: Context & { team: Team }) {
  const { world, query } = c;
  const region = query.region === undefined ? undefined : (regionCode(query.region) ?? query.region);
  const listed = listedMachines(world, c.team);
  const newest = listed.reduce<MachineRecord | undefined>((a, b) => (a && a.seq > b.seq ? a : b), undefined);
  const { omitFromList } = c.tricks;
  const omitted = omitFromList === "newest" ? newest?.id : omitFromList;
  const items = listed
    .filter((m) => m.id !== omitted)
    .map((machine) => ({ seq: machine.seq, view: shownMachine(world, machine) }))
    .filter(
      ({ view }) =>
        matchesName(world, view.name, query.name) &&
        (region === undefined || view.region === region) &&
        (query.agentType === undefined || view.agentType === query.agentType) &&
        (query.machineType === undefined || view.machineType === query.machineType),
    );
  const orderBy = (query.orderBy ?? "dtCreated") as "dtCreated" | "name" | "state";
  const page = pageOf(items, query, ({ seq, view }) => [view[orderBy], seq], world.behaviour);
  return { ...page, items: page.items.map(({ view }) => view) };
}

/** Exact, prefix or contains: not documented (machines.md section 2). */
function matchesName(world: World, name: string, wanted: string | undefined): boolean {
  if (wanted === undefined) return true;
  if (world.behaviour.nameFilter === "exact") return name === wanted;
  return world.behaviour.nameFilter === "prefix" ? name.startsWith(wanted) : name.includes(wanted);
}

function listEvents({ world, team, query, tricks }: Context & { team: Team }) {
  const listed = listedEvents(world, team).filter(
    (e) =>
      (query.machineId ?? e.machineId) === e.machineId &&
      !world.isWithin(e.createdAt, tricks.lateEvents ?? 0),
  );
  const page = pageOf(listed, query, (e) => [e.dtCreated, e.seq], world.behaviour);
  const views = page.items.map(eventView);
  return { ...page, items: tricks.repeatEvents ? views.flatMap((v) => [v, v]) : views };
}

function listAccessors(c: Context & { team: Team }) {
  const keep = c.world.behaviour.removedAccessors === "dtDeleted";
  const accessors = read(c).accessors.filter((a) => keep || !a.dtDeleted);
  const page = pageOf(accessors, c.query, (a) => [a.user.id, 0], c.world.behaviour);
  return { ...page, items: page.items.map(accessorView) };
}

function getAccessor(c: Context & { team: Team }) {
  const accessor = read(c).accessors.find((a) => a.user.id === c.params.userId);
  const gone = accessor?.dtDeleted && c.world.behaviour.removedAccessors === "gone";
  if (!accessor || gone) throw notFound();
  return accessorView(accessor);
}

/** Linux desktops have vnc, Windows desktops have windows, headless machines neither (machines.md section 5.4). */
function getDesktop(c: Context & { team: Team }) {
  const machine = read(c);
  if (!isOn(machine)) {
    if (c.world.behaviour.desktopWhenOff === "empty") return {};
    throw new ApiError(c.world.behaviour.wrongStateCode, "Machine is not running");
  }
  const { agentType, publicIp } = machineView(c.world, machine);
  const hostname = `${machine.id}.paperspace.example`;
  if (agentType === "LinuxDesktop") return { vnc: { hostname, port: 5900, password: `sim-${machine.id}` } };
  if (agentType === "WindowsDesktop") {
    return { windows: { hostname, port: 3389, ...(publicIp && { publicIp }) } };
  }
  return {};
}

/** A hint of the moment, not a reservation (machines.md section 5.5). */
function getAvailability({ world, query }: Context) {
  if (world.behaviour.availabilityEndpoint === "absent") throw notFound();
  const type = findMachineType(query.machineType ?? "", world.behaviour.machineTypeCase === "exact");
  const region = regionCode(query.region ?? "");
  return { available: type !== undefined && region !== undefined && world.hasCapacity(type.label, region) };
}

function listTemplates({ world, query }: Context) {
  const templates = OS_TEMPLATES.filter((t) => matchesName(world, t.name, query.name));
  const page = pageOf(templates, query, (t) => [t.name, t.id], world.behaviour);
  const items = page.items.map(({ unavailable, ...template }) => ({
    ...template,
    availableMachineTypes: MACHINE_TYPES.map(({ label }) => ({
      machineTypeLabel: label,
      isAvailable: !unavailable.includes(label),
    })),
  }));
  return { ...page, items };
}

/** Null with 200 for a wrong key (observed-in-the-field 5), unless the switch says otherwise. */
function getSession(world: World, team: Team | undefined) {
  const user = team?.users.find((u) => u.isOwner) ?? team?.users[0];
  if (!team || !user) {
    if (world.behaviour.sessionWithBadKey === "unauthorized") throw unauthorized();
    return null;
  }
  return { user: sessionUser(team, user), team: sessionTeam(team) };
}

function sessionTeam({ id, namespace, maxMachines, analyticsId }: Team) {
  return { namespace, isPrivate: true, maxMachines, id, analyticsId };
}

function sessionUser(team: Team, user: User) {
  const { id, namespace, dtCreated, analyticsId } = team;
  return {
    firstName: user.firstName,
    lastName: user.lastName,
    email: user.email,
    dtCreated,
    dtConfirmed: user.dtConfirmed,
    teamMemberships: [
      {
        team: { name: namespace, id, namespace, publicProfileImageUrl: null, isUserTeam: false, dtCreated },
        isOwner: user.isOwner,
        isAdmin: user.isAdmin,
      },
    ],
    isPhoneVerified: true,
    isPasswordAuthEnabled: true,
    isQrCodeBasedMfaEnabled: false,
    isQrCodeBasedMfaConfirmed: false,
    preferences: null,
    id: user.id,
    analyticsId: analyticsId + 1_000_000,
    metadata: { graphcoreTermsAccepted: false },
  };
}

function listTeamUsers({ world, team, params, query }: Context & { team: Team }) {
  if (params.teamId !== team.id) {
    const known = params.teamId !== undefined && world.teams.has(params.teamId);
    if (!known || world.behaviour.foreignTeams === "notFound") throw notFound();
    throw new ApiError("FORBIDDEN", "You do not have access to this team");
  }
  const roleOf = (u: User) => (u.isOwner ? "owner" : u.isAdmin ? "admin" : "member");
  const users = team.users.filter((u) => (query.role ?? roleOf(u)) === roleOf(u));
  const page = pageOf(users, query, (u) => [u.dtConfirmed ?? "", u.id], world.behaviour);
  const items = page.items.map(({ isAdmin, isOwner, dtConfirmed, ...user }) => ({
    isAdmin,
    isOwner,
    dtConfirmed,
    user: { ...user, publicProfileImageUrl: null, lastActive: null },
  }));
  return { ...page, items };
}
