/**
 * A vendor that writes a field of a configuration otherwise than it was sent: seen twice with nobody else's spec between,
 * then no drift, and reported. Another actor's edits are none of that.
 */
import { describe, expect, it } from "vitest";
import { checkTraffic, onlyDeployment, running } from "../support/scenario-world.ts";
import { before, edit, message, reason, status, upserts } from "../support/scenario-world-deployments.ts";

const HOUR = 60 * 60_000;
const IMAGE = { image: "acme/model" };

checkTraffic();

/** A world whose API writes so, with a deployment that is Ready. */
async function writing(mutations: string[], spec: object = IMAGE) {
  const world = running();
  world.sim.mutations.use(mutations, 1);
  world.deployments.apply("web", spec);
  await world.deployments.ready("web");
  return world;
}

describe("a field that the API writes otherwise than it was sent", () => {
  it.each([
    ["image-tagged", 'image "acme/model" as "acme/model:latest"'],
    ["image-with-registry", 'image "acme/model" as "docker.io/acme/model"'],
  ])("is no drift after a second upsert, and Synced says how it is written: %s", async (mutation, words) => {
    const world = await writing([mutation]);
    expect(message(world, "Synced")).toContain(`Paperspace writes ${words}`);
    expect(upserts(world)).toHaveLength(2);
    await world.clock.advance(24 * HOUR);
    expect(upserts(world)).toHaveLength(2);
    expect(reason(world)).toBe("Available");
    // What is declared besides needs no second one.
    edit(world, { replicas: 2 });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(3);
  });

  it.each(["names-lower-case", "paths-with-slash", "paths-without-slash"])(
    "shows no value in status where that may be secret: %s",
    async (mutation) => {
      const env = [{ name: "Mode", value: "hunter2hunter2" }];
      const healthChecks = {
        readiness: { path: mutation === "paths-without-slash" ? "/up/" : "/up", port: 8080 },
      };
      const world = await writing([mutation], { env, healthChecks });
      expect(upserts(world)).toHaveLength(2);
      const { storedAs } = status(world) ?? {};
      expect(storedAs?.length).toBeGreaterThan(0);
      expect(JSON.stringify(storedAs)).not.toContain("hunter2");
      expect(message(world, "Synced")).toContain("; Paperspace writes ");
    },
  );

  it("is still drift where another actor writes another value, and after a restart of the operator it is known", async () => {
    const world = running();
    world.sim.mutations.use(["image-tagged"], 1);
    world.deployments.apply("web", IMAGE);
    await world.deployments.ready("web");
    const sent = upserts(world).length;
    world.sim.console.deployments.edit(onlyDeployment(world).id, { image: "acme/other:1" });
    await world.until("it is put back", () => upserts(world).length > sent);
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(sent + 1);
    expect(onlyDeployment(world).specs.at(-1)?.data.image).toBe("acme/model");
  });

  it("is not what a rival writes after each upsert", async () => {
    const world = running();
    const rival = { image: "acme/rival:1" };
    let wars = 0;
    before(world, ({ method, path }) => {
      if (method !== "GET" || !/\/deployments\/[^/]+$/.test(path.split("?")[0] ?? "") || wars >= 4) return;
      const [deployment] = world.deployed();
      if (!deployment || deployment.specs.at(-1)?.data.image === rival.image) return;
      wars++;
      world.sim.console.deployments.edit(deployment.id, rival);
    });
    world.deployments.apply("web");
    await world.until("the rival wrote four times", () => wars === 4);
    await world.deployments.ready("web");
    expect(status(world)?.storedAs).toBeUndefined();
    expect(onlyDeployment(world).specs.at(-1)?.data.image).toBe("ghcr.io/acme/model:1");
  });
});
