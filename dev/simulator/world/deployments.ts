/**
 * What may be requested of deployments (deployments.md sections 1, 2 and 5): the upsert that is the only write besides
 * the deletion, and who may see which. What the cluster then does is in rollouts.ts.
 */

import { note, noteChanges } from "./activity.ts";
import { checkStanding, invalid, regionOf } from "./checks.ts";
import { hashOf, storedForm } from "./deployment-config.ts";
import {
  type Config,
  type DeploymentRecord,
  GIT_HEADERS,
  type GitHeaders,
  type SpecRecord,
} from "./deployment-records.ts";
import { deploymentView } from "./deployment-views.ts";
import { ApiError, notFound } from "./errors.ts";
import { writable } from "./lookups.ts";
import type { ProjectRecord, Team } from "./records.ts";
import { dropPlans, endRuns, latestSpec, submit } from "./rollouts.ts";
import type { World } from "./world.ts";

/** deployments.md section 3, from the product page; the schema has no bound. */
const MAX_INTEGRATIONS = 5;

/** Body of POST /deployments. */
export interface UpsertInput {
  projectId: string;
  deploymentId?: string | null;
  config: Config;
}

export interface Submitter {
  userId?: string;
  gitHeaders?: GitHeaders;
}

/** The deployment that GET by id shows. Throws NOT_FOUND. */
export function readableDeployment(world: World, team: Team, id: string): DeploymentRecord {
  const deployment = writable(world, team, world.deployments, id);
  // errors-and-limits.md section 7: a GET right after create can miss.
  if (world.isWithin(deployment.createdAt, world.behaviour.getAfterCreateMissMs)) throw notFound();
  return deployment;
}

/** One that a write may touch: what is on its way out is gone for all writes. Throws NOT_FOUND. */
export function writableDeployment(world: World, team: Team, id: string): DeploymentRecord {
  const deployment = writable(world, team, world.deployments, id);
  if (deployment.isDeleting) throw notFound();
  return deployment;
}

/** The team's deployments as lists show them, in order of creation; those of one project where one is named. */
export function listedDeployments(world: World, team: Team, project?: ProjectRecord): DeploymentRecord[] {
  const { listAfterCreateMissMs } = world.behaviour;
  return [...world.deployments.values()].filter(
    (d) =>
      d.teamId === team.id &&
      (!project || d.projectId === project.id) &&
      !d.dtDeleted &&
      !world.isWithin(d.createdAt, listAfterCreateMissMs),
  );
}

/** All that a project has, whatever lists show. */
export function deploymentsOf(world: World, projectId: string): DeploymentRecord[] {
  return [...world.deployments.values()].filter(
    (d) => d.projectId === projectId && !d.dtDeleted && !d.isDeleting,
  );
}

/** POST /deployments: by id, or by the project and the name; makes one where there is none. */
export function upsert(
  world: World,
  team: Team,
  input: UpsertInput,
  submitter: Submitter = {},
): DeploymentRecord {
  checkConfig(world, input.config);
  const project = projectOf(world, team, input.projectId);
  const gitHeaders = headersOf(world, submitter.gitHeaders ?? {});
  const owner = team.users.find((u) => u.isOwner) ?? team.users[0];
  const userId = submitter.userId ?? owner?.id ?? "unknown";
  const present = wanted(world, team, project, input);
  checkStanding(world, team);
  const data = storedForm(input.config, world.behaviour);
  const spec = newSpec(world, data, userId, gitHeaders);
  if (!present) return create(world, team, project, spec);
  const before = latestSpec(present);
  const isSame = before.hash === spec.hash && !present.isInvalid;
  if (!isSame || world.behaviour.identicalConfig === "newSpec") change(world, present, spec);
  return present;
}

/** DELETE /deployments/{id}. */
export function deleteDeployment(
  world: World,
  deployment: DeploymentRecord,
  userId: string | null,
  ms = world.behaviour.deploymentDeleteMs,
): void {
  deployment.isDeleting = true;
  dropPlans(deployment);
  world.later(ms, () => {
    if (deployment.dtDeleted) return;
    endRuns(world, deployment, true);
    deployment.held = [];
    deployment.dtDeleted = world.iso();
    note(world, deployment, "deployment.deleted", userId);
  });
}

function create(world: World, team: Team, project: ProjectRecord, spec: SpecRecord): DeploymentRecord {
  const born = world.born(team.id, "");
  const id = world.uuid();
  const deployment: DeploymentRecord = {
    ...born,
    id,
    name: spec.data.name,
    projectId: project.id,
    endpoint: `d${id.replaceAll("-", "")}.clg07azjl.paperspacegradient.com`,
    specs: [spec],
    runs: [],
    logs: [],
    isInvalid: false,
    isDeleting: false,
    stale: null,
    trouble: null,
    hold: world.holdNextRollout,
    held: [],
    metrics: new Map(),
    pending: new Set(),
  };
  world.holdNextRollout = null;
  world.deployments.set(id, deployment);
  note(world, deployment, "deployment.created", spec.userId);
  submit(world, deployment);
  return deployment;
}

function change(world: World, deployment: DeploymentRecord, spec: SpecRecord): void {
  const { staleSpecMs } = world.behaviour;
  const now = world.clock.monotonic();
  if (staleSpecMs > 0) {
    const { stale } = deployment;
    const view = stale && now < stale.until ? stale.view : deploymentView(world, deployment);
    deployment.stale = { view, until: now + staleSpecMs / world.speed };
  }
  const before = latestSpec(deployment);
  deployment.specs.push(spec);
  deployment.name = spec.data.name;
  deployment.isInvalid = false;
  noteChanges(world, deployment, before.data, spec);
  submit(world, deployment);
}

function newSpec(world: World, data: Config, userId: string, gitHeaders: GitHeaders | null): SpecRecord {
  return {
    id: world.uuid(),
    seq: world.nextSeq(),
    userId,
    data,
    hash: hashOf(data),
    dtCreated: world.iso(),
    externalApplied: null,
    dtHealthy: null,
    error: null,
    gitHeaders,
    workflowRun: null,
  };
}

/** The deployment that is meant; undefined where one is to be made. */
function wanted(
  world: World,
  team: Team,
  project: ProjectRecord,
  { deploymentId, config }: UpsertInput,
): DeploymentRecord | undefined {
  const ofName = deploymentsOf(world, project.id).find((d) => d.name === config.name);
  if (deploymentId === undefined || deploymentId === null) return ofName;
  const { unknownDeploymentId, unknownDeploymentCode, otherProjectCode, deploymentNameTakenCode } =
    world.behaviour;
  const named = world.deployments.get(deploymentId);
  if (!named || named.dtDeleted || named.isDeleting || named.teamId !== team.id) {
    if (unknownDeploymentId === "byName") return ofName;
    throw invalid(unknownDeploymentCode, "deploymentId", `Deployment ${deploymentId} not found`);
  }
  if (named.projectId !== project.id) {
    throw invalid(otherProjectCode, "deploymentId", `Deployment ${deploymentId} is not in this project`);
  }
  if (ofName && ofName !== named) {
    throw invalid(deploymentNameTakenCode, "config/name", `There is a deployment ${config.name} already`);
  }
  return named;
}

function projectOf(world: World, team: Team, id: string): ProjectRecord {
  const project = world.projects.get(id);
  if (project?.teamId === team.id && !project.dtDeleted) return project;
  throw invalid(world.behaviour.invalidProjectCode, "projectId", `Project ${id} not found`);
}

/** What the schema does not express. */
function checkConfig(world: World, { apiVersion, integrations = [], region }: Config): void {
  const refuse = (path: string, message: string) => invalid("BAD_REQUEST", `config/${path}`, message);
  if (apiVersion.startsWith("v0") && world.behaviour.oldApiVersions === "refuse") {
    throw refuse("apiVersion", `apiVersion ${apiVersion} is not accepted any more`);
  }
  if (region !== undefined) regionOf(world, region);
  if (integrations.length > MAX_INTEGRATIONS) {
    throw refuse("integrations", `a deployment can have ${MAX_INTEGRATIONS} integrations at most`);
  }
  if (new Set(integrations.map((i) => i.name)).size < integrations.length) {
    throw refuse("integrations", "names of integrations must be unique");
  }
}

/** null: none were sent. */
function headersOf(world: World, given: GitHeaders): GitHeaders | null {
  const known = Object.fromEntries(
    GIT_HEADERS.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])),
  ) as GitHeaders;
  const count = Object.keys(known).length;
  if (count === 0) return null;
  if (count === GIT_HEADERS.length || world.behaviour.partialGitHeaders === "stored") return known;
  if (world.behaviour.partialGitHeaders === "dropped") return null;
  throw new ApiError("BAD_REQUEST", "x-git headers must be sent all six or not at all");
}
