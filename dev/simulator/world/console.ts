/**
 * Changes that do not come through the API: what a user does in the vendor's console, what the cloud does by itself,
 * and what an experiment needs. Every method works on the world alone; the control port calls the same ones.
 */

import { leaveTeam } from "./access.ts";
import * as actions from "./actions.ts";
import { renewAddress } from "./addresses.ts";
import { refuseWhileDeleting } from "./checks.ts";
import { DeploymentConsole } from "./console-deployments.ts";
import * as life from "./lifecycle.ts";
import { meterPrice } from "./metering.ts";
import { createProject, deleteProject } from "./projects.ts";
import type {
  Budget,
  MachineRecord,
  MachineState,
  ProjectRecord,
  RegistryRecord,
  RegistrySettings,
  SecretRecord,
  SnapshotRecord,
  Team,
  User,
  UserSeed,
} from "./records.ts";
import * as registries from "./registries.ts";
import * as secrets from "./secrets.ts";
import { autoSnapshot } from "./snapshots.ts";
import { stateOf } from "./state.ts";
import { userFromSeed } from "./teams.ts";
import type { PlannedFailure, World } from "./world.ts";

/** The defaults of a machine made by hand. */
const FOREIGN: actions.CreateInput = {
  name: "made-in-the-console",
  machineType: "C5",
  templateId: "t0nspur5",
  diskSize: 50,
  region: "ny2",
};

/** The defaults of a registry made by hand. */
const FOREIGN_REGISTRY: registries.RegistryInput = {
  name: "made-in-the-console",
  namespace: "library",
  url: "https://registry.example",
  username: "robot",
  password: "",
};

export class Console {
  readonly deployments: DeploymentConsole;
  readonly #world: World;

  constructor(world: World) {
    this.deployments = new DeploymentConsole(world);
    this.#world = world;
  }

  /** Makes a machine that no client created; `state` puts it there at once. Throws ApiError as a create would. */
  create(teamId: string, input: Partial<actions.CreateInput> = {}, state?: MachineState): MachineRecord {
    const { machine } = actions.createMachine(this.#world, this.team(teamId), { ...FOREIGN, ...input });
    if (state) this.setState(machine.id, state);
    return machine;
  }

  start(id: string): actions.Outcome {
    const machine = this.machine(id);
    return actions.startMachine(this.#world, this.team(machine.teamId), machine);
  }

  stop(id: string): actions.Outcome {
    return actions.stopMachine(this.#world, this.machine(id));
  }

  restart(id: string): actions.Outcome {
    const machine = this.machine(id);
    return actions.restartMachine(this.#world, this.team(machine.teamId), machine);
  }

  /** Deletes as the console would; `now` takes the machine away by no rule, and without its minute of work. */
  delete(id: string, now = false): void {
    const machine = this.machine(id);
    if (!now) {
      actions.deleteMachine(this.#world, machine);
      return;
    }
    this.#world.finishEvent(machine.deleting ?? life.beginDelete(this.#world, machine));
    life.vanish(this.#world, machine);
  }

  /** Changes settings, hardware included, by the rules of the API. */
  update(id: string, input: actions.UpdateInput): void {
    const machine = this.machine(id);
    actions.updateMachine(this.#world, this.team(machine.teamId), machine, input);
  }

  /** The machine shuts itself down (machines.md section 7, auto shutdown); with or without an event. */
  autoShutdown(id: string): void {
    const { autoShutdownEvent } = this.#world.behaviour;
    const machine = this.machine(id);
    refuseWhileDeleting(this.#world, machine);
    life.beginStop(this.#world, machine, autoShutdownEvent === "none" ? null : autoShutdownEvent);
  }

  /** The cloud takes a snapshot by itself, as at autoSnapshotFrequency, and drops the oldest that is one too many. */
  autoSnapshot(id: string): SnapshotRecord {
    return autoSnapshot(this.#world, this.machine(id));
  }

  /** The desktop of a machine has another password from now on. */
  renewDesktop(id: string): void {
    this.machine(id).desktopRenewals++;
  }

  /** Puts a machine into a state at once, by no rule: what lay ahead is called off, its facts are filled in. */
  setState(id: string, state: MachineState): void {
    const world = this.#world;
    const machine = this.machine(id);
    world.dropPlans(machine);
    world.cancelEvents(machine);
    machine.deleting = null;
    const isUp = state === "ready" || state === "serviceready";
    if (state !== "provisioning") life.fillDetails(world, machine);
    machine.holdsSlot = state !== "off";
    if (isUp && !machine.publicIp) renewAddress(world, machine);
    if (state === "off" && machine.settings.publicIpType !== "static") machine.publicIp = null;
    life.enter(world, machine, state);
  }

  /** A machine that comes to `state` stays there, as one that got stuck; `next`: the next one to be created. */
  hold(id: string | "next", state: MachineState): void {
    if (id === "next") {
      this.#world.holdNext = state;
      return;
    }
    const machine = this.machine(id);
    machine.holdAt = state;
    if (machine.state === state) this.#world.dropPlans(machine);
  }

  /** The next event of that name ends as error or cancelled. */
  failNext(failure: PlannedFailure): void {
    this.#world.failures.push(failure);
  }

  /** The hourly rate of a machine type from now on, also of what is on. */
  setPrice(machineType: string, usageRate: number): void {
    this.#world.prices.set(machineType, usageRate);
    meterPrice(this.#world);
  }

  setQuota(teamId: string, maxMachines: number): void {
    this.team(teamId).maxMachines = maxMachines;
  }

  /** null: no budget, never a 429. */
  setBudget(teamId: string, budget: Budget | null): void {
    this.team(teamId).budget = budget;
  }

  /** `messages`: the messages of the account's standing. */
  setStanding(teamId: string, good: boolean, messages: string[] = []): void {
    Object.assign(this.team(teamId), { goodStanding: good, standingMessages: [...messages] });
  }

  /** A new member of a team. */
  addUser(teamId: string, seed: UserSeed): User {
    const world = this.#world;
    const team = this.team(teamId);
    const user = userFromSeed(seed, world.iso(), (prefix) => world.id(prefix));
    if (team.users.some((u) => u.id === user.id)) throw new Error(`there is a user ${user.id} already`);
    team.users.push(user);
    return user;
  }

  /** Takes a member out of a team, and so away from its machines. */
  removeUser(teamId: string, userId: string): void {
    leaveTeam(this.#world, this.team(teamId), userId);
  }

  addKey(teamId: string, key: string): void {
    if (this.#world.teamOfKey(key)) throw new Error("the key belongs to a team already");
    this.team(teamId).keys.push(key);
  }

  /** From now on the key is a wrong one. */
  revokeKey(key: string): void {
    const team = this.#world.teamOfKey(key);
    if (!team) throw new Error("no team has this key");
    team.keys = team.keys.filter((k) => k !== key);
  }

  createProject(teamId: string, name: string): ProjectRecord {
    return createProject(this.#world, this.team(teamId), { name });
  }

  renameProject(id: string, name: string): void {
    this.project(id).name = name;
  }

  /** By the rules of the API: one that has deployments may be kept. */
  deleteProject(id: string): void {
    deleteProject(this.#world, this.project(id));
  }

  /** Makes a secret of a project or a team, or gives one that is there another value. `owner`: the id of either. */
  setSecret(owner: string, name: string, value: string): SecretRecord {
    const scope = this.#scope(owner);
    const present = this.#world.secrets.get(secrets.secretId(scope, name));
    if (present) return secrets.changeSecret(this.#world, present, value);
    return secrets.createSecret(this.#world, scope, { name, value });
  }

  deleteSecret(owner: string, name: string): void {
    secrets.deleteSecret(this.#world, this.secret(owner, name));
  }

  createRegistry(teamId: string, input: Partial<registries.RegistryInput> = {}): RegistryRecord {
    return registries.createRegistry(this.#world, this.team(teamId), { ...FOREIGN_REGISTRY, ...input });
  }

  updateRegistry(id: string, input: Partial<RegistrySettings>): void {
    registries.updateRegistry(this.#world, this.registry(id), input);
  }

  /** What a test of the connection finds from now on. */
  setConnection(registryId: string, success: boolean, error?: string): void {
    this.registry(registryId).connection = { success, ...(error !== undefined && { error }) };
  }

  deleteRegistry(id: string): void {
    registries.deleteRegistry(this.#world, this.registry(id));
  }

  /** The whole state, for users and tests. */
  state() {
    return stateOf(this.#world);
  }

  #scope(owner: string): secrets.SecretScope {
    const project = this.#world.projects.get(owner);
    if (project && !project.dtDeleted) return { teamId: project.teamId, projectId: project.id };
    return { teamId: this.team(owner).id, projectId: null };
  }

  /** A machine that is not deleted; throws when there is none. */
  machine(id: string): MachineRecord {
    const machine = this.#world.machines.get(id);
    if (!machine || machine.dtDeleted) throw new Error(`there is no machine ${id}`);
    return machine;
  }

  /** A project that is not deleted; throws when there is none. */
  project(id: string): ProjectRecord {
    const project = this.#world.projects.get(id);
    if (!project || project.dtDeleted) throw new Error(`there is no project ${id}`);
    return project;
  }

  /** With its value, for code of this process. `owner`: the id of a project or a team. */
  secret(owner: string, name: string): SecretRecord {
    const secret = this.#world.secrets.get(secrets.secretId(this.#scope(owner), name));
    if (!secret) throw new Error(`${owner} has no secret ${name}`);
    return secret;
  }

  /** With its password, for code of this process. */
  registry(id: string): RegistryRecord {
    const registry = this.#world.registries.get(id);
    if (!registry) throw new Error(`there is no registry ${id}`);
    return registry;
  }

  team(id: string): Team {
    const team = this.#world.teams.get(id);
    if (!team) throw new Error(`there is no team ${id}`);
    return team;
  }
}
