/**
 * What an object is making is its own from the announcement of the create on, also while no status has the id: what
 * adopts it meanwhile comes too late, by whichever way.
 */
import { describe, expect, it } from "vitest";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { calls, checkTraffic, onlyDeployment, onlyMachine, running } from "../support/scenario-world.ts";
import { PROJECT } from "../support/scenario-world-deployments.ts";
import type { VirtualObjects } from "../support/virtual-objects.ts";
import { MACHINES, type VirtualWorld } from "../support/virtual-world.ts";

const TEAM = "te-alpha";
const MINUTE = 60_000;
const OTHER = "other";

checkTraffic();

/** What is lost, or comes late. */
const ANSWERS = {
  "is lost": { cut: "after" },
  "comes after 20 s": { answerDelayMs: 20_000 },
  "comes after the timeout": { answerDelayMs: 120_000 },
} as const;

const BY = {
  "spec.adoptId": (id: string) => ({ spec: { adoptId: id } }),
  "the annotation adopt": (id: string, uid: string) => ({
    metadata: { annotations: { [ANNOTATION.adopt]: `${id}@${uid}` } },
  }),
} as const;

type Kind = Pick<VirtualObjects<ManagedObject>, "edit" | "get" | "condition" | "delete">;

/** The object of the other namespace: it has done nothing yet. */
async function thief(
  world: VirtualWorld,
  kind: Kind & Pick<VirtualObjects<ManagedObject>, "apply">,
  spec: object = {},
): Promise<string> {
  world.secret("sim-key-alpha", OTHER);
  kind.apply("thief", spec as never, { namespace: OTHER, annotations: { [ANNOTATION.paused]: "true" } });
  await world.clock.advance(MINUTE);
  return kind.get("thief", world.kube, OTHER)?.metadata.uid ?? "";
}

interface Played {
  kind: Kind;
  /** Ids of all that there is. */
  there(): string[];
}

/** The thief asks for what is being made as soon as it is there, and asks for half an hour. */
async function adoptWhatIsMade(
  world: VirtualWorld,
  { kind, there }: Played,
  by: keyof typeof BY,
  uid: string,
) {
  const status = () => kind.get("box")?.status;
  await world.until("the create has taken effect", () => there().length > 0);
  expect(status()?.id).toBeUndefined();
  const [id = ""] = there();
  kind.edit("thief", BY[by](id, uid), world.kube, OTHER);
  kind.edit("thief", { metadata: { annotations: { [ANNOTATION.paused]: null } } }, world.kube, OTHER);
  const reasons = new Set<string | undefined>();
  for (let minute = 0; minute < 30; minute++) {
    await world.clock.advance(MINUTE);
    reasons.add(kind.condition("thief", "Ready", world.kube, OTHER)?.reason);
  }
  expect(reasons).toEqual(new Set(["AlreadyOwned"]));
  expect(status()?.id).toBe(id);
  expect(there()).toEqual([id]);
  kind.delete("thief", world.kube, OTHER);
  await world.until("it is gone", () => kind.get("thief", world.kube, OTHER) === undefined);
  await world.clock.advance(5 * MINUTE);
  expect(there()).toEqual([id]);
  expect(kind.condition("box", "Ready")?.status).toBe("True");
}

describe("a create whose answer", () => {
  for (const [answer, effect] of Object.entries(ANSWERS))
    for (const by of Object.keys(BY) as (keyof typeof BY)[]) {
      it(`${answer} keeps its machine from one who adopts it by ${by}`, async () => {
        const world = running();
        const uid = await thief(world, world, { powerState: "Stopped" });
        world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: effect });
        world.apply("box");
        const there = () => [...world.sim.world.machines.values()].map(({ id }) => id);
        await adoptWhatIsMade(world, { kind: world, there }, by, uid);
        expect(calls(world, "PATCH", /stop$/)).toEqual([]);
        expect(onlyMachine(world).state).toBe("ready");
      });

      it(`${answer} keeps its deployment from one who adopts it by ${by}`, async () => {
        const world = running();
        const uid = await thief(world, world.deployments, { name: "elsewhere", enabled: false });
        world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: effect });
        world.deployments.apply("box");
        const there = () => world.deployed().map(({ id }) => id);
        await adoptWhatIsMade(world, { kind: world.deployments, there }, by, uid);
        expect(onlyDeployment(world).name).toBe("box");
        expect(calls(world, "POST", /deployments$/)).toHaveLength(1);
      });
    }
});

describe("a machine that was recorded by another object while its create was open", () => {
  it("goes back to the one that was making it: another process had not seen the create", async () => {
    const world = running();
    const uid = await thief(world, world, { powerState: "Stopped" });
    world.sim.faults.add({ match: { method: "POST", path: "/machines$" }, do: { cut: "after" } });
    world.apply("box");
    await world.until("it is made", () => world.sim.world.machines.size > 0);
    const { id, settings } = onlyMachine(world);
    const ownedSince = new Date(world.clock.now() + 1000).toISOString();
    const status = { id, uid, teamId: TEAM, ownedSince, name: settings.name };
    world.kube.storage.patch(MACHINES, OTHER, "thief", { status } as never, "status");
    world.edit("thief", { metadata: { annotations: { [ANNOTATION.paused]: null } } }, world.kube, OTHER);
    await world.until("the maker has it", () => world.get("box")?.status?.id === id);
    await world.clock.advance(20 * MINUTE);
    expect(world.condition("thief", "Ready", world.kube, OTHER)?.reason).toBe("AlreadyOwned");
    expect(world.condition("box", "Ready")?.reason).toBe("Available");
    expect(calls(world, "PATCH", /stop$/)).toEqual([]);
  });

  it("is not what another actor made under the name of a create that made nothing: that may be adopted then", async () => {
    const world = running();
    await thief(world, world.deployments, { name: "elsewhere" });
    world.sim.faults.add({ match: { method: "POST", path: "/deployments$" }, do: { cut: "before" } });
    world.deployments.apply("box");
    await world.until("it was sent", () => calls(world, "POST", /deployments$/).length > 0);
    const image = "ghcr.io/acme/else:1";
    const { id } = world.sim.console.deployments.create(PROJECT, { name: "box", image }, { settled: true });
    const annotations = { [ANNOTATION.paused]: null };
    world.deployments.edit("thief", { spec: { adoptId: id }, metadata: { annotations } }, world.kube, OTHER);
    const reason = () => world.deployments.condition("thief", "Ready", world.kube, OTHER)?.reason;
    await world.until("it waits", () => reason() === "AlreadyOwned");
    await world.until("it is adopted", () => reason() === "Available");
    expect(onlyDeployment(world)).toMatchObject({ id, name: "elsewhere" });
  });
});
