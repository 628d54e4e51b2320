import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { KubeError } from "../kube/errors.ts";
import type { Secret } from "../kube/resource.ts";
import { type CredentialCaller, Credentials, type CredentialsOptions } from "./credentials.ts";
import { CREDENTIALS_LABEL } from "./key-secret.ts";
import type { CloudAccount, ManagedObject } from "./managed.ts";

const notFound = new KubeError({ code: "KUBE_NOT_FOUND", message: "not found", status: 404 });
const secretOf = (data: Record<string, string>): Secret => ({
  metadata: { name: "s" },
  data: Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]),
  ),
});

function credentials(
  secrets: Record<string, Secret | Error>,
  over: Partial<CredentialsOptions<CloudAccount>> = {},
) {
  const clock = new VirtualClock();
  const reads: string[] = [];
  const opened: string[] = [];
  const context = new Credentials<CloudAccount>({
    clock,
    secrets: {
      async get(namespace, name) {
        reads.push(`${namespace}/${name}`);
        const found = secrets[`${namespace}/${name}`] ?? notFound;
        if (found instanceof Error) throw found;
        return found;
      },
    },
    checker: {
      open(key) {
        opened.push(key);
        if (key === "bad") throw new Error("not accepted");
        return { team: `team-of-${key}`, fingerprint: key };
      },
      explain: (error) => ({ state: "invalid", message: String(error) }),
    },
    secretTtlMs: 30_000,
    operatorKeyNamespaces: [],
    ...over,
  });
  return { clock, reads, opened, context };
}

const resolve = (context: Credentials<CloudAccount>, of: ManagedObject, answered = () => {}) =>
  context.resolve(of, answered);

const object = (namespace: string, spec: ManagedObject["spec"] = {}): ManagedObject => ({
  metadata: { name: "box", namespace },
  spec,
});

describe("Credentials", () => {
  it("reads the named Secret, else the namespace's default, and never one of another namespace", async () => {
    const { context, reads } = credentials({
      "a/mine": secretOf({ token: " k1\n" }),
      "a/paperspace-credentials": secretOf({ apiKey: "k2" }),
    });
    const named = await resolve(
      context,
      object("a", { credentialsSecretRef: { name: "mine", key: "token" } }),
    );
    expect(named.fact).toEqual({ state: "valid", team: "team-of-k1" });
    const usual = await resolve(context, object("a"));
    expect(usual.fact).toEqual({ state: "valid", team: "team-of-k2" });
    expect(reads).toEqual(["a/mine", "a/paperspace-credentials"]);
  });

  it("uses the operator's own key only for the namespaces it serves, and never in place of a named Secret", async () => {
    const { context } = credentials(
      {},
      { operatorKey: async () => "own", operatorKeyNamespaces: ["served"] },
    );
    expect((await resolve(context, object("served"))).fact).toEqual({ state: "valid", team: "team-of-own" });
    expect((await resolve(context, object("other"))).fact.state).toBe("invalid");
    const named = object("served", { credentialsSecretRef: { name: "missing" } });
    expect((await resolve(context, named)).fact).toMatchObject({
      state: "invalid",
      message: expect.stringContaining("missing"),
    });
  });

  it("retries where the operator's own key cannot be read just now: that is not the user's to correct", async () => {
    const operatorKey = () => Promise.reject(new Error("ENOENT: no such file"));
    const { context } = credentials({}, { operatorKey, operatorKeyNamespaces: ["*"] });
    expect((await resolve(context, object("served"))).fact).toEqual({
      state: "unreachable",
      message: "the operator's own API key cannot be read: ENOENT: no such file",
    });
  });

  it("reads one Secret once for many objects, and again after a while, so that a rotated key takes effect", async () => {
    const secrets = { "a/paperspace-credentials": secretOf({ apiKey: "k1" }) };
    const { context, reads, clock } = credentials(secrets);
    await Promise.all(Array.from({ length: 50 }, () => resolve(context, object("a"))));
    expect(reads).toHaveLength(1);
    secrets["a/paperspace-credentials"] = secretOf({ apiKey: "k2" });
    await clock.advance(30_000);
    expect((await resolve(context, object("a"))).fact).toEqual({ state: "valid", team: "team-of-k2" });
  });

  it("names the key that is missing, and neither what else the Secret holds nor a value", async () => {
    const { context } = credentials({ "a/paperspace-credentials": secretOf({ password: "hunter2" }) });
    const { fact } = await resolve(context, object("a"));
    expect(fact).toMatchObject({
      state: "invalid",
      message: expect.stringContaining('has no value under "apiKey". Put'),
    });
    expect(JSON.stringify(fact)).not.toMatch(/hunter2|password/);
  });

  it("keeps the key alone, and only while it is fresh: a Secret may be a megabyte, and another one named each second", async () => {
    const large = secretOf({ apiKey: "k1", rest: "x".repeat(700_000) });
    large.metadata.annotations = { "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(200_000) };
    const names = Array.from({ length: 20 }, (_, i) => `s${i}`);
    const { context, clock } = credentials(Object.fromEntries(names.map((name) => [`a/${name}`, large])));
    for (const name of names) {
      const { secret } = await resolve(context, object("a", { credentialsSecretRef: { name } }));
      expect(JSON.stringify(secret).length).toBeLessThan(100);
      await clock.advance(10_000);
    }
    expect(context.size).toBe(3);
  });

  it("distinguishes a Secret that cannot be read just now from a missing one: only the second is the user's to correct", async () => {
    const unreachable = new KubeError({ code: "KUBE_UNREACHABLE", message: "reset" });
    const forbidden = new KubeError({ code: "KUBE_FORBIDDEN", message: "no", status: 403 });
    const { context } = credentials({
      "a/paperspace-credentials": unreachable,
      "b/paperspace-credentials": forbidden,
    });
    expect((await resolve(context, object("a"))).fact.state).toBe("unreachable");
    // Its reader has no part in the operator's account, and learns what to ask for.
    expect((await resolve(context, object("b"))).fact).toEqual({
      state: "invalid",
      message:
        "the Secret with the API key cannot be read: the operator has no right to read the Secret paperspace-credentials: its installation has to list the name in rbac.secretNames (docs/install.md, Rights)",
    });
  });

  it.each([
    ["of another type", { type: "kubernetes.io/service-account-token" }, "t0ken"],
    ["of another form", {}, '{"auths":{}}'],
  ])("sends no value %s: who names a Secret may not be let read it", async (_what, more, value) => {
    const { context, opened } = credentials({ "a/theirs": { ...secretOf({ token: value }), ...more } });
    const named = object("a", { credentialsSecretRef: { name: "theirs", key: "token" } });
    const { fact } = await resolve(context, named);
    expect(fact).toMatchObject({ state: "invalid", message: expect.stringContaining("the Secret a/theirs") });
    expect(JSON.stringify(fact)).not.toContain(value);
    expect(opened).toEqual([]);
  });

  it("sends no value of a Secret without the label where that is required, but for the one of the usual name", async () => {
    const marked = secretOf({ apiKey: "k2" });
    marked.metadata.labels = { [CREDENTIALS_LABEL]: "true" };
    const usual = {
      metadata: { name: "paperspace-credentials" },
      data: secretOf({ apiKey: "k3" }).data ?? {},
    };
    const all = {
      "a/theirs": secretOf({ apiKey: "k1" }),
      "a/marked": marked,
      "a/paperspace-credentials": usual,
    };
    const { context, opened } = credentials(all, { requireLabel: true });
    for (const name of ["theirs", "marked", "paperspace-credentials"])
      await resolve(context, object("a", { credentialsSecretRef: { name } }));
    expect(opened).toEqual(["k2", "k3"]);
  });

  it("names the Secret whose key is not accepted", async () => {
    const { context } = credentials({ "a/paperspace-credentials": secretOf({ apiKey: "bad" }) });
    const { fact } = await resolve(context, object("a"));
    expect(fact).toMatchObject({
      state: "invalid",
      message: expect.stringContaining("Secret a/paperspace-credentials"),
    });
    expect(JSON.stringify(fact)).not.toContain('"bad"');
  });

  it("waits for no probe: the object is resolved once more when there is an answer", async () => {
    const accounts: CloudAccount[] = [];
    const callers: CredentialCaller[] = [];
    const { context } = credentials(
      { "a/paperspace-credentials": secretOf({ apiKey: "k1" }) },
      {
        checker: {
          open(_key, caller) {
            callers.push(caller);
            return accounts[0];
          },
          explain: () => ({ state: "invalid", message: "no" }),
        },
      },
    );
    let answers = 0;
    const first = await resolve(context, object("a"), () => answers++);
    expect(first).toEqual({ fact: { state: "pending" } });
    expect(callers).toHaveLength(1);
    callers[0]?.answered();
    accounts.push({ team: "te1", fingerprint: "f" });
    expect(answers).toBe(1);
    expect((await resolve(context, object("a"))).fact).toEqual({ state: "valid", team: "te1" });
  });
});
