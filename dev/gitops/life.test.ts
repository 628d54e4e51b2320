/**
 * The whole operator over objects that came from Git, in virtual time: what tools that compare with Git would see, at
 * every single write. No field from Git may change, and the health has to show each state.
 */
import { describe, expect, it } from "vitest";
import type { Condition, KubeObject } from "../../src/kube/objects.ts";
import { ANNOTATION, FINALIZER, GROUP } from "../../src/reconcile/record.ts";
import { kstatus } from "../../test/gitops/kstatus.ts";
import { luaHealth } from "../../test/gitops/lua.ts";
import { documented, FUNCTIONS } from "../../test/gitops/table.ts";
import { checkTraffic, onlyDeployment, onlyMachine, running } from "../../test/support/scenario-world.ts";
import type { VirtualWorld } from "../../test/support/virtual-world.ts";
import { DEMO_KEY } from "../simulator/world/teams.ts";
import { healthScript } from "./argocd.ts";

checkTraffic();

const MINUTE = 60_000;
const health = luaHealth(healthScript(), FUNCTIONS);

/** As the tools leave them on what they apply. */
const GIT = {
  labels: { "app.kubernetes.io/instance": "fleet", "kustomize.toolkit.fluxcd.io/name": "fleet" },
  annotations: {
    "argocd.argoproj.io/tracking-id": "fleet:paperspace.com/PaperspaceMachine:default/box",
    "argocd.argoproj.io/sync-wave": "1",
    "kubectl.kubernetes.io/last-applied-configuration": '{"spec":{}}',
  },
};
const OWN = [ANNOTATION.record, ANNOTATION.createPending, ANNOTATION.released] as string[];

/** Everything that ever was of this kind, oldest first. */
function revisions(world: VirtualWorld, kind: string): KubeObject[] {
  return world.kube.storage.events
    .filter(({ of, type }) => of.kind === kind && type !== "DELETED")
    .map(({ object }) => ({ ...object, kind }));
}

/** What a tool that compares with Git looks at. */
function declared({ spec, metadata: { labels, annotations = {}, ownerReferences } }: KubeObject): string {
  const foreign = Object.entries(annotations).filter(([name]) => !name.startsWith(`${GROUP}/`));
  return JSON.stringify({ spec, labels, ownerReferences, annotations: Object.fromEntries(foreign) });
}

/** What the operator sent to the API server about objects of ours. */
function writes(world: VirtualWorld) {
  return world.kube.calls.filter(({ method, path }) => method !== "GET" && path.includes(`/${GROUP}/`));
}

function checkWrites(world: VirtualWorld): void {
  expect(writes(world).length).toBeGreaterThan(3);
  for (const { method, path, body } of writes(world)) {
    const { metadata, ...rest } = body as { metadata: Record<string, unknown>; status?: unknown };
    const { uid, resourceVersion, annotations = {}, finalizers, ...more } = metadata;
    expect([method, more, typeof uid, typeof resourceVersion]).toEqual(["PATCH", {}, "string", "string"]);
    expect(Object.keys(rest)).toEqual(path.endsWith("/status") ? ["status"] : []);
    expect(OWN).toEqual(expect.arrayContaining(Object.keys(annotations as object)));
    expect([undefined, [], [FINALIZER]]).toContainEqual(finalizers);
  }
}

/** The row of docs/gitops/README.md, from the object's conditions. */
function rowOf({ metadata, status }: KubeObject): string {
  const { observedGeneration, conditions = [] } = status as {
    observedGeneration?: number;
    conditions?: Condition[];
  };
  const so = (type: string) => conditions.some((one) => one.type === type && one.status === "True");
  if (metadata.deletionTimestamp) return so("Stalled") ? "being deleted, and blocked" : "being deleted";
  if (so("Paused")) return "paused, or dry-run";
  if (observedGeneration !== metadata.generation) return "not looked at yet, or changed since";
  if (so("Ready")) return "as declared";
  return so("Stalled") ? "cannot go on without you, or is late" : "at work, or will try again by itself";
}

/** What the tools show in turn, each once until it changes. Checks every object on the way. */
function shown(objects: readonly KubeObject[]): string[] {
  const words: string[] = [];
  for (const object of objects) {
    const { argo, flux } = documented.get(rowOf(object)) ?? {};
    const actual = { argo: health(object).status, flux: kstatus(object) };
    expect({ ...actual, object }).toEqual({ argo, flux: flux === "as before" ? actual.flux : flux, object });
    if (words.at(-1) !== actual.argo) words.push(actual.argo);
  }
  return words;
}

describe("a machine from Git", { timeout: 60_000 }, () => {
  it("is never seen to differ from Git, from its creation over drift, pause and faults to its end", async () => {
    const world = running();
    world.apply("box", { powerState: "Running" }, GIT);
    await world.ready("box");
    const created = revisions(world, "PaperspaceMachine").length;
    expect(shown(revisions(world, "PaperspaceMachine"))).toEqual(["Progressing", "Healthy"]);
    const [first] = revisions(world, "PaperspaceMachine");

    const { id } = onlyMachine(world);
    world.sim.console.update(id, { autoShutdownEnabled: false });
    world.sim.console.stop(id);
    await world.until("the drift is noticed", () => world.condition("box", "Ready")?.status !== "True");
    await world.ready("box");

    world.edit("box", { metadata: { annotations: { [ANNOTATION.paused]: "true" } } });
    await world.clock.advance(MINUTE);
    world.edit("box", { metadata: { annotations: { [ANNOTATION.paused]: null } } });
    await world.ready("box");

    world.secret("an-unknown-key");
    world.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "now" } } });
    await world.clock.advance(20 * MINUTE);
    world.delete("box");
    await world.clock.advance(MINUTE);
    world.secret(DEMO_KEY);
    await world.gone("box");

    const all = revisions(world, "PaperspaceMachine");
    const [repaired, halted, blocked] = [
      ["Progressing", "Healthy"],
      ["Suspended", "Healthy"],
      ["Progressing", "Degraded"],
    ];
    expect(shown(all.slice(created))).toEqual([...repaired, ...halted, ...blocked, "Progressing"]);
    expect(new Set(all.map(declared))).toEqual(new Set([first && declared(first)]));
    checkWrites(world);
  });

  it("differs by what Git changed and by nothing else when its spec changes", async () => {
    const world = running();
    world.apply("box", {}, GIT);
    await world.ready("box");
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.ready("box");
    const all = revisions(world, "PaperspaceMachine");
    expect(shown(all)).toEqual(["Progressing", "Healthy", "Progressing", "Healthy"]);
    expect(new Set(all.map(declared)).size).toBe(2);
    checkWrites(world);
  });

  it("is Degraded where only the user can help, and reports how", async () => {
    const world = running();
    world.apply("box", { machineType: "no-such-type" }, GIT);
    await world.until("it is stalled", () => world.condition("box", "Stalled")?.status === "True");
    const last = revisions(world, "PaperspaceMachine").at(-1) as KubeObject;
    const actual = health(last);
    expect(actual).toEqual({ status: "Degraded", message: world.condition("box", "Stalled")?.message });
    expect(kstatus(last)).toBe("Failed");
  });
});

describe("a deployment from Git", { timeout: 60_000 }, () => {
  it("is never seen to differ from Git, from its creation over drift and a new image to its end", async () => {
    const world = running();
    world.deployments.apply("web", {}, GIT);
    await world.deployments.ready("web");
    const objects = () => revisions(world, "PaperspaceDeployment");
    expect(shown(objects())).toEqual(["Progressing", "Healthy"]);
    const created = objects().length;

    const { id } = onlyDeployment(world);
    world.sim.console.deployments.edit(id, { image: "ghcr.io/other/image:1" });
    await world.until("the drift is noticed", () => objects().length > created);
    await world.deployments.ready("web");
    expect(shown(objects().slice(created - 1))).toEqual(["Healthy", "Progressing", "Healthy"]);
    expect(new Set(objects().map(declared)).size).toBe(1);
    const settled = objects().length;

    world.deployments.edit("web", { spec: { image: "ghcr.io/acme/model:2" } });
    await world.deployments.ready("web");
    expect(shown(objects().slice(settled - 1))).toEqual(["Healthy", "Progressing", "Healthy"]);
    expect(new Set(objects().map(declared)).size).toBe(2);
    expect(onlyDeployment(world).specs).toHaveLength(4);

    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(shown(objects()).at(-1)).toBe("Progressing");
    expect(new Set(objects().map(declared)).size).toBe(2);
    checkWrites(world);
  });
});
