/** `npm run sbom`: writes dist/sbom.cdx.json. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sbom } from "./sbom.ts";

const root = join(import.meta.dirname, "..", "..");
const path = join("dist", "sbom.cdx.json");

const bom = await sbom(root);
await mkdir(dirname(join(root, path)), { recursive: true });
await writeFile(join(root, path), `${JSON.stringify(bom, null, 2)}\n`);
console.log(`wrote ${path}: ${bom.components.length} packages`);
