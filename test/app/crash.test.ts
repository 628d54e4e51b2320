/** The operator is killed at every single call of a simple lifecycle: see test/support/deaths.ts. */
import { dieEverywhere } from "../support/deaths.ts";

dieEverywhere({
  "a create": {
    objects: 1,
    async run(world) {
      world.apply("box");
      await world.ready("box");
    },
  },
  "a create and a delete": {
    objects: 1,
    async run(world) {
      world.apply("box");
      await world.ready("box");
      world.delete("box");
      await world.gone("box");
    },
  },
  "a delete in the middle of a create": {
    objects: 1,
    async run(world) {
      world.apply("box");
      await world.until(
        "the create was sent",
        () => world.machines().length > 0 || world.get("box")?.status?.operation !== undefined,
      );
      world.delete("box");
      await world.gone("box");
    },
  },
  "the deletion of a whole namespace, Secret included": {
    objects: 2,
    async run(world) {
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
    async run(world) {
      world.apply("box", { powerState: "Stopped" });
      await world.ready("box");
      world.edit("box", { spec: { powerState: "Running", name: "renamed" } });
      await world.ready("box");
      world.edit("box", { spec: { powerState: "Stopped" } });
      await world.ready("box");
    },
  },
});
