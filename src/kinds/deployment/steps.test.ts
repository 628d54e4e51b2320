/** The upsert that makes another deployment, because the one that it was sent to is gone: one cloud write a step. */
import { describe, expect, it } from "vitest";
import { PROJECT, simulated } from "../../../test/decide/deployment/api.ts";
import {
  ago,
  GOOD,
  LIMITS,
  NEW,
  NOW,
  sent,
  stored,
  targetOf,
} from "../../../test/decide/deployment/situations.ts";
import type { PaperspaceAccount } from "../account.ts";
import type { DeploymentMemory, DeploymentStep } from "./observation.ts";
import type { DeploymentStepOptions } from "./step-options.ts";
import { perform } from "./steps.ts";

const HISTORY = [sent(GOOD, { specId: "s1", outcome: "Healthy" })];

async function setUp() {
  const parts = simulated({ unknownDeploymentId: "byName", deploymentDeleteMs: 40_000 });
  const { api, sim, calls } = parts;
  const body = { projectId: PROJECT, config: targetOf(GOOD).config };
  const { deploymentId: id } = (await api.upsert(body, { gate: () => undefined, headers: {} })).body;
  const run = (
    step: DeploymentStep,
    memory: DeploymentMemory,
    { gate = () => undefined as string | undefined, now = NOW } = {},
  ) =>
    perform(
      step,
      {
        memory,
        gate,
        account: {} as PaperspaceAccount,
        persistIntent: async () => {},
        ackRequests: async () => {},
      },
      {
        id,
        projectId: PROJECT,
        object: { metadata: { name: "web", generation: 2 }, spec: { ...NEW, projectId: PROJECT } },
        api,
        inventory: { refresh() {}, set() {} },
        projectSecrets: {},
        references: {},
        now: () => now,
        deleteMs: LIMITS.deleteMs,
        settleMs: LIMITS.settleMs,
      } as unknown as DeploymentStepOptions,
    );
  const upsert = () => {
    const deployment = { id, name: "web", projectId: PROJECT, latestSpec: stored("s1", GOOD) };
    const target = targetOf(NEW);
    const step = { do: "deploy", of: target.hash, target, changes: [], deployment, rollback: false } as const;
    return run(step, { history: HISTORY, secrets: [] });
  };
  /** Another actor deletes it, and it is still shown for a while. */
  const stray = async () => {
    sim.console.deployments.delete(id);
    const { memory } = await upsert();
    const { target: of = "", mark = "" } = memory.operation ?? {};
    return { memory, step: { do: "deleteStray", of, mark } as const };
  };
  return { ...parts, id, upsert, stray, run, deletes: () => calls("DELETE", /\/deployments\//) };
}

describe("an upsert that is answered with another id", () => {
  it("notes what it made, and deletes nothing in the same step: a pass sends one cloud write", async () => {
    const { sim, id, upsert, deletes } = await setUp();
    sim.console.deployments.delete(id);
    const { outcome, memory } = await upsert();
    expect(deletes()).toEqual([]);
    const [made] = [...sim.world.deployments.values()].filter((one) => one.id !== id);
    expect(memory).toEqual({
      history: HISTORY,
      secrets: [],
      operation: {
        intent: "DeleteStray",
        requestedAt: ago(0),
        deadline: ago(-LIMITS.deleteMs),
        target: made?.id,
        mark: targetOf(NEW).hash,
      },
    });
    expect(outcome).toMatchObject({
      kind: "Retry",
      reason: "AbsenceUnconfirmed",
      message: expect.stringContaining("made another one, which is deleted again"),
    });
  });

  it("notes nothing where it changed a deployment of another actor, which only has the name", async () => {
    const { sim, id, api, upsert, deletes } = await setUp();
    sim.console.deployments.delete(id);
    await api.upsert(
      { projectId: PROJECT, config: targetOf(GOOD).config },
      { gate: () => undefined, headers: {} },
    );
    const { outcome, memory } = await upsert();
    expect(memory.operation).toBeUndefined();
    expect(outcome).toMatchObject({ message: expect.stringContaining("which has that name now") });
    expect(deletes()).toEqual([]);
  });
});

describe("the deletion of a stray", () => {
  it("goes by its own gate, and is over once it is deleted", async () => {
    const { stray, run, deletes } = await setUp();
    const { step, memory } = await stray();
    await expect(run(step, memory, { gate: () => "the object was paused" })).rejects.toMatchObject({
      code: "PS_NOT_SENT",
    });
    expect(deletes()).toEqual([]);
    const done = await run(step, memory);
    expect(done.memory).toEqual({ history: HISTORY, secrets: [] });
    expect(deletes()).toHaveLength(1);
    // A crash before the status is written has it sent once more: what is gone is no failure then.
    expect((await run(step, memory)).memory.operation).toBeUndefined();
  });

  it("is left where another actor has changed it: its first configuration alone proves nothing then", async () => {
    const { sim, stray, run, deletes } = await setUp();
    const { step, memory } = await stray();
    sim.console.deployments.edit(step.of, { image: "ghcr.io/acme/theirs:1" });
    expect((await run(step, memory)).memory.operation).toBeUndefined();
    expect(deletes()).toEqual([]);
  });

  it("waits while its configuration cannot be read, and is given up at the deadline with an Event", async () => {
    const { stray, run, deletes } = await setUp();
    const { step, memory } = await stray();
    const unread = { ...step, mark: "of another" };
    const waits = await run(unread, memory);
    expect(waits).toMatchObject({ outcome: { kind: "Retry" }, memory: { operation: { target: step.of } } });
    const over = await run(unread, memory, { now: NOW + LIMITS.deleteMs });
    expect(over.memory.operation).toBeUndefined();
    expect(over.events).toMatchObject([{ type: "Warning", note: expect.stringContaining(step.of) }]);
    expect(deletes()).toEqual([]);
  });
});
