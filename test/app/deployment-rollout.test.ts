/**
 * Rollouts that fail: what is reported meanwhile, when they count as failed, what is rolled back to, and what happens
 * to a deployment that was healthy before.
 */
import { describe, expect, it } from "vitest";
import {
  checkTraffic,
  onlyDeployment as deployment,
  eventNotes,
  running,
} from "../support/scenario-world.ts";
import {
  BAD_IMAGE,
  condition,
  edit,
  keep,
  MINUTE,
  message,
  projectSecrets,
  ready,
  reason,
  showing,
  status,
  stored,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const GOOD = "ghcr.io/acme/model:1";
const BACK = { rollback: "OnFailure", progressDeadlineSeconds: 120 } as const;
const outcomes = (world: VirtualWorld) => status(world)?.history?.map(({ outcome }) => outcome);
const images = (world: VirtualWorld) => deployment(world).specs.map(({ data }) => data.image);
const console_ = (world: VirtualWorld) => world.sim.console.deployments;

describe("an image that cannot be pulled", () => {
  it("is Progressing with the instance's own message, then past its deadline, and healthy after all when the image appears", async () => {
    const world = running();
    world.deployments.apply("web", { image: BAD_IMAGE, progressDeadlineSeconds: 300 });
    await world.until("the message is there", () => message(world).includes("Back-off pulling image"));
    expect(reason(world)).toBe("Progressing");
    expect(reason(world, "Reconciling")).toBe("Progressing");
    await world.until("an event", () => eventNotes(world, "InstanceFailed").length > 0);
    expect(eventNotes(world, "InstanceFailed")[0]).toContain(BAD_IMAGE);
    await world.deployments.reports("web", "ProgressDeadlineExceeded");
    expect(reason(world, "Stalled")).toBe("ProgressDeadlineExceeded");
    expect(message(world)).toContain("Back-off pulling image");
    expect(outcomes(world)).toEqual(["TimedOut"]);
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    console_(world).setImageFate("does-not-exist", null);
    await world.deployments.ready("web");
    expect(outcomes(world)).toEqual(["Healthy"]);
    expect(upserts(world)).toHaveLength(1);
  });

  it("does not report the same failure at each restart", async () => {
    const world = running();
    world.deployments.apply("web", { image: BAD_IMAGE, progressDeadlineSeconds: 300 });
    await world.clock.advance(120 * MINUTE);
    expect(new Set(eventNotes(world, "InstanceFailed")).size).toBe(1);
    const writes = world.kube.calls.filter(
      ({ method, path }) => method === "PATCH" && path.includes("paperspacedeployments"),
    );
    expect(writes.length).toBeLessThan(120);
  });

  it("leaves the one before it serving, and reports what runs", async () => {
    const world = await ready();
    edit(world, { image: BAD_IMAGE, progressDeadlineSeconds: 60 });
    await world.deployments.reports("web", "ProgressDeadlineExceeded");
    expect(outcomes(world)).toEqual(["TimedOut", "Healthy"]);
    edit(world, { image: GOOD });
    await world.deployments.ready("web");
    expect(outcomes(world)).toEqual(["Healthy", "TimedOut", "Healthy"]);
  });
});

describe("a configuration that is refused", () => {
  it("as a whole by the cluster reports its error, and is not sent again", async () => {
    const world = running();
    world.deployments.apply("web", { image: "acme/invalid-config" });
    await world.deployments.reports("web", "ConfigurationRejected");
    expect(message(world)).toContain("is not accepted");
    expect(status(world)?.spec?.error).toContain("is not accepted");
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    edit(world, { image: GOOD });
    await world.deployments.ready("web");
    expect(outcomes(world)).toEqual(["Healthy", "Failed"]);
  });

  it("at once by the API reports the API's message, and is sent again only when the spec changes, or very slowly", async () => {
    const world = await ready();
    const body = { message: "image is on our list", code: "BAD_REQUEST" };
    world.sim.faults.add({ match: { method: "POST", times: "always" }, do: { status: 400, body } });
    edit(world, { image: "acme/forbidden" });
    await world.deployments.reports("web", "Refused");
    expect(reason(world, "Stalled")).toBe("Refused");
    expect(message(world)).toContain("image is on our list");
    await world.clock.advance(9 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    world.sim.faults.clear();
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(2);
    expect(outcomes(world)).toEqual(["Healthy", "Healthy"]);
  });

  it("before there is a deployment leaves none, and an object that can be deleted", async () => {
    const world = running();
    world.sim.faults.add({ match: { method: "POST", times: "always" }, do: { status: 400 } });
    world.deployments.apply("web", { image: "acme/forbidden" });
    await world.deployments.reports("web", "Refused");
    await world.clock.advance(9 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
    world.deployments.delete("web");
    await world.deployments.gone("web");
  });

  it("and shown no more at all (latestSpec null) is reported as invalid", async () => {
    const world = running();
    world.deployments.apply("web");
    await world.until("it is there", () => world.deployed().length === 1);
    console_(world).invalidate(deployment(world).id);
    await world.deployments.reports("web", "ConfigurationRejected");
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world).length).toBeLessThan(3);
    console_(world).invalidate(deployment(world).id, false);
    await world.deployments.ready("web");
  });
});

describe("rollback OnFailure", () => {
  it("rolls back to the last healthy configuration at the deadline, and tries the new one only when the spec changes", async () => {
    const world = await ready(BACK);
    edit(world, { image: BAD_IMAGE });
    await world.deployments.reports("web", "RolledBack");
    await world.until("it is back", () => condition(world, "Healthy")?.status === "True");
    expect(images(world)).toEqual([GOOD, BAD_IMAGE, GOOD]);
    expect(condition(world)?.status).toBe("False");
    expect(reason(world, "Stalled")).toBe("RolledBack");
    expect(message(world)).toContain("Back-off pulling image");
    expect(outcomes(world)).toEqual(["Healthy", "TimedOut", "Healthy"]);
    await world.clock.advance(120 * MINUTE);
    expect(deployment(world).specs).toHaveLength(3);
    // Another number scales what runs; something else in the spec is another try, with that image.
    edit(world, { replicas: 2 });
    await world.until("it is sent", () => deployment(world).specs.length >= 4);
    expect(stored(world)).toMatchObject({ image: GOOD, resources: { replicas: 2 } });
    edit(world, { command: ["serve"] });
    await world.until("it is tried", () => deployment(world).specs.length >= 5);
    expect(stored(world)).toMatchObject({ image: BAD_IMAGE });
    edit(world, { image: "ghcr.io/acme/model:3" });
    await world.deployments.ready("web");
    expect(status(world)?.rolledBack).toBeUndefined();
    expect(stored(world)).toMatchObject({ image: "ghcr.io/acme/model:3", resources: { replicas: 2 } });
  });

  it("rolls back at once where the cluster cannot apply it", async () => {
    const world = await ready(BACK);
    edit(world, { image: "acme/invalid-config" });
    await world.deployments.reports("web", "RolledBack");
    await world.until("it is back", () => condition(world, "Healthy")?.status === "True");
    expect(images(world)).toEqual([GOOD, "acme/invalid-config", GOOD]);
    expect(message(world)).toContain("is not accepted");
  });

  it("is over when the user declares what runs", async () => {
    const world = await ready(BACK);
    edit(world, { image: BAD_IMAGE });
    await world.until(
      "it is back",
      () => reason(world) === "RolledBack" && condition(world, "Healthy")?.status === "True",
    );
    const sent = upserts(world).length;
    edit(world, { image: GOOD });
    await world.deployments.ready("web");
    expect(upserts(world)).toHaveLength(sent);
    expect(status(world)?.rolledBack).toBeUndefined();
  });

  it("is over when the user does not request it any more: the failed one is sent again", async () => {
    const world = await ready(BACK);
    edit(world, { image: BAD_IMAGE });
    await world.until(
      "it is back",
      () => reason(world) === "RolledBack" && condition(world, "Healthy")?.status === "True",
    );
    console_(world).setImageFate("does-not-exist", null);
    edit(world, { rollback: "None" });
    await world.deployments.ready("web");
    expect(images(world)).toEqual([GOOD, BAD_IMAGE, GOOD, BAD_IMAGE]);
  });

  it.each([false, true])(
    "and Ready do not depend on the order of the runs, or on an empty one (with a run for each spec: %s)",
    async (always) => {
      const world = await ready({ ...BACK, replicas: 2 });
      world.sim.world.setBehaviour({ newRun: always ? "always" : "template" });
      const empty = { id: "run-0", replicas: 0, readyReplicas: 0, availableReplicas: 0, instances: [] };
      showing(world, /\/runs$/, (runs: object[]) => [empty, ...runs.toReversed()]);
      edit(world, { image: "ghcr.io/acme/model:2" });
      await world.deployments.ready("web");
      expect(status(world)).toMatchObject({ replicas: 2, readyReplicas: 2 });
      edit(world, { replicas: 1 });
      await world.deployments.ready("web");
      edit(world, { image: BAD_IMAGE });
      await world.clock.advance(5 * MINUTE);
      expect(stored(world)?.image).toBe("ghcr.io/acme/model:2");
      expect(condition(world, "Healthy")?.status).toBe("True");
    },
  );

  it("does not pass over a configuration that served for long because its instances start slowly when it is declared again", async () => {
    const world = await ready({ ...BACK, image: "ghcr.io/acme/model:0" });
    edit(world, { image: GOOD });
    await world.deployments.ready("web");
    await world.clock.advance(24 * 60 * MINUTE);
    edit(world, { image: BAD_IMAGE });
    await world.clock.advance(MINUTE);
    console_(world).setImageFate("model:1", "crash");
    edit(world, { image: GOOD });
    await world.clock.advance(20 * MINUTE);
    expect(stored(world)?.image).toBe(GOOD);
    expect(reason(world)).toBe("ProgressDeadlineExceeded");
    expect(message(world)).toContain("was healthy before");
    console_(world).setImageFate("model:1", null);
    await world.deployments.ready("web");
    expect(images(world)).toEqual(["ghcr.io/acme/model:0", GOOD, BAD_IMAGE, GOOD]);
  });

  it("has nothing to roll back to where nothing was ever healthy", async () => {
    const world = running();
    world.deployments.apply("web", { ...BACK, image: BAD_IMAGE });
    await world.deployments.reports("web", "ProgressDeadlineExceeded");
    expect(message(world)).toContain("no healthy configuration to go back to");
    await world.clock.advance(60 * MINUTE);
    expect(upserts(world)).toHaveLength(1);
  });

  it("that fails as well reports it, and sends nothing more", async () => {
    const world = await ready(BACK);
    console_(world).setImageFate("model:1", "pull");
    edit(world, { image: BAD_IMAGE });
    await world.deployments.reports("web", "RollbackFailed");
    await world.clock.advance(120 * MINUTE);
    expect(deployment(world).specs).toHaveLength(3);
    expect(reason(world)).toBe("RollbackFailed");
    console_(world).setImageFate("model:1", null);
    await world.until("it is healthy", () => condition(world, "Healthy")?.status === "True");
    expect(reason(world)).toBe("RolledBack");
  });

  it("passes over what failed before, however often", async () => {
    const world = await ready(BACK);
    for (const image of ["acme/does-not-exist:a", "acme/does-not-exist:b"]) {
      edit(world, { image });
      await world.until(
        "it went back",
        () => images(world).at(-1) === GOOD && images(world).at(-2) === image,
      );
      await world.deployments.reports("web", "RolledBack");
    }
    await world.clock.advance(30 * MINUTE);
    expect(images(world)).toEqual([GOOD, "acme/does-not-exist:a", GOOD, "acme/does-not-exist:b", GOOD]);
  });

  it("finds the secret of the configuration that it rolls back to", async () => {
    const world = running();
    keep(world, "hub", { token: "first" });
    const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "hub", key: "token" } } }];
    world.deployments.apply("web", { ...BACK, env });
    await world.deployments.ready("web");
    const [first] = projectSecrets(world);
    keep(world, "hub", { token: "second" });
    edit(world, { image: BAD_IMAGE });
    // The new value is noticed with the new image, or goes into the good configuration once it is.
    await world.until("it went back", () => reason(world) === "RolledBack");
    await world.until("it is sent", () => stored(world)?.image === GOOD);
    expect(projectSecrets(world)).toContain(first);
    await world.clock.advance(40 * MINUTE);
    expect(reason(world)).toBe("RolledBack");
    expect(condition(world, "Healthy")?.status).toBe("True");
    const [now] = projectSecrets(world).filter((name) => name !== first);
    expect(stored(world)).toMatchObject({ image: GOOD, env: [{ name: "TOKEN", value: `secret:${now}` }] });
  });

  it("is not undone by a console edit: what runs instead is put back", async () => {
    const world = await ready(BACK);
    edit(world, { image: BAD_IMAGE });
    await world.until(
      "it is back",
      () => reason(world) === "RolledBack" && condition(world, "Healthy")?.status === "True",
    );
    console_(world).edit(deployment(world).id, { image: "acme/changed" });
    await world.clock.advance(15 * MINUTE);
    expect(stored(world)?.image).toBe(GOOD);
    expect(reason(world)).toBe("RolledBack");
    expect(condition(world, "Healthy")?.status).toBe("True");
  });

  it.each([{ identicalConfig: "sameSpec" as const }, { staleSpecMs: 20_000 }, { newRun: "always" as const }])(
    "has the same result with %j",
    async (behaviour) => {
      const world = await ready(BACK);
      world.sim.world.setBehaviour(behaviour);
      edit(world, { image: BAD_IMAGE });
      await world.until(
        "it is back",
        () => reason(world) === "RolledBack" && condition(world, "Healthy")?.status === "True",
      );
      await world.clock.advance(60 * MINUTE);
      expect(images(world)).toEqual([GOOD, BAD_IMAGE, GOOD]);
    },
  );
});

describe("a deployment that was healthy", () => {
  it("is Degraded while an instance is down, after a while Stalled, and healthy again by itself", async () => {
    const world = await ready({ replicas: 2, progressDeadlineSeconds: 600 });
    const { id } = deployment(world);
    console_(world).crash(id, { startsOver: false });
    await world.clock.advance(70 * MINUTE);
    expect(reason(world)).toBe("Degraded");
    expect(message(world)).toContain("Container exited with code 1");
    expect(reason(world, "Healthy")).toBe("Degraded");
    expect(reason(world, "Stalled")).toBe("Degraded");
    expect(status(world)?.readyReplicas).toBe(1);
    console_(world).recover(id);
    await world.deployments.ready("web");
    expect(status(world)?.readyReplicas).toBe(2);
    expect(upserts(world)).toEqual([]);
  });

  it("stays Ready where Paperspace stops showing when it was applied or healthy: what is missing is no answer", async () => {
    const world = await ready();
    type Shown = { latestSpec: Record<string, unknown> };
    const unmarked = ({ latestSpec, ...body }: Shown) => {
      const { externalApplied: _a, dtHealthy: _h, ...spec } = latestSpec;
      return { ...body, latestSpec: spec };
    };
    showing(world, /\/deployments\/[^/]+$/, unmarked);
    showing(world, /\/projects\/[^/]+\/deployments$/, (page: { items: Shown[] }) => ({
      ...page,
      items: page.items.map(unmarked),
    }));
    world.deployments.edit("web", {
      metadata: { annotations: { "paperspace.com/reconcile-requested-at": "now" } },
    });
    await world.clock.advance(60 * MINUTE);
    expect(condition(world)).toMatchObject({ status: "True", reason: "Available" });
    expect(condition(world, "Reconciling")).toBeUndefined();
  });

  it("is not rolled back where Paperspace never shows that it was applied, and its instances serve", async () => {
    const world = await ready({ replicas: 2, rollback: "OnFailure" });
    type Shown = { items?: Shown[]; latestSpec?: Record<string, unknown> };
    const unmarked = ({ items, latestSpec, ...body }: Shown): Shown => {
      const { externalApplied: _a, dtHealthy: _h, ...spec } = latestSpec ?? {};
      return {
        ...body,
        ...(items && { items: items.map(unmarked) }),
        ...(latestSpec && { latestSpec: spec }),
      };
    };
    showing(world, /\/deployments(\/[^/]+)?$/, unmarked);
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.clock.advance(40 * MINUTE);
    expect(reason(world)).toBe("ProgressDeadlineExceeded");
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:2");
    // Instances that fail are an answer.
    edit(world, { image: BAD_IMAGE });
    await world.clock.advance(20 * MINUTE);
    expect(stored(world)?.image).toBe("ghcr.io/acme/model:1");
  });

  it("shows instances in unknown states as they are", async () => {
    const world = await ready({ replicas: 2 });
    console_(world).setInstanceState(deployment(world).id, "hibernating", { message: "zzz" });
    await world.clock.advance(70 * MINUTE);
    expect(
      status(world)
        ?.instances?.map(({ state }) => state)
        .sort(),
    ).toEqual(["hibernating", "running"]);
    expect(reason(world)).toBe("Degraded");
    expect(upserts(world)).toEqual([]);
  });

  it("records its last ten configurations", async () => {
    const world = await ready();
    for (let tag = 2; tag < 15; tag++) {
      edit(world, { image: `ghcr.io/acme/model:${tag}` });
      await world.deployments.ready("web");
    }
    expect(status(world)?.history).toHaveLength(10);
    expect(new Set(outcomes(world))).toEqual(new Set(["Healthy"]));
    expect(status(world)?.history?.map(({ specId }) => specId)).toEqual(
      deployment(world)
        .specs.slice(-10)
        .reverse()
        .map(({ id }) => id),
    );
  });

  it("is not reported as failed for a rollout that the next one overtook", async () => {
    const world = await ready(BACK);
    edit(world, { image: BAD_IMAGE });
    await world.until("it is applied", () => deployment(world).specs.at(-1)?.externalApplied !== null);
    await world.clock.advance(MINUTE);
    edit(world, { image: "ghcr.io/acme/model:3" });
    await world.deployments.ready("web");
    expect(outcomes(world)).toEqual(["Healthy", "Superseded", "Healthy"]);
  });
});
