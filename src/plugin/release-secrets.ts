/**
 * Removes the operator's finalizer from Secrets with API keys: from each once no object of its namespace that still has the
 * finalizer refers to it. Which objects are released is decided in release.ts.
 */
import { isConflict, isForbidden, isNotFound } from "../kube/errors.ts";
import { splitKey } from "../kube/objects.ts";
import { SECRETS, type Secret, secrets } from "../kube/resource.ts";
import { DEFAULT_SECRET } from "../reconcile/credentials.ts";
import type { Access } from "./access.ts";
import { forbidden, hasFinalizer, listAll, otherFinalizers, type ReleaseTarget, readAll } from "./managed.ts";
import type { Output } from "./output.ts";

const ATTEMPTS = 5;

interface Options {
  readonly access: Access;
  readonly output: Output;
  /** With --all: Secrets that no object refers to any more as well, in this namespace or (undefined) all. */
  readonly everywhere: { readonly namespace: string | undefined } | undefined;
}

/** `selected`: the objects that the command line selects, released now or before. */
export async function releaseSecrets(selected: readonly ReleaseTarget[], options: Options): Promise<void> {
  const { access, output, everywhere } = options;
  const candidates = new Set(selected.map(secretOf));
  if (everywhere)
    for (const key of await secretsWithFinalizer(everywhere.namespace, options)) candidates.add(key);
  const namespaces = new Set([...candidates].map((key) => splitKey(key).namespace));
  for (const namespace of [...namespaces].sort()) {
    const needed = new Set(
      (await readAll(access, namespace)).filter(({ object }) => hasFinalizer(object)).map(secretOf),
    );
    for (const key of [...candidates]
      .filter((one) => splitKey(one).namespace === namespace && !needed.has(one))
      .sort())
      if (await removeFinalizer(key, access))
        output.print(`${namespace} secret/${splitKey(key).name} released\n`);
  }
}

/** "namespace/name" of the Secret with the object's key. */
function secretOf({ namespace, object }: ReleaseTarget): string {
  return `${namespace}/${object.spec.credentialsSecretRef?.name ?? DEFAULT_SECRET}`;
}

/** An object that is gone may have left the finalizer on its Secret. Where Secrets may not be listed, these are skipped. */
async function secretsWithFinalizer(
  namespace: string | undefined,
  { access, output }: Options,
): Promise<string[]> {
  const found: string[] = [];
  try {
    for (const secret of await listAll(secrets(await access.connection()), namespace, access))
      if (hasFinalizer(secret)) found.push(`${secret.metadata.namespace}/${secret.metadata.name}`);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    output.note("note: you may not list Secrets; only those that objects refer to are considered");
  }
  return found;
}

/** Whether the Secret had the finalizer. */
async function removeFinalizer(key: string, access: Access): Promise<boolean> {
  const { namespace, name } = splitKey(key);
  const resource = secrets(await access.connection());
  for (let attempt = 1; ; attempt++) {
    let secret: Secret;
    try {
      secret = await resource.get(namespace, name, { signal: access.signal });
    } catch (error) {
      if (isNotFound(error)) return false;
      if (isForbidden(error)) throw forbidden("get", SECRETS, namespace);
      throw error;
    }
    if (!hasFinalizer(secret)) return false;
    const { uid, resourceVersion } = secret.metadata;
    const metadata = { uid, resourceVersion, finalizers: otherFinalizers(secret) };
    try {
      await resource.mergePatch(namespace, name, { metadata }, { signal: access.signal });
      return true;
    } catch (error) {
      if (isNotFound(error)) return true;
      if (isForbidden(error)) throw forbidden("patch", SECRETS, namespace);
      if (!isConflict(error) || attempt === ATTEMPTS) throw error;
    }
  }
}
