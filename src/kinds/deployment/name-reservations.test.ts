import { describe, expect, it } from "vitest";
import { SPEC } from "../../../test/decide/deployment/spec.ts";
import { NameReservations } from "./name-reservations.ts";
import type { DeploymentSpec, PaperspaceDeployment } from "./types.ts";

const PROJECT = SPEC.projectId;

interface Given {
  spec?: Partial<DeploymentSpec>;
  status?: Partial<PaperspaceDeployment["status"]>;
}

/** Its uid is "uid-<name>". */
function object(name: string, { spec, status }: Given = {}): PaperspaceDeployment {
  const seen = status && { status: { observedGeneration: 1, ...status } };
  return {
    metadata: { name, namespace: "ns", uid: `uid-${name}` },
    spec: { ...SPEC, ...spec },
    ...seen,
  };
}

function recorded(uid: string) {
  return { id: "d1", teamId: "te1", uid };
}

function attempted(uid: string) {
  const times = { requestedAt: "2026-06-01T00:00:00Z", deadline: "2026-06-01T00:10:00Z" };
  return { teamId: "te1", uid, operation: { intent: "Create", name: `${PROJECT}/web`, ...times } };
}

const reservations = (...objects: PaperspaceDeployment[]) => new NameReservations(() => objects);

describe("creating a deployment of a name", () => {
  it("is one object's at a time: two upserts of one name would both get the same deployment", () => {
    const one = reservations();
    expect(one.reserve("ns/a", PROJECT, "web")).toBe(true);
    expect(one.reserve("ns/b", PROJECT, "web")).toBe(false);
    expect(one.reserve("ns/a", PROJECT, "web")).toBe(true);
    expect(one.conflictingOwner("ns/b", PROJECT, "web")).toEqual({ owner: "ns/a", owns: false });
    expect(one.conflictingOwner("ns/a", PROJECT, "web")).toBeUndefined();
  });

  it("is free for another name, and in another project", () => {
    const one = reservations();
    one.reserve("ns/a", PROJECT, "web");
    expect(one.reserve("ns/b", PROJECT, "api")).toBe(true);
    expect(one.reserve("ns/b", "p-beta", "web")).toBe(true);
    expect(one.conflictingOwner("ns/c", "p-gamma", "web")).toBeUndefined();
  });

  it("is free again once the object has created it, gave it up or is gone; for all its names at once", () => {
    const one = reservations();
    one.reserve("ns/a", PROJECT, "web");
    one.reserve("ns/a", PROJECT, "api");
    one.reserve("ns/b", PROJECT, "other");
    one.release("ns/a");
    expect(one.reserve("ns/c", PROJECT, "web")).toBe(true);
    expect(one.reserve("ns/c", PROJECT, "api")).toBe(true);
    expect(one.reserve("ns/c", PROJECT, "other")).toBe(false);
  });
});

describe("a conflicting owner", () => {
  const conflictWith = (...objects: PaperspaceDeployment[]) =>
    reservations(...objects).conflictingOwner("ns/web", PROJECT, "web");

  it("is another object that has the deployment of this name, under its declared or its current name", () => {
    const status = recorded("uid-a");
    expect(conflictWith(object("a", { spec: { name: "web" }, status }))).toEqual({
      owner: "ns/a",
      owns: true,
    });
    // It has the old name in Paperspace until it is renamed.
    const renamed = { spec: { name: "new" }, status: { name: "web", ...status } };
    expect(conflictWith(object("a", renamed))).toEqual({ owner: "ns/a", owns: true });
    expect(conflictWith(object("a", { status }))).toBeUndefined();
  });

  it("is another object that may just have created it, though this process has no reservation: after a restart", () => {
    const status = attempted("uid-a");
    expect(conflictWith(object("a", { spec: { name: "web" }, status }))).toEqual({
      owner: "ns/a",
      owns: false,
    });
  });

  it("is not the object itself, nor one that has nothing yet: of two that wait neither would ever start", () => {
    const own = object("web", { status: { ...attempted("uid-web"), ...recorded("uid-web") } });
    expect(conflictWith(own, object("a", { spec: { name: "web" } }))).toBeUndefined();
  });

  it("is none of another project: names are unique within one", () => {
    const spec = { name: "web", projectId: "p-beta" };
    expect(conflictWith(object("a", { spec, status: recorded("uid-a") }))).toBeUndefined();
  });

  it("is no copied manifest, whose status is another object's: it creates nothing, and would block the name for ever", () => {
    const spec = { name: "web" };
    expect(conflictWith(object("copy", { spec, status: recorded("uid-a") }))).toBeUndefined();
    expect(conflictWith(object("copy", { spec, status: attempted("uid-a") }))).toBeUndefined();
  });

  it("is the object that is creating it before the one that has it: the new one may not show yet", () => {
    const one = reservations(object("b", { spec: { name: "web" }, status: recorded("uid-b") }));
    one.reserve("ns/a", PROJECT, "web");
    expect(one.conflictingOwner("ns/web", PROJECT, "web")).toEqual({ owner: "ns/a", owns: false });
  });
});
