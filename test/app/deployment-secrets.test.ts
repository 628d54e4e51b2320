/**
 * Secret values: keys of Secrets become secrets of the project and are sent nowhere else, a new value is a rollout, and
 * what was stored in the project is deleted when nothing needs it any more.
 */
import { describe, expect, it } from "vitest";
import type { SimRequest } from "../../dev/simulator/api/handle.ts";
import type { DeploymentSpec } from "../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import {
  calls,
  checkTraffic,
  onlyDeployment as deployment,
  eventNotes,
  newWorld,
  running,
} from "../support/scenario-world.ts";
import {
  annotate,
  BAD_IMAGE,
  before,
  configMap,
  drop,
  edit,
  keep,
  MINUTE,
  message,
  PROJECT,
  projectSecrets,
  reason,
  status,
  stored,
  upserts,
} from "../support/scenario-world-deployments.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const keyOf = (name: string, key: string) => ({ secretKeyRef: { name, key } });
const USING: Partial<DeploymentSpec> = { env: [{ name: "TOKEN", valueFrom: keyOf("hub", "token") }] };
/** A rotation is noticed at once where the user requests it. */
const look = (world: VirtualWorld, at: string) => annotate(world, { [ANNOTATION.reconcileRequestedAt]: at });

const projectValue = (world: VirtualWorld, reference: string | undefined) =>
  [...world.sim.world.secrets.values()].find(({ name }) => `secret:${name}` === reference)?.value;

async function using(more: Partial<DeploymentSpec> = {}, flags: string[] = []) {
  const world = running(flags);
  keep(world, "hub", { token: "first-value" });
  world.deployments.apply("web", { ...USING, ...more });
  await world.deployments.ready("web");
  return world;
}

async function rotate(world: VirtualWorld, value: string) {
  keep(world, "hub", { token: value });
  look(world, value);
  await world.until("it is sent", () => projectValue(world, stored(world)?.env?.[0]?.value) === value);
}

describe("secrecy", () => {
  const VALUES = { token: "tOk3n-0f-the-hub", password: "pa55w0rd=of/the+bucket", door: "k3y-0f-th3-door" };

  it("sends the value of a Secret to POST …/secrets, and nowhere else, whatever happens", async () => {
    const lines: string[] = [];
    const requests: SimRequest[] = [];
    const world = newWorld({ logLevel: "trace", onLog: (line) => lines.push(line), flags: ["--burst=200"] });
    before(world, (request) => requests.push(request));
    world.start();
    keep(world, "hub", VALUES);
    world.deployments.apply("web", {
      rollback: "OnFailure",
      env: [{ name: "TOKEN", valueFrom: keyOf("hub", "token") }],
      basicAuthSecretRef: { name: "hub", key: "door" },
      integrations: [
        {
          type: "s3",
          name: "data",
          url: "s3://bucket/path",
          accessKeyId: "AKIA",
          secretAccessKeyRef: { name: "hub", key: "password" },
        },
      ],
    });
    await world.deployments.ready("web");
    // Refused, cut, answered by block pages, changed in the console, rotated, failing, rolled back, under dry-run: errors contain much.
    world.sim.faults.add({ match: { method: "POST", times: 3 }, do: { status: 400 } });
    world.sim.faults.add({ match: { method: "POST", times: 2 }, do: { html: true } });
    world.sim.faults.add({ match: { method: "POST", times: 2 }, do: { cut: "after" } });
    keep(world, "hub", { ...VALUES, token: `${VALUES.token}-2` });
    look(world, "1");
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    world.sim.console.deployments.edit(deployment(world).id, { env: [], basicAuthKey: undefined });
    await world.clock.advance(15 * MINUTE);
    edit(world, { image: BAD_IMAGE, progressDeadlineSeconds: 60 });
    await world.deployments.reports("web", "RolledBack");
    annotate(world, { [ANNOTATION.dryRun]: "true" });
    edit(world, { env: [] });
    await world.clock.advance(MINUTE);
    annotate(world, { [ANNOTATION.dryRun]: null });
    world.deployments.delete("web");
    await world.deployments.gone("web");

    const secret = [
      ...Object.values(VALUES),
      ...Object.values(VALUES).map((v) => Buffer.from(v).toString("base64")),
    ];
    const leaks = (text: string) => secret.filter((value) => text.includes(value));
    const sent = requests.filter(({ method, path }) => !(method === "POST" && path.endsWith("/secrets")));
    expect(sent.length).toBeGreaterThan(20);
    expect(sent.flatMap((request) => leaks(JSON.stringify(request)))).toEqual([]);
    expect(world.kube.calls.flatMap((call) => leaks(JSON.stringify([call.path, call.body])))).toEqual([]);
    const objects = world.kube.storage.events.filter(({ object }) => object.metadata.name !== "hub");
    expect(objects.flatMap((event) => leaks(JSON.stringify(event.object)))).toEqual([]);
    expect(lines.length).toBeGreaterThan(20);
    expect(lines.flatMap(leaks)).toEqual([]);
    expect(projectSecrets(world)).toEqual([]);
  });

  it("does not show what may be secret in what differs, nor in a plan", async () => {
    const world = running();
    world.deployments.apply("web", { env: [{ name: "A", value: "in-clear-yet-private" }] });
    await world.deployments.ready("web");
    world.sim.console.deployments.edit(deployment(world).id, {
      env: [{ name: "A", value: "put-there-by-hand" }],
      basicAuthKey: "a-key-in-clear",
      command: ["run", "--password=hidden"],
    });
    annotate(world, { [ANNOTATION.dryRun]: "true" });
    await world.until("the plan shows it", () => (status(world)?.plan ?? []).length >= 3);
    const texts = world.kube.storage.events
      .filter(({ of, type }) => of.plural === "events" || type === "MODIFIED")
      .map(({ object }) => JSON.stringify({ ...object, spec: undefined }))
      .join();
    expect(texts).toContain("(not shown)");
    for (const value of ["in-clear-yet-private", "put-there-by-hand", "a-key-in-clear", "hidden"])
      expect(texts).not.toContain(value);
  });

  it("names a project secret by no hash that the value alone gives", async () => {
    const world = running();
    keep(world, "hub", { token: "same" });
    world.deployments.apply("web", USING);
    world.deployments.apply("other", USING);
    await world.deployments.ready("web");
    await world.deployments.ready("other");
    const names = projectSecrets(world);
    expect(names).toHaveLength(2);
    const digests = names.map((name) => name.split("_").at(-1));
    expect(new Set(digests).size).toBe(2);
  });
});

describe("many at once", () => {
  it("each store their own once: none undoes the facts of the others", async () => {
    const world = running(["--burst=200"]);
    keep(world, "hub", { token: "first-value" });
    const names = Array.from({ length: 20 }, (_, i) => `web${i}`);
    for (const name of names) world.deployments.apply(name, USING);
    for (const name of names) await world.deployments.ready(name);
    expect(projectSecrets(world)).toHaveLength(20);
    expect(world.sim.calls.list({ method: "POST", path: /secrets$/ })).toHaveLength(20);
  });
});

describe("rotation", () => {
  it("is a rollout with a new project secret; the old one stays while a kept configuration names it", async () => {
    const world = await using();
    const [first] = projectSecrets(world);
    await rotate(world, "second-value");
    await world.deployments.ready("web");
    expect(deployment(world).specs).toHaveLength(2);
    expect(projectSecrets(world)).toHaveLength(2);
    for (let i = 0; i < 9; i++) {
      await rotate(world, `value-${i}`);
      await world.deployments.ready("web");
    }
    await world.clock.advance(20 * MINUTE);
    expect(status(world)?.history).toHaveLength(10);
    expect(projectSecrets(world)).toHaveLength(10);
    expect(projectSecrets(world)).not.toContain(first);
    expect(status(world)?.secrets?.toSorted()).toEqual(projectSecrets(world).toSorted());
  });

  it("back to a former value sends the former name, and makes no secret twice", async () => {
    const world = await using();
    await rotate(world, "second-value");
    await world.deployments.ready("web");
    world.sim.calls.clear();
    await rotate(world, "first-value");
    await world.deployments.ready("web");
    expect(world.sim.calls.list({ method: "POST", path: /secrets$/ })).toEqual([]);
    expect(projectSecrets(world)).toHaveLength(2);
  });

  it("is noticed at the next resync without a request", async () => {
    const world = await using();
    keep(world, "hub", { token: "second-value" });
    await world.clock.advance(21 * MINUTE);
    expect(projectValue(world, stored(world)?.env?.[0]?.value)).toBe("second-value");
    expect(reason(world)).toBe("Available");
  });

  it("is no contention, however often it comes: the spec asks for the new value", async () => {
    const world = await using();
    for (let turn = 0; turn < 8; turn++) {
      keep(world, "hub", { token: `value-${turn}` });
      look(world, `value-${turn}`);
      await world.clock.advance(3 * MINUTE);
      expect(projectValue(world, stored(world)?.env?.[0]?.value)).toBe(`value-${turn}`);
      expect(reason(world)).toBe("Available");
      await world.clock.advance(12 * MINUTE);
    }
  });

  it("of a ConfigMap is a rollout as well", async () => {
    const world = running();
    configMap(world, "settings", { level: "debug" });
    const valueFrom = { configMapKeyRef: { name: "settings", key: "level" } };
    world.deployments.apply("web", { env: [{ name: "LEVEL", valueFrom }] });
    await world.deployments.ready("web");
    expect(stored(world)?.env).toEqual([{ name: "LEVEL", value: "debug" }]);
    configMap(world, "settings", { level: "info" });
    look(world, "1");
    await world.until("it is sent", () => stored(world)?.env?.[0]?.value === "info");
    expect(projectSecrets(world)).toEqual([]);
  });
});

describe("a Secret that is missing", () => {
  it("is reported, nothing is sent, and all goes on when it appears", async () => {
    const world = running();
    world.deployments.apply("web", USING);
    await world.deployments.reports("web", "SecretNotFound");
    expect(message(world)).toContain("hub");
    expect(upserts(world)).toEqual([]);
    keep(world, "hub", { other: "x" });
    await world.until("the key is missed", () => message(world).includes('no key "token"'));
    keep(world, "hub", { token: "" });
    await world.deployments.reports("web", "ValueInvalid");
    keep(world, "hub", { token: "here" });
    await world.deployments.ready("web");
    expect(projectValue(world, stored(world)?.env?.[0]?.value)).toBe("here");
  });

  it("later on leaves the deployment as it runs, and is reported", async () => {
    const world = await using();
    drop(world, "hub");
    look(world, "1");
    await world.deployments.reports("web", "SecretNotFound");
    await world.clock.advance(30 * MINUTE);
    expect(deployment(world).specs).toHaveLength(1);
    expect(projectSecrets(world)).toHaveLength(1);
    // It can be deleted all the same.
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
    expect(projectSecrets(world)).toEqual([]);
  });

  it("of the project is stored again where another actor deleted it", async () => {
    const world = await using();
    world.sim.world.secrets.clear();
    edit(world, { image: "ghcr.io/acme/model:2" });
    await world.deployments.ready("web");
    expect(projectValue(world, stored(world)?.env?.[0]?.value)).toBe("first-value");
  });
});

describe("the end", () => {
  it("deletes all its project secrets, and no others", async () => {
    const world = await using();
    await rotate(world, "second-value");
    const foreign = { name: "k8s_hub_token_ffffffffffff_0123456789abcdef0123", value: "x" };
    await world.sim.handle({
      method: "POST",
      path: `/v1/projects/${PROJECT}/secrets`,
      headers: { authorization: "Bearer sim-key-alpha", "content-type": "application/json" },
      body: JSON.stringify(foreign),
    });
    expect(projectSecrets(world)).toHaveLength(3);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(projectSecrets(world)).toEqual([foreign.name]);
  });

  it("by Orphan leaves the deployment and what it needs", async () => {
    const world = await using({ deletionPolicy: "Orphan" });
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toHaveLength(1);
    expect(projectSecrets(world)).toHaveLength(1);
  });

  it("deletes what was stored for a deployment that was never made", async () => {
    const world = running();
    keep(world, "hub", { token: "first-value" });
    world.sim.faults.add({
      match: { method: "POST", path: "/deployments$", times: "always" },
      do: { status: 400 },
    });
    world.deployments.apply("web", USING);
    await world.deployments.reports("web", "Refused");
    expect(projectSecrets(world)).toHaveLength(1);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(projectSecrets(world)).toEqual([]);
  });

  /** A deployment of another client references the secret, and Paperspace keeps what is referenced. */
  async function leeched(more: Partial<DeploymentSpec> = {}) {
    const world = await using(more);
    world.sim.world.setBehaviour({ deleteUsedSecret: "refuse" });
    const env = stored(world)?.env ?? [];
    world.sim.console.deployments.create(PROJECT, { name: "leech", env }, { settled: true });
    return world;
  }

  it("is not blocked for ever by a project secret that another client's deployment references", async () => {
    const world = await leeched();
    world.deployments.delete("web");
    const deletedAt = world.clock.monotonic();
    await world.deployments.gone("web");
    expect(world.clock.monotonic() - deletedAt).toBeLessThan(world.config.deleteDeadline + 10 * MINUTE);
    expect(world.deployed().map(({ name }) => name)).toEqual(["leech"]);
    expect(projectSecrets(world)).toHaveLength(1);
    expect(eventNotes(world, "Declined").at(-1)).toContain(
      `the project secret ${projectSecrets(world)[0]} stays`,
    );
  });

  it("in the console is repaired without deleting the secret: the next deployment needs it as well", async () => {
    const world = await leeched({ onExternalDeletion: "Recreate" });
    const id = status(world)?.id ?? "";
    world.sim.console.deployments.delete(id);
    look(world, "now");
    await world.until("another is ready", () => status(world)?.id !== id && reason(world) === "Available");
    expect(calls(world, "DELETE", /\/secrets\//)).toHaveLength(0);
    expect(projectSecrets(world)).toHaveLength(1);
  });

  it.each(["refuse", "overwrite"] as const)(
    "leaves nothing where the store of a secret was cut short and names that are taken are answered by: %s",
    async (secretNameTaken) => {
      const world = running();
      world.sim.world.setBehaviour({ secretNameTaken });
      world.sim.faults.add({ match: { method: "POST", path: "/secrets$", times: 2 }, do: { cut: "after" } });
      keep(world, "hub", { token: "first-value" });
      world.deployments.apply("web", USING);
      await world.deployments.ready("web");
      expect(projectSecrets(world)).toHaveLength(1);
      world.deployments.delete("web");
      await world.deployments.gone("web");
      expect(projectSecrets(world)).toEqual([]);
    },
  );
});
