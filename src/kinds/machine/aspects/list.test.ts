import { describe, expect, it } from "vitest";
import { ID, IP, scene } from "../../../../test/decide/machine/situations.ts";
import type { Machine } from "../api.ts";
import { FACT, type MachineMemory, type MachineObservation, type Related } from "../observation.ts";
import type { Address } from "../related-api.ts";
import type { MachineSpec } from "../types.ts";
import { leftovers, missingFacts } from "./list.ts";

const machine = (over: Partial<Machine> = {}): Machine => ({ ...scene().machine, ...over });

describe("leftovers", () => {
  const CLAIMED: MachineMemory = { staticIp: IP };
  const free: Address[] = [{ ip: IP, machineId: null }];

  function left(spec: Partial<MachineSpec>, memory: MachineMemory, addresses?: Address[], machine?: Machine) {
    const { observation, related } = scene();
    const seen = {
      ...observation,
      spec: { ...observation.spec, ...spec },
      related: { ...related, ...(addresses && { addresses }) },
    };
    return leftovers(seen, memory, machine);
  }
  const release = { publicIpReleasePolicy: "Release" } as const;

  it("has nothing to do where nothing was left", () => {
    expect(left({}, {})).toEqual({ memory: {} });
    expect(left(release, {}, undefined, machine())).toEqual({ memory: {} });
  });

  it("keeps a static address in the account unless Release is declared, and forgets it", () => {
    expect(left({}, { ...CLAIMED, power: "Running" })).toEqual({ memory: { power: "Running" } });
  });

  it("releases an address that is free, or still that of the own machine", () => {
    for (const machineId of [null, ID])
      expect(left(release, CLAIMED, [{ ip: IP, machineId }]).decision?.step).toEqual({
        do: "releaseAddress",
        ip: IP,
      });
  });

  it("never releases what another machine has by now, or what is gone", () => {
    expect(left(release, CLAIMED, [{ ip: IP, machineId: "ps2" }])).toEqual({ memory: {} });
    expect(left(release, CLAIMED, [{ ip: "198.51.100.1", machineId: null }])).toEqual({ memory: {} });
    expect(left(release, CLAIMED, [])).toEqual({ memory: {} });
  });

  it("needs the fact before it decides, and does not forget meanwhile what it would cost", () => {
    const { decision, memory } = left(release, CLAIMED);
    expect(decision).toMatchObject({
      step: { outcome: { kind: "Unknown" } },
      needs: [FACT.addresses],
      memory: CLAIMED,
    });
    expect(memory).toEqual(CLAIMED);
  });

  it("leaves a living machine the address that it uses, or may be using: a fresh one shows null or nothing", () => {
    const uses = [
      { publicIpType: "static", publicIp: IP },
      { publicIpType: "dynamic", publicIp: IP },
      { publicIpType: "", publicIp: null },
      { publicIpType: null, publicIp: null },
    ];
    for (const used of uses) expect(left(release, CLAIMED, free, machine(used))).toEqual({ memory: CLAIMED });
    const other = machine({ publicIpType: "dynamic", publicIp: "198.51.100.1" });
    expect(left(release, CLAIMED, free, other).decision?.step).toEqual({ do: "releaseAddress", ip: IP });
    const none = machine({ publicIpType: "none", publicIp: null });
    expect(left({}, CLAIMED, free, none)).toEqual({ memory: {} });
  });

  it("removes the Secret with a desktop once the machine is gone, or another or none is wanted", () => {
    const memory = { desktopSecret: "mine" };
    const taken = { do: "removeDesktop", name: "mine" };
    expect(left({ desktopSecretRef: { name: "mine" } }, memory, undefined, machine())).toEqual({ memory });
    expect(left({ desktopSecretRef: { name: "mine" } }, memory).decision?.step).toEqual(taken);
    expect(
      left({ desktopSecretRef: { name: "other" } }, memory, undefined, machine()).decision?.step,
    ).toEqual(taken);
    expect(left({}, memory, undefined, machine()).decision?.step).toEqual(taken);
  });

  it("cleans up one after the other and forgets neither", () => {
    const memory = { ...CLAIMED, desktopSecret: "mine" };
    const first = left(release, memory, free);
    expect(first.decision).toEqual({ step: { do: "removeDesktop", name: "mine" }, memory });
    const kept = left({ desktopSecretRef: { name: "mine" } }, memory, free, machine());
    expect(kept.memory).toEqual({ desktopSecret: "mine" });
  });
});

function observation(spec: Partial<MachineSpec>, facts: Partial<Related>): MachineObservation {
  const { observation } = scene();
  return {
    ...observation,
    spec: { ...observation.spec, ...spec },
    related: { ...observation.related, ...facts },
  };
}

describe("missingFacts", () => {
  it("names what a complete plan lacks, so that it is fetched although nothing may be done", () => {
    const spec = { startupScriptId: "s1", accessors: { emails: ["bob@example.org"] } };
    expect(missingFacts(observation({}, {}))).toEqual([]);
    expect(missingFacts(observation(spec, {}))).toEqual([FACT.scripts, FACT.accessors]);
    expect(missingFacts(observation(spec, { scripts: [], accessors: [] }))).toEqual([FACT.users]);
    expect(missingFacts(observation(spec, { scripts: [], accessors: [], users: [] }))).toEqual([]);
  });
});
