/**
 * Puts our CRDs into a cluster, as a user would: kubectl apply, and wait until the API server serves them.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { sleep, systemClock } from "../../src/base/clock.ts";
import { KINDS } from "../../src/registry.ts";

const run = promisify(execFile);

export const CRDS = fileURLToPath(new URL("../../crds", import.meta.url));

/** As kubectl names them: "crd/paperspacemachines.paperspace.com". */
export const CRD_NAMES = KINDS.map(({ definition: { plural, group } }) => `crd/${plural}.${group}`);
/** All kinds, as `kubectl get` takes them. */
export const ALL_KINDS = KINDS.map(({ definition: { shortName } }) => shortName).join(",");

const WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 100;

/** Rejects with the output of kubectl. `env` is laid over our own and must lead kubectl to the cluster. */
export async function installCrds(kubectl: string, env: Record<string, string>): Promise<void> {
  const options = { env: { ...process.env, ...env } };
  await run(kubectl, ["apply", "--server-side", "-f", CRDS], options);
  const over = systemClock.monotonic() + WITHIN_MS;
  for (;;) {
    try {
      // Not only `kubectl wait`: Established comes a moment before the first request is served, and a CRD that has no
      // conditions yet is an error to it.
      await run(kubectl, ["wait", "--for=condition=Established", "-f", CRDS], options);
      await run(kubectl, ["get", ALL_KINDS, "--all-namespaces"], options);
      return;
    } catch (error) {
      if (systemClock.monotonic() > over) throw error;
      await sleep(systemClock, LOOK_AGAIN_MS);
    }
  }
}
