import { readFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { type Bom, sbom } from "./sbom.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const read = (file: string) => JSON.parse(readFileSync(join(ROOT, file), "utf8"));
const manifest = read("package.json");

interface Locked {
  version: string;
  integrity: string;
  dev?: boolean;
}
const locked = Object.entries(read("package-lock.json").packages as Record<string, Locked>)
  .filter(([path]) => path !== "")
  .map(([path, entry]) => ({ ...entry, ref: `${path.split("node_modules/").at(-1)}@${entry.version}` }));
const production = new Map(locked.filter(({ dev }) => !dev).map((entry) => [entry.ref, entry]));

/** npm takes a second, and more on a busy host. */
const NPM_MS = 60_000;

let bom: Bom;
beforeAll(async () => {
  bom = await sbom(ROOT);
}, NPM_MS);

test("describes itself and its subject, so that a scanner takes it for this version of the operator", () => {
  expect(bom).toMatchObject({
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    metadata: {
      component: {
        type: "application",
        name: manifest.name,
        version: manifest.version,
        purl: `pkg:npm/${manifest.name}@${manifest.version}`,
      },
    },
  });
  expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  expect(Date.parse(bom.metadata.timestamp)).not.toBeNaN();
});

test("has every package of production and no other, even those that development needs as well", () => {
  expect(bom.components.map((component) => component["bom-ref"]).sort()).toEqual(
    [...production.keys()].sort(),
  );
  const shared = ["pino", "@opentelemetry/api"];
  expect(bom.components.map(({ name }) => name)).toEqual(expect.arrayContaining(shared));
});

test("names each with its purl, licence and the hash of the lock file, by which a scanner identifies it", () => {
  for (const component of bom.components) {
    const ref = component["bom-ref"];
    const { integrity } = production.get(ref) as Locked;
    const content = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
    expect(component.hashes, ref).toEqual([{ alg: "SHA-512", content }]);
    expect(component.purl, ref).toBe(`pkg:npm/${ref.replace(/^@/, "%40")}`);
    expect(component.licenses?.length, ref).toBe(1);
  }
});

test("lists the dependencies of each package, from our own down, and no package that is not in it", () => {
  const refs = new Set([...production.keys(), `${manifest.name}@${manifest.version}`]);
  const { ref, dependsOn } = bom.dependencies[0] as Bom["dependencies"][number];
  expect(ref).toBe(`${manifest.name}@${manifest.version}`);
  const own = Object.entries(manifest.dependencies).map(([name, version]) => `${name}@${version}`);
  expect(dependsOn.sort()).toEqual(own.sort());
  expect(bom.dependencies.map((each) => each.ref).sort()).toEqual([...refs].sort());
  expect(bom.dependencies.flatMap((each) => each.dependsOn).filter((each) => !refs.has(each))).toEqual([]);
});

test("has nothing of the host that wrote it, because it is published", () => {
  const text = JSON.stringify(bom);
  for (const trace of [ROOT, tmpdir(), hostname()]) expect(text).not.toContain(trace);
});
