/**
 * A vendor that writes a field of a configuration otherwise than it was sent: seen in the answers to two upserts, then no
 * drift, and reported. Another actor's edits are none of that, nor is what an upsert without an answer seems to show.
 */
import { describe, expect, it } from "vitest";
import { checkTraffic, eventNotes, newWorld, onlyDeployment, running } from "../support/scenario-world.ts";
import {
  annotate,
  before,
  condition,
  edit,
  MINUTE,
  message,
  PROJECT,
  ready,
  reason,
  showing,
  status,
  stored,
  uidOf,
  upserts,
} from "../support/scenario-world-deployments.ts";
import { DEPLOYMENTS, NAMESPACE, type VirtualWorld } from "../support/virtual-world.ts";

const HOUR = 60 * MINUTE;
const IMAGE = { image: "acme/model" };
const RIVAL = "acme/rival:1";

checkTraffic();

/** A world whose API writes so, with a deployment that is Ready. */
async function writing(mutations: string[], spec: object = IMAGE) {
  const world = running();
  world.sim.mutations.use(mutations, 1);
  world.deployments.apply("web", spec);
  await world.deployments.ready("web");
  return world;
}

const rivalEdits = (world: VirtualWorld, config: object) =>
  world.sim.console.deployments.edit(onlyDeployment(world).id, config, "rival");
const rivalWrites = (world: VirtualWorld, image = RIVAL) => rivalEdits(world, { image });

const UNANSWERED = { match: { method: "POST", path: "/deployments$", times: 2 }, do: { status: 503 } };

describe("a field that the API writes otherwise than it was sent", () => {
  it.each([
    ["image-tagged", 'image "acme/model" as "acme/model:latest"'],
    ["image-with-registry", 'image "acme/model" as "docker.io/acme/model"'],
  ])("is no drift after two upserts more, and Synced says how it is written: %s", async (mutation, words) => {
    const world = await writing([mutation]);
    expect(message(world, "Synced")).toContain(`Paperspace writes ${words}`);
    const sent = upserts(world).length;
    expect(sent).toBeLessThanOrEqual(3);
    expect(eventNotes(world, "DriftCorrected")).toEqual([]);
    await world.clock.advance(8 * HOUR);
    expect(upserts(world)).toHaveLength(sent);
    expect(reason(world)).toBe("Available");
    // What is declared besides needs one only.
    edit(world, { replicas: 2 });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(sent + 1);
  });

  it.each(["names-lower-case", "paths-with-slash", "paths-without-slash"])(
    "shows no value in status where that may be secret: %s",
    async (mutation) => {
      const env = [{ name: "Mode", value: "hunter2hunter2" }];
      const path = mutation === "paths-without-slash" ? "/up/" : "/up";
      const world = await writing([mutation], { env, healthChecks: { readiness: { path, port: 8080 } } });
      const { storedAs } = status(world) ?? {};
      expect(storedAs?.length).toBeGreaterThan(0);
      expect(storedAs?.some(({ specId }) => specId !== undefined)).toBe(false);
      expect(JSON.stringify(status(world)?.conditions)).not.toContain("hunter2");
      expect(JSON.stringify(storedAs)).not.toContain("hunter2");
      expect(message(world, "Synced")).toContain("; Paperspace writes ");
    },
  );

  it("is learnt of all fields at once, however many there are: a few upserts, and never Contended", async () => {
    const env = Array.from({ length: 128 }, (_, i) => ({ name: `KEY_${i}`, value: ` value ${i} ` }));
    const world = await writing(["names-lower-case", "values-trimmed"], { env });
    expect(upserts(world).length).toBeLessThanOrEqual(3);
    expect(message(world, "Synced")).toContain("and 251 more");
    const reasons = world.kube.storage.events.flatMap(({ object }) => {
      const { conditions = [] } = ((object as { status?: object }).status ?? {}) as {
        conditions?: { reason: string }[];
      };
      return conditions.map((one) => one.reason);
    });
    expect(reasons).not.toContain("Contended");
  });

  it("keeps no Ready of before while that is not known, and reports what is shown", async () => {
    const world = await ready();
    world.sim.mutations.use(["image-tagged"], 1);
    edit(world, IMAGE);
    await world.until("the other image shows", () => message(world).includes("shows another image"));
    expect(condition(world)?.status).toBe("False");
    expect(reason(world)).toBe("Deploying");
    expect(upserts(world)).toHaveLength(1);
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(2);
  });

  it("is still drift where another actor writes another value, and is known after a restart", async () => {
    const world = await writing(["image-tagged"]);
    const sent = upserts(world).length;
    rivalWrites(world);
    await world.until("it is put back", () => upserts(world).length > sent);
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(sent + 1);
    expect(stored(world)?.image).toBe("acme/model");
  });

  it("is learnt where the API keeps a spec that it is sent once more", async () => {
    const world = running();
    world.sim.world.setBehaviour({ identicalConfig: "sameSpec" });
    world.sim.mutations.use(["image-tagged"], 1);
    world.deployments.apply("web", IMAGE);
    await world.deployments.ready("web");
    expect(upserts(world).length).toBeLessThanOrEqual(3);
    expect(onlyDeployment(world).specs).toHaveLength(1);
  });

  it("is learnt where the answers to upserts have no readable body: they say that they were taken", async () => {
    const world = await writing(["image-tagged", "writes-answer-empty-object"]);
    expect(message(world, "Synced")).toContain("Paperspace writes image");
    expect(upserts(world).length).toBeLessThanOrEqual(4);
  });

  it("is forgotten once the API shows it as it was sent", async () => {
    const world = await writing(["image-tagged"]);
    world.sim.mutations.clear();
    edit(world, { replicas: 2 });
    await world.deployments.ready("web");
    expect(status(world)?.storedAs ?? []).toEqual([]);
    rivalWrites(world, "acme/model:latest");
    await world.until("it is put back", () => stored(world)?.image === "acme/model");
  });

  it("is known of a deployment whose create was not answered: it is this object's all the same", async () => {
    const world = running();
    world.sim.mutations.use(["names-lower-case"], 1);
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });
    world.deployments.apply("web", { env: [{ name: "MODE", value: "fast" }] });
    await world.deployments.ready("web");
    expect(world.deployed()).toHaveLength(1);
    expect(upserts(world).length).toBeLessThanOrEqual(4);
  });
});

describe("a value that was stored before, which the API may show of what means the same", () => {
  const MODE = (value: string) => ({ env: [{ name: "MODE", value }] });
  const probing = { healthChecks: { readiness: { path: "/up/", port: 80 } } };

  it.each<[string, object, object, object?]>([
    ["image-tagged", IMAGE, { image: "acme/model:2" }],
    ["image-tagged", { image: "acme/model:latest" }, { image: "acme/model:2" }, IMAGE],
    ["names-lower-case", MODE("fast"), MODE("slow")],
    ["values-trimmed", MODE(" fast "), MODE("slow")],
    ["paths-without-slash", probing, { healthChecks: null }],
  ])("is Ready after the user went back: %s, %o", async (mutation, first, second, back = first) => {
    const world = await writing([mutation], first);
    for (const spec of [second, back]) {
      const sent = upserts(world).length;
      edit(world, spec);
      await world.deployments.ready("web");
      expect(upserts(world).length - sent).toBeLessThanOrEqual(2);
    }
  });

  it("is Ready where the deployment was made by other means, and adopted", async () => {
    const world = running();
    world.sim.mutations.use(["image-tagged"], 1);
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "web", ...IMAGE });
    world.deployments.apply("web", { ...IMAGE, adoptId: id });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(2);
  });

  it("is Ready where the status was lost, and it is adopted again", async () => {
    const world = await writing(["image-tagged"], IMAGE);
    const lost = { ...world.deployments.get("web"), status: {} };
    world.kube.storage.replace(DEPLOYMENTS, NAMESPACE, "web", lost as never, "status");
    await world.deployments.reports("web", "IdentityConflict");
    annotate(world, { "paperspace.com/adopt": `${onlyDeployment(world).id}@${uidOf(world)}` });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(4);
  });
});

describe("what the API gives another name", () => {
  const MODE = { name: "MODE", value: "fast" };
  const LEVEL = { name: "LEVEL", value: "fast" };

  it("is put back where another actor takes it out: it is not only its own name that is missing", async () => {
    const world = await writing(["names-lower-case"], { env: [MODE, LEVEL] });
    const sent = upserts(world).length;
    rivalEdits(world, { env: [LEVEL] });
    await world.until("it is put back", () => upserts(world).length > sent);
    await world.deployments.ready("web");
    expect(stored(world)?.env).toEqual([MODE, LEVEL]);
    expect(upserts(world)).toHaveLength(sent + 1);
  });

  it("is taken out once it is not declared any more", async () => {
    const world = await writing(["names-lower-case"], { env: [MODE, LEVEL] });
    edit(world, { env: [LEVEL] });
    await world.deployments.ready("web");
    expect(stored(world)?.env).toEqual([LEVEL]);
    edit(world, { env: null });
    await world.deployments.ready("web");
    expect(stored(world)?.env ?? []).toEqual([]);
    expect(status(world)?.storedAs ?? []).toEqual([]);
  });
});

describe("another actor's value is not taken for how the API writes it", () => {
  it("where they write after each upsert", async () => {
    const world = running();
    let wars = 0;
    before(world, ({ method, path }) => {
      if (method !== "GET" || !/\/deployments\/[^/]+$/.test(path.split("?")[0] ?? "") || wars >= 4) return;
      if (world.deployed().length === 0 || stored(world)?.image === RIVAL) return;
      wars++;
      rivalWrites(world);
    });
    world.deployments.apply("web");
    await world.until("the rival wrote four times", () => wars === 4);
    await world.deployments.ready("web");
    expect(status(world)?.storedAs).toBeUndefined();
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:1");
  });

  it("where two upserts fail and they write in between", async () => {
    const world = await ready();
    world.sim.faults.add(UNANSWERED);
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.until("one has failed", () => upserts(world).length === 1);
    rivalWrites(world);
    await world.deployments.ready("web");
    expect(status(world)?.storedAs).toBeUndefined();
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:2");
  });

  it("where they write after ours, and ours is put back at once", async () => {
    const world = await ready();
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.until("it is sent", () => upserts(world).length === 1);
    rivalWrites(world);
    const from = world.clock.now();
    await world.until("it is put back", () => upserts(world).length === 2);
    expect(world.clock.now() - from).toBeLessThan(MINUTE);
    await world.deployments.ready("web");
    expect(status(world)?.storedAs).toBeUndefined();
  });

  it("where it was theirs once, and the API shows it after an upsert: it was stored before", async () => {
    const world = await ready();
    const pinned = "acme/model@sha256:0";
    rivalWrites(world, pinned);
    await world.until("it is put back", () => stored(world)?.image === "ghcr.io/acme/model:1");
    await world.deployments.ready("web");
    showing(world, /\/deployments/, (json) =>
      JSON.parse(JSON.stringify(json).replaceAll(`"${IMAGE.image}"`, `"${pinned}"`)),
    );
    edit(world, IMAGE);
    await world.clock.advance(HOUR);
    expect(status(world)?.storedAs).toBeUndefined();
    expect(condition(world)?.status).toBe("False");
  });

  it("where the process dies between the note of an upsert and the upsert", async () => {
    const world = newWorld();
    const first = world.start();
    world.deployments.apply("web");
    await world.deployments.ready("web");
    const { length } = upserts(world);
    let isDead = false;
    first.edge.onPass = (call) => {
      if (isDead || !call.startsWith("before POST") || !call.endsWith("/deployments")) return;
      isDead = true;
      first.kill();
      rivalWrites(world);
    };
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.until("the process has died", () => isDead);
    await world.clock.advance(MINUTE);
    expect(upserts(world)).toHaveLength(length);
    expect(status(world)?.history?.[0]).not.toHaveProperty("answeredAt");
    world.start();
    await world.deployments.ready("web");
    expect(status(world)?.storedAs).toBeUndefined();
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:2");
  });
});

describe("reads that lag behind an upsert", () => {
  it.each([20, 60, 150])("by %d s are no reason to send it again", async (seconds) => {
    const world = await ready();
    world.sim.mutations.use([`reads-lag-${seconds}s`], 1);
    await world.clock.advance(5 * MINUTE);
    world.sim.calls.clear();
    for (let i = 1; i <= 3; i++) {
      edit(world, { image: `ghcr.io/acme/model:v${i}` });
      await world.deployments.ready("web");
      expect(upserts(world)).toHaveLength(i);
      await world.clock.advance(10 * MINUTE);
    }
    expect(upserts(world)).toHaveLength(3);
  });

  it("teach nothing of two edits one right after the other: one is not the answer to the other", async () => {
    const world = await ready();
    world.sim.mutations.use(["reads-lag-60s"], 1);
    await world.clock.advance(5 * MINUTE);
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.clock.advance(75_000);
    edit(world, { image: "ghcr.io/acme/model:3" });
    await world.deployments.ready("web");
    expect(status(world)?.storedAs).toBeUndefined();
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:3");
  });

  it("show an upsert that was not answered late: it is in the history, and is not sent again", async () => {
    const world = await ready();
    world.sim.mutations.use(["reads-lag-60s"], 1);
    await world.clock.advance(5 * MINUTE);
    world.sim.calls.clear();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "after" } });
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(1);
  });

  it("do not delay an upsert again that was not answered and never came", async () => {
    const world = await ready();
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "before" } });
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.until("it is sent again", () => upserts(world).length === 2, 2 * MINUTE);
    await world.deployments.ready("web");
  });
});
