/**
 * Names, references and annotations of users: what is none reaches no path, no key of a cache and no record. Objects as an
 * API server may hold them that had older CRDs, whose rules did not refuse them yet.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { oddTexts } from "../support/hostile-text.ts";
import { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const STOLEN = "key-of-another-namespace";

let world: VirtualWorld;

beforeEach(() => {
  world = new VirtualWorld({ flags: ["--leader-elect=false"], simulation: { vendorOpenapi: false } });
});

afterEach(() => world.end());

const restarts = () => world.sim.calls.list().filter(({ path }) => path.endsWith("/restart")).length;
const record = (name = "box") => world.get(name)?.metadata.annotations?.[ANNOTATION.record] ?? "";
const bytes = (text: string) => Buffer.byteLength(text);

describe("a reference that is no name", () => {
  const NAMES = ["../../victim/secrets/paperspace-credentials", "..", ".", "a/status", "a%2Fb", ""];

  it.each(NAMES)("%j reaches no path of the API server", async (name) => {
    world.secret(STOLEN, "victim");
    world.start();
    world.apply("box", { credentialsSecretRef: { name } });
    world.deployments.apply("web", {
      env: [{ name: "A", valueFrom: { secretKeyRef: { name, key: "apiKey" } } }],
    });
    await world.clock.advance(5 * MINUTE);
    const secrets = world.kube.calls.filter(({ path }) => path.includes("/secrets"));
    expect(new Set(secrets.map(({ path }) => path))).toEqual(
      new Set(["/api/v1/namespaces/default/secrets/paperspace-credentials"]),
    );
    expect(world.machines()).toEqual([]);
    expect(world.deployed()).toEqual([]);
    expect(world.condition("box", "Ready")?.message).toContain("is no name of an object");
    expect(JSON.stringify(world.sim.calls.list())).not.toContain(STOLEN);
  });

  it("stands for no other object: a name with a slash is not one Secret and another's key", async () => {
    world.start();
    world.secret("good-key", "default", world.kube, "a");
    world.deployments.apply("one", {
      env: [{ name: "A", valueFrom: { secretKeyRef: { name: "a", key: "apiKey" } } }],
    });
    world.deployments.apply("two", {
      name: "two",
      env: [{ name: "A", valueFrom: { secretKeyRef: { name: "a/apiKey", key: "apiKey" } } }],
    });
    await world.clock.advance(10 * MINUTE);
    expect(world.deployed().map(({ name }) => name)).toEqual(["one"]);
  });
});

describe("annotations", () => {
  it.each([ANNOTATION.restartRequestedAt, ANNOTATION.startRequestedAt, ANNOTATION.adopt])(
    "%s of 200 KB is refused, not recorded, and the machine is deleted all the same",
    async (annotation) => {
      world.start();
      world.apply("box");
      await world.ready("box");
      const before = record();
      world.edit("box", { metadata: { annotations: { [annotation]: "x".repeat(200_000) } } });
      await world.clock.advance(5 * MINUTE);
      expect(world.condition("box", "Stalled")).toMatchObject({
        reason: "AnnotationRefused",
        message: `the annotation ${annotation} has 200000 characters, and 256 are the most: nothing is done until it is shorter`,
      });
      expect(record()).toBe(before);
      expect(restarts()).toBe(0);
      world.edit("box", { metadata: { annotations: { [annotation]: null } } });
      await world.ready("box");
      world.edit("box", { metadata: { annotations: { [annotation]: "x".repeat(200_000) } } });
      world.delete("box");
      await world.gone("box");
      expect(world.machines()).toEqual([]);
    },
  );

  it.each([
    "example.com/notes",
    // Not held in memory, and yet counted by the API server: kubectl apply of a long manifest.
    "kubectl.kubernetes.io/last-applied-configuration",
  ])("%s that leaves no room for the record: nothing is created until there is room", async (annotation) => {
    world.start();
    world.apply("box", {}, { annotations: { [annotation]: "x".repeat(261_000) } });
    await world.clock.advance(5 * MINUTE);
    expect(world.condition("box", "Stalled")?.reason).toBe("AnnotationRefused");
    expect(world.sim.world.machines.size).toBe(0);
    world.edit("box", { metadata: { annotations: { [annotation]: "short" } } });
    await world.ready("box");
    expect(world.machines()).toHaveLength(1);
  });

  it("with a request that is no short word: it is carried out once, and its hash alone is kept", async () => {
    world.start();
    world.apply("box");
    await world.ready("box");
    const value = `because \u202eof ${"y".repeat(200)}`;
    world.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: value } } });
    await world.clock.advance(30 * MINUTE);
    expect(restarts()).toBe(1);
    const kept = JSON.parse(record()).restart;
    expect(kept).toMatch(/^sha256:[0-9a-f]{32}$/);
    expect(world.get("box")?.status?.handled?.restart).toBe(kept);
    expect(oddTexts(world.kube.calls, [])).toEqual([]);
    expect(bytes(record())).toBeLessThan(1_024);
  });
});
