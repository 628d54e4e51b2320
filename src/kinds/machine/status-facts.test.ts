import { describe, expect, it } from "vitest";
import { status } from "../../../test/decide/machine/status.ts";
import type { Machine } from "./api.ts";
import type { MachineMemory } from "./observation.ts";

const GIB = 1024 ** 3;

/** All that the API may show (machines.md section 5.1). */
const FULL: Machine & Record<string, unknown> = {
  id: "ps1",
  name: "box-1",
  state: "ready",
  os: "Ubuntu 22.04",
  machineType: "A4000",
  agentType: "LinuxDesktop",
  cpus: 8,
  ram: 45 * GIB,
  storageTotal: 50 * GIB,
  storageUsed: 8 * GIB,
  accelerators: [{ name: "RTX A4000", count: 1, memory: 16 * GIB }],
  region: "ny2",
  privateIp: "10.0.0.2",
  networkId: "n1",
  publicIp: "184.105.0.1",
  publicIpType: "static",
  updatesPending: true,
  restorePointSnapshotId: "sn1",
  usageRate: 0.76,
  storageRate: 5,
  dtCreated: "2026-06-01T00:00:00.000Z",
  dtModified: "2026-06-01T01:00:00.000Z",
  dtDeleted: null,
  reservation: {
    id: "11111111-1111-4111-8111-111111111111",
    name: "year",
    isActive: true,
    dtStarted: "2026-01-01T00:00:00.000Z",
    dtFinished: "2027-01-01T00:00:00.000Z",
  },
};

const shown = (machine: Machine) => status({ machine });

it("shows the rate of what was chosen as the machine has it, but not of one that is removed: that must stay as it was written before", () => {
  const spec = { placement: { candidates: [{ machineType: "A4000", regions: ["ny2"] }] } };
  const chosen = { machineType: "A4000", region: "ny2", rate: 0.5 };
  const attempt = { name: "box-1", at: "2026-06-01T00:00:00Z" };
  const rateOf = (placement: NonNullable<MachineMemory["placement"]>) =>
    status({ machine: FULL, spec, memory: { placement } }).placement?.chosen?.rate;
  expect(rateOf({ chosen, attempt })).toBe(0.76);
  expect(rateOf({ chosen, attempt: { ...attempt, removing: "ps1" } })).toBe(0.5);
});

describe("what status shows of a machine", () => {
  it("shows every fact of the machine that a user may want, under the API's own names where it has them", () => {
    expect(shown(FULL)).toMatchObject({
      name: "box-1",
      state: "ready",
      os: "Ubuntu 22.04",
      machineType: "A4000",
      agentType: "LinuxDesktop",
      cpus: 8,
      ram: 45 * GIB,
      storageTotal: 50 * GIB,
      accelerators: [{ name: "RTX A4000", count: 1, memory: 16 * GIB }],
      region: "ny2",
      privateIp: "10.0.0.2",
      networkId: "n1",
      publicIp: "184.105.0.1",
      publicIpType: "static",
      updatesPending: true,
      restorePointSnapshotId: "sn1",
      usageRate: 0.76,
      storageRate: 5,
      createdAt: "2026-06-01T00:00:00.000Z",
      reservation: {
        id: "11111111-1111-4111-8111-111111111111",
        name: "year",
        isActive: true,
        startedAt: "2026-01-01T00:00:00.000Z",
        finishedAt: "2027-01-01T00:00:00.000Z",
      },
    });
  });

  it("keeps out what changes by itself: each change of it would be a write to the API server", () => {
    const later = { ...FULL, storageUsed: 9 * GIB, dtModified: "2026-06-01T02:00:00.000Z" };
    expect(shown(later)).toEqual(shown(FULL));
  });
});
