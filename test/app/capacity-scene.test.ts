/**
 * The scene `capacity` of the demo, played with the whole operator in virtual time: the story that docs/capacity.svg tells.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { CAPACITY_SCENE } from "../../dev/demo/capacity-scene.ts";
import type { DemoEnv, Narrator } from "../../dev/demo/demo-env.ts";
import type { Terminal } from "../../dev/demo/terminal.ts";
import { DEMO_KEY } from "../../dev/simulator/world/teams.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { placed } from "../support/placed.ts";
import { checkTraffic, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

checkTraffic();

const folder = join(import.meta.dirname, "..", "..", CAPACITY_SCENE.manifests);
const declared = readdirSync(folder)
  .flatMap((file) => parseAllDocuments(readFileSync(join(folder, file), "utf8")))
  .map((document) => document.toJS() as PaperspaceMachine)
  .filter(({ kind }) => kind === "PaperspaceMachine");

function demoEnv(world: VirtualWorld): DemoEnv {
  const kubectl = async (...args: string[]) => {
    const [first, name = ""] = args;
    if (first === "-n") world.secret(DEMO_KEY, name);
    return "";
  };
  return { simulator: { world: world.sim.world }, kubectl } as unknown as DemoEnv;
}

it("shows the queue as it is declared: three wait, one has another candidate, and namespaces take turns", async () => {
  const world = running();
  const env = demoEnv(world);
  const narrator = { step: (_: string, work: () => unknown) => work() } as unknown as Narrator;
  const story: string[] = [];
  const terminal = {
    print: (_, line = "") => story.push(line),
    style: (_, text) => text,
  } as Partial<Terminal> as Terminal;
  await CAPACITY_SCENE.prepare?.(env, narrator);
  for (const { metadata, spec } of declared)
    world.apply(metadata.name, { ...(spec.placement ? placed() : {}), ...spec }, metadata);

  const machines = () =>
    declared.flatMap(({ metadata }) => world.get(metadata.name, world.kube, metadata.namespace) ?? []);
  const isReady = ({ metadata: { name, namespace } }: PaperspaceMachine) =>
    world.condition(name, "Ready", world.kube, namespace)?.status === "True";
  await world.until("all have their hardware", () => {
    CAPACITY_SCENE.meanwhile?.(env, { machines: machines(), deployments: [] }, terminal);
    return machines().every(isReady);
  });
  const made = world
    .machines()
    .map(({ settings, machineType }) => [settings.name.split("-")[0], machineType]);
  expect(made).toEqual([
    ["inference", "A6000"],
    ["finetune", "A100-80G"],
    ["pretrain", "A100-80G"],
    ["sweep", "A100-80G"],
  ]);
  expect(story).toEqual(Array(3).fill("  An A100-80G has become free in ny2."));
});
