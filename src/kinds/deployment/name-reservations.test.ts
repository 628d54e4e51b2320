import { describe, expect, it } from "vitest";
import { SPEC } from "../../../test/decide/deployment/spec.ts";
import { ANNOTATION } from "../../reconcile/record.ts";
import { NameReservations } from "./name-reservations.ts";
import type { DeploymentSpec, PaperspaceDeployment } from "./types.ts";

const PROJECT = SPEC.projectId;

interface Given {
  spec?: Partial<DeploymentSpec>;
  annotations?: Record<string, string>;
  status?: Partial<PaperspaceDeployment["status"]>;
}

/** Its uid is "uid-<name>". */
function object(name: string, { spec, annotations = {}, status }: Given = {}): PaperspaceDeployment {
  const seen = status && { status: { observedGeneration: 1, ...status } };
  return {
    metadata: { name, namespace: "ns", uid: `uid-${name}`, annotations },
    spec: { ...SPEC, ...spec },
    ...seen,
  };
}

function recorded(uid: string) {
  return { [ANNOTATION.record]: JSON.stringify({ id: "d1", team: "te1", name: "x", uid }) };
}

function attempted(uid: string) {
  const attempt = { name: `${PROJECT}/web`, team: "te1", uid, time: "2026-06-01T00:00:00Z" };
  return { [ANNOTATION.createPending]: JSON.stringify(attempt) };
}

const reservations = (...objects: PaperspaceDeployment[]) => new NameReservations(() => objects);

describe("making a deployment of a name", () => {
  it("is one object's at a time: two upserts of one name would both get the same deployment", () => {
    const one = reservations();
    expect(one.take("ns/a", PROJECT, "web")).toBe(true);
    expect(one.take("ns/b", PROJECT, "web")).toBe(false);
    expect(one.take("ns/a", PROJECT, "web")).toBe(true);
    expect(one.conflictingOwner("ns/b", PROJECT, "web")).toEqual({ key: "ns/a", owns: false });
    expect(one.conflictingOwner("ns/a", PROJECT, "web")).toBeUndefined();
  });

  it("is free for another name, and in another project", () => {
    const one = reservations();
    one.take("ns/a", PROJECT, "web");
    expect(one.take("ns/b", PROJECT, "api")).toBe(true);
    expect(one.take("ns/b", "p-beta", "web")).toBe(true);
    expect(one.conflictingOwner("ns/c", "p-gamma", "web")).toBeUndefined();
  });

  it("is free again once the object has made it, gave it up or is gone; of all its names at once", () => {
    const one = reservations();
    one.take("ns/a", PROJECT, "web");
    one.take("ns/a", PROJECT, "api");
    one.take("ns/b", PROJECT, "other");
    one.release("ns/a");
    expect(one.take("ns/c", PROJECT, "web")).toBe(true);
    expect(one.take("ns/c", PROJECT, "api")).toBe(true);
    expect(one.take("ns/c", PROJECT, "other")).toBe(false);
  });
});

describe("a rival", () => {
  const ask = (...objects: PaperspaceDeployment[]) =>
    reservations(...objects).conflictingOwner("ns/web", PROJECT, "web");

  it("is another object that has the deployment of this name, by whichever of its names", () => {
    const annotations = recorded("uid-a");
    expect(ask(object("a", { spec: { name: "web" }, annotations }))).toEqual({ key: "ns/a", owns: true });
    // It bears the old name in Paperspace until its rename is through.
    const renamed = { spec: { name: "new" }, status: { name: "web" }, annotations };
    expect(ask(object("a", renamed))).toEqual({ key: "ns/a", owns: true });
    expect(ask(object("a", { annotations }))).toBeUndefined();
  });

  it("is another object that may just have made it, though this process knows nothing of that: after a restart", () => {
    const annotations = attempted("uid-a");
    expect(ask(object("a", { spec: { name: "web" }, annotations }))).toEqual({ key: "ns/a", owns: false });
  });

  it("is not the object itself, nor one that has nothing yet: of two that wait none would ever begin", () => {
    const own = object("web", { annotations: { ...recorded("uid-web"), ...attempted("uid-web") } });
    expect(ask(own, object("a", { spec: { name: "web" } }))).toBeUndefined();
  });

  it("is nobody in another project: names are unique within one", () => {
    const spec = { name: "web", projectId: "p-beta" };
    expect(ask(object("a", { spec, annotations: recorded("uid-a") }))).toBeUndefined();
  });

  it("is no copied manifest, whose annotations are another object's: it makes nothing, and would be in the way for ever", () => {
    const spec = { name: "web" };
    expect(ask(object("copy", { spec, annotations: recorded("uid-a") }))).toBeUndefined();
    expect(ask(object("copy", { spec, annotations: attempted("uid-a") }))).toBeUndefined();
  });

  it("is one whose attempt cannot be read: it may have sent it", () => {
    const annotations = { [ANNOTATION.createPending]: "{" };
    expect(ask(object("a", { spec: { name: "web" }, annotations }))).toEqual({ key: "ns/a", owns: false });
  });

  it("who makes it in this very moment comes before who has one: that may not show yet", () => {
    const one = reservations(object("b", { spec: { name: "web" }, annotations: recorded("uid-b") }));
    one.take("ns/a", PROJECT, "web");
    expect(one.conflictingOwner("ns/web", PROJECT, "web")).toEqual({ key: "ns/a", owns: false });
  });
});
