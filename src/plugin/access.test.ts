import { describe, expect, it } from "vitest";
import { type Handler, ID, KEY, OWN_KEY, page, Stage } from "../../test/plugin/plugin-env.ts";
import { KubeError } from "../kube/errors.ts";

const empty: Handler = ({ path }) => (path === "/auth/session" ? undefined : page());
const own = { PAPERSPACE_API_KEY: ` ${OWN_KEY}\n` };
const keysOf = ({ asked }: Stage) => [...new Set(asked.map(({ key }) => key))];

describe("whose key is used", () => {
  it("is that of the namespace's Secret, though the user has one: so people of a namespace see the same", async () => {
    const stage = new Stage({ handle: empty, env: own });
    await stage.secret();
    expect(await stage.run("list projects")).toBe(0);
    expect(keysOf(stage)).toEqual([KEY]);
  });

  it("is the user's where the Secret is not there, or may not be read", async () => {
    const stage = new Stage({ handle: empty, env: own });
    expect(await stage.run("list projects")).toBe(0);
    await stage.secret();
    stage.forbid(/secrets/);
    expect(await stage.run("list projects")).toBe(0);
    expect(keysOf(stage)).toEqual([OWN_KEY]);
    expect(stage.err).toBe("No projects found.\nNo projects found.\n");
  });

  it("is the user's where there is no cluster at all, for templates can be looked up before one is", async () => {
    const stage = new Stage({ handle: empty, env: own, noCluster: true });
    expect(await stage.run("list projects")).toBe(0);
    expect(await stage.run("list projects --context nowhere")).toBe(1);
    expect(stage.err).toContain("error: no cluster is configured\n");
  });

  it("is the user's where the cluster does not answer, which is said", async () => {
    const stage = new Stage({ handle: empty, env: own });
    stage.kube.intercept = () => ({ fail: "before" });
    expect(await stage.run("list projects")).toBe(0);
    expect(stage.err).toMatch(
      /^note: the Secret team-a\/paperspace-credentials cannot be read: .*; going on/,
    );
  });

  it("is that of the Secret that the object names, before the namespace's", async () => {
    const stage = new Stage({ handle: empty });
    await stage.secret();
    await stage.secret("mine", { token: "key-of-the-object" });
    stage.deployment({ credentialsSecretRef: { name: "mine", key: "token" } });
    expect(await stage.run("logs psd/api")).toBe(0);
    expect(keysOf(stage)).toEqual(["key-of-the-object"]);
  });

  it("is that of --secret, and no other: another key may be another team's", async () => {
    const stage = new Stage({ handle: empty, env: own });
    await stage.secret("mine", { token: "key-of-the-flag" });
    expect(await stage.run("list projects --secret mine/token")).toBe(0);
    expect(keysOf(stage)).toEqual(["key-of-the-flag"]);
    expect(await stage.run("list projects --secret other")).toBe(1);
    expect(stage.err).toContain(
      'error: no API key: there is no Secret "other" in namespace team-a. Make it (kubectl -n team-a create secret generic other --from-literal=apiKey=<key>), or leave out --secret and set PAPERSPACE_API_KEY.',
    );
  });

  it("comes from the namespace that is asked for", async () => {
    const stage = new Stage({ handle: empty });
    await stage.secret();
    expect(await stage.run("list projects -n team-b")).toBe(1);
    expect(stage.err).toContain('no Secret "paperspace-credentials" in namespace team-b');
  });
});

describe("where no key can be had", () => {
  it("names a Secret that may not be read, the namespace, the right, and the variable", async () => {
    const stage = new Stage();
    await stage.secret();
    stage.forbid(/secrets/);
    expect(await stage.run("list users")).toBe(1);
    expect(stage.err).toBe(
      'error: no API key: you may not read the Secret team-a/paperspace-credentials. Ask for the right "get secrets" in namespace team-a, or set PAPERSPACE_API_KEY.\n',
    );
  });

  it("names what a Secret holds instead, and no value", async () => {
    const stage = new Stage();
    await stage.secret("paperspace-credentials", { key: "hunter2hunter2" });
    expect(await stage.run("list users")).toBe(1);
    expect(stage.err).toContain('has no value under "apiKey" (it holds: key)');
    expect(stage.err).not.toContain("hunter2");
  });

  it("says whose key is not accepted, and where it was shown", async () => {
    const stage = new Stage({
      handle: () => ({ body: null }),
      env: { PAPERSPACE_API_URL: "http://sim/v1/" },
    });
    await stage.secret();
    expect(await stage.run("list users")).toBe(1);
    expect(stage.err).toBe(
      "error: the Secret team-a/paperspace-credentials, at http://sim/v1: Paperspace does not accept the API key\n",
    );
  });
});

describe("the key", () => {
  it("is printed nowhere, even where others repeat it", async () => {
    const message = `who is ${KEY}?`;
    const stage = new Stage({
      handle: ({ path }) => (path === "/projects" ? page({ id: "p1", name: message }) : undefined),
    });
    await stage.secret();
    await stage.run("list projects");
    await stage.run("list projects -o json");
    stage.handle = ({ path }) =>
      path === "/projects" ? { status: 400, body: { code: "BAD", message } } : undefined;
    await stage.run("list projects");
    expect(stage.out).toContain("who is [redacted]?");
    expect(stage.err).toContain("who is [redacted]?");
    expect(stage.out + stage.err).not.toContain(KEY);
  });

  it("is never taken as a flag, and not repeated when one tries", async () => {
    const stage = new Stage();
    expect(await stage.run("list users --api-key hunter2hunter2")).toBe(2);
    expect(await stage.run("list users --paperspace-api-key=hunter2hunter2")).toBe(2);
    expect(stage.err).toContain("set PAPERSPACE_API_KEY");
    expect(stage.err).not.toContain("hunter2");
  });

  it("goes to no address with a user in it, whose password would be shown", async () => {
    const stage = new Stage({ env: { PAPERSPACE_API_URL: "https://me:hunter2@x/v1" } });
    await stage.secret();
    expect(await stage.run("list users")).toBe(1);
    expect(stage.err).toContain("PAPERSPACE_API_URL: the value is not allowed");
    expect(stage.err).not.toContain("hunter2");
  });
});

describe("the object", () => {
  it.each([
    ["is not there", (_: Stage) => {}, 'there is no PaperspaceDeployment "api" in namespace team-a'],
    [
      "has no deployment yet",
      (stage: Stage) =>
        stage.deployment({}, { conditions: [{ type: "Ready", reason: "Creating", message: "it is made" }] }),
      "psd/api in namespace team-a has no deployment at Paperspace yet: Creating: it is made",
    ],
    [
      "may not be read",
      (stage: Stage) => stage.forbid(/paperspacedeployments/),
      'ask for the right "get paperspacedeployments.paperspace.com" in namespace team-a',
    ],
    [
      "is of a kind that the cluster does not know",
      (stage: Stage) => {
        stage.kube.intercept = () => {
          throw new KubeError({ code: "KUBE_NOT_FOUND", message: "404 page not found", status: 404 });
        };
      },
      "this cluster does not know paperspacedeployments.paperspace.com: install the operator's CRDs",
    ],
  ])("%s: the error says so and nothing is asked of Paperspace", async (_, prepare, said) => {
    const stage = new Stage({ env: own });
    prepare(stage);
    expect(await stage.run("logs psd/api")).toBe(1);
    expect(stage.err).toContain(said);
    expect(stage.asked).toEqual([]);
  });

  it("is deleted at Paperspace: the error is the API's", async () => {
    const stage = new Stage({ env: own });
    stage.deployment();
    expect(await stage.run("metrics psd/api cpu")).toBe(1);
    expect(stage.err).toContain(`GET /deployments/${ID}/metrics: refused with 404 NOT_FOUND: Not found`);
  });
});
