/** Deployments that exist already: adoption, and what a copied or restored object may not do. */
import { describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { checkTraffic, onlyDeployment as deployment, running } from "../support/scenario-world.ts";
import { annotate, MINUTE, PROJECT, ready, status, upserts } from "../support/scenario-world-deployments.ts";

checkTraffic();

describe("adoption", () => {
  it("by spec.adoptId takes over the deployment and gives it the declared configuration", async () => {
    const world = running();
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "other" }, { settled: true });
    world.deployments.apply("web", { adoptId: id });
    await world.deployments.ready("web");
    expect(deployment(world)).toMatchObject({ id, name: "web" });
    expect(upserts(world)).toHaveLength(1);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });

  it("of what is as declared already sends nothing", async () => {
    const world = running();
    const { id } = world.sim.console.deployments.create(
      PROJECT,
      {
        name: "web",
        image: "ghcr.io/acme/model:1",
        resources: { machineType: "C4", ports: [8080], replicas: 1 },
      },
      { settled: true },
    );
    world.deployments.apply("web", { adoptId: id });
    await world.deployments.ready("web");
    expect(upserts(world)).toEqual([]);
    expect(status(world)?.history).toHaveLength(1);
  });

  it("of what another object owns, or of what is not there, is refused", async () => {
    const world = await ready();
    world.deployments.apply("thief", { adoptId: deployment(world).id, name: "thief" });
    world.deployments.apply("blind", { adoptId: "00000000-0000-4000-a000-000000000000" });
    await world.deployments.reports("thief", "AlreadyOwned");
    await world.deployments.reports("blind", "AdoptNotFound");
    for (const name of ["thief", "blind"]) {
      world.deployments.delete(name);
      await world.deployments.gone(name);
    }
    expect(world.deployed()).toHaveLength(1);
  });

  it("of one in another project is refused before anything is sent", async () => {
    const world = running();
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "web" }, { settled: true });
    world.deployments.apply("web", { adoptId: id, projectId: "p-elsewhere" });
    await world.clock.advance(5 * MINUTE);
    expect(world.deployments.condition("web", "Ready")?.status).toBe("False");
    expect(upserts(world)).toEqual([]);
    expect(deployment(world).specs).toHaveLength(1);
  });

  it("by annotation after a restored backup: nothing is touched before", async () => {
    const world = await ready();
    const { id } = deployment(world);
    const object = world.deployments.get("web");
    const copy = { ...object?.metadata.annotations };
    world.deployments.apply("copy", { name: "web" }, { annotations: copy });
    await world.deployments.reports("copy", "IdentityConflict");
    world.deployments.delete("copy");
    await world.deployments.gone("copy");
    expect(deployment(world).id).toBe(id);
    annotate(world, { [ANNOTATION.record]: null });
    await world.until(
      "it is restored",
      () => !!world.deployments.get("web")?.metadata.annotations?.[ANNOTATION.record],
    );
    expect(upserts(world)).toEqual([]);
  });
});
