/**
 * Stores a project secret and removes one: the steps of a deployment that are not about its configuration. Each is one
 * cloud write.
 */
import { PaperspaceError, type PaperspaceErrorCode } from "../../paperspace/errors.ts";
import type { PerformContext, Performed } from "../../reconcile/kind.ts";
import { requeueNow } from "../../reconcile/outcome.ts";
import type { DeploymentApi } from "./api.ts";
import { leavesOf } from "./compare.ts";
import { withoutSecret } from "./leftovers.ts";
import type { DeploymentMemory, DeploymentStep, DeploymentTypes } from "./observation.ts";
import { isSecretOf, secretsNamedIn } from "./project-secrets.ts";
import { REASON } from "./reasons.ts";
import type { DeploymentStepOptions } from "./step-options.ts";
import { readConfig } from "./stored-config.ts";

type Step<D extends DeploymentStep["do"]> = Extract<DeploymentStep, { do: D }>;
type Done = Promise<Performed<DeploymentTypes>>;
type SendContext = PerformContext<DeploymentTypes>;

/** The API has understood, and will not. */
export const REFUSALS: ReadonlySet<PaperspaceErrorCode> = new Set([
  "PS_CONFLICT",
  "PS_REFUSED",
  "PS_FORBIDDEN",
]);

/** Its name is remembered first: whatever dies, it is removed some day. */
export async function putSecret(
  { of: name }: Step<"putSecret">,
  memory: DeploymentMemory,
  { gate, persistIntent }: SendContext,
  { object, projectId, api, references, projectSecrets }: DeploymentStepOptions,
): Done {
  const value = await references.valueOf(object, name);
  if (value === undefined) return { outcome: { kind: "Requeue" }, memory };
  const secrets = [...memory.secrets.filter((other) => other !== name), name];
  const noted = { ...memory, secrets };
  const outcome = requeueNow(REASON.Deploying, `the project secret ${name} is being stored`);
  if (!memory.secrets.includes(name)) await persistIntent(noted, outcome);
  try {
    const { answeredAt } = await api.putSecret(projectId, { name, value }, { gate });
    // Others may have been stored meanwhile.
    const cached = projectSecrets.get(projectId);
    if (cached)
      projectSecrets.set(projectId, [...cached.filter((other) => other !== name), name], answeredAt);
  } catch (error) {
    projectSecrets.invalidate(projectId);
    // Its name holds the hash of its value: one that is there already is the right one, and the next read shows it.
    if (!(error instanceof PaperspaceError) || error.code !== "PS_CONFLICT") throw error;
    return { outcome: { kind: "Retry", reason: REASON.Declined, message: error.message }, memory: noted };
  }
  return { outcome, memory: noted };
}

export async function dropSecret(
  { of, report }: Step<"dropSecret">,
  memory: DeploymentMemory,
  { gate }: SendContext,
  { id, object, projectId: bound, api, projectSecrets, now, deleteMs, slowMs }: DeploymentStepOptions,
): Done {
  const [name = of, projectId = bound] = of.split("/").reverse();
  const { uid = "", deletionTimestamp } = object.metadata;
  const dropped = { outcome: report, memory: withoutSecret(memory, of) };
  const stays = (why: string) => `the project secret ${of} stays: ${why}`;
  projectSecrets.invalidate(projectId);
  try {
    const user = isSecretOf(uid)(name) ? undefined : await userOf(name, projectId, id, api);
    // What was inherited is not this object's to take from others.
    if (user !== undefined)
      return { ...dropped, events: [note(stays(`deployment ${user} uses it as well`))] };
    await api.removeSecret(projectId, name, { gate });
  } catch (error) {
    if (!(error instanceof PaperspaceError)) throw error;
    const { code, message } = error;
    // What is left over is no failure of this deployment; another owner's may need it by now. The next pass tries again.
    if (!deletionTimestamp && code !== "PS_NOT_FOUND" && code !== "PS_NOT_SENT") {
      const events = code === "PS_CONFLICT" ? [] : [{ ...note(stays(message)), id: `stays/${of}/${code}` }];
      const reason = REASON.Declined;
      const heldBack = { kind: "Terminal", reason, message: stays(message), recheckMs: slowMs } as const;
      return { outcome: report, memory, heldBack, events };
    }
    // What cannot be removed must not keep the object for ever.
    if (REFUSALS.has(code) && now() - Date.parse(deletionTimestamp ?? "") >= deleteMs)
      return { ...dropped, events: [note(stays(message))] };
    if (code === "PS_CONFLICT")
      return { outcome: { kind: "Retry", reason: REASON.Declined, message: stays(message) }, memory };
    if (code !== "PS_NOT_FOUND") throw error;
  }
  return dropped;
}

function note(text: string) {
  return { type: "Warning", reason: REASON.Declined, note: text } as const;
}

/** The deployment other than `own` that names the secret, or may name it, since it cannot be read. */
async function userOf(
  name: string,
  projectId: string,
  own: string | undefined,
  api: DeploymentApi,
): Promise<string | undefined> {
  for await (const { items, skipped } of api.list(projectId)) {
    if (skipped > 0) return "without a readable id";
    const user = items.find(({ id, latestSpec }) => {
      if (id === own) return false;
      const stored = readConfig(latestSpec?.data);
      return !stored || secretsNamedIn(leavesOf(stored)).includes(name);
    });
    if (user) return user.id;
  }
  return undefined;
}
