/** The operator is killed at every single call of later changes of a machine: see test/support/deaths.ts. */
import { expect } from "vitest";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { dieEverywhere } from "../support/deaths.ts";

dieEverywhere({
  "a resize that stops and starts": {
    objects: 1,
    async run(world) {
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
  "a resize with a snapshot before it": {
    objects: 1,
    async run(world) {
      world.apply("box", { resizePolicy: "StopAndResize", snapshotBeforeResize: true });
      await world.ready("box");
      const resizes = world.sim.calls.list({ method: "PUT" }).length;
      world.edit("box", { spec: { diskSize: 100 } });
      await world.ready("box");
      const [taken, ...more] = [...world.sim.world.snapshots.values()];
      expect({ resizes, more, disk: world.machines()[0]?.diskSize }).toEqual({
        resizes: 0,
        more: [],
        disk: 100,
      });
      const { resizeSnapshot } = world.get("box")?.status ?? {};
      expect(resizeSnapshot).toMatchObject({ id: taken?.id, storageTotal: 50 * 1024 ** 3 });
    },
  },
  "a restart on request": {
    objects: 1,
    async run(world) {
      world.apply("box");
      await world.ready("box");
      world.edit("box", { metadata: { annotations: { [ANNOTATION.restartRequestedAt]: "1" } } });
      await world.until("it is noted", () => world.get("box")?.status?.handled?.restart === "1");
      await world.ready("box");
      // Each one disconnects users: one whose answer was lost with the process is not sent again.
      expect(world.sim.calls.list({ method: "PATCH", path: /restart/ }).length).toBeLessThanOrEqual(1);
    },
  },
  "script, accessors, desktop and address of a machine, and its deletion": {
    objects: 1,
    async run(world) {
      const scripts = ["one", "two"].map((name) => world.script(name));
      world.apply("box", {
        templateId: "tdesk22u",
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
    async run(world) {
      world.apply("box", { onExternalDeletion: "Recreate" });
      await world.ready("box");
      const { id } = world.machines()[0] ?? { id: "" };
      world.sim.console.delete(id, true);
      await world.until("another is made", () => world.machines().some((other) => other.id !== id));
      await world.ready("box");
    },
  },
});
