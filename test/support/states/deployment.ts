/** States of deployments. */
import type { Hold } from "../../../dev/simulator/world/deployment-records.ts";
import type { DeploymentSpec } from "../../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { placedOn, TYPES } from "../placed.ts";
import { BAD_IMAGE, keep, PROJECT } from "../scenario-world-deployments.ts";
import type { VirtualWorld } from "../virtual-world.ts";
import { again, fails, type State } from "./state.ts";

const ANOTHER = { image: "ghcr.io/acme/model:2" };
const WITH_SECRET = { env: [{ name: "A", valueFrom: { secretKeyRef: { name: "hub", key: "a" } } }] };

/** Id of its deployment, once it is Ready. */
async function web(world: VirtualWorld, spec: Partial<DeploymentSpec> = {}): Promise<string> {
  world.deployments.apply("web", spec);
  await world.deployments.ready("web");
  return world.deployments.get("web")?.status?.id ?? "";
}

const edit = (world: VirtualWorld, spec: Partial<DeploymentSpec>) => world.deployments.edit("web", { spec });

function held(world: VirtualWorld, hold: Hold): void {
  world.sim.console.deployments.hold("next", hold);
  world.deployments.apply("web");
}

async function editedThen(
  world: VirtualWorld,
  before: Partial<DeploymentSpec>,
  after: Partial<DeploymentSpec>,
  then: (id: string) => void,
): Promise<void> {
  then(await web(world, before));
  edit(world, after);
}

async function deletedAfter(world: VirtualWorld, what: () => void): Promise<void> {
  await web(world);
  what();
  world.deployments.delete("web");
}

const AT_REST: Record<string, State> = {
  "healthy, as declared": { cost: "atRest", reason: "Available", reach: (w) => web(w) },
  "off, as declared": { cost: "atRest", reason: "Disabled", reach: (w) => web(w, { enabled: false }) },
  "that was rejected": {
    cost: "atRest",
    reason: "ConfigurationRejected",
    reach: (w) => w.deployments.apply("web", { image: "ghcr.io/acme/invalid-config:1" }),
  },
  "that was rolled back": {
    cost: "atRest",
    reason: "RolledBack",
    reach: (w) => editedThen(w, { rollback: "OnFailure" }, { image: BAD_IMAGE }, () => {}),
  },
  "that is paused": {
    cost: "atRest",
    reason: "Available",
    reach: async (w) => {
      await web(w);
      w.deployments.edit("web", { metadata: { annotations: { [ANNOTATION.paused]: "true" } } });
    },
  },
  "in a project that is not there": {
    cost: "atRest",
    reason: "ProjectNotFound",
    reach: (w) => w.deployments.apply("web", { projectId: "p-nowhere" }),
  },
  "whose name is taken": {
    cost: "atRest",
    reason: "AlreadyExists",
    reach: (w) => {
      w.sim.console.deployments.create(PROJECT, { name: "web" }, { settled: true });
      w.deployments.apply("web");
    },
  },
  "with a Secret that is not there": {
    cost: "atRest",
    reason: "SecretNotFound",
    reach: (w) => w.deployments.apply("web", WITH_SECRET),
  },
};

const STUCK: Record<string, State> = {
  ...Object.fromEntries(
    (["unapplied", "pending", "unready"] as const).map((hold) => [
      `that stays ${hold}`,
      {
        cost: "waiting",
        reason: "ProgressDeadlineExceeded",
        reach: (w: VirtualWorld) => held(w, hold),
      } satisfies State,
    ]),
  ),
  "with an image that is not there": {
    cost: "waiting",
    reason: "ProgressDeadlineExceeded",
    reach: (w) => w.deployments.apply("web", { image: BAD_IMAGE }),
  },
  "that has hardware on none of its candidates": {
    cost: "waiting",
    reason: "CapacityUnavailable",
    reach: (w) => {
      // The simulator's own cost: the run of each candidate looks for hardware.
      w.sim.world.setBehaviour({ instancePendingMs: 60_000 });
      for (const type of TYPES) w.sim.world.setCapacity(type, "ny2", 0);
      w.deployments.apply("web", placedOn(TYPES));
    },
  },
  "whose instances fail": {
    cost: "waiting",
    reason: "Degraded",
    reach: async (w) => w.sim.console.deployments.fail(await web(w), "crash"),
  },
  "whose roll back fails": {
    cost: "waiting",
    reason: "RollbackFailed",
    reach: (w) =>
      editedThen(w, { rollback: "OnFailure" }, { image: BAD_IMAGE }, (id) =>
        w.sim.console.deployments.fail(id, "pull"),
      ),
  },
  "that does not switch off": {
    cost: "waiting",
    reason: "ProgressDeadlineExceeded",
    reach: (w) =>
      editedThen(w, {}, { enabled: false }, (id) => w.sim.console.deployments.hold(id, "unapplied")),
  },
  "whose deletion is declined": {
    cost: "waiting",
    reason: "Declined",
    reach: (w) => deletedAfter(w, () => fails(w, 409, "deployments", "DELETE")),
  },
  "whose configuration another actor keeps changing": {
    cost: "waiting",
    reason: "Contended",
    reach: async (w) => {
      const id = await web(w);
      again(w, 60_000, () => w.sim.console.deployments.edit(id, { env: [{ name: "B", value: "1" }] }));
    },
  },
  "that its deletion does not find": {
    cost: "waiting",
    reason: "AbsenceUnconfirmed",
    reach: (w) => deletedAfter(w, () => fails(w, 404, "deployments", "DELETE")),
  },
  "whose deletion never ends": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: (w) =>
      deletedAfter(w, () =>
        w.sim.faults.add({
          match: { path: "deployments", method: "DELETE", times: "always" },
          do: { status: 200, body: {} },
        }),
      ),
  },
};

const REFUSED: Record<string, State> = {
  "whose create is refused": {
    cost: "waiting",
    reason: "Refused",
    reach: (w) => {
      fails(w, 400, "deployments$", "POST");
      w.deployments.apply("web");
    },
  },
  "whose create is declined": {
    cost: "waiting",
    reason: "Declined",
    reach: (w) => {
      fails(w, 409, "deployments$", "POST");
      w.deployments.apply("web");
    },
  },
  "whose configuration is refused": {
    cost: "waiting",
    reason: "Refused",
    reach: (w) => editedThen(w, {}, ANOTHER, () => fails(w, 400, "deployments$", "POST")),
  },
  "whose project secret is refused": {
    cost: "waiting",
    reason: "Refused",
    reach: (w) => {
      keep(w, "hub", { a: "b" });
      fails(w, 400, "secrets", "POST");
      w.deployments.apply("web", WITH_SECRET);
    },
  },
  "whose project secrets cannot be read": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: (w) => {
      keep(w, "hub", { a: "b" });
      fails(w, 500, "secrets", "GET");
      w.deployments.apply("web", WITH_SECRET);
    },
  },
  "whose project secret cannot be removed": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: async (w) => {
      keep(w, "hub", { a: "b" });
      await web(w, WITH_SECRET);
      fails(w, 500, "secrets", "DELETE");
      w.deployments.delete("web");
    },
  },
  "whose create has an unknown outcome each time": {
    cost: "retrying",
    reason: "ApiUnavailable",
    reach: (w) => {
      fails(w, 500, "deployments$", "POST");
      w.deployments.apply("web");
    },
  },
  "whose update has an unknown outcome each time": {
    cost: "retrying",
    reason: "ApiUnavailable",
    reach: (w) => editedThen(w, {}, ANOTHER, () => fails(w, 500, "deployments$", "POST")),
  },
};

const UNREADABLE: Record<string, State> = {
  "that was deleted in the console": {
    cost: "waiting",
    reason: "ExternallyDeleted",
    reach: async (w) => w.sim.console.deployments.delete(await web(w), true),
  },
  "whose project was deleted": {
    cost: "waiting",
    reason: "ExternallyDeleted",
    simulation: { behaviour: { deleteUsedProject: "accept" } },
    reach: async (w) => {
      await web(w);
      w.sim.console.deleteProject(PROJECT);
    },
  },
  "that is missed with its project, which lists show": {
    cost: "waiting",
    reason: "AbsenceUnconfirmed",
    reach: async (w) => {
      await web(w);
      for (const path of ["deployments(/[^/]+)?$", "projects/[^/]+$"]) fails(w, 404, path, "GET");
    },
  },
  "whose runs cannot be read": {
    cost: "waiting",
    reason: "NotObserved",
    reach: async (w) => {
      await web(w);
      fails(w, 500, "runs", "GET");
    },
  },
  "whose runs cannot be read in its rollout": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: (w) => {
      fails(w, 500, "runs", "GET");
      w.deployments.apply("web");
    },
  },
  "at an API that fails": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: async (w) => {
      await web(w);
      fails(w, 500);
    },
  },
  "to be deleted, at an API that fails": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: (w) => deletedAfter(w, () => fails(w, 500)),
  },
  "whose key is refused": {
    cost: "waiting",
    reason: "CredentialsInvalid",
    reach: async (w) => {
      await web(w);
      w.sim.console.revokeKey("sim-key-alpha");
    },
  },
};

export const DEPLOYMENT_STATES = { ...AT_REST, ...STUCK, ...REFUSED, ...UNREADABLE };

/** Before the deadline: 15 minutes. */
export const DEPLOYMENTS_UNDER_WAY: Record<string, State> = {
  "that is rolled out": { cost: "underWay", reason: "Progressing", reach: (w) => held(w, "unready") },
};
