import { describe, expect, it } from "vitest";
import { BETA, refusal, setUpConforming } from "../../../test/simulator/simulation.ts";
import type { Page } from "./paging.ts";

const S3 = { bucket: "b", accessKey: "a", secretAccessKey: "very-secret" };

describe("what the operator does not manage", () => {
  it("belongs to one team, so that another team's key finds none of it", async () => {
    const { ok, call } = setUpConforming();
    const drive = { name: "d", size: 50, region: "ny2", networkId: "nalpha0ny2" };
    for (const [path, body] of [
      ["/shared-drives", drive],
      ["/storage-providers", { name: "p", storageProviderType: "s3", s3Config: S3 }],
      ["/datasets", { name: "s" }],
      ["/models", { name: "m", isPublic: false }],
    ] as const) {
      const { id } = await ok<{ id: string }>("POST", path, body);
      expect((await call("GET", `${path}/${id}`, undefined, BETA)).status, path).toBe(404);
      expect((await call("DELETE", `${path}/${id}`, undefined, BETA)).status, path).toBe(404);
      expect((await ok<Page<unknown>>("GET", path, undefined, BETA)).items, path).toEqual([]);
      expect(await ok("DELETE", `${path}/${id}`), path).toEqual({ id });
      expect((await call("GET", `${path}/${id}`)).status, path).toBe(404);
    }
  });

  it("has one default storage provider a team, and masks its key unless storageSecretShown specifies", async () => {
    const { sim, ok } = setUpConforming();
    const body = { name: "p", storageProviderType: "s3", s3Config: S3, isTeamDefault: true };
    const first = await ok<{ id: string; isTeamDefault: boolean }>("POST", "/storage-providers", body);
    await ok("POST", "/storage-providers", body);
    expect(await ok("GET", `/storage-providers/${first.id}`)).toMatchObject({
      isTeamDefault: false,
      s3Config: { secretAccessKey: "********" },
    });
    sim.world.setBehaviour({ storageSecretShown: "plain" });
    expect(await ok("GET", `/storage-providers/${first.id}`)).toMatchObject({ s3Config: S3 });
  });

  it("lists private datasets unless public ones are requested, as the document's default has it", async () => {
    const { ok } = setUpConforming();
    for (const isPublic of [true, false]) await ok("POST", "/datasets", { name: `${isPublic}`, isPublic });
    const names = async (query: string) =>
      (await ok<Page<{ name: string }>>("GET", `/datasets${query}`)).items.map(({ name }) => name);
    expect([await names(""), await names("?privacy=PUBLIC")]).toEqual([["false"], ["true"]]);
  });
});

describe("a team and its projects", () => {
  it("lose a member everywhere at once, and never their owner", async () => {
    const { ok, call } = setUpConforming();
    await ok("POST", "/projects/p-alpha/collaborators", { userId: "ualphauser1" });
    expect(await ok("DELETE", "/teams/te-alpha/users/ualphauser1")).toMatchObject({
      dtDeleted: expect.any(String),
    });
    expect((await ok<Page<unknown>>("GET", "/projects/p-alpha/collaborators")).items).toEqual([]);
    expect(refusal(await call("DELETE", "/teams/te-alpha/users/ualphaowner")).status).toBe(409);
    expect((await call("DELETE", "/teams/te-alpha/users/ualphauser1")).status).toBe(404);
    expect((await call("PUT", "/teams/te-beta/users/ubetaowner0", { isAdmin: false })).status).toBe(403);
  });

  it("leave models behind that a deleted project had, without a project", async () => {
    const { ok } = setUpConforming();
    const { id: projectId } = await ok<{ id: string }>("POST", "/projects", { name: "x" });
    const { id } = await ok<{ id: string }>("POST", "/models", { name: "m", isPublic: true, projectId });
    await ok("DELETE", `/projects/${projectId}`);
    expect(await ok("GET", `/models/${id}`)).toMatchObject({ projectId: null });
  });
});
