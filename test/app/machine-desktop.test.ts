/**
 * The Secret with a machine's desktop access under errors: rights are missing, the API server fails, or the spec
 * changes at the worst moment.
 */
import { describe, expect, it } from "vitest";
import { answer } from "../support/fake-storage.ts";
import { calls, checkTraffic, newWorld, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const MINUTE = 60_000;
const WITH_DESKTOP = { templateId: "tdesk22u", desktopSecretRef: { name: "access" } };
const ACCESS = /\/secrets\/access$/;

/** Requests of this Secret, and creates of any, are answered with this until it is reset. */
function answering(world: VirtualWorld, code: number, reason: string, of = /^(GET|POST|PATCH|DELETE)$/) {
  world.kube.intercept = ({ method, path }) => {
    if (!ACCESS.test(path) && !(method === "POST" && path.endsWith("/secrets"))) return undefined;
    if (!of.test(method)) return undefined;
    throw answer(code, reason, "secrets is forbidden: the operator cannot do that");
  };
  return () => {
    world.kube.intercept = () => undefined;
  };
}

const desktopReads = (world: VirtualWorld) => calls(world, "GET", /\/desktop$/).length;

describe("without the right", () => {
  it.each([
    ["read", /^GET$/],
    ["write", /^(POST|PATCH)$/],
    ["touch", /./],
  ])("to %s the Secret it reports that, retries rarely, and goes on once it has it", async (_, methods) => {
    const world = running(["--resync-interval=1m", "--slow-retry=1m"]);
    const granted = answering(world, 403, "Forbidden", methods);
    world.apply("box", WITH_DESKTOP);
    await world.until(
      "it is reported",
      () => world.condition("box", "Stalled")?.reason === "DesktopSecretForbidden",
    );
    expect(world.condition("box", "Running")?.status).toBe("True");
    const before = desktopReads(world);
    await world.clock.advance(10 * MINUTE);
    expect(desktopReads(world) - before).toBeLessThanOrEqual(12);
    granted();
    await world.ready("box");
    expect(world.getSecret("default", "access")).toBeDefined();
  });

  it("any more, the object is deleted all the same: garbage collection takes the Secret", async () => {
    const world = running();
    world.apply("box", WITH_DESKTOP);
    await world.ready("box");
    answering(world, 403, "Forbidden");
    world.delete("box");
    await world.until("it is gone", () => world.get("box") === undefined);
    expect(world.machines()).toEqual([]);
  });

  it("works on all else: the machine is stopped as requested", async () => {
    const world = running();
    answering(world, 403, "Forbidden");
    world.apply("box", WITH_DESKTOP);
    await world.until("it is reported", () => world.condition("box", "Stalled") !== undefined);
    world.edit("box", { spec: { powerState: "Stopped" } });
    await world.until("it is off", () => world.machines()[0]?.state === "off");
  });
});

describe("while the API server fails", () => {
  it("the Paperspace API is not called over and over", async () => {
    const world = running();
    const mended = answering(world, 500, "InternalError", /^GET$/);
    world.apply("box", WITH_DESKTOP);
    await world.until("the machine is on", () => world.machines()[0]?.state === "ready");
    await world.clock.advance(10 * MINUTE);
    expect(desktopReads(world)).toBeLessThan(15);
    mended();
    await world.ready("box");
  });
});

describe("while the API does not answer how to reach it", () => {
  it.each([{ hang: true }, { status: 429 }, { status: 503 }])(
    "the Secret is read once, not pass after pass: these would keep all others waiting (%j)",
    async (fault) => {
      const world = running();
      world.kube.intercept = () => ({ delayMs: 20 });
      world.sim.faults.add({ match: { path: "/desktop$", times: "always" }, do: fault });
      world.apply("box", WITH_DESKTOP);
      await world.until("it is on", () => world.condition("box", "Running")?.status === "True");
      const before = world.kube.calls.length;
      await world.clock.advance(5 * MINUTE);
      const reads = world.kube.calls
        .slice(before)
        .filter(({ method, path }) => method === "GET" && ACCESS.test(path));
      expect(reads.length).toBeLessThanOrEqual(1);
    },
  );
});

describe("when the name changes", () => {
  it.each([null, { name: "other" }])(
    "right after the Secret was written (to %o), the former one is deleted all the same",
    async (desktopSecretRef) => {
      const world = newWorld({});
      let written = false;
      world.kube.intercept = ({ method, path }) => {
        if (method === "POST" && path.endsWith("/secrets")) written = true;
        else if (written) {
          written = false;
          world.edit("box", { spec: { desktopSecretRef } });
        }
        return undefined;
      };
      world.start();
      world.apply("box", WITH_DESKTOP);
      await world.until("it has changed", () => world.get("box")?.spec.desktopSecretRef?.name !== "access");
      await world.ready("box");
      await world.until("it is gone", () => world.getSecret("default", "access") === undefined);
    },
  );
});
