import fc from "fast-check";
import { expect, it } from "vitest";
import { MACHINE, setUp, type Written } from "./simulation.fixture.ts";
import { type Behaviour, CHOICES } from "./world/behaviour.ts";

/** Any combination of switches. */
const behaviours = fc.record(
  Object.fromEntries(
    Object.entries(CHOICES).map(([name, values]) => [
      name,
      fc.constantFrom(...(values as readonly string[])),
    ]),
  ),
) as unknown as fc.Arbitrary<Partial<Behaviour>>;

const steps = fc.array(
  fc.record({
    act: fc.constantFrom(
      "create",
      "start",
      "stop",
      "restart",
      "resize",
      "rename",
      "delete",
      "shutdown",
      "wait",
    ),
    which: fc.nat(2),
    waitMs: fc.constantFrom(0, 500, 4_000, 37_150, 70_000),
  }),
  { maxLength: 25 },
);

it("whatever is asked under whatever switches, all comes to rest, no event stays open, every answer fits", async () => {
  await fc.assert(
    fc.asyncProperty(behaviours, steps, fc.nat(1_000), async (behaviour, story, seed) => {
      const { clock, sim, call } = setUp({ seed, behaviour: { ...behaviour, jitter: 0.2 } });
      sim.world.setCapacity("A4000", "ny2", 2);
      const ids: string[] = [];
      for (const { act, which, waitMs } of story) {
        const id = ids[which] ?? "psnone";
        if (act === "create") {
          const answer = await call("POST", "/machines", MACHINE);
          if (answer.status === 200) ids.unshift((answer.json as Written).data.id);
        } else if (act === "resize") await call("PUT", `/machines/${id}`, { diskSize: 100 });
        else if (act === "rename") await call("PUT", `/machines/${id}`, { name: `n${waitMs}` });
        else if (act === "delete") await call("DELETE", `/machines/${id}`);
        else if (act === "shutdown") {
          const machine = sim.world.machines.get(id);
          // What is on its way out does not shut itself down as well: the console refuses that, as everything else then.
          if (machine?.state === "ready" && !machine.deleting) sim.console.autoShutdown(id);
        } else if (act !== "wait") await call("PATCH", `/machines/${id}/${act}`, {});
        await clock.advance(waitMs);
        await call("GET", `/machines/${id}`);
        await call("GET", "/machine-events?limit=5");
      }
      await clock.advance(3_600_000);
      await call("GET", "/machines?limit=120");
      const rest = sim.console.state();
      expect(rest.machines.filter((m) => !["off", "ready"].includes(m.state) || m.isDeleting)).toEqual([]);
      expect(rest.events.filter((e) => e.dtFinished === null)).toEqual([]);
      expect(clock.pending).toBe(0);
      expect(sim.conformance.report().violations).toEqual([]);
    }),
    { numRuns: 150 },
  );
}, 60_000);
