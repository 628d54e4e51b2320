/**
 * What an object may reach: not the API key by way of a container, nothing of others by way of the operator's own key, and
 * no name of another namespace by way of a message.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DeploymentSpec } from "../../src/kinds/deployment/types.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const KEY = "sim-key-alpha";
const TEAM = "te-alpha";
const OTHER = "other";

let world: VirtualWorld;

beforeEach(() => {
  world = new VirtualWorld({ flags: ["--leader-elect=false"], simulation: { vendorOpenapi: false } });
});

afterEach(() => world.end());

const from = (name: string, key = "apiKey") => ({ valueFrom: { secretKeyRef: { name, key } } });
const stalled = (name = "web") => world.deployments.condition(name, "Stalled");
const operatorKey = (...flags: string[]) => {
  world.deleteSecret();
  world.start(world.kube, ["--api-key-namespaces=*", ...flags], { PAPERSPACE_API_KEY: KEY });
};
/** Calls that put a secret into the account; the simulator's log has no value of one. */
const stored = () =>
  world.sim.calls.list().filter(({ method, path }) => method === "POST" && path.endsWith("/secrets"));

describe("the Secret with the API key is not handed on to a container", () => {
  const WAYS: Record<string, (name: string) => Partial<DeploymentSpec>> = {
    env: (name) => ({ env: [{ name: "A", ...from(name) }] }),
    "another key of it": (name) => ({ env: [{ name: "A", ...from(name, "other") }] }),
    integrations: (name) => ({
      integrations: [
        { type: "s3", name: "d", url: "s3://b", secretAccessKeyRef: { name, key: "apiKey" } },
      ] as never,
    }),
    basicAuthSecretRef: (name) => ({ basicAuthSecretRef: { name, key: "apiKey" } }),
  };

  it.each(Object.keys(WAYS))("by %s", async (way) => {
    world.start();
    world.deployments.apply("web", WAYS[way]?.("paperspace-credentials"));
    await world.clock.advance(10 * MINUTE);
    expect(stalled()).toMatchObject({
      reason: "ApiKeyReferenced",
      message: expect.stringContaining('the Secret "paperspace-credentials" has an API key of Paperspace'),
    });
    expect(world.deployed()).toEqual([]);
    expect(stored()).toEqual([]);
  });

  it("where the object names it by credentialsSecretRef, and so do the containers", async () => {
    world.secret(KEY, "default", world.kube, "mine");
    world.start();
    world.deployments.apply("web", {
      credentialsSecretRef: { name: "mine" },
      env: [{ name: "A", ...from("mine") }],
    });
    await world.clock.advance(10 * MINUTE);
    expect(stalled()?.reason).toBe("ApiKeyReferenced");
    expect(stored()).toEqual([]);
  });

  it("where it is the key of another object of the namespace", async () => {
    world.secret(KEY, "default", world.kube, "theirs");
    world.start();
    world.apply("box", { credentialsSecretRef: { name: "theirs" } });
    await world.ready("box");
    world.deployments.apply("web", { env: [{ name: "A", ...from("theirs") }] });
    await world.clock.advance(10 * MINUTE);
    expect(stalled()?.reason).toBe("ApiKeyReferenced");
    expect(stored()).toEqual([]);
  });

  it.each([ANNOTATION.paused, ANNOTATION.dryRun])(
    "where another object names it, and does not use it for its annotation %s",
    async (annotation) => {
      world.secret(KEY, "default", world.kube, "theirs");
      world.start();
      world.apply(
        "box",
        { credentialsSecretRef: { name: "theirs" } },
        { annotations: { [annotation]: "true" } },
      );
      await world.clock.advance(MINUTE);
      world.deployments.apply("web", { env: [{ name: "A", ...from("theirs") }] });
      await world.clock.advance(10 * MINUTE);
      expect(stalled()?.reason).toBe("ApiKeyReferenced");
      expect(stored()).toEqual([]);
    },
  );

  it("where it is the operator's own, under whatever name", async () => {
    operatorKey();
    world.secret(`${KEY}\n`, "default", world.kube, "copy");
    world.deployments.apply("web", { env: [{ name: "A", ...from("copy") }] });
    await world.clock.advance(10 * MINUTE);
    expect(stalled()?.reason).toBe("ApiKeyReferenced");
    expect(stored()).toEqual([]);
  });

  it("and all else of the namespace may be", async () => {
    world.secret("hf_123", "default", world.kube, "tokens");
    world.start();
    world.deployments.apply("web", { env: [{ name: "A", ...from("tokens") }] });
    await world.deployments.ready("web");
    expect(world.deployed()).toHaveLength(1);
    expect(stored()).toHaveLength(1);
  });
});

describe("with the operator's own key, whose account is shared", () => {
  const SHARED: Record<string, [Partial<DeploymentSpec>, string]> = {
    "a secret: value": [{ env: [{ name: "A", value: "secret:TEAM_TOKEN" }] }, "env.A"],
    "a secret: value of a ConfigMap": [
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "settings", key: "level" } } }] },
      "env.A",
    ],
    "another object's project secret": [
      { env: [{ name: "A", value: "secret:k8s_hub_token_0123456789ab_0123456789abcdef0123" }] },
      "env.A",
    ],
    "a secret: part of an integration": [
      { integrations: [{ type: "s3", name: "d", url: "secret:URL" }] as never },
      "integrations.d.url",
    ],
    "a container registry": [{ containerRegistry: "ghcr" }, "containerRegistry"],
  };

  const prepare = () => {
    const { console } = world.sim;
    console.setSecret("p-alpha", "TEAM_TOKEN", "theirs");
    console.createRegistry(TEAM, { name: "ghcr", kind: "ghcr", url: "https://ghcr.io", namespace: "acme" });
    const type = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
    const metadata = { name: "settings", namespace: "default" };
    world.kube.storage.create({ ...type, status: false, generation: false }, "default", {
      metadata,
      data: { level: "secret:TEAM_TOKEN" },
    } as never);
  };

  it.each(Object.keys(SHARED))("%s is refused", async (what) => {
    const [spec, field] = SHARED[what] ?? [];
    prepare();
    operatorKey();
    world.deployments.apply("web", spec);
    await world.clock.advance(5 * MINUTE);
    expect(stalled()).toMatchObject({
      reason: "SharedReferenceNotAllowed",
      message: expect.stringContaining(`${field}: what others have put into the account`),
    });
    expect(world.deployed()).toEqual([]);
  });

  it.each(["a secret: value", "a container registry"])("%s is allowed by the flag", async (what) => {
    prepare();
    operatorKey("--allow-shared-references");
    world.deployments.apply("web", SHARED[what]?.[0]);
    await world.deployments.ready("web");
  });

  it.each(["a secret: value", "a container registry"])(
    "%s is allowed with a key of one's own",
    async (what) => {
      prepare();
      world.start();
      world.deployments.apply("web", SHARED[what]?.[0]);
      await world.deployments.ready("web");
    },
  );

  it("a Secret of the namespace is no reference to others", async () => {
    operatorKey();
    world.secret("hf_123", "default", world.kube, "tokens");
    world.deployments.apply("web", { env: [{ name: "A", ...from("tokens") }] });
    await world.deployments.ready("web");
  });

  it("what runs already is stalled where it begins to name one, and can be deleted", async () => {
    prepare();
    operatorKey();
    world.deployments.apply("web");
    await world.deployments.ready("web");
    world.deployments.edit("web", { spec: { containerRegistry: "ghcr" } });
    await world.clock.advance(5 * MINUTE);
    expect(stalled()?.reason).toBe("SharedReferenceNotAllowed");
    expect(world.deployed()).toHaveLength(1);
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });
});

describe("messages name what is the reader's alone", () => {
  it("of a Secret or ConfigMap without a key: the missing key, and none of the others", async () => {
    world.secret("x", "default", world.kube, "tokens");
    world.start();
    world.deployments.apply("web", { env: [{ name: "A", ...from("tokens", "absent") }] });
    await world.clock.advance(5 * MINUTE);
    expect(stalled()?.message).toBe('env.A: the Secret "tokens" has no key "absent"');
    world.apply("box", { credentialsSecretRef: { name: "tokens", key: "none" } });
    await world.clock.advance(5 * MINUTE);
    expect(world.condition("box", "Stalled")?.message).toContain('has no value under "none". Put');
    const texts = JSON.stringify(world.kube.calls.map(({ body }) => body));
    expect(texts).not.toContain("apiKey (");
    expect(texts).not.toMatch(/it (has|holds):/);
  });

  it("of an object of another namespace: that there is one", async () => {
    world.secret(KEY, OTHER);
    world.start();
    world.apply("box");
    await world.ready("box");
    world.deployments.apply("web");
    await world.deployments.ready("web");
    const id = world.get("box")?.status?.id ?? "";
    const before = world.kube.calls.length;
    world.apply("second", { adoptId: id }, { namespace: OTHER });
    world.deployments.apply("second", { name: "web" }, { namespace: OTHER });
    await world.clock.advance(15 * MINUTE);
    expect(world.condition("second", "Stalled", world.kube, OTHER)?.message).toContain(
      `${id} is already owned by an object of another namespace`,
    );
    expect(world.deployments.condition("second", "Stalled", world.kube, OTHER)?.message).toContain(
      'an object of another namespace has a deployment named "web"',
    );
    const written = world.kube.calls
      .slice(before)
      .filter(({ path, method }) => method !== "GET" && path.includes(`/namespaces/${OTHER}/`));
    expect(written.length).toBeGreaterThan(0);
    expect(JSON.stringify(written.map(({ body }) => body))).not.toMatch(/default\/(box|web)/);
  });

  it("of an object of the same namespace: its name", async () => {
    world.start();
    world.apply("box");
    await world.ready("box");
    world.apply("second", { adoptId: world.get("box")?.status?.id ?? "" });
    await world.clock.advance(5 * MINUTE);
    expect(world.condition("second", "Stalled")?.message).toContain("is already owned by default/box");
  });
});

describe("a Secret that an object names as its API key", () => {
  const SECRETS = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
  const change = (patch: object) =>
    world.kube.storage.patch(SECRETS, "default", "theirs", patch as never, "");
  const ready = () => world.condition("box", "Ready");

  it("is sent only once its owner has marked it, where that is required", async () => {
    world.secret(KEY, "default", world.kube, "theirs");
    world.start(world.kube, ["--require-credentials-label"]);
    world.apply("box", { credentialsSecretRef: { name: "theirs" } });
    await world.clock.advance(10 * MINUTE);
    expect(ready()).toMatchObject({ reason: "CredentialsInvalid" });
    expect(world.sim.calls.list()).toEqual([]);
    change({ metadata: { labels: { "paperspace.com/credentials": "true" } } });
    await world.ready("box");
  });

  it("is sent as before where that is not required, and never where it holds something else by its type", async () => {
    world.secret(KEY, "default", world.kube, "theirs");
    change({ type: "kubernetes.io/basic-auth" });
    world.start();
    world.apply("box", { credentialsSecretRef: { name: "theirs" } });
    await world.clock.advance(10 * MINUTE);
    expect(ready()?.message).toContain("the Secret default/theirs holds something else by its type");
    expect(world.sim.calls.list()).toEqual([]);
    change({ type: "Opaque" });
    await world.ready("box");
  });
});
