/**
 * Projects (other-resources.md): made, renamed and deleted at once, and what goes with one that is deleted. Deployments
 * are defined elsewhere.
 */

import { wrongState } from "./checks.ts";
import { deleteDeployment, deploymentsOf } from "./deployments.ts";
import { notFound } from "./errors.ts";
import type { ProjectRecord, Team, User } from "./records.ts";
import { secretsOf } from "./secrets.ts";
import type { World } from "./world.ts";

/** Body of POST /projects. */
export interface ProjectInput {
  name: string;
}

/** Names are "not documented as unique": two may have one. */
export function createProject(world: World, team: Team, { name }: ProjectInput): ProjectRecord {
  const project: ProjectRecord = { ...world.born(team.id, "p"), name, tags: [], collaborators: [] };
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
  for (const model of world.models.values()) if (model.projectId === project.id) model.projectId = null;
  project.dtDeleted = world.iso();
  return project;
}

/** A name is given once: adding it again answers with the tag that is there. */
export function addTag(world: World, project: ProjectRecord, name: string): ProjectRecord["tags"][number] {
  const present = project.tags.find((tag) => tag.name === name);
  if (present) return present;
  const seq = world.nextSeq();
  const tag = { id: seq, seq, name, dtCreated: world.iso() };
  project.tags.push(tag);
  return tag;
}

export function removeTag(project: ProjectRecord, name: string): ProjectRecord["tags"][number] {
  const tag = project.tags.find((one) => one.name === name);
  if (!tag) throw notFound();
  project.tags = project.tags.filter((one) => one !== tag);
  return tag;
}

export function addCollaborator(
  world: World,
  project: ProjectRecord,
  user: User,
): ProjectRecord["collaborators"][number] {
  const present = project.collaborators.find((one) => one.user.id === user.id);
  if (present) return present;
  const collaborator = { user, seq: world.nextSeq(), dtCreated: world.iso() };
  project.collaborators.push(collaborator);
  return collaborator;
}

export function removeCollaborator(
  project: ProjectRecord,
  userId: string,
): ProjectRecord["collaborators"][number] {
  const collaborator = project.collaborators.find((one) => one.user.id === userId);
  if (!collaborator) throw notFound();
  project.collaborators = project.collaborators.filter((one) => one !== collaborator);
  return collaborator;
}
