import { describe, expect, it } from "vitest";
import { setUpDeployments } from "../../../test/simulator/deployments.ts";
import { BETA, refusal, setUp, setUpConforming } from "../../../test/simulator/simulation.ts";
import type { Page } from "../api/paging.ts";
import type { Behaviour } from "./behaviour.ts";

interface Secret {
  name: string;
  dtCreated: string;
  dtModified: string;
  hasDeploymentAttached?: boolean;
}

const VALUE = "correct-horse-battery-staple";

function withSecrets(behaviour: Partial<Behaviour> = {}, scope = "/projects/p-alpha") {
  const parts = setUpConforming({ behaviour });
  const path = `${scope}/secrets`;
  const secret = (name = "TOKEN", value = VALUE) => parts.ok<Secret>("POST", path, { name, value });
  const read = (name = "TOKEN") => parts.ok<Secret>("GET", `${path}/${name}`);
  const list = async (query = "", at = path) => (await parts.ok<Page<Secret>>("GET", at + query)).items;
  return { ...parts, path, secret, read, list };
}

describe.each([
  ["project", "/projects/p-alpha", "p-alpha"],
  ["team", "/teams/te-alpha", "te-alpha"],
])("a secret of a %s", (_, scope, owner) => {
  it("is identified by its name, and answers dates; only reads show whether it is used", async () => {
    const { secret, read, list } = withSecrets({}, scope);
    const written = await secret();
    expect(written).toEqual({ name: "TOKEN", dtCreated: written.dtCreated, dtModified: written.dtCreated });
    expect(await read()).toEqual({ ...written, hasDeploymentAttached: false });
    expect(await list()).toEqual([await read()]);
  });

  it("never shows its value, in no answer, log or state, so that nothing can leak it", async () => {
    const { call, path, sim } = withSecrets({ secretNameTaken: "overwrite" }, scope);
    const answers = [
      await call("POST", path, { name: "TOKEN", value: VALUE }),
      await call("POST", path, { name: "TOKEN", value: VALUE }),
      await call("PATCH", `${path}/TOKEN`, { value: VALUE }),
      await call("GET", `${path}/TOKEN`),
      await call("GET", path),
    ];
    expect(answers.map((a) => a.status)).toEqual([200, 200, 200, 200, 200]);
    const shown = JSON.stringify([answers, sim.calls.list(), sim.console.state(), sim.conformance.report()]);
    expect(shown).not.toContain(VALUE);
    expect(sim.console.state().secrets).toMatchObject([{ name: "TOKEN", valueLength: VALUE.length }]);
    expect(sim.console.secret(owner, "TOKEN").value).toBe(VALUE);
  });

  it("has another value and another date after a PATCH, the only sign of it that a reader sees", async () => {
    const { clock, ok, path, secret, read, sim } = withSecrets({}, scope);
    const { dtCreated } = await secret();
    await clock.advance(5_000);
    const changed = await ok<Secret>("PATCH", `${path}/TOKEN`, { value: "another" });
    expect(changed).toMatchObject({ dtCreated, dtModified: sim.world.iso() });
    expect(await read()).toMatchObject(changed);
    expect(sim.console.secret(owner, "TOKEN").value).toBe("another");
  });

  it("is gone at once when deleted, and its name is free again", async () => {
    const { call, ok, path, secret, list } = withSecrets({}, scope);
    await secret();
    expect(await ok("DELETE", `${path}/TOKEN`)).toEqual({ name: "TOKEN" });
    for (const [method, body] of [["GET"], ["PATCH", { value: "x" }], ["DELETE"]] as const)
      expect(refusal(await call(method, `${path}/TOKEN`, body)).code).toBe("NOT_FOUND");
    expect(await list()).toEqual([]);
    await secret();
  });

  it.each([
    ["refuse", 409, VALUE],
    ["overwrite", 200, "another"],
  ] as const)(
    "whose name is taken is answered as secretNameTaken specifies: %s, so that a lost create can be distinguished from another client's",
    async (rule, status, value) => {
      const { call, clock, path, read, secret, sim } = withSecrets({ secretNameTaken: rule }, scope);
      const { dtCreated } = await secret();
      await clock.advance(1_000);
      expect((await call("POST", path, { name: "TOKEN", value: "another" })).status).toBe(status);
      expect((await read()).dtCreated).toBe(dtCreated);
      expect(sim.console.secret(owner, "TOKEN").value).toBe(value);
    },
  );

  it("comes in pages, newest first", async () => {
    const { clock, ok, path, secret } = withSecrets({}, scope);
    for (const name of ["B", "A", "C"]) {
      await secret(name);
      await clock.advance(1_000);
    }
    const first = await ok<Page<Secret>>("GET", `${path}?limit=2`);
    expect(first.items.map((s) => s.name)).toEqual(["C", "A"]);
    const rest = await ok<Page<Secret>>("GET", `${path}?limit=2&after=${first.nextPage}`);
    expect(rest).toMatchObject({ hasMore: false, items: [{ name: "B" }] });
  });

  it("may be missed by lists and by name right after the create, as a machine may", async () => {
    const { clock, call, list, path, secret } = withSecrets(
      { getAfterCreateMissMs: 3_000, listAfterCreateMissMs: 8_000 },
      scope,
    );
    await secret();
    const look = async () => [(await call("GET", `${path}/TOKEN`)).status, (await list()).length];
    expect(await look()).toEqual([404, 0]);
    await clock.advance(3_000);
    expect(await look()).toEqual([200, 0]);
    await clock.advance(5_000);
    expect(await look()).toEqual([200, 1]);
  });

  it("may be left out of one list by a fault, by its name or as the newest", async () => {
    const { list, secret, sim } = withSecrets({}, scope);
    await secret("OLD");
    await secret("NEW");
    for (const omitFromList of ["newest", "NEW"]) {
      sim.faults.add({ match: { path: "secrets$" }, do: { omitFromList } });
      expect((await list()).map((s) => s.name)).toEqual(["OLD"]);
      expect(await list()).toHaveLength(2);
    }
  });
});

describe("the rules for secrets", () => {
  // Against the vendor's document, which is the point: so nothing is held against it here.
  it.each([
    ["a", "v", 200],
    ["A_1", "v".repeat(8192), 200],
    ["n".repeat(128), "v", 200],
    ["n".repeat(129), "v", 400],
    ["", "v", 400],
    ["1A", "v", 400],
    ["_A", "v", 400],
    ["A-B", "v", 400],
    ["A B", "v", 400],
    ["A", "", 400],
    ["A", "v".repeat(8193), 400],
  ])("bound names and values (%#)", async (name, value, status) => {
    const { call, sim } = setUp();
    const answer = await call("POST", "/projects/p-alpha/secrets", { name, value });
    expect(answer.status).toBe(status);
    expect(sim.world.secrets.size).toBe(status === 200 ? 1 : 0);
  });

  it("keep a value in a wrong field out of the log as well, since it may be the secret all the same", async () => {
    const { sim, call } = setUp();
    const path = "/projects/p-alpha/secrets";
    await call("POST", path, { name: "TOKEN", valeu: VALUE });
    await call("POST", path, [VALUE]);
    await call("PATCH", `${path}/TOKEN`, { value: { of: VALUE } });
    await sim.handle({ method: "POST", path: `/v1${path}`, body: `{"value": "${VALUE}"` });
    expect(JSON.stringify([sim.calls.list(), sim.conformance.report()])).not.toContain(VALUE);
    expect(sim.calls.list()[0]?.body).toEqual({ name: "TOKEN", valeu: "[redacted]" });
    expect(sim.calls.list()[3]?.body).toBe("[redacted]");
  });

  it("keep the scopes apart: one name may be in a project, in another and in the team", async () => {
    const { list, ok, sim, secret } = withSecrets();
    const other = sim.console.createProject("te-alpha", "other");
    await secret();
    for (const scope of [`/projects/${other.id}`, "/teams/te-alpha"])
      await ok("POST", `${scope}/secrets`, { name: "TOKEN", value: "x" });
    for (const scope of ["/projects/p-alpha", `/projects/${other.id}`, "/teams/te-alpha"])
      expect(await list("", `${scope}/secrets`)).toHaveLength(1);
    await ok("DELETE", `/projects/${other.id}/secrets/TOKEN`);
    expect(sim.console.state().secrets.map((s) => s.projectId)).toEqual(["p-alpha", null]);
  });

  it("take a team's namespace for its id, since the CLI sends the one and the schema names the other", async () => {
    const { list, ok } = withSecrets();
    await ok("POST", "/teams/alpha/secrets", { name: "TOKEN", value: "x" });
    expect(await list("", "/teams/te-alpha/secrets")).toHaveLength(1);
    await ok("DELETE", "/teams/alpha/secrets/TOKEN");
  });

  it("show nothing of another team, and answer unknown projects and teams as always", async () => {
    const { call, secret, path, sim } = withSecrets();
    await secret();
    for (const at of [path, `${path}/TOKEN`, "/projects/pnothing/secrets", "/teams/te-nothing/secrets"])
      expect((await call("GET", at, undefined, BETA)).status).toBe(404);
    expect((await call("PATCH", `${path}/TOKEN`, { value: "stolen" }, BETA)).status).toBe(404);
    for (const at of ["/teams/te-alpha/secrets", "/teams/alpha/secrets"])
      expect((await call("POST", at, { name: "MINE", value: "x" }, BETA)).status).toBe(403);
    sim.world.setBehaviour({ foreignTeams: "notFound" });
    expect((await call("GET", "/teams/te-alpha/secrets", undefined, BETA)).status).toBe(404);
    expect(sim.world.secrets.size).toBe(1);
  });
});

describe("a secret that deployments name", () => {
  const withUsers = async (config: object, behaviour: Partial<Behaviour> = {}) => {
    const parts = setUpDeployments(behaviour);
    for (const owner of ["p-alpha", "te-alpha"]) parts.sim.console.setSecret(owner, "TOKEN", VALUE);
    const id = await parts.applied(config);
    const attached = async (scope = "projects/p-alpha") =>
      (await parts.ok<Secret>("GET", `/${scope}/secrets/TOKEN`)).hasDeploymentAttached;
    return { ...parts, id, attached };
  };
  const env = [{ name: "A", value: "secret:TOKEN" }];
  const s3 = { type: "s3", name: "data", url: "s3://data/in", secretAccessKey: "secret:TOKEN" };

  it.each([
    ["in its environment", { env }, true],
    ["as the key of its endpoint", { basicAuthKey: "secret:TOKEN" }, true],
    ["in an integration", { integrations: [s3] }, true],
    ["by a longer name", { env: [{ name: "A", value: "secret:TOKEN_2" }] }, false],
    ["as a plain text", { env: [{ name: "A", value: "TOKEN" }] }, false],
  ])("is shown as attached, by list and by get: %s", async (_, config, expected) => {
    const { attached, ok, sim } = await withUsers(config, { missingSecret: "instanceError" });
    expect(await attached()).toBe(expected);
    const { items } = await ok<Page<Secret>>("GET", "/projects/p-alpha/secrets");
    expect(items).toMatchObject([{ hasDeploymentAttached: expected }]);
    expect(sim.console.state().secrets[0]).toMatchObject({ hasDeploymentAttached: expected });
  });

  it("is the project's own before the team's, and another project's is never meant", async () => {
    const { attached, ok, sim } = await withUsers({ env });
    const other = sim.console.createProject("te-alpha", "other");
    sim.console.setSecret(other.id, "TOKEN", VALUE);
    expect(await attached("teams/te-alpha")).toBe(false);
    await ok("DELETE", "/projects/p-alpha/secrets/TOKEN");
    expect(await attached("teams/te-alpha")).toBe(true);
    expect(await attached(`projects/${other.id}`)).toBe(false);
  });

  it("is free again when the newest configuration does without it, or the deployment is gone", async () => {
    const { apply, attached, id, ok } = await withUsers({ env });
    await apply();
    expect(await attached()).toBe(false);
    await apply({ env });
    expect(await attached()).toBe(true);
    await ok("DELETE", `/deployments/${id}`);
    expect(await attached()).toBe(false);
  });

  it.each([
    ["accept", 200],
    ["refuse", 409],
  ] as const)("can be deleted as deleteUsedSecret specifies: %s", async (rule, status) => {
    const { call, sim } = await withUsers({ env }, { deleteUsedSecret: rule });
    expect((await call("DELETE", "/projects/p-alpha/secrets/TOKEN")).status).toBe(status);
    expect((await call("DELETE", "/teams/te-alpha/secrets/TOKEN")).status).toBe(200);
    expect(sim.console.state().secrets).toHaveLength(status === 200 ? 0 : 1);
  });
});

describe("a user of the console", () => {
  it("makes, changes and deletes secrets, so that a client can be shown what it did not do", async () => {
    const { list, sim, clock } = withSecrets();
    sim.console.setSecret("p-alpha", "TOKEN", "first");
    await clock.advance(1_000);
    sim.console.setSecret("p-alpha", "TOKEN", "second");
    const [found] = await list();
    expect(found?.dtModified).not.toBe(found?.dtCreated);
    expect(sim.console.secret("p-alpha", "TOKEN").value).toBe("second");
    sim.console.deleteSecret("p-alpha", "TOKEN");
    expect(() => sim.console.secret("p-alpha", "TOKEN")).toThrow(/has no secret TOKEN/);
    expect(() => sim.console.setSecret("pnothing", "TOKEN", "x")).toThrow(/there is no/);
  });
});
