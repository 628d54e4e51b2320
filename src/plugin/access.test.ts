import { describe, expect, it } from "vitest";
import { type Handler, ID, KEY, OWN_KEY, PluginEnv, page } from "../../test/plugin/plugin-env.ts";
import { KubeError } from "../kube/errors.ts";

const empty: Handler = ({ path }) => (path === "/auth/session" ? undefined : page());
const own = { PAPERSPACE_API_KEY: ` ${OWN_KEY}\n` };
const keysOf = ({ requests }: PluginEnv) => [...new Set(requests.map(({ key }) => key))];

describe("the API key in use", () => {
  it("is that of the namespace's Secret where the user has set none", async () => {
    const plugin = new PluginEnv({ handle: empty });
    await plugin.secret();
    expect(await plugin.run("list projects")).toBe(0);
    expect(keysOf(plugin)).toEqual([KEY]);
  });

  it("is the user's wherever one is set, and no Secret is read then, so that nobody needs the right to", async () => {
    const plugin = new PluginEnv({ handle: empty, env: own });
    await plugin.secret();
    await plugin.secret("mine", { token: "key-of-the-object" });
    plugin.deployment({ credentialsSecretRef: { name: "mine", key: "token" } });
    plugin.forbid(/secrets/);
    expect(await plugin.run("list projects")).toBe(0);
    expect(await plugin.run("logs psd/api")).toBe(0);
    expect(keysOf(plugin)).toEqual([OWN_KEY]);
    expect(plugin.err).toBe("No projects found.\n");
  });

  it("is the user's where there is no cluster at all, for templates can be looked up before one is", async () => {
    const plugin = new PluginEnv({ handle: empty, env: own, noCluster: true });
    expect(await plugin.run("list projects")).toBe(0);
    expect(await plugin.run("list projects --secret mine")).toBe(1);
    expect(plugin.err).toContain("error: no cluster is configured\n");
  });

  it("is that of the Secret that the object names, before the namespace's", async () => {
    const plugin = new PluginEnv({ handle: empty });
    await plugin.secret();
    await plugin.secret("mine", { token: "key-of-the-object" });
    plugin.deployment({ credentialsSecretRef: { name: "mine", key: "token" } });
    expect(await plugin.run("logs psd/api --yes")).toBe(0);
    expect(keysOf(plugin)).toEqual(["key-of-the-object"]);
  });

  it("is that of --secret, and no other: another key may be another team's", async () => {
    const plugin = new PluginEnv({ handle: empty, env: own });
    await plugin.secret("mine", { token: "key-of-the-flag" });
    expect(await plugin.run("list projects --secret mine/token")).toBe(0);
    expect(keysOf(plugin)).toEqual(["key-of-the-flag"]);
    expect(await plugin.run("list projects --secret other")).toBe(1);
    expect(plugin.err).toContain(
      'error: no API key: there is no Secret "other" in namespace team-a. Make it (kubectl -n team-a create secret generic other --from-file=apiKey=/dev/stdin, and type the key), or leave out --secret and set PAPERSPACE_API_KEY.',
    );
  });

  it("is read as the user of --as", async () => {
    const plugin = new PluginEnv({ handle: empty });
    await plugin.secret();
    expect(await plugin.run("list projects --as system:serviceaccount:ci:bot")).toBe(0);
    expect(plugin.clusters).toEqual([{ as: "system:serviceaccount:ci:bot" }]);
  });

  it("comes from the namespace of the command line", async () => {
    const plugin = new PluginEnv({ handle: empty });
    await plugin.secret();
    expect(await plugin.run("list projects -n team-b")).toBe(1);
    expect(plugin.err).toContain('no Secret "paperspace-credentials" in namespace team-b');
  });
});

describe("without a usable key", () => {
  it("the error names the Secret that may not be read, the namespace, the missing right, and the variable", async () => {
    const plugin = new PluginEnv();
    await plugin.secret();
    plugin.forbid(/secrets/);
    expect(await plugin.run("list users")).toBe(1);
    expect(plugin.err).toBe(
      'error: no API key: you may not read the Secret team-a/paperspace-credentials. Ask for the right "get secrets" in namespace team-a, or set PAPERSPACE_API_KEY.\n',
    );
  });

  it("the error lists the keys of the Secret, and no value", async () => {
    const plugin = new PluginEnv();
    await plugin.secret("paperspace-credentials", { key: "hunter2hunter2" });
    expect(await plugin.run("list users")).toBe(1);
    expect(plugin.err).toContain('has no value under "apiKey" (it holds: key)');
    expect(plugin.err).not.toContain("hunter2");
  });

  it("the error names the origin of the key that is not accepted, and the URL", async () => {
    const plugin = new PluginEnv({
      handle: () => ({ body: null }),
      env: { PAPERSPACE_API_URL: "https://sim/v1/" },
    });
    await plugin.secret();
    expect(await plugin.run("list users")).toBe(1);
    expect(plugin.err).toBe(
      "error: the Secret team-a/paperspace-credentials, at https://sim/v1: Paperspace does not accept the API key\n",
    );
  });
});

describe("the key", () => {
  it("is never printed, even where an answer repeats it", async () => {
    const message = `who is ${KEY}?`;
    const plugin = new PluginEnv({
      handle: ({ path }) => (path === "/projects" ? page({ id: "p1", name: message }) : undefined),
    });
    await plugin.secret();
    await plugin.run("list projects");
    await plugin.run("list projects -o json");
    plugin.handle = ({ path }) =>
      path === "/projects" ? { status: 400, body: { code: "BAD", message } } : undefined;
    await plugin.run("list projects");
    expect(plugin.out).toContain("who is [redacted]?");
    expect(plugin.err).toContain("who is [redacted]?");
    expect(plugin.out + plugin.err).not.toContain(KEY);
  });

  it("is not accepted as a flag, and the error does not repeat it", async () => {
    const plugin = new PluginEnv();
    expect(await plugin.run("list users --api-key hunter2hunter2")).toBe(2);
    expect(await plugin.run("list users --paperspace-api-key=hunter2hunter2")).toBe(2);
    expect(plugin.err).toContain("set PAPERSPACE_API_KEY");
    expect(plugin.err).not.toContain("hunter2");
  });

  it("is not sent to a URL with credentials, and the error does not show them", async () => {
    const plugin = new PluginEnv({ env: { PAPERSPACE_API_URL: "https://me:hunter2@x/v1" } });
    await plugin.secret();
    expect(await plugin.run("list users")).toBe(1);
    expect(plugin.err).toContain("PAPERSPACE_API_URL: the value is not allowed");
    expect(plugin.err).not.toContain("hunter2");
  });

  it("is not sent where any server could pass for Paperspace", async () => {
    const plugin = new PluginEnv({ env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
    await plugin.secret();
    expect(await plugin.run("list users")).toBe(1);
    expect(plugin.err).toContain("NODE_TLS_REJECT_UNAUTHORIZED: 0 is not allowed");
  });
});

describe("the object", () => {
  it.each([
    ["is not there", (_: PluginEnv) => {}, 'there is no PaperspaceDeployment "api" in namespace team-a'],
    [
      "has no deployment yet",
      (plugin: PluginEnv) =>
        plugin.deployment({}, { conditions: [{ type: "Ready", reason: "Creating", message: "it is made" }] }),
      "psd/api in namespace team-a has no deployment at Paperspace yet: Creating: it is made",
    ],
    [
      "may not be read",
      (plugin: PluginEnv) => plugin.forbid(/paperspacedeployments/),
      'ask for the right "get paperspacedeployments.paperspace.com" in namespace team-a',
    ],
    [
      "is of a kind that the cluster does not know",
      (plugin: PluginEnv) => {
        plugin.kube.intercept = () => {
          throw new KubeError({ code: "KUBE_NOT_FOUND", message: "404 page not found", status: 404 });
        };
      },
      "this cluster does not know paperspacedeployments.paperspace.com: install the operator's CRDs",
    ],
  ])("%s: the error reports it and no request goes to Paperspace", async (_, prepare, message) => {
    const plugin = new PluginEnv({ env: own });
    prepare(plugin);
    expect(await plugin.run("logs psd/api")).toBe(1);
    expect(plugin.err).toContain(message);
    expect(plugin.requests).toEqual([]);
  });

  it("is deleted at Paperspace: the error is that of the API", async () => {
    const plugin = new PluginEnv({ env: own });
    plugin.deployment();
    expect(await plugin.run("metrics psd/api cpu")).toBe(1);
    expect(plugin.err).toContain(`GET /deployments/${ID}/metrics: refused with 404 NOT_FOUND: Not found`);
  });
});

describe("a Secret that an object names, and that is not the usual one", () => {
  const names = (ref: object, options: ConstructorParameters<typeof PluginEnv>[0] = {}) => {
    const plugin = new PluginEnv({ handle: empty, ...options });
    plugin.deployment({ credentialsSecretRef: ref });
    return plugin;
  };
  const PASSWORD = "password-of-a-database";
  const OTHERS = [
    { name: "database", key: "password" },
    { name: "database" },
    { name: "paperspace-credentials", key: "password" },
  ];

  it.each(OTHERS)("is not sent before the user agrees: %j", async (ref) => {
    for (const command of ["logs psd/api", "metrics psd/api cpu"]) {
      const plugin = names(ref, { answer: "no" });
      await plugin.secret(ref.name, { apiKey: PASSWORD, password: PASSWORD });
      expect(await plugin.run(command)).toBe(1);
      expect(plugin.questions).toEqual([
        `The object names key "${ref.key ?? "apiKey"}" of the Secret team-a/${ref.name} as its API key. Send its value to https://api.paperspace.com/v1? Type "yes": `,
      ]);
      expect(plugin.err).toContain("error: nothing was sent: the object names key");
      expect(plugin.requests).toEqual([]);
    }
  });

  it("is sent once the user agrees", async () => {
    const plugin = names({ name: "database", key: "password" }, { answer: "yes" });
    await plugin.secret("database", { password: PASSWORD });
    expect(await plugin.run("logs psd/api")).toBe(0);
    expect(keysOf(plugin)).toEqual([PASSWORD]);
  });

  it("is never sent where there is no terminal, unless by --yes", async () => {
    const plugin = names({ name: "database", key: "password" });
    await plugin.secret("database", { password: PASSWORD });
    expect(await plugin.run("logs psd/api")).toBe(1);
    expect(plugin.err).toContain("there is no terminal to confirm on; give --yes");
    expect(plugin.requests).toEqual([]);
    expect(await plugin.run("logs psd/api --yes")).toBe(0);
    expect(keysOf(plugin)).toEqual([PASSWORD]);
  });

  it("is not even read before, nor asked about where the user has a key", async () => {
    const refused = names({ name: "database" }, { answer: "" });
    await refused.secret("database");
    await refused.run("logs psd/api");
    expect(
      refused.kube.calls.filter(({ method, path }) => method === "GET" && path.includes("/secrets/")),
    ).toEqual([]);
    const plugin = names(
      { name: "database" },
      { answer: "", env: { PAPERSPACE_API_KEY: "key-of-the-user" } },
    );
    expect(await plugin.run("logs psd/api")).toBe(0);
    expect(plugin.questions).toEqual([]);
  });

  it("is asked about in one plain line, whatever its name", async () => {
    const plugin = names({ name: "\x1b[2Jx\u202e\nSend? yes", key: "k" }, { answer: "no" });
    await plugin.run("logs psd/api");
    expect(plugin.questions[0]).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(plugin.requests).toEqual([]);
  });

  it("is the usual one: nothing is asked", async () => {
    const plugin = names({ name: "paperspace-credentials" });
    await plugin.secret();
    expect(await plugin.run("logs psd/api")).toBe(0);
  });
});
