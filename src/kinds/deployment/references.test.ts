import { describe, expect, it } from "vitest";
import {
  BACK_OFF_MS,
  DUE,
  fromConfigMap,
  fromSecret,
  KEY,
  object,
  RECHECK_MS,
  RESYNC_MS,
  setUp,
} from "../../../test/decide/deployment/references.ts";
import { KubeError } from "../../kube/errors.ts";
import { ownerMark } from "./project-secrets.ts";
import { REASON } from "./reasons.ts";

const VALUE = "hunter2";
/** other-resources.md, secrets. */
const API_NAME = /^[A-Za-z][A-Za-z0-9_]{0,127}$/;

describe("the value of a Secret", () => {
  it("becomes a project secret that the configuration only names: a configuration is not confidential", async () => {
    const { secret, resolved, references } = setUp();
    await secret({ token: VALUE });
    const found = await resolved(object(fromSecret()));
    const [name] = found.secrets;
    expect(found.config.env).toEqual([{ name: "TOKEN", value: `secret:${name}` }]);
    expect(found.secrets).toHaveLength(1);
    expect(await references.valueOf(object(fromSecret()), name ?? "")).toBe(VALUE);
  });

  it("stands in nothing that leaves here: no configuration, no leaf, no hash, no message", async () => {
    const { secret, desired, resolved } = setUp();
    await secret({ token: VALUE, binary: new Uint8Array([0xff, 0xfe]) });
    const refs = { ...fromSecret(), basicAuthSecretRef: { name: "hub", key: "token" } };
    const found = await resolved(object(refs));
    const all = JSON.stringify({ ...found, leaves: [...found.leaves] });
    for (const form of [VALUE, Buffer.from(VALUE).toString("base64")]) expect(all).not.toContain(form);
    for (const key of ["missing", "binary"])
      expect(JSON.stringify(await desired(object(fromSecret(key))))).not.toContain(VALUE);
  });

  it("is found by the name of its project secret, and not by any other: it must not land in a wrong one", async () => {
    const { secret, resolved, references } = setUp();
    await secret({ token: VALUE, other: "else" });
    const of = object({
      env: ["token", "other"].map((key) => ({
        name: key,
        valueFrom: { secretKeyRef: { name: "hub", key } },
      })),
    });
    const { secrets } = await resolved(of);
    const values = await Promise.all(secrets.map((name) => references.valueOf(of, name)));
    expect(values).toEqual([VALUE, "else"]);
    expect(await references.valueOf(of, `${secrets[0]}x`)).toBeUndefined();
    expect(await references.valueOf(object({}), secrets[0] ?? "")).toBeUndefined();
    expect(
      await references.valueOf(object(fromSecret(), { uid: "uid-2" }), secrets[0] ?? ""),
    ).toBeUndefined();
  });

  it("goes to Paperspace as it is, whatever stands around it: a key with another line end is another key", async () => {
    for (const value of [" padded ", "line\r\n", "\uFEFFmarked", "größe ✓ 🚀"]) {
      const { secret, resolved, references } = setUp();
      await secret({ token: value });
      const { secrets } = await resolved(object(fromSecret()));
      expect(await references.valueOf(object(fromSecret()), secrets[0] ?? "")).toBe(value);
    }
  });

  it("serves env, integrations and the key of the endpoint alike, and one project secret serves them all", async () => {
    const { secret, resolved } = setUp();
    await secret({ token: VALUE });
    const ref = { name: "hub", key: "token" };
    const integrations = [
      { type: "s3", name: "data", url: "s3://b/p", accessKeyId: "A", secretAccessKeyRef: ref } as const,
    ];
    const found = await resolved(object({ ...fromSecret(), integrations, basicAuthSecretRef: ref }));
    const reference = `secret:${found.secrets[0]}`;
    expect(found.secrets).toHaveLength(1);
    expect(found.config.basicAuthKey).toBe(reference);
    expect(found.config.integrations?.[0]?.secretAccessKey).toBe(reference);
    expect(found.config.env?.[0]?.value).toBe(reference);
  });
});

describe("the name of a project secret", () => {
  const nameOf = async (
    value: string,
    { key = "token", secret = "hub", uid = "uid-1", namespace = "ns" } = {},
  ): Promise<string> => {
    const parts = setUp();
    await parts.secret({ [key]: value }, secret, namespace);
    const { secrets } = await parts.resolved(object(fromSecret(key, secret), { uid, namespace }));
    return secrets[0] ?? "";
  };

  it("is another one for another value: so a rotation is a rollout, and going back finds the old value", async () => {
    const { clock, secret, rotate, resolved } = setUp();
    await secret({ token: VALUE });
    const before = await resolved(object(fromSecret()));
    await rotate({ token: "hunter3" });
    await clock.advance(RESYNC_MS);
    const after = await resolved(object(fromSecret()));
    expect(after.secrets).not.toEqual(before.secrets);
    expect(after.hash).not.toBe(before.hash);
    await rotate({ token: VALUE });
    await clock.advance(RESYNC_MS);
    expect(await resolved(object(fromSecret()))).toEqual(before);
  });

  it("is the same for the same value, also after a restart: else every restart would roll everything out", async () => {
    const { secret, resolved, make } = setUp();
    await secret({ token: VALUE });
    const before = await resolved(object(fromSecret()));
    expect(await resolved(object(fromSecret()), make())).toEqual(before);
  });

  it("is never shared by two objects: each puts its own in place, and takes it away when it goes", async () => {
    const [one, two] = [await nameOf(VALUE), await nameOf(VALUE, { uid: "uid-2" })];
    expect(one).not.toBe(two);
    expect(one).toContain(ownerMark("uid-1"));
    expect(two).toContain(ownerMark("uid-2"));
    expect(ownerMark("uid-1")).not.toBe(ownerMark("uid-2"));
    expect(one).not.toContain(ownerMark("uid-2"));
    // Nor does what was worked out for one depend on another that came before.
    const parts = setUp();
    await parts.secret({ token: VALUE });
    for (const [uid, name] of [
      ["uid-1", one],
      ["uid-2", two],
    ] as const)
      expect((await parts.resolved(object(fromSecret(), { uid }))).secrets).toEqual([name]);
  });

  it("fits the rule of the API, whatever Secret and key are called", async () => {
    const awkward = [
      { secret: "hub.example-1", key: ".dockerconfigjson" },
      { secret: "x".repeat(253), key: "y".repeat(253) },
      { secret: "0", key: "_-." },
    ];
    for (const names of awkward) expect(await nameOf(VALUE, names)).toMatch(API_NAME);
  });

  it("shows whose value it is to readers of the project, and not the value", async () => {
    const name = await nameOf("abc", { secret: "hub-token", key: "api.key" });
    expect(name).toMatch(/^k8s_hub_token_api_key_/);
    expect(await nameOf("abc", { key: "constant" })).not.toContain("abc");
  });
});

describe("the value of a ConfigMap", () => {
  it("stands in the configuration as it is: it is no secret", async () => {
    const { configMap, resolved, references } = setUp();
    await configMap({ data: { level: "debug" } });
    const found = await resolved(object(fromConfigMap()));
    expect(found.config.env).toEqual([{ name: "LEVEL", value: "debug" }]);
    expect(found.secrets).toEqual([]);
    expect(await references.valueOf(object(fromConfigMap()), "debug")).toBeUndefined();
  });

  it("may stand under binaryData, as kubectl puts there what it does not take for text", async () => {
    const { configMap, resolved } = setUp();
    const binary = Buffer.from("größe\n").toString("base64");
    await configMap({ binaryData: { level: binary } });
    expect((await resolved(object(fromConfigMap()))).config.env?.[0]?.value).toBe("größe\n");
  });

  it("is not that of a Secret of the same name", async () => {
    const { secret, configMap, resolved } = setUp();
    await secret({ level: VALUE }, "settings");
    await configMap({ data: { level: "debug" } });
    expect((await resolved(object(fromConfigMap()))).config.env?.[0]?.value).toBe("debug");
  });
});

describe("what Paperspace cannot take", () => {
  const fault = async (
    spec: Parameters<typeof object>[0],
    data: Parameters<ReturnType<typeof setUp>["secret"]>[0],
  ) => {
    const { secret, desired } = setUp();
    await secret(data);
    return desired(object(spec));
  };

  it("is a Secret that is not there; the message names the field, so that the user finds it", async () => {
    const { desired } = setUp();
    expect(await desired(object(fromSecret()))).toEqual({
      state: "missing",
      reason: REASON.SecretNotFound,
      message: 'env.TOKEN: there is no Secret "hub" in this namespace: make it, or correct the name',
    });
    expect(await desired(object(fromConfigMap()))).toMatchObject({
      reason: REASON.ConfigMapNotFound,
      message: expect.stringContaining('there is no ConfigMap "settings"'),
    });
  });

  it("is a key that is not in it; the message names this one only: who reads the object may not read the Secret", async () => {
    expect(await fault(fromSecret("tokem"), { token: VALUE, user: "ada" })).toMatchObject({
      state: "missing",
      reason: REASON.SecretNotFound,
      message: 'env.TOKEN: the Secret "hub" has no key "tokem"',
    });
    expect(await fault(fromSecret("token"), {})).toMatchObject({
      message: 'env.TOKEN: the Secret "hub" has no key "token"',
    });
  });

  it("is a key of that name in every object there is: what no user put there is no value", async () => {
    for (const key of ["constructor", "toString", "valueOf"])
      expect(await fault(fromSecret(key), { token: VALUE })).toMatchObject({
        state: "missing",
        message: expect.stringContaining(`no key "${key}"`),
      });
    const { secret, resolved, references } = setUp();
    await secret({ constructor: VALUE });
    await resolved(object(fromSecret("constructor")));
    expect(await references.valueOf(object(fromSecret("toString")), "k8s_x")).toBeUndefined();
    expect((await resolved(object(fromSecret("constructor")))).secrets).toHaveLength(1);
  });

  it("is no long value of a ConfigMap: it goes into the configuration, and not into a project secret", async () => {
    const { configMap, resolved } = setUp();
    await configMap({ data: { level: "x".repeat(100_000) } });
    expect((await resolved(object(fromConfigMap()))).config.env?.[0]?.value).toHaveLength(100_000);
  });

  it("is an empty value, one that is no text, and one that is too long: the API would refuse all three", async () => {
    for (const [value, why] of [
      ["", "is empty"],
      [new Uint8Array([0xff, 0xfe, 0x00]), "is not UTF-8 text"],
      ["x".repeat(8193), "has 8193 characters"],
    ] as const)
      expect(await fault(fromSecret(), { token: value })).toMatchObject({
        state: "missing",
        reason: REASON.ValueInvalid,
        message: expect.stringContaining(why),
      });
    expect(await fault(fromSecret(), { token: "x".repeat(8192) })).toMatchObject({ state: "known" });
    expect(await fault(fromSecret(), { token: "größe ✓" })).toMatchObject({ state: "known" });
  });

  it("is reported all at once, so that it need not be corrected one by one; the first one gives the reason", async () => {
    const both = {
      env: [...(fromSecret("none").env ?? []), ...(fromConfigMap().env ?? [])],
    };
    const found = await fault(both, { token: VALUE });
    expect(found).toMatchObject({ reason: REASON.SecretNotFound });
    expect(found).toMatchObject({
      message: expect.stringMatching(/no key "none".*; env.LEVEL: there is no/),
    });
  });

  it("is reported also while something else cannot be read: it is certain, and can be corrected", async () => {
    const { kube, secret, desired, clock } = setUp();
    await secret({ token: VALUE });
    kube.intercept = ({ path }) => (path.includes("configmaps") ? { fail: "before" } : undefined);
    const both = { env: [...(fromConfigMap().env ?? []), ...(fromSecret("none").env ?? [])] };
    await desired(object(both));
    await clock.advance(BACK_OFF_MS);
    expect(await desired(object(both))).toMatchObject({ state: "missing", reason: REASON.SecretNotFound });
  });
});

describe("a slow hash", () => {
  const keys = Array.from({ length: 128 }, (_, i) => `key-${i}`);
  const all = (over: { uid?: string } = {}) =>
    object(
      {
        env: keys.map((key) => ({ name: key, valueFrom: { secretKeyRef: { name: "hub", key } } })),
      },
      over,
    );
  const values = Object.fromEntries(keys.map((key) => [key, `value of ${key}`]));

  it("is made when the Secret is read, and never by an observation: a pass must not hold up the event loop", async () => {
    const { clock, secret, pass, hashed, references } = setUp();
    await secret(values);
    const objects = Array.from({ length: 8 }, (_, i) => all({ uid: `uid-${i}` }));
    for (const each of objects) pass(each);
    expect(hashed).toHaveLength(0);
    await clock.settle();
    expect(hashed).toHaveLength(8 * 128);
    for (const each of objects) expect(pass(each).state).toBe("known");
    const found = references.desired(all({ uid: "uid-0" }), "web");
    const [name = ""] = found.state === "known" ? found.secrets : [];
    expect(await references.valueOf(all({ uid: "uid-0" }), name)).toBe("value of key-0");
    expect(hashed).toHaveLength(8 * 128);
  });

  it("is made once for each value: what is read again and has not changed costs none", async () => {
    const { clock, secret, rotate, resolved, hashed } = setUp();
    await secret(values);
    await resolved(all());
    await rotate({ "key-7": "rotated" });
    hashed.length = 0;
    await clock.advance(RESYNC_MS);
    await resolved(all());
    expect(hashed).toEqual(["rotated"]);
  });
});

describe("what is kept of a Secret", () => {
  it("is what objects name, as a hash: the rest may be a megabyte, and of many namespaces", async () => {
    const { clock, secret, desired, objects, references } = setUp();
    await secret({ token: VALUE, rest: "x".repeat(100_000) });
    const named = object(fromSecret());
    expect(await desired(named)).toMatchObject({ state: "known" });
    // Another key is there only once it was read for it.
    const other = object(fromSecret("rest"), { uid: "uid-2" });
    expect(references.desired(other, "web")).toEqual({ state: "unknown" });
    expect(await desired(other)).toMatchObject({ state: "missing" });
    objects.delete("uid-1");
    await clock.advance(RESYNC_MS);
    await desired(other);
    expect(references.desired(named, "web")).toEqual({ state: "unknown" });
  });

  it("is not the value: a step that stores it reads it again, and stores none that has changed meanwhile", async () => {
    const { secret, rotate, secrets, resolved, references } = setUp();
    await secret({ token: VALUE });
    const [name = ""] = (await resolved(object(fromSecret()))).secrets;
    await rotate({ token: "hunter3" });
    expect(await references.valueOf(object(fromSecret()), name)).toBeUndefined();
    const [next = ""] = (await resolved(object(fromSecret()))).secrets;
    expect(await references.valueOf(object(fromSecret()), next)).toBe("hunter3");
    await secrets.delete("ns", "hub");
    expect(await references.valueOf(object(fromSecret()), next)).toBeUndefined();
  });
});

describe("reading", () => {
  it("is done once for all references of a Secret and all objects of a namespace: a pass never waits for it", async () => {
    const { secret, pass, clock, references, reads, queued } = setUp();
    await secret({ token: VALUE, other: "else" });
    const two = { ...fromSecret(), basicAuthSecretRef: { name: "hub", key: "other" } };
    expect(pass(object(two))).toEqual({ state: "unknown" });
    references.fetchStale("ns/b", object(fromSecret(), { uid: "uid-2" }));
    await clock.settle();
    expect(queued.sort()).toEqual(["ns/b", KEY]);
    expect(pass(object(two)).state).toBe("known");
    expect(reads()).toEqual(["/api/v1/namespaces/ns/secrets/hub"]);
  });

  it("stays within the object's own namespace: a Secret of another one must not be used", async () => {
    const { secret, desired, resolved } = setUp();
    await secret({ token: VALUE }, "hub", "theirs");
    expect(await desired(object(fromSecret()))).toMatchObject({ state: "missing" });
    expect((await resolved(object(fromSecret(), { namespace: "theirs" }))).secrets).toHaveLength(1);
  });

  it("is done again within a resync, so that a rotation is noticed; and not sooner, since an idle fleet costs little", async () => {
    const { clock, secret, pass, resolved, reads, queued } = setUp();
    await secret({ token: VALUE });
    await resolved(object(fromSecret()));
    queued.length = 0;
    await clock.advance(RESYNC_MS * DUE - 1);
    pass(object(fromSecret()));
    await clock.settle();
    expect(reads()).toHaveLength(1);
    await clock.advance(1);
    expect(pass(object(fromSecret())).state).toBe("known");
    await clock.settle();
    expect(reads()).toHaveLength(2);
    expect(queued).toEqual([KEY]);
  });

  it("reads sooner what is missing: the user may be about to create it", async () => {
    const { clock, secret, desired, pass } = setUp();
    await desired(object(fromSecret()));
    await secret({ token: VALUE });
    await clock.advance(RECHECK_MS * DUE - 1);
    expect((await desired(object(fromSecret()))).state).toBe("missing");
    await clock.advance(1);
    pass(object(fromSecret()));
    await clock.settle();
    expect(pass(object(fromSecret())).state).toBe("known");
  });

  it("is done at once where the user requests it", async () => {
    const { secret, resolved, rotate, references, pass } = setUp();
    await secret({ token: VALUE });
    const before = await resolved(object(fromSecret()));
    await rotate({ token: "hunter3" });
    references.invalidate(object(fromSecret()));
    expect(pass(object(fromSecret())).state).toBe("unknown");
    expect((await resolved(object(fromSecret()))).hash).not.toBe(before.hash);
  });

  it("that fails is reported, with the field and the time of the next try; what was cached stays valid", async () => {
    const { clock, kube, secret, desired, resolved } = setUp();
    await secret({ token: VALUE });
    kube.intercept = () => ({ fail: "before" });
    const found = await desired(object(fromSecret()));
    expect(found).toMatchObject({
      state: "unknown",
      readError: {
        kind: "Retry",
        reason: REASON.ApiUnavailable,
        message: expect.stringMatching(/^env.TOKEN: the Secret hub cannot be read: .+/),
        atLeastMs: expect.any(Number),
      },
    });
    const failed = found.state === "unknown" ? found.readError : undefined;
    const atLeastMs = (failed?.kind === "Retry" && failed.atLeastMs) || 0;
    expect(atLeastMs).toBeGreaterThan(0);
    kube.intercept = () => undefined;
    await clock.advance(atLeastMs);
    const before = await resolved(object(fromSecret()));
    kube.intercept = () => ({ fail: "before" });
    await clock.advance(RESYNC_MS);
    expect(await resolved(object(fromSecret()))).toEqual(before);
  });

  it("that is refused is no missing Secret: what cannot be seen may be there", async () => {
    const { kube, desired } = setUp();
    const error = new KubeError({ code: "KUBE_FORBIDDEN", status: 403, message: "secrets is forbidden" });
    kube.intercept = () => ({ fail: "before", error });
    expect(await desired(object(fromSecret()))).toMatchObject({
      state: "unknown",
      readError: {
        message: expect.stringMatching(/^env.TOKEN: the Secret hub cannot be read: .*rbac.secretNames/),
      },
    });
  });

  it("is begun by no observation: resolving the configuration costs nothing", async () => {
    const { secret, clock, references, reads } = setUp();
    await secret({ token: VALUE });
    expect(references.desired(object(fromSecret()), "web")).toEqual({ state: "unknown" });
    await clock.settle();
    expect(reads()).toEqual([]);
  });

  it("needs none where nothing is referred to", async () => {
    const { pass, reads } = setUp();
    expect(pass(object({}))).toMatchObject({ state: "known", secrets: [] });
    expect(reads()).toEqual([]);
  });
});

it("what a large object refers to is known though the store does not hold it, until the object is gone", async () => {
  const { secret, objects, references, clock, pass } = setUp();
  await secret({ token: VALUE });
  const whole = object(fromSecret());
  const { env: _, ...rest } = whole.spec;
  const held = { ...whole, metadata: { ...whole.metadata, partial: true as const }, spec: rest };
  const passOfLarge = async () => {
    pass(whole);
    objects.set(whole.metadata.uid, held);
    await clock.settle();
  };
  await passOfLarge();
  expect(references.desired(whole, "web").state).toBe("known");
  references.forget(KEY);
  references.invalidate(whole);
  references.fetchStale("ns/other", object({}));
  expect(references.desired(whole, "web").state).toBe("unknown");
});

describe("values of ConfigMaps", () => {
  const LONGEST = 128 * 1024 - 1;
  const variables = (map: string, count: number) => ({
    env: [...Array(count).keys()].map((n) => ({
      name: `A${n}`,
      valueFrom: { configMapKeyRef: { name: map, key: `k${n}` } },
    })),
  });
  const valuesOf = (count: number, length: number) =>
    Object.fromEntries([...Array(count).keys()].map((n) => [`k${n}`, "x".repeat(length)]));

  it("are no longer than a variable may be: no container starts with more, and they fill memory", async () => {
    const { configMap, desired } = setUp();
    await configMap({ data: { k0: "x".repeat(LONGEST), k1: "x".repeat(LONGEST + 1) } });
    expect((await desired(object(variables("settings", 1)))).state).toBe("known");
    expect(await desired(object(variables("settings", 2)))).toMatchObject({
      state: "missing",
      reason: REASON.ValueInvalid,
      message: expect.stringMatching(/^env.A1: key "k1" .* has 131072 characters/),
    });
  });

  it("are together no more than is read back of a configuration: what is sent must be compared", async () => {
    const { configMap, desired } = setUp();
    await configMap({ data: valuesOf(9, 120_000) });
    expect((await desired(object(variables("settings", 8)))).state).toBe("known");
    expect(await desired(object(variables("settings", 9)))).toMatchObject({
      state: "missing",
      reason: REASON.ValueInvalid,
      message: expect.stringMatching(/^env: the values of ConfigMaps have more than 1048576 characters/),
    });
  });

  it("of a namespace beyond the budget are read again for a pass, each object has its own, and no other namespace pays", async () => {
    const { configMaps, configMap, resolved, reads } = setUp({ characters: 100_000 });
    await configMap({ data: { level: "debug" } });
    const other = object(fromConfigMap(), { uid: "other" });
    await resolved(other);
    const objects = [...Array(20).keys()].map((n) =>
      object(variables(`m${n}`, 7), { uid: `uid-${n}`, namespace: "large", name: `web-${n}` }),
    );
    for (const [n] of objects.entries())
      await configMaps.create("large", {
        metadata: { name: `m${n}`, namespace: "large" },
        data: valuesOf(7, 1_000),
      });
    for (const one of objects) expect((await resolved(one)).config.env).toHaveLength(7);
    const before = reads().length;
    await resolved(other);
    await resolved(objects.at(-1) ?? other);
    expect(reads()).toHaveLength(before);
    await resolved(objects[0] ?? other);
    expect(reads()).toHaveLength(before + 1);
  });
});

it("a read among thousands of objects of a namespace leaves turns of the event loop to others", async () => {
  const { configMap, objects, resolved, clock } = setUp();
  await configMap({ data: { level: "debug" } });
  for (let n = 0; n < 2_000; n++) objects.set(`uid-${n}`, object(fromConfigMap(), { uid: `uid-${n}` }));
  const before = clock.turns.requested;
  await resolved(object(fromConfigMap()));
  expect(clock.turns.requested - before).toBeGreaterThanOrEqual(7);
});
