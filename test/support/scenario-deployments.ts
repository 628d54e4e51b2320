/**
 * Random scenarios of deployments: users edit and rotate secrets, the console interferes, images fail, the cloud and
 * the cluster fail, processes are killed. In the end each object has its deployment and reports it correctly, and
 * nothing is left of those that are gone.
 */
import fc from "fast-check";
import { type Behaviour, CHOICES } from "../../dev/simulator/world/behaviour.ts";
import { HOLDS } from "../../dev/simulator/world/deployment-records.ts";
import { ApiError } from "../../dev/simulator/world/errors.ts";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { cloudFault, Dice } from "./scenario.ts";
import { DeploymentScenarioChecks } from "./scenario-deployments-checks.ts";
import { configMap, drop, isReady, keep, PROJECT } from "./scenario-world-deployments.ts";
import type { VirtualDriver } from "./virtual-driver.ts";

type Object_ = PaperspaceDeployment;

/** What happens more often is listed more often. */
const WHAT = [
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "apply or edit",
  "delete",
  "request by annotation",
  "replace without annotations",
  "halt",
  "rotate",
  "rotate",
  "the Secret goes",
  "the settings change",
  "console: edit",
  "console: edit",
  "console: switch",
  "console: the same once more",
  "console: delete",
  "console: takes a name",
  "console: secrets",
  "console: hold",
  "an image succeeds or fails",
  "an image succeeds or fails",
  "an instance crashes",
  "instances recover",
  "a configuration will be refused",
  "cloud fault",
  "cloud fault",
  "cloud fault",
  "streams are cut",
  "the operator is killed",
  "the operator is killed",
] as const;

const NAMES = ["ada", "bob"] as const;
const IMAGES = [
  "acme/model:1",
  "acme/model:2",
  "acme/model:3",
  "acme/does-not-exist:1",
  "acme/invalid-config:1",
];
const CLOUD_NAMES = ["ada", "bob", "shared", "free"];

interface ScenarioStep {
  what: (typeof WHAT)[number];
  who: (typeof NAMES)[number];
  dice: number;
  thenMs: number;
}

export interface DeploymentScenario {
  seed: number;
  behaviour: Partial<Behaviour>;
  steps: ScenarioStep[];
}

/** Switches that a deployment's lifecycle depends on. */
const SWITCHES =
  /^(storedDefaults|storedHealth|storedApi|basicAuthKeyShown|newRun|finishedInstances|disabledHealthy|missingSecret|identicalConfig|unknownDeploymentId|secretNameTaken|deleteUsedSecret|pageStability|nextPage|errorField|deletedM|liveDt)/;

const behaviours = fc.record({
  ...Object.fromEntries(
    Object.entries(CHOICES)
      .filter(([name]) => SWITCHES.test(name))
      .map(([name, values]) => [name, fc.constantFrom<unknown>(...values)]),
  ),
  jitter: fc.constantFrom(0, 0.5),
  staleSpecMs: fc.constantFrom(0, 0, 3_000, 20_000),
  getAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
  listAfterCreateMissMs: fc.constantFrom(0, 0, 20_000),
  deploymentDeleteMs: fc.constantFrom(0, 0, 40_000),
  appliedMs: fc.constantFrom(0, 4_000, 60_000),
}) as fc.Arbitrary<Partial<Behaviour>>;

/** An upsert that makes another deployment which cannot be read: its owner could not be determined. */
const isIdentifiable = ({ unknownDeploymentId, getAfterCreateMissMs }: Partial<Behaviour>) =>
  unknownDeploymentId !== "byName" || getAfterCreateMissMs === 0;

export const deploymentScenarios: fc.Arbitrary<DeploymentScenario> = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 }),
  behaviour: behaviours.filter(isIdentifiable),
  steps: fc.array(
    fc.record({
      what: fc.constantFrom(...WHAT),
      who: fc.constantFrom(...NAMES),
      dice: fc.nat(),
      thenMs: fc.constantFrom(0, 100, 5_000, 30_000, 120_000),
    }),
    { minLength: 10, maxLength: 30 },
  ),
});

export class DeploymentScenarioRun {
  readonly #driver: VirtualDriver<Object_>;
  readonly #steps: readonly ScenarioStep[];
  readonly #checks: DeploymentScenarioChecks;

  constructor(driver: VirtualDriver<Object_>, { steps }: DeploymentScenario) {
    this.#driver = driver;
    this.#checks = new DeploymentScenarioChecks(driver, NAMES);
    this.#steps = steps;
    for (const name of NAMES) this.#rotate(name, "first");
    configMap(driver.world, "settings", { level: "info" });
    this.#takeName("foreign");
  }

  /** Rejects where an invariant is violated or it does not settle. */
  async run(): Promise<void> {
    for (const step of this.#steps) {
      await this.#perform(step).catch((error: unknown) => {
        // The console refuses what the API would refuse, such as an edit of what is being deleted.
        if (!(error instanceof ApiError)) throw error;
      });
      await this.#driver.pass(step.thenMs);
      this.#checks.checkOnePerObject();
    }
    await this.#quiet();
    await this.#driver.until("all report correctly", () =>
      NAMES.every((name) => this.#checks.isSettled(name)),
    );
    await this.#recover();
    await this.#end();
  }

  async #perform({ what, who, dice: seed }: ScenarioStep): Promise<void> {
    const driver = this.#driver;
    const { world } = driver;
    const dice = new Dice(seed);
    const object = driver.get(who);
    switch (what) {
      case "apply or edit":
        return object ? this.#edit(who, dice) : driver.apply(who, this.#spec(who, dice));
      case "delete":
        return object && this.#delete(who, object, dice);
      case "request by annotation": {
        const { restartRequestedAt, reconcileRequestedAt } = ANNOTATION;
        const asked = { [dice.of(restartRequestedAt, reconcileRequestedAt)]: String(dice.random()) };
        return object && driver.edit(who, { metadata: { annotations: asked } });
      }
      case "replace without annotations":
        return object && driver.edit(who, { metadata: { annotations: null } });
      case "halt": {
        const halt = dice.of(ANNOTATION.paused, ANNOTATION.dryRun);
        return (
          object && driver.edit(who, { metadata: { annotations: { [halt]: dice.of("true", "false") } } })
        );
      }
      case "rotate":
        return this.#rotate(who, `value-${seed}`);
      case "the Secret goes":
        if (this.#checks.values.delete(who)) drop(world, `hub-${who}`);
        return;
      case "the settings change":
        return configMap(world, "settings", { level: dice.of("info", "debug") });
      case "cloud fault":
        return cloudFault(driver, dice);
      case "a configuration will be refused":
        return void driver.sim.faults.add({
          match: { method: "POST", path: "/deployments$", times: dice.of(1, 3) },
          do: { status: dice.of(400, 409, 422) },
        });
      case "streams are cut":
        return driver.cutStreams();
      case "the operator is killed":
        return driver.replaceOperator();
      default:
        return this.#console(what, object, dice);
    }
  }

  #spec(who: string, dice: Dice): Partial<Object_["spec"]> {
    const secretKeyRef = { name: `hub-${who}`, key: "token" };
    return {
      image: dice.of(...IMAGES),
      replicas: dice.of(0, 1, 2),
      rollback: dice.of("None", "OnFailure"),
      progressDeadlineSeconds: dice.of(60, 300, 900),
      onExternalDeletion: dice.of("Stall", "Recreate"),
      ...(dice.chance(0.3) && { name: dice.of(...CLOUD_NAMES) }),
      env: [
        { name: "OBJECT", value: who },
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

  #edit(who: string, dice: Dice): Promise<void> {
    const { env, healthChecks, autoscaling } = this.#spec(who, dice);
    const spec = dice.of<object>(
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
      { command: dice.of<unknown>(["run"], null) },
    );
    return this.#driver.edit(who, { spec });
  }

  async #delete(who: string, { metadata }: Object_, dice: Dice): Promise<void> {
    if (metadata.deletionTimestamp) return;
    const isOrphan = dice.chance(0.15);
    if (isOrphan) await this.#driver.edit(who, { spec: { deletionPolicy: "Orphan" } });
    if (isOrphan || this.#driver.get(who)?.spec.deletionPolicy === "Orphan")
      this.#checks.orphaning.add(metadata.uid ?? "");
    return this.#driver.delete(who);
  }

  #rotate(who: string, value: string): void {
    this.#checks.values.set(who, value);
    keep(this.#driver.world, `hub-${who}`, { token: value });
  }

  /** What another actor does, and what the cluster does by itself. */
  async #console(what: ScenarioStep["what"], object: Object_ | undefined, dice: Dice): Promise<void> {
    const { sim } = this.#driver;
    const { deployments } = sim.console;
    if (what === "an image succeeds or fails")
      return deployments.setImageFate(
        dice.of("model:2", "model:3", "does-not-exist"),
        dice.of("pull", "crash", "unready", null),
      );
    if (what === "console: takes a name") return this.#takeName(dice.of(...CLOUD_NAMES));
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
    }
  }

  #takeName(name: string): void {
    if (this.#checks.alive().some((one) => one.name === name)) return;
    const made = this.#driver.sim.console.deployments.create(PROJECT, { name }, { settled: true });
    this.#checks.foreign.set(made.id, made.specs.length);
  }

  /** All faults end, but images stay as they are. */
  async #quiet(): Promise<void> {
    const driver = this.#driver;
    const { sim } = driver;
    driver.calm();
    sim.faults.clear();
    for (const [who] of this.#checks.values) this.#rotate(who, `${this.#checks.values.get(who)}`);
    for (const who of NAMES) if (!this.#checks.values.has(who)) this.#rotate(who, "back again");
    for (const { id, isDeleting } of this.#checks.alive()) {
      if (isDeleting) continue;
      sim.console.deployments.hold(id, null);
      sim.console.deployments.recover(id);
    }
    for (const name of NAMES) {
      if (!driver.get(name)) continue;
      const { paused, dryRun, reconcileRequestedAt } = ANNOTATION;
      const annotations = { [paused]: null, [dryRun]: null, [reconcileRequestedAt]: "the end" };
      await driver.edit(name, { metadata: { annotations }, spec: { onExternalDeletion: "Recreate" } });
    }
  }

  /** A good spec repairs whatever was wrong with the one before it. */
  async #recover(): Promise<void> {
    const driver = this.#driver;
    for (const fate of ["model:2", "model:3", "does-not-exist"])
      driver.sim.console.deployments.setImageFate(fate, null);
    const good = { image: "acme/model:9", enabled: true, replicas: 1, progressDeadlineSeconds: 900 };
    for (const name of NAMES)
      if (driver.get(name)) await driver.edit(name, { spec: { ...good, name: `the-end-of-${name}` } });
    const isWell = (object: Object_ | undefined) =>
      !object || (isReady(object) && this.#checks.isAsDeclared(object));
    await driver.until("all are Ready again", () => NAMES.every((name) => isWell(driver.get(name))));
    this.#checks.checkNothingLeaked();
  }

  /** All objects are deleted, with all their resources. */
  async #end(): Promise<void> {
    for (const name of NAMES) {
      const object = this.#driver.get(name);
      if (object?.spec.deletionPolicy === "Orphan") this.#checks.orphaning.add(object.metadata.uid ?? "");
      if (object) await this.#driver.delete(name);
    }
    await this.#driver.until("all are gone", () => NAMES.every((name) => !this.#driver.get(name)));
    this.#checks.checkNothingLeaked();
  }
}
