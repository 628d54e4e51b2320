/**
 * What other actors do to a deployment, and in what forms the API returns what it was sent: changes are corrected, what
 * only looks different is left alone, and no conflict goes on for ever.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEPLOYMENT_CHOICES } from "../../dev/simulator/world/behaviour-deployments.ts";
import type { DeploymentSpec } from "../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { checkTraffic, onlyDeployment as deployment, newWorld, running } from "../support/scenario-world.ts";
import {
  annotate,
  beforeFirst,
  condition,
  edit,
  keep,
  MINUTE,
  message,
  PROJECT,
  ready,
  reason,
  status,
  stored,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const GOOD = "ghcr.io/acme/model:1";
const CHANGED = "ghcr.io/acme/changed:1";
const hand = (world: VirtualWorld) => world.sim.console.deployments;

/** Most fields of a spec. */
const RICH: Partial<DeploymentSpec> = {
  command: ["serve", "--port=8080"],
  region: "ny2",
  env: [
    { name: "B", value: "2" },
    { name: "A", value: "1" },
  ],
  ports: [9090, 8080],
  healthChecks: {
    liveness: { path: "/live", port: 8080, headers: [{ name: "X-Probe", value: "1" }] },
    readiness: { exec: { command: ["true"] }, periodSeconds: 5 },
  },
  autoscaling: { enabled: true, maxReplicas: 3, metrics: [{ metric: "cpu", value: 80 }] },
  integrations: [
    { type: "model", name: "weights", id: "mo1" },
    { type: "volume", name: "scratch" },
  ],
};

describe("an edit in the console", () => {
  it.each([
    { image: CHANGED },
    { enabled: false },
    { resources: { replicas: 4 } },
    { env: [{ name: "X", value: "y" }] },
    { name: "renamed" },
    { basicAuthKey: "door" },
    { healthChecks: { liveness: { path: "/other" } } },
    { region: "ams1", image: CHANGED },
  ])("is put back: %j", async (change) => {
    const world = await ready();
    hand(world).edit(deployment(world).id, change);
    await world.until("it is put back", () => upserts(world).length === 1);
    await world.deployments.ready("web");
    await world.clock.advance(30 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    expect(stored(world)).toMatchObject({ image: GOOD, enabled: true, name: "web" });
    expect(stored(world)).not.toHaveProperty("basicAuthKey");
    expect(stored(world)?.env ?? []).toEqual([]);
    const events = world.kube.storage.events.filter(
      ({ object }) => (object as { reason?: string }).reason === "DriftCorrected",
    );
    expect(events.length).toBeGreaterThan(0);
  });

  it("in the moment of our own upsert is corrected as well, and not taken for something that the API fills in", async () => {
    const world = await ready();
    beforeFirst(world, "POST", /deployments$/, () => {
      world.clock.after(1, () =>
        hand(world).edit(deployment(world).id, { env: [{ name: "BACKDOOR", value: "1" }] }),
      );
    });
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    await world.clock.advance(30 * MINUTE);
    expect(stored(world)?.env ?? []).toEqual([]);
    expect(reason(world, "Synced")).toBe("Synced");
  });

  it("in the moment of the create is put back as well", async () => {
    const world = running();
    beforeFirst(world, "POST", /deployments$/, () => {
      world.clock.after(1, () =>
        hand(world).edit(deployment(world).id, { env: [{ name: "BACKDOOR", value: "1" }] }),
      );
    });
    world.deployments.apply("web");
    await world.deployments.ready("web");
    await world.clock.advance(30 * MINUTE);
    expect(stored(world)?.env ?? []).toEqual([]);
  });

  it("back to a former spec is corrected, and never taken for that rollout", async () => {
    const world = await ready();
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    hand(world).edit(deployment(world).id, { image: GOOD });
    await world.clock.advance(25 * MINUTE);
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:2");
    expect(reason(world)).toBe("Available");
  });

  it("five times in a row ends the corrections for a while: Contended, until the spec changes", async () => {
    const world = await ready({}, ["--resync-interval=30s"]);
    for (let i = 0; i < 12; i++) {
      hand(world).edit(deployment(world).id, { image: `${CHANGED}-${i}` });
      await world.clock.advance(45_000);
      if (reason(world) === "Contended") break;
    }
    expect(reason(world, "Stalled")).toBe("Contended");
    expect(message(world)).toContain("image");
    const sent = upserts(world).length;
    expect(sent).toBe(5);
    await world.clock.advance(5 * MINUTE);
    expect(upserts(world)).toHaveLength(sent);
    edit(world, { image: "ghcr.io/acme/model:9" });
    await world.deployments.ready("web");
  });

  it("that switches it off is undone, by one upsert", async () => {
    const world = await ready();
    hand(world).enable(deployment(world).id, false);
    await world.clock.advance(25 * MINUTE);
    expect(stored(world)?.enabled).toBe(true);
    expect(condition(world)?.status).toBe("True");
    expect(upserts(world)).toHaveLength(1);
  });

  it("is left alone under pause, and shown under dry-run", async () => {
    const world = await ready();
    annotate(world, { [ANNOTATION.paused]: "true" });
    hand(world).edit(deployment(world).id, { image: CHANGED });
    await world.clock.advance(30 * MINUTE);
    expect(reason(world, "Synced")).toBe("Drifted");
    expect(reason(world, "Paused")).toBe("Paused");
    annotate(world, { [ANNOTATION.paused]: null, [ANNOTATION.dryRun]: "true" });
    await world.until("the plan is there", () => (status(world)?.plan ?? []).length > 0);
    expect(status(world)?.plan).toEqual([
      { action: "Deploy", field: "image", from: JSON.stringify(CHANGED), to: JSON.stringify(GOOD) },
    ]);
    expect(upserts(world)).toEqual([]);
    annotate(world, { [ANNOTATION.dryRun]: null });
    await world.deployments.ready("web");
    expect(status(world)?.plan).toBeUndefined();
    expect(stored(world)?.image).toBe(GOOD);
  });
});

describe("a deletion in the console", () => {
  it("is reported, and the object can go", async () => {
    const world = await ready();
    hand(world).delete(deployment(world).id, true);
    await world.deployments.reports("web", "ExternallyDeleted");
    expect(reason(world, "Stalled")).toBe("ExternallyDeleted");
    expect(status(world)?.readyReplicas).toBeUndefined();
    expect(upserts(world)).toEqual([]);
    world.deployments.delete("web");
    await world.deployments.gone("web");
  });

  it("makes another one where the spec requests it, Secret included", async () => {
    const world = running();
    keep(world, "hub", { token: "v" });
    const env = [{ name: "T", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }];
    world.deployments.apply("web", { onExternalDeletion: "Recreate", env });
    await world.deployments.ready("web");
    const { id } = deployment(world);
    hand(world).delete(id, true);
    await world.until("another one is there", () => world.deployed().length === 1);
    await world.deployments.ready("web");
    expect(deployment(world).id).not.toBe(id);
    expect(status(world)?.id).toBe(deployment(world).id);
    expect(status(world)?.history).toHaveLength(1);
  });

  it.each([0, 40_000])(
    "is not undone by an upsert that the API takes for a new one (%d ms)",
    async (deploymentDeleteMs) => {
      const world = await ready();
      world.sim.world.setBehaviour({ unknownDeploymentId: "byName", deploymentDeleteMs });
      const { id } = deployment(world);
      hand(world).delete(id);
      edit(world, { image: "ghcr.io/acme/model:2" });
      await world.deployments.reports("web", "ExternallyDeleted");
      // What is long since gone is sent nothing; what is just going may be, and then what that made is unmade.
      if (deploymentDeleteMs === 0) expect(upserts(world)).toEqual([]);
      await world.clock.advance(10 * MINUTE);
      expect(world.deployed()).toEqual([]);
      edit(world, { onExternalDeletion: "Recreate" });
      await world.deployments.ready("web");
      expect(status(world)?.id).toBe(deployment(world).id);
    },
  );

  it("that takes its time is waited for", async () => {
    const world = await ready();
    world.sim.world.setBehaviour({ deploymentDeleteMs: 10 * MINUTE });
    world.deployments.delete("web");
    await world.clock.advance(5 * MINUTE);
    expect(reason(world)).toBe("Deleting");
    expect(world.deployments.get("web")).toBeDefined();
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });
});

describe("what is stored in another form", () => {
  const choices = fc.record(
    Object.fromEntries(
      Object.entries(DEPLOYMENT_CHOICES).map(([name, values]) => [name, fc.constantFrom<unknown>(...values)]),
    ),
  );

  it("means the same in all combinations: one upsert, and no repeated correction", async () => {
    const property = fc.asyncProperty(choices, fc.constantFrom(0, 20_000), async (behaviour, staleSpecMs) => {
      const world = newWorld({ simulation: { behaviour: { ...behaviour, staleSpecMs } } });
      world.start();
      world.deployments.apply("web", RICH);
      await world.deployments.ready("web");
      await world.clock.advance(45 * MINUTE);
      expect(upserts(world)).toHaveLength(1);
      expect(condition(world, "Synced")?.status).toBe("True");
      edit(world, { image: "ghcr.io/acme/model:2", env: null });
      await world.deployments.ready("web");
      edit(world, { replicas: 0 });
      await world.deployments.reports("web", "Disabled");
      await world.clock.advance(25 * MINUTE);
      expect(upserts(world)).toHaveLength(3);
      expect(condition(world)?.status).toBe("True");
    });
    await fc.assert(property, { numRuns: 15, seed: 7 });
  }, 60_000);

  it.each(["v0alpha0", "v0alpha1"] as const)(
    "in the schema of %s sends nothing where it means the same",
    async (version) => {
      const world = await ready({
        env: [{ name: "A", value: "1" }],
        healthChecks: { liveness: { path: "/" } },
      });
      hand(world).rewrite(deployment(world).id, version);
      await world.clock.advance(45 * MINUTE);
      expect(upserts(world)).toEqual([]);
      expect(reason(world)).toBe("Available");
    },
  );

  it("with something that the API fills in by itself is no drift, and a later change of that is", async () => {
    const world = running();
    const { sim } = world;
    // The API adds something that was not requested to everything it stores.
    const handle = sim.handle;
    (sim as { handle: typeof handle }).handle = async (request, signal) => {
      const answer = await handle(request, signal);
      for (const one of world.deployed()) {
        const spec = one.specs.at(-1);
        if (spec && one.specs.length < 3) spec.data.containerRegistry ??= "";
        if (spec && one.specs.length < 3) spec.data.command ??= ["/entrypoint"];
      }
      return answer;
    };
    world.deployments.apply("web");
    await world.deployments.ready("web");
    await world.clock.advance(45 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    await world.clock.advance(45 * MINUTE);
    expect(upserts(world)).toHaveLength(2);
  });

  it("the same configuration sent by another client is no change for us", async () => {
    const world = await ready();
    for (const identicalConfig of ["newSpec", "sameSpec"] as const) {
      world.sim.world.setBehaviour({ identicalConfig });
      hand(world).edit(deployment(world).id, {});
      await world.clock.advance(25 * MINUTE);
      expect(reason(world)).toBe("Available");
    }
    expect(upserts(world)).toEqual([]);
  });
});

describe("reads that fail", () => {
  it.each([{ status: 500 }, { html: true }, { truncate: true }, { status: 403 }])(
    "prove nothing: %j",
    async (fault) => {
      const world = await ready({ onExternalDeletion: "Recreate" });
      world.sim.faults.add({ match: { method: "GET", times: "always" }, do: fault });
      await world.clock.advance(30 * MINUTE);
      edit(world, { image: "ghcr.io/acme/model:2" });
      await world.clock.advance(10 * MINUTE);
      world.sim.faults.clear();
      await world.deployments.ready("web");
      expect(deployment(world).specs.length).toBeLessThanOrEqual(2);
      expect(stored(world)?.image).toBe("ghcr.io/acme/model:2");
    },
  );

  const list = { method: "GET", path: "projects/[^/]+/deployments$" };

  it("with one 404 for a project that is there stall it for a moment only", async () => {
    const world = running();
    world.sim.faults.add({ match: list, do: { status: 404 } });
    world.deployments.apply("web");
    await world.deployments.reports("web", "ProjectNotFound");
    await world.clock.advance(MINUTE);
    await world.deployments.ready("web");
  });

  it("with 404s for a project are repeated ever more rarely, and on request within a minute", async () => {
    const world = running();
    world.deployments.apply("web", { projectId: "p-late" });
    await world.deployments.reports("web", "ProjectNotFound");
    world.sim.calls.clear();
    await world.clock.advance(3 * 60 * MINUTE);
    const lists = () => world.sim.calls.list({ path: /projects\/p-late\/deployments$/ }).length;
    expect(lists()).toBeGreaterThan(15);
    expect(lists()).toBeLessThan(30);
    const before = lists();
    annotate(world, { [ANNOTATION.reconcileRequestedAt]: "now" });
    await world.clock.advance(MINUTE);
    expect(lists()).toBe(before + 1);
  });

  it("of a project that is not there report which, and all goes on once it is corrected", async () => {
    const world = running();
    world.deployments.apply("web", { projectId: "p-nowhere" });
    await world.deployments.reports("web", "ProjectNotFound");
    expect(message(world)).toContain("p-nowhere");
    expect(upserts(world)).toEqual([]);
    edit(world, { projectId: PROJECT });
    await world.deployments.ready("web");
  });
});
