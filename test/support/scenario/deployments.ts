/**
 * Deployments in random scenarios: what users, the console and the cluster do to them, secrets and images included. What
 * they must be like is in deployment-checks.ts.
 */
import fc from "fast-check";
import type { Behaviour } from "../../../dev/simulator/world/behaviour.ts";
import { meaningOf } from "../../../dev/simulator/world/deployment-config.ts";
import { HOLDS, type RunRecord } from "../../../dev/simulator/world/deployment-records.ts";
import type { PaperspaceDeployment } from "../../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { TYPES } from "../placed.ts";
import { configMap, drop, isReady, keep } from "../scenario-world-deployments.ts";
import { DeploymentChecks } from "./deployment-checks.ts";
import { anyPlacement } from "./deployment-placements.ts";
import type { Dice } from "./dice.ts";
import { nameOf, namespaceOf } from "./driver.ts";
import { type Actors, behavioursOf, keysOf, type ScenarioKind, type Tenant } from "./kind.ts";
import { SHARED } from "./shared-steps.ts";
import type { VirtualDriver } from "./virtual-driver.ts";

type Object_ = PaperspaceDeployment;

const IMAGES = [
  "acme/model:1",
  "acme/model:2",
  "acme/model:3",
  "acme/does-not-exist:1",
  "acme/invalid-config:1",
];
/** Parts of images whose instances come up, or do not, as the console says. */
const FATES = ["model:2", "model:3", "does-not-exist"] as const;
const REGION = "ny2";
const CLOUD_NAMES = ["ada", "bob", "shared", "free"];

/** Switches that a deployment's lifecycle depends on. */
const SWITCHES =
  /^(storedDefaults|storedHealth|storedApi|basicAuthKeyShown|newRun|finishedInstances|disabledHealthy|missingSecret|identicalConfig|unknownDeploymentId|secretNameTaken|deleteUsedSecret|pageStability|nextPage|errorField|deletedM|liveDt)/;

/** An upsert that makes another deployment which cannot be read: its owner could not be determined. */
const isIdentifiable = ({ unknownDeploymentId, getAfterCreateMissMs }: Partial<Behaviour>) =>
  unknownDeploymentId !== "byName" || getAfterCreateMissMs === 0;

export const DEPLOYMENT_SCENARIOS: ScenarioKind<Object_, VirtualDriver<Object_>> = {
  frequencies: {
    ...SHARED,
    "apply or edit": 7,
    "cloud fault": 3,
    rotate: 2,
    "the Secret goes": 1,
    "the settings change": 1,
    "console: edit": 2,
    "console: switch": 1,
    "console: the same once more": 1,
    "console: delete": 1,
    "console: takes a name": 1,
    "console: secrets": 1,
    "console: hold": 1,
    "an image succeeds or fails": 2,
    "an instance crashes": 1,
    "instances recover": 1,
    "a configuration will be refused": 1,
    "hardware is scarce": 3,
    "an autoscaler begins": 1,
    "the cloud scales": 1,
  },
  behaviours: behavioursOf(SWITCHES, {
    jitter: fc.constantFrom(0, 0.5),
    staleSpecMs: fc.constantFrom(0, 0, 3_000, 20_000),
    getAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
    listAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
    deploymentDeleteMs: fc.constantFrom(0, 0, 40_000),
    appliedMs: fc.constantFrom(0, 4_000, 60_000),
  }).filter(isIdentifiable),
  plural: "deployments",
  resources: ({ world }) =>
    [...world.deployments.values()].map(({ id, teamId, projectId, name, isDeleting, dtDeleted }) => ({
      id,
      team: teamId,
      attempt: `${projectId}/${name}`,
      isAlive: !isDeleting && dtDeleted === null,
    })),
  actors: (driver, tenants) => new DeploymentActors(driver, tenants),
};

/** The numbers that the cloud may choose by itself. */
function scaledBetween({ spec }: RunRecord): number[] {
  const { replicas: least, autoscaling } = meaningOf(spec.data);
  const most = Math.max(least, autoscaling?.maxReplicas ?? least);
  return Array.from({ length: most - least + 1 }, (_, i) => least + i);
}

/** The Secret of an object, and the one that all objects of its namespace may use, by the key of either. */
const secretOf = (key: string) => `hub-${nameOf(key)}`;
const sharedBy = (key: string) => `${namespaceOf(key)}/shared`;

export class DeploymentActors implements Actors<Object_> {
  readonly requests = [ANNOTATION.restartRequestedAt, ANNOTATION.reconcileRequestedAt];
  readonly lenient = { onExternalDeletion: "Recreate" } as const;
  readonly #driver: VirtualDriver<Object_>;
  readonly #tenants: readonly Tenant[];
  readonly #keys: readonly string[];
  readonly #checks: DeploymentChecks;
  #isCalm = false;

  constructor(driver: VirtualDriver<Object_>, tenants: readonly Tenant[]) {
    this.#driver = driver;
    this.#tenants = tenants;
    this.#keys = keysOf(tenants);
    this.#checks = new DeploymentChecks(driver, tenants);
    for (const key of this.#secrets()) this.#rotate(key, "first");
    for (const { namespace } of tenants) this.#changeSettings(namespace, "info");
    for (const project of this.#projects()) this.#takeName(project, "foreign");
  }

  spec(key: string, dice: Dice): Partial<Object_["spec"]> {
    const secretKeyRef = { name: secretOf(dice.chance(0.3) ? sharedBy(key) : key), key: "token" };
    return {
      projectId: this.#tenant(key).project,
      image: dice.of(...IMAGES),
      replicas: dice.of(0, 1, 2),
      ...(dice.chance(0.4) && anyPlacement(dice)),
      rollback: dice.of("None", "OnFailure"),
      progressDeadlineSeconds: dice.of(60, 300, 900),
      onExternalDeletion: dice.of("Stall", "Recreate"),
      ...(dice.chance(0.3) && { name: dice.of(...CLOUD_NAMES) }),
      env: [
        { name: "OBJECT", value: key },
        ...(dice.chance(0.7) ? [{ name: "TOKEN", valueFrom: { secretKeyRef } }] : []),
        ...(dice.chance(0.3)
          ? [{ name: "LEVEL", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } }]
          : []),
      ],
      ...(dice.chance(0.3) && { healthChecks: { liveness: { path: "/", port: 8080 } } }),
      ...(dice.chance(0.3) && { basicAuthSecretRef: secretKeyRef }),
      ...(dice.chance(0.3) && {
        autoscaling: {
          enabled: dice.chance(0.5),
          maxReplicas: 3,
          metrics: [{ metric: "cpu" as const, value: 80 }],
        },
      }),
    };
  }

  edit(key: string, object: Object_, dice: Dice): object {
    const { env, healthChecks, autoscaling } = this.spec(key, dice);
    return dice.of<object>(
      { image: dice.of(...IMAGES) },
      { image: dice.of(...IMAGES) },
      { image: dice.of(...IMAGES) },
      { replicas: dice.of(0, 1, 2) },
      { enabled: dice.chance(0.7) },
      { name: dice.of(...CLOUD_NAMES, "foreign") },
      { name: null },
      { env },
      { healthChecks: healthChecks ?? null, autoscaling: autoscaling ?? null },
      { rollback: dice.of("None", "OnFailure") },
      { onExternalDeletion: dice.of("Stall", "Recreate") },
      this.#placementEdit(key, object, dice),
      { command: dice.of<unknown>(["run"], null) },
    );
  }

  /** Another choice, or an end of it; then what the user does is not judged as a move. */
  #placementEdit(key: string, { spec }: Object_, dice: Dice): object {
    if (spec.adoptId !== undefined) return { machineType: dice.of(...TYPES) };
    this.#checks.replaced.add(key);
    return spec.placement && dice.chance(0.5)
      ? { placement: null, machineType: dice.of(...TYPES) }
      : { ...anyPlacement(dice), machineType: null };
  }

  plain(key: string): Partial<Object_["spec"]> {
    this.#rotate(key, "first");
    const secretKeyRef = { name: secretOf(key), key: "token" };
    return {
      projectId: this.#tenant(key).project,
      image: "acme/model:9",
      env: [
        { name: "OBJECT", value: key },
        { name: "TOKEN", valueFrom: { secretKeyRef } },
        { name: "LEVEL", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } },
      ],
    };
  }

  makeForeign(key: string, dice: Dice): string {
    const name = `foreign-${Math.floor(dice.random() * 1_000)}`;
    const { project } = this.#tenant(key);
    return this.#driver.sim.console.deployments.create(project, { name }, { settled: true }).id;
  }

  /** The API server refuses a placement beside adoptId. */
  adoptable(_id: string, spec: Partial<Object_["spec"]>): Partial<Object_["spec"]> {
    const { placement, machineType, ...others } = spec;
    return placement ? others : { ...others, ...(machineType && { machineType }) };
  }

  async deleting(key: string, { metadata }: Object_, dice?: Dice): Promise<void> {
    if (dice?.chance(0.15)) await this.#driver.edit(key, { spec: { deletionPolicy: "Orphan" } });
    if (this.#driver.get(key)?.spec.deletionPolicy === "Orphan")
      this.#checks.orphaning.add(metadata.uid ?? "");
  }

  act(what: string, key: string, object: Object_ | undefined, dice: Dice): void {
    const { sim } = this.#driver;
    const { namespace, project } = this.#tenant(key);
    switch (what) {
      case "rotate":
        return this.#rotate(dice.chance(0.3) ? sharedBy(key) : key, `value-${dice.random()}`);
      case "the Secret goes":
        return this.#loseSecret(dice.chance(0.3) ? sharedBy(key) : key);
      case "the settings change":
        return this.#changeSettings(namespace, dice.of("info", "debug"));
      case "a configuration will be refused":
        return void sim.faults.add({
          match: { method: "POST", path: "/deployments$", times: dice.of(1, 3) },
          do: { status: dice.of(400, 409, 422) },
        });
      case "an image succeeds or fails":
        return sim.console.deployments.setImageFate(
          dice.of(...FATES),
          dice.of("pull", "crash", "unready", null),
        );
      case "hardware is scarce":
        for (const type of TYPES) sim.world.setCapacity(type, REGION, dice.of(0, 0, 1, 2, null));
        return;
      case "an autoscaler begins":
        return this.#autoscale(key, dice, dice.of(3, 10, 40));
      case "console: takes a name":
        return this.#takeName(project, dice.of(...CLOUD_NAMES));
      default:
        return this.#console(what, object, dice);
    }
  }

  /** What another actor does to a deployment, and what the cluster does by itself. */
  #console(what: string, object: Object_ | undefined, dice: Dice): void {
    const { sim } = this.#driver;
    const { deployments } = sim.console;
    const deployment = this.#checks.alive().find(({ id }) => id === object?.status?.id);
    if (!deployment || deployment.isDeleting || !object) return;
    const { id, runs } = deployment;
    switch (what) {
      case "console: edit":
        return deployments.edit(
          id,
          dice.of<Parameters<typeof deployments.edit>[1]>(
            { image: "acme/changed:1" },
            { env: [] },
            { resources: { replicas: 3 } },
            { basicAuthKey: "a-key" },
            { image: dice.of(...IMAGES) },
          ),
        );
      case "console: switch":
        return deployments.enable(id, dice.chance(0.3));
      case "console: the same once more":
        return deployments.edit(id, {});
      case "console: delete":
        return object.spec.onExternalDeletion === "Recreate" ? deployments.delete(id) : undefined;
      case "console: secrets":
        return sim.world.secrets.clear();
      case "console: hold":
        return deployments.hold(id, dice.of(...HOLDS, null));
      case "an instance crashes":
        if (runs.some((run) => !run.isEnding && run.instances.some((one) => !one.dtFinished)))
          deployments.crash(id, { startsOver: dice.chance(0.7) });
        return;
      case "instances recover":
        return deployments.recover(id);
      case "the cloud scales": {
        const run = runs.findLast(({ isEnding }) => !isEnding);
        if (run) deployments.autoscale(id, dice.of(...scaledBetween(run)));
        return;
      }
    }
  }

  /** A HorizontalPodAutoscaler: it writes the number every now and then, whatever state the rollout is in. */
  #autoscale(key: string, dice: Dice, times: number): void {
    if (times === 0 || this.#isCalm) return;
    const { name, namespace } = { name: nameOf(key), namespace: namespaceOf(key) };
    const { world } = this.#driver;
    const object = this.#driver.get(key);
    if (object && !object.metadata.deletionTimestamp && object.spec.replicas > 0)
      world.deployments.edit(name, { spec: { replicas: dice.of(1, 2, 3) } }, world.kube, namespace);
    world.clock.after(dice.of(15_000, 45_000, 120_000), () => this.#autoscale(key, dice, times - 1));
  }

  #tenant(key: string): Tenant {
    const tenant = this.#tenants.find(({ namespace }) => namespace === namespaceOf(key));
    if (!tenant) throw new Error(`${key} is of no tenant`);
    return tenant;
  }

  #projects(): string[] {
    return [...new Set(this.#tenants.map(({ project }) => project))];
  }

  #rotate(key: string, value: string): void {
    this.#checks.values.set(key, value);
    keep(this.#driver.world, secretOf(key), { token: value }, undefined, namespaceOf(key));
  }

  #loseSecret(key: string): void {
    if (this.#checks.values.delete(key)) drop(this.#driver.world, secretOf(key), "Secret", namespaceOf(key));
  }

  /** Keys of all Secrets that objects use. */
  #secrets(): string[] {
    return [...new Set(this.#keys.flatMap((key) => [key, sharedBy(key)]))];
  }

  #changeSettings(namespace: string, level: string): void {
    this.#checks.levels.set(namespace, level);
    configMap(this.#driver.world, "settings", { level }, namespace);
  }

  #takeName(project: string, name: string): void {
    if (this.#checks.alive().some((one) => one.projectId === project && one.name === name)) return;
    const made = this.#driver.sim.console.deployments.create(project, { name }, { settled: true });
    this.#checks.foreign.set(made.id, made.specs.length);
  }

  check(): void {
    this.#checks.checkOnePerObject();
    this.#checks.checkPlacements();
  }

  /** Images stay as they are: a failed rollout has to be reported as one. */
  calm(): void {
    this.#isCalm = true;
    for (const type of TYPES) this.#driver.sim.world.setCapacity(type, REGION, null);
    const { deployments } = this.#driver.sim.console;
    for (const key of this.#secrets()) this.#rotate(key, this.#checks.values.get(key) ?? "back again");
    for (const { id, isDeleting } of this.#checks.alive()) {
      if (isDeleting) continue;
      deployments.hold(id, null);
      deployments.recover(id);
    }
  }

  isSettled(key: string): boolean {
    return this.#checks.isSettled(key);
  }

  /** A good spec repairs whatever was wrong with the one before it. */
  async correct(): Promise<void> {
    const driver = this.#driver;
    for (const fate of FATES) driver.sim.console.deployments.setImageFate(fate, null);
    const good = { image: "acme/model:9", enabled: true, replicas: 1, progressDeadlineSeconds: 900 };
    for (const key of this.#keys)
      if (driver.get(key))
        await driver.edit(key, { spec: { ...good, name: `end-of-${key.replace("/", "-")}` } });
  }

  isAsDeclared(key: string): boolean {
    const object = this.#driver.get(key);
    return !object || (isReady(object) && this.#checks.isAsDeclared(key, object));
  }

  checkNothingLeaked(): void {
    this.#checks.checkNothingLeaked();
  }
}
