/** Who may use a machine (machines.md section 5.3): accessors, and what happens to them when a user leaves the team. */

import { userOf } from "./checks.ts";
import { ApiError, notFound } from "./errors.ts";
import type { Accessor, MachineRecord, Team } from "./records.ts";
import type { World } from "./world.ts";

/** Access for a user of the team. */
export function addAccessor(world: World, team: Team, machine: MachineRecord, userId: string): Accessor {
  const user = userOf(world, team, userId);
  const present = machine.accessors.find((a) => a.user.id === userId && !a.dtDeleted);
  if (present && world.behaviour.readdAccessor === "error") {
    throw new ApiError("CONFLICT", "User already has access to this machine");
  }
  if (present) return present;
  machine.accessors = machine.accessors.filter((a) => a.user.id !== userId);
  const accessor = { user, dtDeleted: null };
  machine.accessors.push(accessor);
  return accessor;
}

export function removeAccessor(world: World, machine: MachineRecord, userId: string): Accessor {
  const accessor = machine.accessors.find((a) => a.user.id === userId && !a.dtDeleted);
  if (!accessor) throw notFound();
  accessor.dtDeleted = world.iso();
  return accessor;
}

/** Takes a user out of the team: "dtDeleted is set once the user was removed", on every machine. */
export function leaveTeam(world: World, team: Team, userId: string): void {
  userOf(world, team, userId);
  team.users = team.users.filter((u) => u.id !== userId);
  for (const project of world.projects.values()) {
    if (project.teamId !== team.id) continue;
    project.collaborators = project.collaborators.filter(({ user }) => user.id !== userId);
  }
  for (const machine of world.machines.values()) {
    if (machine.teamId !== team.id) continue;
    for (const accessor of machine.accessors) {
      if (accessor.user.id === userId) accessor.dtDeleted ??= world.iso();
    }
  }
}
