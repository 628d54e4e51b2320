import fc from "fast-check";
import { expect, it } from "vitest";
import { MACHINE, setUp } from "../../test/simulator/simulation.ts";
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

/** What a scenario may do to a machine `m` with the resources `x` (made before, of any family). */
const ACTS = {
  create: () => ["POST", "/machines", { ...MACHINE, publicIpType: "static", takeInitialSnapshot: true }],
  start: (m) => ["PATCH", `/machines/${m}/start`, {}],
  stop: (m) => ["PATCH", `/machines/${m}/stop`, {}],
  restart: (m) => ["PATCH", `/machines/${m}/restart`, {}],
  resize: (m) => ["PUT", `/machines/${m}`, { diskSize: 100, machineType: "A5000" }],
  rename: (m) => ["PUT", `/machines/${m}`, { name: "renamed" }],
  dynamic: (m) => ["PUT", `/machines/${m}`, { publicIpType: "dynamic" }],
  static: (m) => ["PUT", `/machines/${m}`, { publicIpType: "static" }],
  restorePoint: (m, x) => [
    "PUT",
    `/machines/${m}`,
    { restorePointEnabled: true, restorePointFrequency: "shutdown", restorePointSnapshotId: x.snapshot },
  ],
  move: (m, x) => ["PUT", `/machines/${m}`, { networkId: x.network, diskSize: 100 }],
  delete: (m) => ["DELETE", `/machines/${m}`],
  script: () => ["POST", "/startup-scripts", { name: "s", script: "true" }],
  assignScript: (m, x) => ["POST", `/startup-scripts/${x.script}/assign`, { machineId: m }],
  unassignScript: (m, x) => ["POST", `/startup-scripts/${x.script}/unassign`, { machineId: m }],
  deleteScript: (_, x) => ["DELETE", `/startup-scripts/${x.script}`],
  network: () => ["POST", "/private-networks", { name: "n", region: "ny2", migrateMachines: true }],
  deleteNetwork: (_, x) => ["DELETE", `/private-networks/${x.network}`],
  claim: () => ["POST", "/public-ips", { region: "ny2" }],
  assignIp: (m, x) => ["PUT", `/public-ips/${x.ip}`, { machineId: m }],
  unassignIp: (_, x) => ["PUT", `/public-ips/${x.ip}`, { machineId: null }],
  releaseIp: (_, x) => ["DELETE", `/public-ips/${x.ip}`],
  snapshot: (m) => ["POST", "/snapshots", { name: "snap", machineId: m }],
  restore: (_, x) => ["POST", `/snapshots/${x.snapshot}/restore`, { createSnapshotBeforeRestore: true }],
  deleteSnapshot: (_, x) => ["DELETE", `/snapshots/${x.snapshot}`],
  template: (m) => ["POST", "/custom-templates", { name: "t", machineId: m }],
  fromTemplate: (_, x) => ["POST", "/machines", { ...MACHINE, templateId: x.template }],
  deleteTemplate: (_, x) => ["DELETE", `/custom-templates/${x.template}`],
} satisfies Record<string, (m: string, x: Resources) => [string, string, object?]>;

interface Resources {
  script: string;
  network: string;
  ip: string;
  snapshot: string;
  template: string;
}

type Act = keyof typeof ACTS;

const steps = fc.array(
  fc.record({
    act: fc.constantFrom(...(Object.keys(ACTS) as Act[]), "create", "shutdown", "autoSnapshot", "wait"),
    which: fc.nat(2),
    waitMs: fc.constantFrom(0, 500, 4_000, 37_150, 70_000),
  }),
  { minLength: 5, maxLength: 30, size: "max" },
);

/** One scenario, run from its beginning until nothing is in transition. */
class ScenarioRun {
  readonly parts: ReturnType<typeof setUp>;
  readonly #ids: string[] = [];
  #resources: Resources = {
    script: "none",
    network: "none",
    ip: "none",
    snapshot: "none",
    template: "none",
  };

  constructor(seed: number, behaviour: Partial<Behaviour>) {
    this.parts = setUp({ seed, behaviour: { ...behaviour, jitter: 0.2 } });
    this.parts.sim.world.setCapacity("A4000", "ny2", 2);
  }

  /** One machine, and one of everything that it can touch. */
  async begin(): Promise<void> {
    for (const act of ["network", "create", "script", "claim", "snapshot", "template"] as const)
      await this.step(act, 0, 0);
    await this.step("wait", 0, 150_000);
  }

  async step(act: Act | "shutdown" | "autoSnapshot" | "wait", which: number, waitMs: number): Promise<void> {
    const { clock, sim, call } = this.parts;
    const id = this.#ids[which % this.#ids.length] ?? "psnone";
    const machine = sim.world.machines.get(id);
    // What is on its way out does not do anything by itself any more: the console refuses that, as everything else then.
    const lives = machine && !machine.dtDeleted && !machine.deleting;
    if (act === "shutdown") {
      if (lives && machine.state === "ready") sim.console.autoShutdown(id);
    } else if (act === "autoSnapshot") {
      if (lives) sim.console.autoSnapshot(id);
    } else if (act !== "wait") {
      const [method, path, body] = ACTS[act](id, this.#resources);
      const answer = await call(method, path, body);
      if (answer.status === 200 && method === "POST") this.#remember(path, answer.json as Made);
    }
    await clock.advance(waitMs);
    await call("GET", `/machines/${id}`);
    await call("GET", "/machine-events?limit=5");
  }

  #remember(path: string, made: Made): void {
    const id = made.data?.id ?? made.id ?? made.ip ?? "";
    const resources: Record<string, keyof Resources> = {
      "/startup-scripts": "script",
      "/private-networks": "network",
      "/public-ips": "ip",
      "/snapshots": "snapshot",
      "/custom-templates": "template",
    };
    const resource = resources[path];
    if (resource) this.#resources[resource] = id;
    else if (path === "/machines") this.#ids.unshift(id);
  }

  async settle(): Promise<void> {
    const { clock, call } = this.parts;
    await clock.advance(3_600_000);
    for (const list of [
      "machines",
      "snapshots",
      "public-ips",
      "private-networks",
      "startup-scripts",
      "custom-templates",
    ]) {
      await call("GET", `/${list}?limit=120`);
    }
  }
}

type Made = { id?: string; ip?: string; data?: { id: string } };

/** An invariant under any request: a resource that refers to a machine refers to one that exists and refers back. */
function expectOneTruth({ sim }: ReturnType<typeof setUp>): void {
  const { machines, snapshots, behaviour } = sim.world;
  const living = new Set([...machines.values()].filter((m) => !m.dtDeleted).map((m) => m.id));
  for (const address of sim.console.state().staticAddresses) {
    if (address.machineId === null) continue;
    expect(living).toContain(address.machineId);
    const machine = machines.get(address.machineId);
    expect([machine?.publicIp, machine?.settings.publicIpType]).toEqual([address.ip, "static"]);
  }
  for (const script of sim.world.scripts.values()) {
    for (const id of script.assignedMachineIds) expect(living).toContain(id);
    expect(new Set(script.assignedMachineIds).size).toBe(script.assignedMachineIds.length);
  }
  for (const snapshot of snapshots.values()) {
    if (behaviour.snapshotsOfDeleted === "gone") expect(living).toContain(snapshot.machineId);
  }
  for (const machine of machines.values()) {
    const { restorePointSnapshotId } = machine.settings;
    if (restorePointSnapshotId !== null) expect([...snapshots.keys()]).toContain(restorePointSnapshotId);
    const network = sim.world.networks.get(machine.networkId ?? "");
    const mayBeAny = machine.dtDeleted || behaviour.unknownNetwork === "accept";
    if (!mayBeAny) expect(network?.dtDeleted ?? null).toBeNull();
  }
}

it("under any requests and switches, everything settles, no event stays open, and every answer fits its schema", async () => {
  await fc.assert(
    fc.asyncProperty(behaviours, steps, fc.nat(1_000), async (behaviour, sequence, seed) => {
      const run = new ScenarioRun(seed, behaviour);
      const { clock, sim } = run.parts;
      await run.begin();
      for (const { act, which, waitMs } of sequence) {
        await run.step(act, which, waitMs);
        expectOneTruth(run.parts);
      }
      await run.settle();
      expectOneTruth(run.parts);
      const left = sim.console.state();
      expect(left.machines.filter((m) => !["off", "ready"].includes(m.state) || m.isDeleting)).toEqual([]);
      expect(left.events.filter((e) => e.dtFinished === null)).toEqual([]);
      expect(clock.pending).toBe(0);
      expect(sim.conformance.report().violations).toEqual([]);
    }),
    { numRuns: 200 },
  );
}, 60_000);
