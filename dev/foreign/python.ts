/**
 * A virtual environment with the foreign clients of requirements.txt, made once in the user's cache folder and found
 * there afterwards. It is no part of the operator: where there is no Python or no network, the reason is returned.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheRootOf } from "../control-plane/go-module.ts";
import { acquireLock } from "../control-plane/lock.ts";

const run = promisify(execFile);

const REQUIREMENTS = join(import.meta.dirname, "requirements.txt");
/** What the pinned packages are built for. */
const LEAST: readonly [number, number] = [3, 11];
const INSTALL_TIMEOUT_MS = 300_000;

export interface ForeignClients {
  /** Path of the interpreter that has the packages. */
  python: string;
  /** Path of Schemathesis. */
  schemathesis: string;
}

/** The reason why there are none. */
export interface NoForeignClients {
  missing: string;
}

export async function findForeignClients(
  env: NodeJS.ProcessEnv = process.env,
  log: (line: string) => void = () => {},
): Promise<ForeignClients | NoForeignClients> {
  const python = env.PYTHON ?? "python3";
  const version = await versionOf(python);
  if (!version) return { missing: `there is no ${python}` };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major !== LEAST[0] || minor < LEAST[1])
    return { missing: `${python} is ${version}; the clients need ${LEAST.join(".")} or later` };
  const root = cacheRootOf("foreign-clients", env);
  const pins = readFileSync(REQUIREMENTS, "utf8");
  const fingerprint = createHash("sha256").update(pins).digest("hex").slice(0, 12);
  const folder = join(root, `python${major}.${minor}-${process.arch}-${fingerprint}`);
  mkdirSync(root, { recursive: true });
  const release = await acquireLock(`${folder}.lock`);
  try {
    return await installed(python, folder, log);
  } catch (error) {
    const { stderr = "", message } = error as { stderr?: string; message: string };
    return { missing: `pip could not install the clients: ${stderr.trim().split("\n").at(-1) || message}` };
  } finally {
    release();
  }
}

async function installed(
  python: string,
  folder: string,
  log: (line: string) => void,
): Promise<ForeignClients> {
  const done = join(folder, "complete");
  const bin = join(folder, "bin");
  if (!existsSync(done)) {
    log(`installing the foreign clients into ${folder}`);
    // What a run that broke off has left is not taken over.
    rmSync(folder, { recursive: true, force: true });
    await run(python, ["-m", "venv", folder]);
    const quiet = ["-q", "--disable-pip-version-check", "--no-input", "--no-compile", "--no-deps"];
    await run(join(bin, "python"), ["-m", "pip", "install", ...quiet, "-r", REQUIREMENTS], {
      timeout: INSTALL_TIMEOUT_MS,
    });
    writeFileSync(done, "");
  }
  return { python: join(bin, "python"), schemathesis: join(bin, "schemathesis") };
}

/** Such as "3.12.1"; undefined where the program cannot be run. */
async function versionOf(python: string): Promise<string | undefined> {
  try {
    const { stdout } = await run(python, ["-c", "import platform; print(platform.python_version())"]);
    return stdout.trim();
  } catch {
    return undefined;
  }
}
