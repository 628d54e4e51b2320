/**
 * Projects (other-resources.md): made, renamed and deleted at once, and what goes with one that is deleted. Deployments
 * are defined elsewhere.
 */

import { wrongState } from "./checks.ts";
import { deleteDeployment, deploymentsOf } from "./deployments.ts";
import type { ProjectRecord, Team } from "./records.ts";
import { secretsOf } from "./secrets.ts";
import type { World } from "./world.ts";

/** Body of POST /projects. */
export interface ProjectInput {
  name: string;
}

/** Names are "not documented as unique": two may have one. */
export function createProject(world: World, team: Team, { name }: ProjectInput): ProjectRecord {
  const project = { ...world.born(team.id, "p"), name };
  world.projects.set(project.id, project);
  return project;
}

/** Its secrets go with it, and its deployments where they do not hold it. */
export function deleteProject(world: World, project: ProjectRecord): ProjectRecord {
  const deployments = deploymentsOf(world, project.id);
  if (deployments.length > 0 && world.behaviour.deleteUsedProject === "refuse") {
    throw wrongState(world, `Project ${project.id} still has ${deployments.length} deployments`);
  }
  for (const deployment of deployments) deleteDeployment(world, deployment, null);
  for (const secret of secretsOf(world, { teamId: project.teamId, projectId: project.id })) {
    world.secrets.delete(secret.id);
  }
  project.dtDeleted = world.iso();
  return project;
}
