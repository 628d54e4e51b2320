/**
 * The state, for users and tests: what an answer shows (`shown`) beside what the API keeps to itself. Keys, values of
 * secrets and passwords are left out, since this leaves the process by the control port.
 */

import type { DeploymentRecord } from "./deployment-records.ts";
import { deploymentView, historyView, runView, shownDeployment } from "./deployment-views.ts";
import type { MachineRecord, RegistryRecord, SecretRecord } from "./records.ts";
import { scriptsOf } from "./scripts.ts";
import { isSecretUsed } from "./secrets.ts";
import { eventView, registryView, secretView, shownMachine } from "./views.ts";
import type { World } from "./world.ts";

export function stateOf(world: World) {
  const teams = [...world.teams.values()];
  return {
    teams: teams.map(({ keys, staticAddresses: _, ...team }) => ({ ...team, keys: keys.length })),
    machines: [...world.machines.values()].map((m) => machineState(world, m)),
    events: [...world.events.values()].map((e) => ({ teamId: e.teamId, ...eventView(e) })),
    networks: [...world.networks.values()].map(bare),
    staticAddresses: teams.flatMap((team) =>
      team.staticAddresses.map(({ seq: _, ...address }) => ({ teamId: team.id, ...address })),
    ),
    scripts: [...world.scripts.values()].map(bare),
    snapshots: [...world.snapshots.values()].map(({ deleting, ...snapshot }) => ({
      ...bare(snapshot),
      isDeleting: deleting !== null,
    })),
    templates: [...world.templates.values()].map(bare),
    projects: [...world.projects.values()].map(bare),
    secrets: [...world.secrets.values()].map((s) => secretState(world, s)),
    registries: [...world.registries.values()].map(registryState),
    deployments: [...world.deployments.values()].map((d) => deploymentState(world, d)),
    activity: world.activity.map(({ seq: _, ...entry }) => entry),
    capacity: world.capacity,
    behaviour: world.behaviour,
  };
}

function machineState(world: World, m: MachineRecord) {
  return {
    id: m.id,
    teamId: m.teamId,
    state: m.state,
    isDeleting: m.deleting !== null,
    templateId: m.templateId,
    diskSize: m.diskSize,
    networkId: m.networkId,
    ...m.writeOnly,
    startupScriptIds: scriptsOf(world, m),
    accessorIds: m.accessors.filter((a) => !a.dtDeleted).map((a) => a.user.id),
    restoredFrom: m.restoredFrom,
    shown: shownMachine(world, m),
  };
}

/** How long the value is, never the value. */
function secretState(world: World, secret: SecretRecord) {
  const { teamId, projectId, value } = secret;
  return {
    teamId,
    projectId,
    ...secretView(secret),
    valueLength: value.length,
    hasDeploymentAttached: isSecretUsed(world, secret),
  };
}

function registryState(registry: RegistryRecord) {
  const { teamId, connection } = registry;
  return { teamId, ...registryView(registry), connection };
}

/** How a deployment stands, what an answer shows (`shown`) among it; plain secrets of configurations included. */
function deploymentState(world: World, deployment: DeploymentRecord) {
  const { teamId, dtDeleted, isDeleting, isInvalid, hold, trouble, specs, runs, logs } = deployment;
  return {
    ...deploymentView(world, deployment),
    teamId,
    dtDeleted,
    isDeleting,
    isInvalid,
    hold,
    trouble,
    specs: specs.map((spec) => ({
      ...historyView(deployment, spec),
      data: spec.data,
      hash: spec.hash,
      dtCreated: spec.dtCreated,
    })),
    runs: runs.map((run) => ({
      ...runView(world, run),
      specId: run.spec.id,
      isEnding: run.isEnding,
      dtFinished: run.dtFinished,
    })),
    logLines: logs.length,
    shown: shownDeployment(world, deployment),
  };
}

/** A record without what only the simulator itself needs. */
function bare<R extends { seq: number; createdAt: number }>({ seq: _, createdAt: __, ...rest }: R) {
  return rest;
}
