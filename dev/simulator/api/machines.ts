/**
 * The operations on machines: themselves, who may use them, their desktops, and what the vendor has free. Rules are in the
 * world.
 */

import { Type } from "typebox";
import * as access from "../world/access.ts";
import * as actions from "../world/actions.ts";
import { findMachineType, regionCode } from "../world/catalogue.ts";
import { ApiError, notFound } from "../world/errors.ts";
import { listedMachines, readableMachine, writableMachine } from "../world/lookups.ts";
import { type EventRecord, isOn, type MachineRecord } from "../world/records.ts";
import { accessorView, eventView, machineView, shownMachine } from "../world/views.ts";
import type { World } from "../world/world.ts";
import { isInRegion, listOf, matchesName } from "./listing.ts";
import type { Context, Operation, Signed } from "./operation.ts";
import { pageOf } from "./paging.ts";
import { closed, NoFields, NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-machines.ts";

const read = (c: Signed) => readableMachine(c.world, c.team, c.params.id ?? "");
const write = (c: Signed) => writableMachine(c.world, c.team, c.params.id ?? "");
const outcome = (world: World, { machine, event }: { machine: MachineRecord; event?: EventRecord }) => ({
  data: shownMachine(world, machine),
  ...(event && { event: eventView(event) }),
});

export const MACHINES: readonly Operation[] = [
  {
    method: "GET",
    path: "/machines",
    auth: "key",
    query: pageQuery(["dtCreated", "name", "state"], {
      name: text(),
      region: text(),
      agentType: text(),
      machineType: text(),
    }),
    answer: page(schemas.Machine),
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
    query: pageQuery(["id"], {}),
    answer: page(schemas.Accessor),
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
      accessorView(access.addAccessor(c.world, c.team, write(c), (c.body as { userId: string }).userId)),
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
    run: (c) => accessorView(access.removeAccessor(c.world, write(c), c.params.userId ?? "")),
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
    path: "/machine-availability",
    auth: "key",
    query: closed({ machineType: Type.String(), region: Type.String() }),
    answer: schemas.Availability,
    run: getAvailability,
  },
];

function action(name: "start" | "stop" | "restart", act: (c: Signed) => actions.Outcome): Operation {
  return {
    method: "PATCH",
    path: `/machines/:id/${name}`,
    auth: "key",
    query: NoQuery,
    body: NoFields,
    answer: schemas.MachineAndEvent,
    run: (c) => outcome(c.world, act(c)),
  };
}

function listMachines(c: Signed) {
  const { world, query } = c;
  const orderBy = (query.orderBy ?? "dtCreated") as "dtCreated" | "name" | "state";
  return listOf(c, listedMachines(world, c.team), {
    id: (machine) => machine.id,
    view: (machine) => shownMachine(world, machine),
    keep: (view) =>
      matchesName(world, view.name, query.name) &&
      isInRegion(view.region, query.region) &&
      (query.agentType === undefined || view.agentType === query.agentType) &&
      (query.machineType === undefined || view.machineType === query.machineType),
    sortBy: (_machine, view) => view[orderBy],
  });
}

function listAccessors(c: Signed) {
  const keep = c.world.behaviour.removedAccessors === "dtDeleted";
  const accessors = read(c).accessors.filter((a) => keep || !a.dtDeleted);
  const page = pageOf(accessors, c.query, (a) => [a.user.id, 0], c.world.behaviour);
  return { ...page, items: page.items.map(accessorView) };
}

function getAccessor(c: Signed) {
  const accessor = read(c).accessors.find((a) => a.user.id === c.params.userId);
  const gone = accessor?.dtDeleted && c.world.behaviour.removedAccessors === "gone";
  if (!accessor || gone) throw notFound();
  return accessorView(accessor);
}

/** Linux desktops have vnc, Windows desktops have windows, headless machines neither (machines.md section 5.4). */
function getDesktop(c: Signed) {
  const machine = read(c);
  if (!isOn(machine)) {
    if (c.world.behaviour.desktopWhenOff === "empty") return {};
    throw new ApiError(c.world.behaviour.wrongStateCode, "Machine is not running");
  }
  const { agentType, publicIp } = machineView(c.world, machine);
  const hostname = `${machine.id}.paperspace.example`;
  if (agentType === "LinuxDesktop") {
    const renewal = machine.desktopRenewals > 0 ? `-${machine.desktopRenewals}` : "";
    return { vnc: { hostname, port: 5900, password: `sim-${machine.id}${renewal}` } };
  }
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
  const { availabilityHint } = world.behaviour;
  if (availabilityHint !== "true") return { available: availabilityHint === "always" };
  return { available: type !== undefined && region !== undefined && world.hasCapacity(type.label, region) };
}
