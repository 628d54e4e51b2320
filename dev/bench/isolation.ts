/**
 * How long one namespace waits for its machine beside others that cost what they can. Each neighbour has an environment of
 * its own.
 */

import { systemClock } from "../../src/base/clock.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { Secret } from "../../src/kube/resource.ts";
import { DEFAULT_SECRET } from "../../src/reconcile/credentials.ts";
import { isReady } from "../demo/tables.ts";
import { type Figure, figureOf, median } from "./figures.ts";
import { all, numbers, type Rig, sleepFor } from "./rig.ts";
import type { Bench, Scenario } from "./scenario.ts";

/** A machine is Ready after this time: a quarter of the vendor's. */
const PROVISIONING_MS = 16_700;
/** For so long the neighbours have the operator to themselves. */
const HEAD_START_MS = 10_000;
const POLL_MS = 50;
/** In the least size there are so many times fewer objects. */
const SMALLER = 100;

/** Makes what is in the neighbour's namespace; `scale` multiplies its numbers. */
type Neighbour = (rig: Rig, namespace: string, scale: number) => Promise<void>;

const NEIGHBOURS: Readonly<Record<string, Neighbour>> = {
  nothing: async () => {},
  "1,000 hopeless objects of its account": async (rig, namespace, scale) => {
    await keyOf(rig, namespace, 0);
    await all(numbers(1_000 * scale), (n) => {
      const adoptId = `psnone${String(n).padStart(4, "0")}`;
      return rig.machines.create(namespace, rig.machine(`box-${n}`, { adoptId }));
    });
  },
  "an account that answers 429": async (rig, namespace, scale) => {
    const team = rig.accounts[1]?.teamId ?? "";
    rig.simulator.faults.clear();
    rig.simulator.faults.add({ match: { team, times: "always" }, do: { status: 429 } });
    await keyOf(rig, namespace, 1);
    await all(numbers(100 * scale), (n) => rig.machines.create(namespace, rig.machine(`box-${n}`)));
  },
  "400 rubbish keys": async (rig, namespace, scale) => {
    await all(numbers(400 * scale), async (n) => {
      await rig.secrets.create(namespace, secretOf(`key-${n}`, `rubbish-${n}`));
      await rig.machines.create(namespace, withKey(rig, n));
    });
  },
  "50 MB of Secrets": async (rig, namespace, scale) => {
    const padding = "x".repeat(700_000);
    await all(numbers(72 * scale), async (n) => {
      await rig.secrets.create(namespace, secretOf(`key-${n}`, rig.accounts[1]?.key ?? "", padding));
      await rig.machines.create(namespace, withKey(rig, n, { adoptId: "psnone0000" }));
    });
  },
};

export const isolation: Scenario = {
  name: "isolation",
  summary: "Time to Ready of one namespace's machine beside others that cost what they can",
  unit: "machines one after the other",
  sizes: [3],
  small: 1,
  async run(bench, runs) {
    const figures: Figure[] = [];
    const neighbours = Object.entries(NEIGHBOURS);
    for (const [name, neighbour] of bench.isSmall ? neighbours.slice(0, 2) : neighbours) {
      const seconds = median(await timesBeside(neighbour, runs, bench)) / 1_000;
      const alone = figures[0]?.value;
      figures.push(figureOf(`beside ${name}`, seconds, "s"));
      if (alone) figures.push(figureOf("÷ beside nothing", seconds / alone, "×"));
    }
    return { figures };
  },
};

async function timesBeside(neighbour: Neighbour, runs: number, bench: Bench): Promise<number[]> {
  const provisioningMs = bench.isSmall ? 500 : PROVISIONING_MS;
  await using rig = await bench.open({ accounts: 2, provisioningMs, neighbours: 1 });
  await rig.start();
  const [namespace = ""] = rig.neighbours;
  await neighbour(rig, namespace, bench.isSmall ? 1 / SMALLER : 1);
  await sleepFor(bench.isSmall ? 0 : HEAD_START_MS, rig.signal);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push(await timeToReady(rig, `box-${run}`));
  return times;
}

async function timeToReady(rig: Rig, name: string): Promise<number> {
  const began = systemClock.monotonic();
  await rig.machines.create(rig.namespace, rig.machine(name));
  while (!isReady(await rig.machines.get(rig.namespace, name))) await sleepFor(POLL_MS, rig.signal);
  return systemClock.monotonic() - began;
}

/** The namespace uses the key of this account. */
async function keyOf(rig: Rig, namespace: string, account: number): Promise<void> {
  await rig.secrets.create(namespace, secretOf(DEFAULT_SECRET, rig.accounts[account]?.key ?? ""));
}

function withKey(rig: Rig, n: number, spec: Partial<PaperspaceMachine["spec"]> = {}): PaperspaceMachine {
  return rig.machine(`box-${n}`, { credentialsSecretRef: { name: `key-${n}`, key: "apiKey" }, ...spec });
}

function secretOf(name: string, key: string, padding?: string): Secret {
  const data = { apiKey: base64(key), ...(padding !== undefined && { padding: base64(padding) }) };
  return { metadata: { name }, data };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}
