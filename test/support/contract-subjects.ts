/**
 * The kinds that are put under their contract (checked-kind.ts), alike: a table of how each is changed, adopted and deleted
 * outside of the cluster, and of the lives that only it has.
 */
import { deployment } from "../../src/kinds/deployment/index.ts";
import { machine } from "../../src/kinds/machine/index.ts";
import type { KindRegistration } from "../../src/kinds/registration.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { SPEC as DEPLOYMENT_SPEC } from "../decide/deployment/spec.ts";
import type { KindContract, KindTraits } from "./checked-kind.ts";
import {
  BAD_IMAGE,
  deletes,
  edit,
  keep,
  PROJECT,
  projectSecrets,
  reason,
} from "./scenario-world-deployments.ts";
import { project } from "./third-kind.ts";
import type { VirtualObjects } from "./virtual-objects.ts";
import { SPEC as MACHINE_SPEC, type VirtualWorld, type WorldOptions } from "./virtual-world.ts";

/** The name of the object of each life. */
export const NAME = "box";
const TEAM = "te-alpha";

type Life = (world: VirtualWorld) => Promise<void>;

export interface Subject {
  registration: KindRegistration<never>;
  traits: KindTraits;
  /** Objects of the kind; `spec` of an applied one. */
  objects(world: VirtualWorld): VirtualObjects<ManagedObject>;
  /** The end of the path that a create goes to. */
  createPath: string;
  /** A spec that differs from that of an applied object. */
  changed: object;
  /** Makes one in the account, which an object may adopt; its id. */
  makeElsewhere(world: VirtualWorld): string;
  deleteElsewhere(world: VirtualWorld, id: string): void;
  /** Lives beside those of every kind. */
  lives: Readonly<Record<string, Life>>;
  /** The steps of the kind's own: all of them are performed in its lives. */
  steps: readonly string[];
}

const objectsOf =
  (registration: unknown, spec: object) =>
  (world: VirtualWorld): VirtualObjects<ManagedObject> =>
    world.objects(registration as KindRegistration<ManagedObject>, spec as ManagedObject["spec"]);

const annotate = (world: VirtualWorld, name: keyof typeof ANNOTATION, value: string) =>
  world.edit(NAME, { metadata: { annotations: { [ANNOTATION[name]]: value } } });

const machineLives: Readonly<Record<string, Life>> = {
  "power: off, on, and a restart on request": async (world) => {
    world.apply(NAME);
    await world.ready(NAME);
    for (const powerState of ["Stopped", "Running"]) {
      world.edit(NAME, { spec: { powerState } });
      await world.ready(NAME);
    }
    annotate(world, "restartRequestedAt", "1");
    await world.until("it is noted", () => world.get(NAME)?.status?.handled?.restart === "1");
    await world.ready(NAME);
    world.edit(NAME, { spec: { powerState: "Stopped" } });
    await world.ready(NAME);
    annotate(world, "restartRequestedAt", "2");
    await world.until("it is ignored", () => world.get(NAME)?.status?.handled?.restart === "2");
  },
  "power: a start whose answer is lost": async (world) => {
    world.apply(NAME, { powerState: "Stopped" });
    await world.ready(NAME);
    world.sim.faults.add({ match: { method: "PATCH", path: "start$", times: 1 }, do: { cut: "after" } });
    world.edit(NAME, { spec: { powerState: "Running" } });
    await world.ready(NAME);
  },
  "power: a start without free hardware": async (world) => {
    world.apply(NAME, { powerState: "Stopped" });
    await world.ready(NAME);
    world.sim.world.setCapacity("A4000", "ny2", 0);
    world.edit(NAME, { spec: { powerState: "Running" } });
    await world.clock.advance(10 * 60_000);
    world.sim.world.setCapacity("A4000", "ny2", null);
    await world.ready(NAME);
  },
  "a resize that stops and starts": async (world) => {
    world.apply(NAME, { resizePolicy: "StopAndResize" });
    await world.ready(NAME);
    world.edit(NAME, { spec: { machineType: "A5000", diskSize: 100 } });
    await world.ready(NAME);
  },
  "a resize after a snapshot whose answer is lost": async (world) => {
    world.apply(NAME, { resizePolicy: "StopAndResize", snapshotBeforeResize: true });
    await world.ready(NAME);
    world.sim.faults.add({ match: { method: "POST", path: "/snapshots", times: 1 }, do: { cut: "after" } });
    world.edit(NAME, { spec: { diskSize: 100 } });
    await world.ready(NAME);
  },
  "script, accessors, desktop and address": async (world) => {
    const scripts = ["one", "two"].map((name) => world.script(name));
    world.apply(NAME, {
      templateId: "tdesk22u",
      publicIpType: "static",
      publicIpReleasePolicy: "Release",
      desktopSecretRef: { name: "desktop" },
      accessors: { userIds: ["ualphauser1"] },
      ...(scripts[0] && { startupScriptId: scripts[0] }),
    });
    await world.ready(NAME);
    world.edit(NAME, {
      spec: { startupScriptId: scripts[1], accessors: { userIds: ["ualphaadmin"] }, desktopSecretRef: null },
    });
    await world.ready(NAME);
    world.delete(NAME);
    await world.gone(NAME);
  },
};

const valueFrom = { secretKeyRef: { name: "hub", key: "token" } };
const USING = { env: [{ name: "TOKEN", valueFrom }] };

const deploymentLives: Readonly<Record<string, Life>> = {
  "a Secret, its rotation, and no use for it any more": async (world) => {
    keep(world, "hub", { token: "first" });
    world.deployments.apply(NAME, USING);
    await world.deployments.ready(NAME);
    const [first] = projectSecrets(world);
    keep(world, "hub", { token: "second" });
    const asked = { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "1" } } };
    world.deployments.edit(NAME, asked);
    await world.until("it is stored", () => projectSecrets(world).some((name) => name !== first));
    await world.deployments.ready(NAME);
    world.deployments.delete(NAME);
    await world.deployments.gone(NAME);
  },
  "disabled, enabled, and a restart on request, which it has no use for": async (world) => {
    world.deployments.apply(NAME);
    await world.deployments.ready(NAME);
    for (const enabled of [false, true]) {
      edit(world, { enabled }, NAME);
      await world.deployments.ready(NAME);
    }
    edit(world, { enabled: false }, NAME);
    await world.deployments.ready(NAME);
    const asked = { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "1" } } };
    world.deployments.edit(NAME, asked);
    await world.until("it is noted", () => world.deployments.get(NAME)?.status?.handled?.restart === "1");
  },
  "a rollback": async (world) => {
    world.deployments.apply(NAME, { rollback: "OnFailure", progressDeadlineSeconds: 120 });
    await world.deployments.ready(NAME);
    edit(world, { image: BAD_IMAGE }, NAME);
    await world.until("it went back", () => reason(world, "Ready", NAME) === "RolledBack");
    edit(world, { image: "ghcr.io/acme/model:3" }, NAME);
    await world.deployments.ready(NAME);
  },
  "an upsert that makes another one of what is going away": async (world) => {
    world.deployments.apply(NAME);
    await world.deployments.ready(NAME);
    world.sim.world.setBehaviour({ unknownDeploymentId: "byName", deploymentDeleteMs: 20_000 });
    world.sim.console.deployments.delete(world.deployments.get(NAME)?.status?.id ?? "");
    edit(world, { image: "ghcr.io/acme/model:2" }, NAME);
    await world.until("it is deleted", () => deletes(world).length > 0);
  },
  "a name that another actor takes during the create": async (world) => {
    world.sim.faults.add({
      match: { method: "POST", path: "deployments$", times: 1 },
      do: { cut: "before" },
    });
    world.deployments.apply(NAME);
    await world.until("its create is open", () => reason(world, "Ready", NAME) === "ResolvingCreate");
    world.sim.console.deployments.create(PROJECT, { name: NAME }, { settled: true });
    await world.until("it is refused", () => reason(world, "Ready", NAME) === "AlreadyExists");
  },
};

export const SUBJECTS = {
  PaperspaceMachine: {
    registration: machine,
    traits: {
      intent: /^(PATCH \/machines\/[^/]+\/(start|stop|restart)|POST \/snapshots)$/,
      list: /^\/machines$/,
    },
    objects: objectsOf(machine, MACHINE_SPEC),
    createPath: "machines$",
    changed: { name: "renamed", autoShutdown: { enabled: true, timeoutHours: 8 } },
    makeElsewhere: ({ sim }) => sim.console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready").id,
    deleteElsewhere: ({ sim }, id) => sim.console.delete(id, true),
    lives: machineLives,
    steps: [
      "update",
      "resize",
      "snapshot",
      "start",
      "stop",
      "restart",
      "delete",
      "assign",
      "unassign",
      "grant",
      "revoke",
      "releaseAddress",
      "writeDesktop",
      "removeDesktop",
      "handle",
    ],
  },
  PaperspaceDeployment: {
    registration: deployment,
    // It has no power; what an upsert sends is found again in the same way.
    traits: { intent: /^POST \/deployments$/, list: /^\/projects\/[^/]+\/deployments$/ },
    objects: objectsOf(deployment, DEPLOYMENT_SPEC),
    createPath: "deployments$",
    changed: { name: "renamed", image: "ghcr.io/acme/model:2" },
    makeElsewhere: ({ sim }) => sim.console.deployments.create(PROJECT, { name: NAME }, { settled: true }).id,
    deleteElsewhere: ({ sim }, id) => sim.console.deployments.delete(id, true),
    lives: deploymentLives,
    steps: ["deploy", "delete", "deleteStray", "putSecret", "dropSecret", "handle"],
  },
  PaperspaceProject: {
    registration: project as unknown as KindRegistration<never>,
    traits: { list: /^\/projects$/ },
    objects: objectsOf(project, { name: "research" }),
    createPath: "projects$",
    changed: { name: "renamed" },
    makeElsewhere: ({ sim }) => sim.console.createProject(TEAM, "research").id,
    deleteElsewhere: ({ sim }, id) => sim.console.deleteProject(id),
    lives: {},
    steps: ["update", "delete"],
  },
} as const satisfies Readonly<Record<string, Subject>>;

/** A world that serves this kind under its contract, with one worker. */
export function underContract(contract: KindContract, { registration, traits }: Subject): WorldOptions {
  return {
    flags: ["--concurrency=1"],
    kinds: [contract.check(registration, traits)],
    onSending: (method, path) => contract.sending(method, path),
  };
}

/** What happens to objects of every kind. */
export const LIVES: Readonly<Record<string, (world: VirtualWorld, subject: Subject) => Promise<void>>> = {
  "a create, a change and a deletion": async (world, { objects, changed }) => {
    objects(world).apply(NAME);
    await objects(world).ready(NAME);
    objects(world).edit(NAME, { spec: changed });
    await objects(world).ready(NAME);
    objects(world).edit(NAME, { metadata: { annotations: { [ANNOTATION.reconcileRequestedAt]: "1" } } });
    await world.clock.advance(25 * 60_000);
    objects(world).delete(NAME);
    await objects(world).gone(NAME);
  },
  "a halt, and changes meanwhile": async (world, { objects, changed }) => {
    objects(world).apply(NAME);
    await objects(world).ready(NAME);
    for (const halt of [ANNOTATION.paused, ANNOTATION.dryRun]) {
      objects(world).edit(NAME, { spec: changed, metadata: { annotations: { [halt]: "true" } } });
      await world.clock.advance(10 * 60_000);
      objects(world).edit(NAME, { metadata: { annotations: { [halt]: null } } });
    }
    await objects(world).ready(NAME);
  },
  "an adoption, and a release by Orphan": async (world, { objects, makeElsewhere }) => {
    objects(world).apply(NAME, { adoptId: makeElsewhere(world) });
    await objects(world).ready(NAME);
    objects(world).apply("rival", { adoptId: objects(world).get(NAME)?.status?.id ?? "" });
    await objects(world).reports("rival", "AlreadyOwned");
    objects(world).edit(NAME, { spec: { deletionPolicy: "Orphan" } });
    objects(world).delete(NAME);
    await objects(world).gone(NAME);
  },
  "a create whose answer is lost": async (world, { objects, createPath }) => {
    world.sim.faults.add({ match: { method: "POST", path: createPath, times: 1 }, do: { cut: "after" } });
    objects(world).apply(NAME);
    await objects(world).ready(NAME);
  },
  "a create that is lost": async (world, { objects, createPath }) => {
    world.sim.faults.add({ match: { method: "POST", path: createPath, times: 1 }, do: { cut: "before" } });
    objects(world).apply(NAME);
    await objects(world).ready(NAME);
  },
  "a create, a change and a deletion that are refused at first": async (world, { objects, changed }) => {
    for (const method of ["POST", "PUT", "DELETE"]) {
      world.sim.faults.add({ match: { method, times: 1 }, do: { status: 409 } });
      world.sim.faults.add({ match: { method, times: 1 }, do: { status: 503 } });
    }
    objects(world).apply(NAME);
    await objects(world).ready(NAME);
    objects(world).edit(NAME, { spec: changed });
    await objects(world).ready(NAME);
    objects(world).delete(NAME);
    await objects(world).gone(NAME);
  },
  "a deletion elsewhere, and another one": async (world, { objects, deleteElsewhere }) => {
    objects(world).apply(NAME, { onExternalDeletion: "Recreate" });
    await objects(world).ready(NAME);
    const id = objects(world).get(NAME)?.status?.id ?? "";
    deleteElsewhere(world, id);
    await world.until(
      "there is another",
      () => ![id, undefined].includes(objects(world).get(NAME)?.status?.id),
    );
    await objects(world).ready(NAME);
  },
};
