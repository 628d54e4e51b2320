/**
 * The kind that docs/adding-a-kind.md adds from nothing: its code is taken from the page and served by the whole operator,
 * so that the page cannot promise what the code does not do.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { crd } from "../../dev/generate/crd.ts";
import type { CollectionObject } from "../../src/kinds/collection-kind.ts";
import type { PublishedKind } from "../../src/kinds/registration.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { checkTraffic, running } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

type Script = CollectionObject<{ name: string; script: string; isRunOnce?: boolean; isEnabled?: boolean }>;

const root = join(import.meta.dirname, "..", "..");
let folder: string;
let code: string;
let kind: PublishedKind<Script>;

checkTraffic();

beforeAll(async () => {
  const page = await readFile(join(root, "docs", "adding-a-kind.md"), "utf8");
  code = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const kinds = pathToFileURL(join(root, "src", "kinds")).href;
  folder = await mkdtemp(join(import.meta.dirname, "adding-a-kind-"));
  const file = join(folder, "index.ts");
  await writeFile(file, code.replaceAll('"../../', `"${kinds}/../`).replaceAll('"../', `"${kinds}/`));
  kind = ((await import(file)) as { startupScript: PublishedKind<Script> }).startupScript;
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const scripts = (world: VirtualWorld) =>
  world.objects<Script>(kind, { name: "setup", script: "echo one", isRunOnce: false });
const writes = (world: VirtualWorld) =>
  world.sim.calls.list({ path: /startup-scripts/ }).filter(({ method }) => method !== "GET");
const alive = (world: VirtualWorld) =>
  [...world.sim.world.scripts.values()].filter(({ dtDeleted }) => dtDeleted === null);

async function ready() {
  const world = running([], { kinds: [kind] });
  scripts(world).apply("setup");
  await scripts(world).ready("setup");
  return world;
}

describe("the startup script of the page", () => {
  it("is under 80 lines with its schema: that is what the page promises", () => {
    expect(code.split("\n").length).toBeLessThan(80);
  });

  it("has a CRD with the managed fields beside its own", () => {
    const [version] = (crd(kind.definition, kind.crd) as { spec: { versions: object[] } }).spec.versions;
    expect(version).toMatchObject({
      schema: {
        openAPIV3Schema: {
          properties: {
            spec: {
              required: ["name", "script"],
              properties: {
                script: { maxLength: 16384 },
                adoptId: {},
                deletionPolicy: { default: "Delete" },
              },
            },
            status: { properties: { id: {}, machines: { type: "integer" }, conditions: {} } },
          },
        },
      },
    });
  });

  it("is created once with its text, and gets the declared name by an update", async () => {
    const world = await ready();
    expect(writes(world).map(({ method }) => method)).toEqual(["POST", "PUT"]);
    expect(alive(world)).toMatchObject([{ name: "setup", script: "echo one" }]);
    expect(scripts(world).get("setup")?.status).toMatchObject({ name: "setup", machines: 0 });
  });

  it("is sent again when its text changes, which the API never shows, and only then", async () => {
    const world = await ready();
    world.sim.calls.clear();
    await world.clock.advance(60 * 60_000);
    expect(writes(world)).toEqual([]);
    scripts(world).edit("setup", { spec: { script: "echo two" } });
    await world.until("the new text is there", () => alive(world)[0]?.script === "echo two");
    await scripts(world).ready("setup");
    expect(writes(world).map(({ method }) => method)).toEqual(["PUT"]);
    expect(JSON.stringify(scripts(world).get("setup")?.status)).not.toContain("echo");
  });

  it("shows in the plan of a create all that is sent, and what an update sets after it", async () => {
    const world = running([], { kinds: [kind] });
    const dryRun = { annotations: { [ANNOTATION.dryRun]: "true" } };
    scripts(world).apply("setup", { isEnabled: false }, dryRun);
    await world.until("there is a plan", () => (scripts(world).get("setup")?.status?.plan?.length ?? 0) > 0);
    expect(scripts(world).get("setup")?.status?.plan).toEqual([
      { action: "Create" },
      { action: "Create", field: "name", to: '"setup"' },
      { action: "Create", field: "isRunOnce", to: "false" },
      { action: "Create", field: "script", to: '"(not shown)"' },
      { action: "Update", field: "isEnabled", to: "false" },
    ]);
    expect(writes(world)).toEqual([]);
    scripts(world).edit("setup", { metadata: { annotations: { [ANNOTATION.dryRun]: null } } });
    await scripts(world).ready("setup");
    const [create, ...updates] = writes(world).map(({ body }) => body);
    expect(create).toEqual({ name: expect.any(String), isRunOnce: false, script: "echo one" });
    expect(updates).toEqual([{ name: "setup", isEnabled: false }]);
  });

  it("shows in a plan what would be sent, and hides the text", async () => {
    const world = await ready();
    world.sim.calls.clear();
    scripts(world).edit("setup", {
      metadata: { annotations: { [ANNOTATION.dryRun]: "true" } },
      spec: { name: "renamed", script: "echo three" },
    });
    await world.until("there is a plan", () => (scripts(world).get("setup")?.status?.plan?.length ?? 0) > 0);
    expect(scripts(world).get("setup")?.status?.plan).toEqual([
      { action: "Update", field: "name", from: '"setup"', to: '"renamed"' },
      { action: "Update", field: "script", from: '"(not shown)"', to: '"(not shown)"' },
    ]);
    expect(writes(world)).toEqual([]);
  });

  it("goes with its object", async () => {
    const world = await ready();
    scripts(world).delete("setup");
    await scripts(world).gone("setup");
    expect(alive(world)).toEqual([]);
  });
});
