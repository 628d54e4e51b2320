/** What the status holds about the Secret with the object's API key, whatever the kind. Pure. */
import type { Secret } from "../kube/resource.ts";
import type { ManagedStatus } from "./managed.ts";

export interface SecretFacts {
  /** Name of the Secret that carries our finalizer on behalf of the object. */
  credentialsSecret?: string;
  /** The Secret that its key comes from now. */
  secret?: Secret;
}

/** The status with both: the name, and where that Secret is being deleted, a sentence in the message of Ready. */
export function withSecret<S extends ManagedStatus>(status: S, facts: SecretFacts): S {
  const { credentialsSecret: _former, ...others } = status;
  const { credentialsSecret, secret } = facts;
  const sentence = secret?.metadata.deletionTimestamp ? deletionSentence(secret) : undefined;
  const conditions = status.conditions?.map((condition) => {
    const { type, message } = condition;
    // While the object is halted, the message is that of an earlier pass and may have it already.
    if (sentence === undefined || type !== "Ready" || message.endsWith(sentence)) return condition;
    return { ...condition, message: `${message}. ${sentence}` };
  });
  return {
    ...others,
    ...(credentialsSecret !== undefined && { credentialsSecret }),
    ...(conditions && { conditions }),
  } as S;
}

function deletionSentence({ metadata: { namespace, name } }: Secret): string {
  return `The Secret ${namespace}/${name} with its API key is being deleted: it stays until no object needs it. To use another one, name it in spec.credentialsSecretRef`;
}
