/**
 * The finalizer on Secrets with API keys: it is there as long as an object needs the key, and no longer, whatever happens to
 * the objects, to what they refer to, and to the operator. Run with the whole operator in virtual time.
 */
import { describe, expect, it } from "vitest";
import { FINALIZER, kindFinalizer } from "../../src/reconcile/record.ts";
import { checkTraffic, newWorld, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const KEY = "sim-key-alpha";

checkTraffic();

const finalizers = (world: VirtualWorld, name?: string) =>
  world.getSecret("default", name)?.metadata.finalizers ?? [];
const readyMessage = (world: VirtualWorld, name: string) => world.condition(name, "Ready")?.message ?? "";

/** Secrets of these names, with the same key. */
function withSecrets(world: VirtualWorld, ...names: string[]): void {
  for (const name of names) world.secret(KEY, "default", world.kube, name);
}

/** Gone without a pass that released it, as when a user removes the finalizer. */
function strip(world: VirtualWorld, name: string): void {
  world.edit(name, { metadata: { finalizers: null } });
  world.delete(name);
}

describe("a Secret that an object refers to no more", () => {
  it("can go: another one has the key of its machine now", async () => {
    const world = running();
    withSecrets(world, "old", "new");
    world.apply("box", { credentialsSecretRef: { name: "old" } });
    await world.ready("box");
    world.edit("box", { spec: { credentialsSecretRef: { name: "new" } } });
    await world.ready("box");
    await world.clock.advance(MINUTE);
    expect(finalizers(world, "old")).toEqual([]);
    expect(finalizers(world, "new")).toEqual([FINALIZER]);
    world.deleteSecret("default", "old");
    expect(world.getSecret("default", "old")).toBeUndefined();
  });

  it("stays as long as another object needs it, and goes with the change of the last", async () => {
    const world = running();
    withSecrets(world, "old", "new");
    for (const name of ["one", "two"]) world.apply(name, { credentialsSecretRef: { name: "old" } });
    for (const name of ["one", "two"]) await world.ready(name);
    world.edit("one", { spec: { credentialsSecretRef: { name: "new" } } });
    await world.clock.advance(MINUTE);
    expect(finalizers(world, "old")).toEqual([FINALIZER]);
    world.edit("two", { spec: { credentialsSecretRef: { name: "new" } } });
    await world.clock.advance(MINUTE);
    expect(finalizers(world, "old")).toEqual([]);
  });

  it("stays while the new one holds no key of the team: the change may be taken back", async () => {
    const world = running();
    withSecrets(world, "old", "new");
    world.secret("sim-key-beta", "default", world.kube, "beta");
    world.apply("box", { credentialsSecretRef: { name: "old" } });
    await world.ready("box");
    for (const name of ["nowhere", "beta"]) {
      world.edit("box", { spec: { credentialsSecretRef: { name } } });
      await world.clock.advance(20 * MINUTE);
      expect(world.condition("box", "Stalled")?.reason).toBe("CredentialsInvalid");
      expect(finalizers(world, "old")).toEqual([FINALIZER]);
    }
    expect(finalizers(world, "beta")).toEqual([]);
    world.edit("box", { spec: { credentialsSecretRef: { name: "new" } } });
    await world.ready("box");
    await world.clock.advance(MINUTE);
    expect(finalizers(world, "old")).toEqual([]);
  });

  it.each(["before", "after"])("is released though the process dies %s that write", async (when) => {
    const world = newWorld();
    withSecrets(world, "old", "new");
    const process = world.start();
    world.apply("box", { credentialsSecretRef: { name: "old" } });
    await world.ready("box");
    let died = false;
    process.edge.onPass = (call) => {
      if (!call.startsWith(`${when} PATCH`) || !call.endsWith("/secrets/old")) return;
      died = true;
      process.kill();
    };
    world.edit("box", { spec: { credentialsSecretRef: { name: "new" } } });
    await world.clock.advance(MINUTE);
    expect(died).toBe(true);
    world.start();
    await world.clock.advance(11 * MINUTE);
    expect(finalizers(world, "old")).toEqual([]);
    expect(world.get("box")?.status?.credentialsSecret).toBe("new");
  });

  it("is released though the operator was down when the object changed", async () => {
    const world = newWorld();
    withSecrets(world, "old", "new");
    const process = world.start();
    world.apply("box", { credentialsSecretRef: { name: "old" } });
    await world.ready("box");
    await process.stop();
    world.edit("box", { spec: { credentialsSecretRef: { name: "new" } } });
    world.start();
    await world.clock.advance(MINUTE);
    expect(finalizers(world, "old")).toEqual([]);
  });
});

describe("a Secret whose last object went without the operator", () => {
  it("is released when the object is seen to be gone, and not while another object needs it", async () => {
    const world = running();
    for (const name of ["one", "two"]) world.apply(name);
    for (const name of ["one", "two"]) await world.ready(name);
    strip(world, "one");
    await world.clock.advance(MINUTE);
    expect(finalizers(world)).toEqual([FINALIZER]);
    strip(world, "two");
    await world.clock.advance(MINUTE);
    expect(finalizers(world)).toEqual([]);
  });

  it("is released at the next start where it went while none ran, as far as objects lead to it", async () => {
    const world = newWorld();
    withSecrets(world, "other");
    const process = world.start();
    world.apply("box");
    world.apply("stays", { credentialsSecretRef: { name: "other" } });
    for (const name of ["box", "stays"]) await world.ready(name);
    await process.stop();
    strip(world, "box");
    world.start();
    await world.clock.advance(MINUTE);
    expect(finalizers(world)).toEqual([]);
    expect(finalizers(world, "other")).toEqual([FINALIZER]);
  });

  it("is not released while the pass that protects it for another object still runs", async () => {
    const world = running();
    world.apply("first");
    await world.ready("first");
    world.kube.intercept = ({ method, path }) =>
      method === "PATCH" && path.endsWith("/second") ? { delayMs: 2_000 } : undefined;
    world.apply("second");
    await world.clock.advance(3_000);
    strip(world, "first");
    await world.clock.advance(500);
    expect(finalizers(world)).toEqual([FINALIZER]);
    await world.ready("second");
    expect(finalizers(world)).toEqual([FINALIZER]);
  });
});

describe("a Secret that is being deleted", () => {
  it("is reported by the objects whose key it holds, in words that do not change from pass to pass", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.deleteSecret();
    await world.clock.advance(21 * MINUTE);
    expect(readyMessage(world, "box")).toMatch(
      /^the machine is on.*\. The Secret default\/paperspace-creden/,
    );
    expect(world.condition("box", "Ready")).toMatchObject({ status: "True", reason: "Available" });
    const version = world.get("box")?.metadata.resourceVersion;
    await world.clock.advance(60 * MINUTE);
    expect(world.get("box")?.metadata.resourceVersion).toBe(version);
  });

  it("is reported once where the object is halted, though its conditions are kept then", async () => {
    const world = running();
    world.apply("box");
    await world.ready("box");
    world.deleteSecret();
    world.edit("box", { metadata: { annotations: { "paperspace.com/paused": "true" } } });
    await world.clock.advance(60 * MINUTE);
    expect(readyMessage(world, "box").match(/is being deleted/g)).toHaveLength(1);
  });
});

describe("two releases that serve one kind each", () => {
  const MACHINES = ["--enabled-kinds=PaperspaceMachine", "--leader-elect-name=machines"];
  const DEPLOYMENTS = ["--enabled-kinds=PaperspaceDeployment", "--leader-elect-name=deployments"];
  const MACHINE = kindFinalizer("paperspacemachines");
  const DEPLOYMENT = kindFinalizer("paperspacedeployments");

  async function split() {
    const world = newWorld();
    const processes = [world.start(world.kube, MACHINES), world.start(world.kube, DEPLOYMENTS)];
    return { world, processes };
  }

  async function both(world: VirtualWorld) {
    world.apply("box");
    world.deployments.apply("web");
    await world.ready("box");
    await world.deployments.ready("web");
  }

  it("each have a finalizer of their own: neither takes the Secret from the other's objects", async () => {
    const { world } = await split();
    await both(world);
    expect(finalizers(world).toSorted()).toEqual([DEPLOYMENT, MACHINE]);
    world.delete("box");
    await world.gone("box");
    expect(finalizers(world)).toEqual([DEPLOYMENT]);
    world.apply("box");
    await world.ready("box");
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(finalizers(world)).toEqual([MACHINE]);
  });

  it("release the Secret of a namespace that is deleted whole, whichever object ends first", async () => {
    for (const order of [
      ["box", "web"],
      ["web", "box"],
    ]) {
      const { world } = await split();
      await both(world);
      world.deleteSecret();
      for (const name of order) {
        if (name === "box") world.delete("box");
        else world.deployments.delete("web");
        await world.clock.advance(10 * MINUTE);
      }
      expect(world.getSecret()).toBeUndefined();
      expect([...world.machines(), ...world.deployed()]).toEqual([]);
    }
  });

  it("keep the finalizer of the one release that they were before, until the objects of both are gone", async () => {
    const world = newWorld();
    const one = world.start();
    await both(world);
    expect(finalizers(world)).toEqual([FINALIZER]);
    await one.stop();
    world.start(world.kube, MACHINES);
    await world.clock.advance(MINUTE);
    world.delete("box");
    await world.gone("box");
    expect(finalizers(world)).toEqual([FINALIZER]);
    world.start(world.kube, DEPLOYMENTS);
    await world.clock.advance(11 * MINUTE);
    expect(finalizers(world).toSorted()).toEqual([FINALIZER, DEPLOYMENT]);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(finalizers(world)).toEqual([]);
  });

  it("leave no finalizer behind when one release replaces them: it serves both kinds and removes all names", async () => {
    const { world, processes } = await split();
    await both(world);
    for (const process of processes) await process.stop();
    world.start();
    await world.clock.advance(MINUTE);
    world.delete("box");
    await world.gone("box");
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(finalizers(world)).toEqual([]);
  });
});
