import { describe, expect, it } from "vitest";
import { SPEC } from "../../../test/decide/machine/spec.ts";
import { FakeKube } from "../../../test/support/fake-kube.ts";
import { VirtualClock } from "../../../test/support/virtual-clock.ts";
import { secrets as secretsOf } from "../../kube/resource.ts";
import { DesktopSecrets } from "./desktop.ts";
import type { Desktop } from "./related-api.ts";
import type { PaperspaceMachine } from "./types.ts";

const RESYNC_MS = 600_000;
const KEY = "ns/box";
const PASSWORD = "hunter2";
const VNC: Desktop = { type: "vnc", host: "ps1.example", port: "5900", password: PASSWORD };
const WINDOWS: Desktop = { type: "windows", host: "ps1.example", port: "3389", publicIp: "203.0.113.7" };

const object = (secret = "access"): PaperspaceMachine => ({
  metadata: { name: "box", namespace: "ns", uid: "uid-1" },
  spec: { ...SPEC, desktopSecretRef: { name: secret } },
});

const base64 = (data: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(data).map(([name, value]) => [name, Buffer.from(value).toString("base64")]),
  );

function setUp() {
  const clock = new VirtualClock();
  const kube = new FakeKube({ clock, namespace: "ns" });
  const secrets = secretsOf(kube);
  const queued: string[] = [];
  const desktops = new DesktopSecrets({
    secrets,
    clock,
    resyncMs: RESYNC_MS,
    enqueue: (key) => queued.push(key),
  });
  const find = (name = "access") => kube.storage.find(secrets.type, "ns", name) as StoredSecret | undefined;
  const read = (name?: string) =>
    Object.fromEntries(
      Object.entries(find(name)?.data ?? {}).map(([field, value]) => [
        field,
        Buffer.from(value, "base64").toString(),
      ]),
    );
  /** Another owner's Secret of that name. */
  const foreign = (metadata: object = {}) =>
    secrets.create("ns", {
      metadata: { name: "access", namespace: "ns", ...metadata },
      type: "Opaque",
      data: base64({ password: "theirs" }),
    });
  /** As the passes of an object do it: fetched where it is missing, refetched where it is stale. */
  const compare = async (desktop: Desktop | null | undefined, of = object()) => {
    if (desktops.compare(of, desktop) === undefined) desktops.fetch(KEY, of);
    else desktops.refetch(KEY, of);
    await clock.settle();
    return desktops.compare(of, desktop);
  };
  const calls = (method: string) => kube.calls.filter((call) => call.method === method);
  return { clock, kube, secrets, queued, desktops, find, read, foreign, compare, calls };
}

type StoredSecret = Awaited<ReturnType<ReturnType<typeof secretsOf>["get"]>>;

describe("the Secret", () => {
  it("is owned by the object, so that the cluster deletes it with the object", async () => {
    const { desktops, find, read } = setUp();
    await desktops.write(object(), VNC);
    expect(find()?.metadata).toMatchObject({
      labels: { "app.kubernetes.io/managed-by": "paperspace-operator" },
      ownerReferences: [
        {
          apiVersion: "paperspace.com/v1alpha1",
          kind: "PaperspaceMachine",
          name: "box",
          uid: "uid-1",
          controller: true,
        },
      ],
    });
    expect(find()?.type).toBe("Opaque");
    expect(read()).toEqual(VNC);
  });

  it("is updated, and loses what the desktop does not have any more", async () => {
    const { desktops, read, find } = setUp();
    await desktops.write(object(), VNC);
    const { uid } = find()?.metadata ?? {};
    await desktops.write(object(), WINDOWS);
    expect(read()).toEqual(WINDOWS);
    expect(find()?.metadata.uid).toBe(uid);
  });

  it("loses as well what another actor has added to it: its content is exactly the desktop's", async () => {
    const { desktops, secrets, read, compare } = setUp();
    await desktops.write(object(), VNC);
    await secrets.mergePatch("ns", "access", { data: base64({ extra: "x" }) });
    expect(await compare(VNC)).toBe("stale");
    await desktops.write(object(), VNC);
    expect(read()).toEqual(VNC);
  });

  it("is not written on a stale read: a change in between wins, and the next pass observes it", async () => {
    const { kube, desktops, secrets, read } = setUp();
    await desktops.write(object(), VNC);
    kube.intercept = ({ method }) => {
      if (method !== "PATCH") return undefined;
      kube.intercept = () => undefined;
      kube.storage.patch(secrets.type, "ns", "access", { data: base64({ password: "between" }) } as never);
      return undefined;
    };
    await expect(desktops.write(object(), WINDOWS)).rejects.toMatchObject({ code: "KUBE_CONFLICT" });
    expect(read()).toMatchObject({ type: "vnc", password: "between" });
    await desktops.write(object(), WINDOWS);
    expect(read()).toEqual(WINDOWS);
  });

  it("is not written into one of the same name that another actor created in between", async () => {
    const { kube, desktops, secrets, foreign, read } = setUp();
    await desktops.write(object(), VNC);
    kube.intercept = ({ method }) => {
      if (method !== "PATCH") return undefined;
      kube.intercept = () => undefined;
      kube.storage.delete(secrets.type, "ns", "access");
      void foreign();
      return undefined;
    };
    await expect(desktops.write(object(), WINDOWS)).rejects.toThrow();
    expect(read()).toEqual({ password: "theirs" });
  });
});

describe("a Secret that is not the object's", () => {
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "other", controller: true };
  const cases: [string, object][] = [
    ["has no owner", {}],
    ["is another's", { ownerReferences: [{ ...owner, uid: "uid-2" }] }],
    [
      "is that of an earlier object of this name",
      { ownerReferences: [{ ...owner, kind: "PaperspaceMachine", name: "box", uid: "uid-0" }] },
    ],
    [
      "names the object without being controlled by it",
      {
        ownerReferences: [
          { ...owner, kind: "PaperspaceMachine", name: "box", uid: "uid-1", controller: false },
        ],
      },
    ],
    ["has our label only", { labels: { "app.kubernetes.io/managed-by": "paperspace-operator" } }],
  ];

  it.each(cases)(
    "is neither changed nor deleted when it %s: it may be another owner's",
    async (_, metadata) => {
      const { desktops, foreign, compare, find, calls } = setUp();
      await foreign(metadata);
      const before = find();
      expect(await compare(VNC)).toBe("taken");
      await desktops.write(object(), VNC);
      await desktops.remove(object(), "access");
      expect(find()).toEqual(before);
      expect([...calls("PATCH"), ...calls("DELETE")]).toEqual([]);
    },
  );

  it("is the object's once the other is gone and it is created", async () => {
    const { desktops, secrets, foreign, compare, read } = setUp();
    await foreign();
    expect(await compare(VNC)).toBe("taken");
    await secrets.delete("ns", "access");
    await desktops.write(object(), VNC);
    expect(await compare(VNC)).toBe("current");
    expect(read()).toEqual(VNC);
  });
});

describe("removing", () => {
  it("deletes the object's own, whatever the spec names by now", async () => {
    const { desktops, find } = setUp();
    await desktops.write(object(), VNC);
    await desktops.write(object("other"), VNC);
    await desktops.remove(object("other"), "access");
    expect(find("access")).toBeUndefined();
    expect(find("other")).toBeDefined();
  });

  it("invalidates the cache, so that one that is desired again is created again", async () => {
    const { desktops, compare } = setUp();
    await desktops.write(object(), VNC);
    expect(await compare(VNC)).toBe("current");
    await desktops.remove(object(), "access");
    expect(await compare(VNC)).toBe("stale");
  });

  it("is done where there is none", async () => {
    const { desktops } = setUp();
    await expect(desktops.remove(object(), "access")).resolves.toBeUndefined();
  });

  it("is done where another actor is faster", async () => {
    const { kube, desktops, secrets } = setUp();
    await desktops.write(object(), VNC);
    kube.intercept = ({ method }) => {
      if (method === "DELETE") kube.storage.delete(secrets.type, "ns", "access");
      return undefined;
    };
    await expect(desktops.remove(object(), "access")).resolves.toBeUndefined();
  });

  it("is not done while the Secret is there: a change in between is retried, or a password would be leaked", async () => {
    const { kube, desktops, secrets, find } = setUp();
    await desktops.write(object(), VNC);
    kube.intercept = ({ method }) => {
      if (method !== "DELETE") return undefined;
      kube.intercept = () => undefined;
      kube.storage.patch(secrets.type, "ns", "access", { metadata: { labels: { by: "somebody" } } } as never);
      return undefined;
    };
    await expect(desktops.remove(object(), "access")).rejects.toMatchObject({ code: "KUBE_CONFLICT" });
    expect(find()).toBeDefined();
    await desktops.remove(object(), "access");
    expect(find()).toBeUndefined();
  });
});

describe("comparing", () => {
  it("is put off while either side is unknown, and needs no Secret where there is no desktop", async () => {
    const { compare, calls } = setUp();
    expect(await compare(undefined)).toBeUndefined();
    expect(await compare(null)).toBe("none");
    expect(await compare(VNC)).toBe("stale");
    expect(calls("GET").length).toBeLessThanOrEqual(2);
  });

  it("observes a new password at once, and reads the Secret seldom: a write of our own needs no read", async () => {
    const { clock, desktops, compare, calls, queued } = setUp();
    await desktops.write(object(), VNC);
    expect(await compare(VNC)).toBe("current");
    expect(queued).toEqual([KEY]);
    const reads = calls("GET").length;
    for (let minute = 0; minute < 50; minute++) {
      expect(await compare(VNC)).toBe("current");
      await clock.advance(60_000);
    }
    expect(calls("GET")).toHaveLength(reads);
    expect(await compare({ ...VNC, password: "new" })).toBe("stale");
  });

  it("notices within some resyncs that the Secret was changed or deleted", async () => {
    const { clock, desktops, secrets, compare } = setUp();
    await desktops.write(object(), VNC);
    expect(await compare(VNC)).toBe("current");
    await secrets.delete("ns", "access");
    await clock.advance(6 * RESYNC_MS);
    await compare(VNC);
    expect(await compare(VNC)).toBe("stale");
  });

  it("reads again after each write, also after one that failed: it may have taken effect", async () => {
    const { kube, desktops, compare } = setUp();
    expect(await compare(VNC)).toBe("stale");
    kube.intercept = ({ method }) => (method === "POST" ? { fail: "after" } : undefined);
    await expect(desktops.write(object(), VNC)).rejects.toThrow();
    expect(desktops.compare(object(), VNC)).toBeUndefined();
    expect(await compare(VNC)).toBe("current");
  });

  it("reports why it cannot, where the Secret may not be read", async () => {
    const { kube, desktops, compare } = setUp();
    kube.intercept = () => ({ fail: "before" });
    expect(await compare(VNC)).toBeUndefined();
    expect(desktops.error(object())?.error).toMatchObject({ code: "KUBE_UNREACHABLE" });
    expect(desktops.error(object("other"))).toBeUndefined();
  });
});

describe("the password", () => {
  it("goes into the Secret and nowhere else: not into an error, whatever fails, nor into what can be printed", async () => {
    const { kube, desktops, compare, find } = setUp();
    const shown: unknown[] = [];
    const spelled = base64({ password: PASSWORD }).password ?? "";
    const attempt = async (write: () => Promise<void>) => {
      await write().catch((error: Error) => shown.push(error.message, error.stack, Object.entries(error)));
    };
    for (const fail of ["before", "after"] as const)
      for (const method of ["GET", "POST", "PATCH", "DELETE"]) {
        kube.intercept = (request) => (request.method === method ? { fail } : undefined);
        await attempt(() => desktops.write(object(), VNC));
        await attempt(() => desktops.write(object(), { ...VNC, port: method }));
        await attempt(() => desktops.remove(object(), "access"));
        shown.push(await compare(VNC), desktops.error(object()));
      }
    kube.intercept = () => undefined;
    await desktops.write(object(), VNC);
    shown.push(await compare(VNC), desktops, object());
    const text = JSON.stringify(shown);
    expect(shown.length).toBeGreaterThan(16);
    expect(text).not.toContain(PASSWORD);
    expect(text).not.toContain(spelled);
    expect(find()?.data?.password).toBe(spelled);
  });
});
