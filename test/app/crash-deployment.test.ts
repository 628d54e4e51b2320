/** The operator is killed at every single call of the lifecycle of a deployment: see test/support/deaths.ts. */
import { expect } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { type Check, dieEverywhere } from "../support/deaths.ts";
import { placedOn } from "../support/placed.ts";
import {
  annotate,
  BAD_IMAGE,
  condition,
  edit,
  keep,
  owned,
  projectSecrets,
  reason,
  status,
  stored,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const valueFrom = { secretKeyRef: { name: "hub", key: "token" } };
const USING = { env: [{ name: "TOKEN", valueFrom }] };

/** Exactly one, recorded as its own; and no secret of the project that no kept configuration uses. */
const one: Check = (world, { objects }, at) => {
  const expected = world.deployments.get("web") === undefined ? 0 : 1;
  const ever = [...world.sim.world.deployments.values()];
  expect({ at, alive: world.deployed().length, ever: ever.length }).toEqual({
    at,
    alive: expected,
    ever: expect.toSatisfy((made: number) => made <= objects),
  });
  expect(owned(world.kube)).toEqual(world.deployed().map(({ id }) => id));
  const history = status(world)?.history ?? [];
  const used = new Set(history.flatMap(({ secrets = [] }) => secrets));
  expect({ at, strays: projectSecrets(world).filter((name) => !used.has(name)) }).toEqual({ at, strays: [] });
  expect({ at, missing: [...used].filter((name) => !projectSecrets(world).includes(name)) }).toEqual({
    at,
    missing: [],
  });
};

async function rotate(world: VirtualWorld, value: string) {
  keep(world, "hub", { token: value });
  annotate(world, { [ANNOTATION.reconcileRequestedAt]: value });
  const sent = () => {
    const name = /^secret:(.*)$/.exec(stored(world)?.env?.[0]?.value ?? "")?.[1];
    return [...world.sim.world.secrets.values()].some((one) => one.name === name && one.value === value);
  };
  await world.until(`${value} is sent`, sent);
}

dieEverywhere(
  {
    "a create, a change and a delete": {
      objects: 1,
      async run(world) {
        world.deployments.apply("web");
        await world.deployments.ready("web");
        edit(world, { image: "ghcr.io/acme/model:2", name: "site" });
        await world.deployments.ready("web");
        expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:2", name: "site" });
        world.deployments.delete("web");
        await world.deployments.gone("web");
      },
    },
    "a create with a Secret, a rotation and a delete": {
      objects: 1,
      async run(world) {
        keep(world, "hub", { token: "first" });
        world.deployments.apply("web", USING);
        await world.deployments.ready("web");
        await rotate(world, "second");
        await world.deployments.ready("web");
        world.deployments.delete("web");
        await world.deployments.gone("web");
        expect(projectSecrets(world)).toEqual([]);
      },
    },
    "a rollback": {
      objects: 1,
      async run(world) {
        keep(world, "hub", { token: "first" });
        world.deployments.apply("web", { ...USING, rollback: "OnFailure", progressDeadlineSeconds: 120 });
        await world.deployments.ready("web");
        edit(world, { image: BAD_IMAGE });
        await world.until(
          "it went back",
          () => reason(world) === "RolledBack" && condition(world, "Healthy")?.status === "True",
        );
        expect(stored(world)?.image).toBe("ghcr.io/acme/model:1");
        edit(world, { image: "ghcr.io/acme/model:3" });
        await world.deployments.ready("web");
        expect(stored(world)?.image).toBe("ghcr.io/acme/model:3");
      },
    },
    "a delete in the middle of a create": {
      objects: 1,
      async run(world) {
        keep(world, "hub", { token: "first" });
        world.deployments.apply("web", USING);
        await world.until(
          "it was sent",
          () => world.deployed().length > 0 || status(world)?.operation !== undefined,
        );
        world.deployments.delete("web");
        await world.deployments.gone("web");
        expect(projectSecrets(world)).toEqual([]);
      },
    },
    "two changes while reads are stale": {
      objects: 1,
      async run(world) {
        world.sim.world.setBehaviour({ staleSpecMs: 15_000, listAfterCreateMissMs: 20_000 });
        world.deployments.apply("web");
        await world.deployments.ready("web");
        edit(world, { image: "ghcr.io/acme/model:2" });
        await world.clock.advance(5_000);
        edit(world, { image: "ghcr.io/acme/model:1" });
        await world.clock.advance(5_000);
        edit(world, { replicas: 2 });
        await world.deployments.ready("web");
        expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:1", resources: { replicas: 2 } });
      },
    },
    "a move to the candidate that has hardware": {
      objects: 1,
      async run(world) {
        world.sim.world.setCapacity("H100", "ny2", 0);
        world.deployments.apply("web", placedOn(["H100", "C4"], { giveUpAfter: "1m" }));
        await world.deployments.ready("web");
        expect(world.deployed()[0]?.specs.map(({ data }) => data.resources.machineType)).toEqual([
          "H100",
          "C4",
        ]);
        const tried = status(world)?.placement?.tried?.map(({ candidate }) => candidate.machineType);
        expect(tried).toEqual(["H100"]);
      },
    },
    "a deletion outside Kubernetes, and another deployment": {
      objects: 2,
      async run(world) {
        keep(world, "hub", { token: "first" });
        world.deployments.apply("web", { ...USING, onExternalDeletion: "Recreate" });
        await world.deployments.ready("web");
        const { id } = world.deployed()[0] ?? { id: "" };
        world.sim.console.deployments.delete(id, true);
        await world.until("another is made", () => world.deployed().some((other) => other.id !== id));
        await world.deployments.ready("web");
      },
    },
  },
  one,
);
