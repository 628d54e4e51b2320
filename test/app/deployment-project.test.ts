/**
 * A deployment whose project the API does not show: gone for certain once the project is, and never because a key sees
 * fewer projects, or because their list is late, incomplete or fails. The whole operator runs in virtual time.
 */
import { describe, expect, it } from "vitest";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import {
  calls,
  checkTraffic,
  eventNotes,
  newWorld,
  onlyDeployment,
  running,
} from "../support/scenario-world.ts";
import {
  annotate,
  edit,
  keep,
  MINUTE,
  message,
  PROJECT,
  projectSecrets,
  ready,
  reason,
  status,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const HOUR = 60 * MINUTE;
const USED = { simulation: { behaviour: { deleteUsedProject: "accept" } } } as const;
const PROJECTS = /\/projects$/;

const isThere = (world: VirtualWorld) => world.deployments.get("web") !== undefined;

describe("a deployment whose project was deleted", () => {
  it.each(["gone", "dtDeleted"] as const)(
    "says that the project is gone, and lets its object go (the API shows deleted projects as %s)",
    async (deletedResources) => {
      const world = await ready({}, [], {
        simulation: { behaviour: { ...USED.simulation.behaviour, deletedResources } },
      });
      world.sim.console.deleteProject(PROJECT);
      world.sim.faults.add({ match: LIST, do: { status: 404 } });
      annotate(world, { [ANNOTATION.reconcileRequestedAt]: "now" });
      await world.until("it is missed", () => reason(world) === "AbsenceUnconfirmed");
      await world.until("it is certain", () => reason(world) === "ExternallyDeleted", 15 * MINUTE);
      expect(message(world)).toContain(`so was its project ${PROJECT}`);
      world.deployments.delete("web");
      await world.until("it is gone", () => !isThere(world), 2 * MINUTE);
      expect(eventNotes(world, "Deleted")).toHaveLength(1);
      expect(upserts(world)).toEqual([]);
    },
  );

  it("does not hold an object that was being deleted before, nor one with project secrets", async () => {
    const world = running([], USED);
    keep(world, "hub", { token: "t0k3n" });
    const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }];
    world.deployments.apply("web", { env });
    await world.deployments.ready("web");
    expect(projectSecrets(world)).toHaveLength(1);
    world.deployments.delete("web");
    world.sim.console.deleteProject(PROJECT);
    await world.until("it is gone", () => !isThere(world), 15 * MINUTE);
  });

  it("is named with the project while that is not certain yet", async () => {
    const world = await ready({}, [], USED);
    world.sim.console.deleteProject(PROJECT);
    world.sim.faults.add({ match: { path: "/projects$", times: "always" }, do: { status: 503 } });
    await world.clock.advance(HOUR);
    expect(reason(world)).toBe("AbsenceUnconfirmed");
    expect(message(world)).toMatch(
      new RegExp(
        `does not show the deployment just now, and the API does not show the project ${PROJECT}.*503`,
      ),
    );
    world.deployments.delete("web");
    await world.until("it is blocked", () => reason(world) === "DeletionBlocked", 5 * MINUTE);
    expect(message(world)).toMatch(/kubectl paperspace release psd\/web -n default --force/);
    world.sim.faults.clear();
    await world.deployments.gone("web");
  });

  it("is not made again under Recreate in a missing project, and is in a corrected one", async () => {
    const world = await ready({ onExternalDeletion: "Recreate" }, [], USED);
    const { id } = onlyDeployment(world);
    world.sim.console.deleteProject(PROJECT);
    await world.deployments.reports("web", "ProjectNotFound");
    expect(message(world)).toContain(PROJECT);
    expect(status(world)?.disowned).toMatchObject([{ id }]);
    await world.clock.advance(2 * HOUR);
    expect(reason(world)).toBe("ProjectNotFound");
    expect(upserts(world)).toEqual([]);
    expect(world.deployed()).toEqual([]);
    const { id: other } = world.sim.console.createProject("te-alpha", "another");
    edit(world, { projectId: other });
    await world.deployments.ready("web");
    expect(onlyDeployment(world)).toMatchObject({ projectId: other });
  });

  it("costs no list of projects before it is missed, and few after that", async () => {
    const world = await ready({}, [], USED);
    world.sim.console.deployments.delete(onlyDeployment(world).id, true);
    await world.deployments.reports("web", "ExternallyDeleted");
    expect(calls(world, "GET", PROJECTS)).toEqual([]);
    expect(calls(world, "GET", /\/projects\/[^/]+$/)).toEqual([]);
    world.sim.console.deleteProject(PROJECT);
    await world.clock.advance(2 * HOUR);
    expect(reason(world)).toBe("ExternallyDeleted");
    expect(calls(world, "GET", PROJECTS).length).toBeLessThanOrEqual(13);
  });
});

describe("a create whose answer was lost, in a project that was deleted since", () => {
  it.each([false, true])("ends once that is certain (its object is being deleted: %s)", async (deleted) => {
    const world = newWorld(USED);
    world.start();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });
    world.deployments.apply("web");
    await world.until("it is sent", () => upserts(world).length === 1);
    world.sim.console.deleteProject(PROJECT);
    if (deleted) world.deployments.delete("web");
    const isOver = () => (deleted ? !isThere(world) : reason(world) === "ProjectNotFound");
    await world.clock.advance(3 * MINUTE);
    // Within the settle time what was sent may still come about.
    expect(isOver()).toBe(false);
    await world.until("it is over", isOver, 20 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
  });
});

const ANY = { method: "GET", times: "always" } as const;
const DEPLOYMENT = { ...ANY, path: "/deployments/[^/]+$" };
const LIST = { ...ANY, path: "/projects/[^/]+/deployments$" };
const MISSED = { ...ANY, path: "/projects/[^/]+$" };
const LISTED = { ...ANY, path: "/projects$" };
const project = (more: object) => ({
  id: "p-other",
  name: "other",
  dtCreated: "2026-01-01T00:00:00.000Z",
  ...more,
});
const page = (items: object[], more: object = {}) => ({
  status: 200,
  body: { hasMore: false, items, ...more },
});

/** What reads by id, and lists of projects, show while neither the deployment nor the list of its project is shown. */
const DOUBTS: Readonly<Record<string, (world: VirtualWorld) => void>> = {
  "the project is there": () => {},
  "a list shows it": ({ sim }) => void sim.faults.add({ match: MISSED, do: { status: 404 } }),
  "lists of projects fail": ({ sim }) => {
    sim.faults.add({ match: MISSED, do: { status: 404 } });
    sim.faults.add({ match: LISTED, do: { status: 503 } });
  },
  "lists of projects never end": ({ sim }) => {
    sim.faults.add({ match: MISSED, do: { status: 404 } });
    sim.faults.add({ match: LISTED, do: page([project({})], { hasMore: true }) });
  },
  "a project in the list has no id": ({ sim }) => {
    sim.faults.add({ match: MISSED, do: { status: 404 } });
    sim.faults.add({ match: LISTED, do: page([project({ id: undefined })]) });
  },
  "the project cannot be read": ({ sim }) => {
    sim.faults.add({ match: MISSED, do: { status: 403 } });
    sim.faults.add({ match: LISTED, do: page([]) });
  },
};

describe.each(Object.entries(DOUBTS))("while %s", (_, put) => {
  /** The API shows neither the deployment nor a list, though both are there. */
  function hide(world: VirtualWorld): void {
    world.sim.faults.add({ match: DEPLOYMENT, do: { status: 404 } });
    world.sim.faults.add({ match: LIST, do: { status: 404 } });
    put(world);
  }

  it("a deployment is not called deleted, and none is made in its place", async () => {
    const world = await ready({ onExternalDeletion: "Recreate" });
    const { id } = onlyDeployment(world);
    hide(world);
    await world.clock.advance(HOUR);
    expect(reason(world)).toBe("AbsenceUnconfirmed");
    expect(status(world)).toMatchObject({ id });
    world.sim.faults.clear();
    await world.deployments.ready("web");
    expect(status(world)).toMatchObject({ id });
    expect(upserts(world)).toEqual([]);
  });

  it("its object stays, and its deletion goes on once the API shows the deployment again", async () => {
    const world = await ready();
    hide(world);
    world.deployments.delete("web");
    await world.clock.advance(HOUR);
    expect(reason(world)).toBe("DeletionBlocked");
    world.sim.faults.clear();
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });
});

describe("a key of the team that sees no project", () => {
  const POOR = "sim-key-alpha-2";
  const EMPTY = JSON.stringify({ hasMore: false, items: [] });

  /** From now on it sees none, and no deployment either. */
  function blindPoorKey(world: VirtualWorld): void {
    const sim = world.sim as { handle: Simulation["handle"] };
    const { handle } = sim;
    const { authorization } = auth(POOR);
    sim.handle = async (request, signal) => {
      const [path = ""] = request.path.split("?");
      const isBlind = request.headers?.authorization === authorization && request.method === "GET";
      if (!isBlind || !/\/(projects|deployments)(\/|$)/.test(path)) return handle(request, signal);
      if (!PROJECTS.test(path)) return handle({ ...request, path: "/v1/projects/p-none" }, signal);
      const answer = await handle(request, signal);
      return "body" in answer ? { ...answer, status: 200, body: EMPTY } : answer;
    };
  }

  /** "lost" is made with the key before it is blind; "web" has another key of the team. */
  async function both(): Promise<VirtualWorld> {
    const world = await ready({ onExternalDeletion: "Recreate" });
    world.secret(POOR, "poor");
    world.deployments.apply("lost", { name: "lost" }, { namespace: "poor" });
    const lost = () => world.deployments.condition("lost", "Ready", world.kube, "poor");
    await world.until("it is ready", () => lost()?.status === "True");
    world.sim.calls.clear();
    blindPoorKey(world);
    return world;
  }

  it("proves nothing about what another key's object owns, which sees it", async () => {
    const world = await both();
    await world.clock.advance(HOUR);
    expect(reason(world)).toBe("Available");
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed().map(({ name }) => name)).toEqual(["lost"]);
  });

  it("proves nothing either where the other key's lists fail: each object needs its own", async () => {
    const world = await both();
    const { id } = status(world) ?? {};
    for (const match of [DEPLOYMENT, LIST, MISSED]) world.sim.faults.add({ match, do: { status: 404 } });
    world.sim.faults.add({ match: LISTED, do: { status: 503 } });
    await world.clock.advance(HOUR);
    const lost = world.deployments.condition("lost", "Ready", world.kube, "poor");
    expect([lost?.reason, reason(world)]).toEqual(["ExternallyDeleted", "AbsenceUnconfirmed"]);
    expect(status(world)).toMatchObject({ id });
    expect(upserts(world)).toEqual([]);
  });
});

describe("a deployment that is missed with its project right after its create", () => {
  it("is not made again within the settle time, since reads may lag behind it", async () => {
    const world = running([], USED);
    world.deployments.apply("web", { onExternalDeletion: "Recreate" });
    await world.until("it is owned", () => status(world)?.id !== undefined);
    for (const match of [DEPLOYMENT, LIST, MISSED]) world.sim.faults.add({ match, do: { status: 404 } });
    world.sim.faults.add({ match: LISTED, do: page([]) });
    await world.clock.advance(3 * MINUTE + 30_000);
    world.sim.faults.clear();
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
    expect(status(world)?.disowned ?? []).toEqual([]);
  });
});

function auth(key: string): { authorization: string } {
  return { authorization: `Bearer ${key}` };
}
