/** Objects that are too large to be held whole: they live as any other, and nothing of them is lost. */
import { describe, expect, it } from "vitest";
import { checkTraffic, onlyDeployment, running } from "../support/scenario-world.ts";
import { edit, keep, stored } from "../support/scenario-world-deployments.ts";

checkTraffic();

const LARGE = Array.from({ length: 60 }, (_, i) => ({ name: `A${i}`, value: `${i}`.padEnd(2_000, "x") }));

describe("a deployment whose spec is too large to be held", () => {
  it("is made, changed and deleted whole, with the Secrets that it refers to", async () => {
    const world = running();
    keep(world, "hub", { token: "first-value" });
    const valueFrom = { secretKeyRef: { name: "hub", key: "token" } };
    world.deployments.apply("web", { env: [...LARGE, { name: "TOKEN", valueFrom }] });
    await world.deployments.ready("web");
    expect(stored(world)?.env).toHaveLength(LARGE.length + 1);
    edit(world, { env: LARGE.slice(1) });
    await world.until("it is sent", () => stored(world)?.env?.length === LARGE.length - 1);
    await world.deployments.ready("web");
    world.deployments.delete("web");
    await world.deployments.gone("web");
    expect(world.deployed()).toEqual([]);
  });

  it("keeps its name from others: its owner is known though most of it is not held", async () => {
    const world = running();
    world.deployments.apply("web", { env: LARGE });
    await world.deployments.ready("web");
    const { id } = onlyDeployment(world);
    world.deployments.apply("other", { name: "web" });
    await world.deployments.reports("other", "AlreadyExists");
    expect(onlyDeployment(world).id).toBe(id);
  });
});

it("a configuration that is larger than what is read back is not sent: nothing could be compared or changed afterwards", async () => {
  const world = running();
  const texts = (n: number) => Array.from({ length: n }, (_, i) => `${i}`.padEnd(8_192, "x"));
  const env = texts(60).map((value, i) => ({ name: `A${i}`, value }));
  world.deployments.apply("web", { env, command: texts(90) });
  await world.deployments.reports("web", "ValueInvalid");
  expect(world.deployed()).toEqual([]);
  edit(world, { command: texts(10) });
  await world.deployments.ready("web");
});

describe("deployments whose configurations are more than is held at once", () => {
  /** Of 1 MB each. */
  const names = [...Array(10).keys()].map((n) => `web-${n}`);
  const env = Array.from({ length: 122 }, (_, i) => ({ name: `A${i}`, value: `${i}`.padEnd(8_192, "x") }));

  it("are all made, and put back when they drift: what is dropped is read again", {
    timeout: 180_000,
  }, async () => {
    const world = running();
    for (const name of names) world.deployments.apply(name, { env });
    for (const name of names) await world.deployments.ready(name);
    const [first] = world.deployed();
    world.sim.console.deployments.edit(first?.id ?? "", { image: "drifted" });
    await world.until("it is put back", () => first?.specs.at(-1)?.data.image !== "drifted");
    expect(world.deployed()).toHaveLength(names.length);
  });
});
