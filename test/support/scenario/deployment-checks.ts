/**
 * What must hold in a random scenario of deployments, while it runs and in the end, checked against the simulator's own
 * state.
 */
import { meaningOf, secretNames } from "../../../dev/simulator/world/deployment-config.ts";
import type { DeploymentRecord } from "../../../dev/simulator/world/deployment-records.ts";
import type { PaperspaceDeployment } from "../../../src/kinds/deployment/types.ts";
import { parseRecord } from "../../../src/reconcile/record.ts";
import { isReady, projectSecrets } from "../scenario-world-deployments.ts";
import { checkPlacement } from "./deployment-placements.ts";
import { namespaceOf } from "./driver.ts";
import { keysOf, type Tenant } from "./kind.ts";
import type { VirtualDriver } from "./virtual-driver.ts";

type Object_ = PaperspaceDeployment;

export class DeploymentChecks {
  readonly #driver: VirtualDriver<Object_>;
  readonly #tenants: readonly Tenant[];
  readonly #keys: readonly string[];
  /** Made in the console, with how many specs each had when the console touched it last. */
  readonly foreign = new Map<string, number>();
  /** UIDs of objects that were released with their resources. */
  readonly orphaning = new Set<string>();
  /** By key: what the Secret of the object holds, and by the key of a namespace's shared one what that holds. */
  readonly values = new Map<string, string>();
  /** By namespace: what its ConfigMap holds. */
  readonly levels = new Map<string, string>();

  /** Keys of objects whose machine type or placement a user has changed. */
  readonly replaced = new Set<string>();

  constructor(driver: VirtualDriver<Object_>, tenants: readonly Tenant[]) {
    this.#driver = driver;
    this.#tenants = tenants;
    this.#keys = keysOf(tenants);
  }

  alive(): DeploymentRecord[] {
    return [...this.#driver.sim.world.deployments.values()].filter(({ dtDeleted }) => dtDeleted === null);
  }

  /** The first configuration of a deployment contains its owner. */
  #madeBy({ specs: [first] }: DeploymentRecord): string | undefined {
    return first?.data.env?.find(({ name }) => name === "OBJECT")?.value;
  }

  /** Those that were left behind on purpose. */
  #orphans(): DeploymentRecord[] {
    const uids =
      [...this.#driver.sim.world.deployments.keys()].length > 0 ? this.orphaning : new Set<string>();
    const released = this.#driver.world.kube.storage.events
      .filter(
        ({ of, type, object }) =>
          of.plural === "paperspacedeployments" && type === "DELETED" && uids.has(object.metadata.uid ?? ""),
      )
      .flatMap(({ object }) => {
        const record = parseRecord(object.metadata);
        // Another actor may have changed the annotations just before.
        return (object as Object_).status?.id ?? (record.state === "read" ? record.value.id : []);
      });
    return this.alive().filter(({ id }) => released.includes(id));
  }

  checkOnePerObject(): void {
    const orphans = this.#orphans().map(({ id }) => id);
    for (const key of this.#keys) {
      const mine = this.alive().filter(
        (one) =>
          this.#madeBy(one) === key &&
          !one.isDeleting &&
          !orphans.includes(one.id) &&
          !this.foreign.has(one.id),
      );
      if (mine.length > 1)
        throw new Error(`${key} has ${mine.length} deployments: ${mine.map(({ id }) => id)}`);
    }
    // A hostile tenant adopts what nobody owns, and may: who touches what is judged in ownership.ts.
    if (this.#tenants.some(({ isHostile }) => isHostile)) return;
    for (const [id, specs] of this.foreign) {
      const one = this.#driver.sim.world.deployments.get(id);
      if (one?.dtDeleted || one?.isDeleting) throw new Error(`a foreign deployment ${id} was deleted`);
      // Lists lack what is new: then an upsert of the name meets it, once, and the object reports that it belongs to another.
      if (one && one.specs.length > specs + this.#keys.length)
        throw new Error(`a foreign deployment ${id} was changed again and again`);
    }
  }

  /** Of those whose placement is the user's first: what a user changes is no move. */
  checkPlacements(): void {
    for (const key of this.#keys) {
      const object = this.#driver.get(key);
      const mine = this.alive().find(({ id }) => id === object?.status?.id);
      if (object && mine && !this.replaced.has(key)) checkPlacement(object, mine);
    }
  }

  /** Ready and as declared, or stalled for a reason that holds. */
  isSettled(key: string): boolean {
    const object = this.#driver.get(key);
    if (!object) return true;
    const { metadata, status } = object;
    if (metadata.deletionTimestamp) return false;
    if (isReady(object)) return this.isAsDeclared(key, object);
    const stalled = status?.conditions?.find(({ type }) => type === "Stalled");
    if (stalled?.status !== "True" || stalled.observedGeneration !== metadata.generation) return false;
    return this.#holds(stalled.reason ?? "", key, object);
  }

  /** Whether the reason that an object reports is true. */
  #holds(reason: string, key: string, object: Object_): boolean {
    const { spec, status } = object;
    const mine = this.alive().find(({ id }) => id === status?.id);
    const latest = mine?.specs.at(-1);
    const name = spec.name ?? object.metadata.name;
    switch (reason) {
      case "AlreadyExists":
        return this.alive().some(
          (one) => one.projectId === spec.projectId && one.name === name && one !== mine,
        );
      case "ProgressDeadlineExceeded":
        return latest?.dtHealthy === null && this.#differences(key, object).length === 0;
      case "ConfigurationRejected":
        return !!latest?.error && latest.externalApplied === null;
      case "RolledBack":
        // Not the image alone: what failed may be a rotated value of the same one.
        return (
          spec.rollback === "OnFailure" &&
          // Of what was healthy, more instances may be still to come.
          (latest?.dtHealthy !== null || status?.history?.[0]?.healthyAt !== undefined) &&
          this.#differences(key, object).length > 0
        );
      case "RollbackFailed":
        return spec.rollback === "OnFailure" && latest?.dtHealthy === null;
      case "Degraded":
        return mine?.runs.findLast((run) => !run.isEnding)?.instances.some((one) => !one.isReady) === true;
      default:
        return false;
    }
  }

  isAsDeclared(key: string, object: Object_): boolean {
    const { spec, status } = object;
    const mine = this.alive().find(({ id }) => id === status?.id);
    if (!mine || this.#differences(key, object).length > 0) return false;
    const runs = mine.runs.filter((run) => !run.dtFinished);
    if (!spec.enabled || spec.replicas === 0) return runs.length === 0;
    // What was healthy with another number needs no new mark.
    const serving = runs.at(-1)?.instances.filter(({ isReady }) => isReady).length ?? 0;
    return mine.specs.at(-1)?.dtHealthy !== null || serving >= spec.replicas;
  }

  /** Fields of the spec that the simulator's deployment does not have. */
  #differences(key: string, object: Object_): string[] {
    const { metadata, spec, status } = object;
    const mine = this.alive().find(({ id }) => id === status?.id);
    const data = mine?.specs.at(-1)?.data;
    if (!mine || !data) return ["all"];
    const namespace = namespaceOf(key);
    const valueIn = (text: string | undefined) => {
      const name = /^secret:(.*)$/.exec(text ?? "")?.[1];
      if (name === undefined) return text;
      const secrets = [...this.#driver.sim.world.secrets.values()];
      return secrets.find((one) => one.projectId === mine.projectId && one.name === name)?.value;
    };
    /** Secrets of scenarios are named `hub-` and the name of an object. */
    const secretValue = ({ name }: { name: string }) => this.values.get(`${namespace}/${name.slice(4)}`);
    const env = (spec.env ?? []).map(({ name, value, valueFrom }) => {
      if (valueFrom?.secretKeyRef) return `${name}=${secretValue(valueFrom.secretKeyRef)}`;
      return `${name}=${valueFrom?.configMapKeyRef ? this.levels.get(namespace) : value}`;
    });
    const auth = spec.basicAuthSecretRef && secretValue(spec.basicAuthSecretRef);
    const pairs: Record<string, [unknown, unknown]> = {
      name: [spec.name ?? metadata.name, mine.name],
      image: [spec.image, data.image],
      enabled: [spec.enabled, data.enabled ?? true],
      replicas: [spec.replicas, data.resources.replicas ?? 1],
      machineType: [spec.machineType ?? chosen(object), data.resources.machineType],
      command: [spec.command?.join(), data.command?.join()],
      liveness: [!!spec.healthChecks?.liveness, !!meaningOf(data).checks.liveness],
      basicAuthKey: [auth, valueIn(data.basicAuthKey)],
      env: [
        env.sort().join(),
        (data.env ?? [])
          .map(({ name, value }) => `${name}=${valueIn(value)}`)
          .sort()
          .join(),
      ],
      autoscaling: [
        !!spec.autoscaling?.enabled,
        !!data.resources.autoscaling && data.resources.autoscaling.enabled !== false,
      ],
    };
    const isOff = (!spec.enabled || spec.replicas === 0) && !(data.enabled && data.resources.replicas !== 0);
    const different = Object.keys(pairs).filter((field) => pairs[field]?.[0] !== pairs[field]?.[1]);
    // Switched off is one state, however it is declared.
    return isOff
      ? different.filter((field) => !["enabled", "replicas", "autoscaling"].includes(field))
      : different;
  }

  checkNothingLeaked(): void {
    const orphans = this.#orphans();
    const objects = this.#keys.flatMap((key) => asList(this.#driver.get(key)));
    const owned = [
      ...objects.flatMap(({ status }) => status?.id ?? []),
      ...orphans.map(({ id }) => id),
      ...this.foreign.keys(),
    ];
    const there = this.alive().map(({ id }) => id);
    if (there.toSorted().join() !== owned.toSorted().join())
      throw new Error(`deployments ${there.join()} where ${owned.join()} are accounted for`);
    const known = new Set([
      ...objects.flatMap(({ status }) => status?.secrets ?? []),
      ...orphans.flatMap(({ specs }) => specs.flatMap(({ data }) => secretNames(data))),
      // One that a foreign deployment has come to need may stay.
      ...this.alive()
        .filter(({ id }) => this.foreign.has(id))
        .flatMap(({ specs }) => specs.flatMap(({ data }) => secretNames(data))),
    ]);
    const projects = [...new Set(this.#tenants.map(({ project }) => project))];
    const strays = projects
      .flatMap((project) => projectSecrets(this.#driver.world, project))
      .filter((name) => name.startsWith("k8s_") && !known.has(name));
    // The secrets of an orphaned object are not recorded anywhere any more.
    if (strays.length > 0 && this.orphaning.size === 0)
      throw new Error(`project secrets ${strays.join()} are leaked`);
    this.checkOnePerObject();
  }
}

/** Of the candidates that are declared now. */
function chosen({ spec, status }: Object_): string | undefined {
  const type = status?.placement?.chosen?.machineType;
  return spec.placement?.candidates.find(({ machineType }) => machineType === type)?.machineType;
}

function asList(object: Object_ | undefined): Object_[] {
  return object ? [object] : [];
}
