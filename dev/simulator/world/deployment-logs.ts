/**
 * The log of a deployment (deployments.md section 8): lines without any mark of their stream, each of an instance or of
 * none. Retention is not documented; here the oldest go when there are too many.
 */

import type { DeploymentRecord, LogRecord } from "./deployment-records.ts";
import type { World } from "./world.ts";

const KEPT = 2_000;

export function writeLog(
  world: World,
  deployment: DeploymentRecord,
  message: string,
  { jobId, instanceId }: { jobId: string; instanceId: string | null },
): LogRecord {
  const seq = world.nextSeq();
  const line = { id: String(seq), seq, jobId, instanceId, message, dtCreated: world.iso() };
  deployment.logs.push(line);
  if (deployment.logs.length > KEPT) deployment.logs.shift();
  return line;
}
