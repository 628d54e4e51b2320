/**
 * What the image is made of, as a CycloneDX document. npm writes it from the lock file alone; here it is shown only what
 * is needed in production.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** npm writes 1.5, all of which is valid in 1.6. */
const VERSION = "1.6";

export interface Manifest {
  name: string;
  devDependencies?: object;
  [field: string]: unknown;
}

export interface Lock {
  packages: Record<string, { dev?: boolean; [field: string]: unknown }>;
  [field: string]: unknown;
}

export interface Component {
  "bom-ref": string;
  name: string;
  version: string;
  purl: string;
  type: string;
  hashes?: { alg: string; content: string }[];
  licenses?: object[];
}

export interface Bom {
  $schema: string;
  bomFormat: string;
  specVersion: string;
  serialNumber: string;
  metadata: { timestamp: string; component: Component };
  components: Component[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

/** Writes it for the package in `root`. */
export async function sbom(root: string): Promise<Bom> {
  const read = async (file: string) => JSON.parse(await readFile(join(root, file), "utf8"));
  const manifest: Manifest = await read("package.json");
  const work = await mkdtemp(join(tmpdir(), "paperspace-sbom-"));
  try {
    // npm takes the folder's name for the package's.
    const folder = join(work, manifest.name);
    await mkdir(folder);
    const production = withoutDev(manifest, await read("package-lock.json"));
    await writeFile(join(folder, "package.json"), JSON.stringify(production.manifest));
    await writeFile(join(folder, "package-lock.json"), JSON.stringify(production.lock));
    const args = ["sbom", "--sbom-format=cyclonedx", "--sbom-type=application", "--package-lock-only"];
    const { stdout } = await run("npm", args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
    const bom: Bom = JSON.parse(stdout);
    return {
      ...bom,
      $schema: `http://cyclonedx.org/schema/bom-${VERSION}.schema.json`,
      specVersion: VERSION,
    };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * Manifest and lock without development dependencies. `--omit=dev` is not enough: npm 11 leaves out whatever a
 * development package needs, even where production needs it as well.
 */
export function withoutDev(manifest: Manifest, lock: Lock): { manifest: Manifest; lock: Lock } {
  const { devDependencies: _, ...rest } = manifest;
  const { devDependencies: __, ...root } = lock.packages[""] ?? {};
  const packages = Object.entries(lock.packages).filter(([path, { dev }]) => path !== "" && !dev);
  return { manifest: rest, lock: { ...lock, packages: { "": root, ...Object.fromEntries(packages) } } };
}
