/**
 * The operator dies at every single call it makes, before the call takes effect and after: exhaustively here, in
 * virtual time; test/ does a sample of it with a real process and a real API server.
 */
import { describe, expect, it } from "vitest";
import { type Process, VirtualWorld } from "../test/support/virtual-world.ts";
import { ANNOTATION } from "./reconcile/record.ts";

interface Scenario {
  /** How many objects there are in all. */
  objects: number;
  /** What the user does; each part is followed until it is done. */
  play(world: VirtualWorld): Promise<void>;
}

const scenarios: Record<string, Scenario> = {
  "a create": {
    objects: 1,
    async play(world) {
      world.apply("box");
      await world.ready("box");
    },
  },
  "a create and a delete": {
    objects: 1,
    async play(world) {
      world.apply("box");
      await world.ready("box");
      world.delete("box");
      await world.gone("box");
    },
  },
  "a delete in the middle of a create": {
    objects: 1,
    async play(world) {
      world.apply("box");
      await world.until(
        "the create was sent",
        () => world.machines().length > 0 || world.get("box")?.status?.operation !== undefined,
      );
      world.delete("box");
      await world.gone("box");
    },
  },
  "the end of a whole namespace, Secret and all": {
    objects: 2,
    async play(world) {
      world.apply("box");
      world.apply("other");
      await world.ready("box");
      await world.ready("other");
      world.deleteSecret();
      world.delete("box");
      world.delete("other");
      await world.gone("box");
      await world.gone("other");
      await world.until("the Secret is gone", () => world.getSecret() === undefined);
    },
  },
  "a stop, a rename and a start": {
    objects: 1,
    async play(world) {
      world.apply("box", { powerState: "Stopped" });
      await world.ready("box");
      world.edit("box", { spec: { powerState: "Running", name: "renamed" } });
      await world.ready("box");
      world.edit("box", { spec: { powerState: "Stopped" } });
      await world.ready("box");
    },
  },
  "a resize that stops and starts": {
    objects: 1,
    async play(world) {
      world.apply("box", { resizePolicy: "StopAndResize" });
      await world.ready("box");
      world.edit("box", { spec: { machineType: "A5000", diskSize: 100 } });
      await world.ready("box");
      const { machineType, diskSize, state } = world.machines()[0] ?? {};
      expect({ machineType, diskSize, state }).toEqual({
        machineType: "A5000",
        diskSize: 100,
        state: "ready",
      });
    },
  },
  "a restart on request": {
    objects: 1,
    async play(world) {
      world.apply("box");
      await world.ready("box");
      world.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "1" } } });
      await world.until("it is noted", () => world.get("box")?.status?.handled?.restart === "1");
      await world.ready("box");
      // Users are thrown out by each: one whose answer was lost with the process is not sent again.
      expect(world.sim.calls.list({ method: "PATCH", path: /restart/ }).length).toBeLessThanOrEqual(1);
    },
  },
  "script, people, desktop and address of a machine, and its end": {
    objects: 1,
    async play(world) {
      const scripts = ["one", "two"].map((name) => world.script(name));
      world.apply("box", {
        templateId: "tvimtol9",
        powerState: "Running",
        publicIpType: "static",
        publicIpReleasePolicy: "Release",
        desktopSecretRef: { name: "desktop" },
        ...(scripts[0] && { startupScriptId: scripts[0] }),
      });
      await world.ready("box");
      const accessors = { emails: ["user@alpha.example"] };
      world.edit("box", { spec: { startupScriptId: scripts[1], accessors } });
      await world.ready("box");
      expect(world.getSecret("default", "desktop")).toBeDefined();
      world.delete("box");
      await world.gone("box");
      expect(world.getSecret("default", "desktop")).toBeUndefined();
      expect([...world.sim.world.teams.values()].flatMap((team) => team.staticAddresses)).toEqual([]);
    },
  },
  "a machine that is deleted elsewhere and made again": {
    objects: 2,
    async play(world) {
      world.apply("box", { onExternalDeletion: "Recreate" });
      await world.ready("box");
      const { id } = world.machines()[0] ?? { id: "" };
      world.sim.console.delete(id, true);
      await world.until("another is made", () => world.machines().some((other) => other.id !== id));
      await world.ready("box");
    },
  },
};

/** Calls worth dying at: leases belong to the election, reads change nothing. */
const counts = (call: string) => !call.includes("/leases") && !call.includes("GET");

/** Runs the scenario with a death at the `at`-th call, and a fresh process after each. Returns the calls seen. */
async function run(scenario: Scenario, at: number): Promise<{ world: VirtualWorld; calls: number }> {
  // Elections that come round rarely: what is played here is the rest.
  const flags = ["--lease-duration=60s", "--renew-deadline=40s", "--retry-period=20s"];
  const world = new VirtualWorld({ flags });
  let calls = 0;
  let current: Process;
  const launch = () => {
    current = world.start();
    current.edge.onPass = (call) => {
      if (!counts(call)) return;
      if (calls++ !== at) return;
      current.kill();
      // The next process is there at once; it must wait for the lease of the dead one.
      launch();
    };
  };
  launch();
  await scenario.play(world);
  return { world, calls };
}

describe.each(Object.entries(scenarios))("when the process dies during %s", (_, scenario) => {
  it("there is never a second machine, and none is lost, whichever call was the last", async () => {
    const { calls } = await run(scenario, -1);
    expect(calls).toBeGreaterThan(8);
    for (let at = 0; at < calls; at++) {
      const { world } = await run(scenario, at);
      const expected = world.get("box") === undefined ? 0 : 1;
      const ever = [...world.sim.world.machines.values()];
      expect({ at, alive: world.machines().length, ever: ever.length }).toEqual({
        at,
        alive: expected,
        ever: expect.toSatisfy((made: number) => made <= scenario.objects),
      });
      if (expected === 1) expect(world.get("box")?.status?.id).toBe(world.machines()[0]?.id);
    }
  }, 120_000);
});
