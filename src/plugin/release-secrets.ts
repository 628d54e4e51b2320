/**
 * Lets go of Secrets with API keys that the operator held for objects: of each as soon as no object of its namespace that is
 * still held refers to it. Which objects are released is decided in release.ts.
 */
import { isConflict, isForbidden, isNotFound } from "../kube/errors.ts";
import { SECRETS, type Secret, secrets } from "../kube/resource.ts";
import { DEFAULT_SECRET } from "../reconcile/credentials.ts";
import type { Access } from "./access.ts";
import { forbidden, isHeld, listAll, type Managed, readAll, without } from "./managed.ts";
import type { Screen } from "./output.ts";

const TRIES = 5;

interface Options {
  readonly access: Access;
  readonly screen: Screen;
  /** With --all: Secrets that no object refers to any more as well, in this namespace or (undefined) all. */
  readonly everywhere: { readonly namespace: string | undefined } | undefined;
}

/** `chosen`: the objects that were asked for, released now or before. */
export async function releaseSecrets(chosen: readonly Managed[], options: Options): Promise<void> {
  const { access, screen, everywhere } = options;
  const candidates = new Set(chosen.map(secretOf));
  if (everywhere) for (const key of await heldSecrets(everywhere.namespace, options)) candidates.add(key);
  const namespaces = new Set([...candidates].map((key) => splitKey(key).namespace));
  for (const namespace of [...namespaces].sort()) {
    const needed = new Set(
      (await readAll(access, namespace)).filter(({ object }) => isHeld(object)).map(secretOf),
    );
    for (const key of [...candidates]
      .filter((one) => splitKey(one).namespace === namespace && !needed.has(one))
      .sort())
      if (await takeOff(key, access)) screen.print(`${namespace} secret/${splitKey(key).name} released\n`);
  }
}

/** "namespace/name" of the Secret with the object's key. */
function secretOf({ namespace, object }: Managed): string {
  return `${namespace}/${object.spec.credentialsSecretRef?.name ?? DEFAULT_SECRET}`;
}

function splitKey(key: string): { namespace: string; name: string } {
  const [namespace = "", name = ""] = key.split("/");
  return { namespace, name };
}

/** An object that is gone may have left its Secret held. Where Secrets may not be listed, those of the objects must do. */
async function heldSecrets(namespace: string | undefined, { access, screen }: Options): Promise<string[]> {
  const found: string[] = [];
  try {
    for (const secret of await listAll(secrets(await access.connection()), namespace, access))
      if (isHeld(secret)) found.push(`${secret.metadata.namespace}/${secret.metadata.name}`);
  } catch (error) {
    if (!isForbidden(error)) throw error;
    screen.note("note: you may not list Secrets; only those that objects name are looked at");
  }
  return found;
}

/** Whether it was held. */
async function takeOff(key: string, access: Access): Promise<boolean> {
  const { namespace, name } = splitKey(key);
  const resource = secrets(await access.connection());
  for (let tries = 1; ; tries++) {
    let secret: Secret;
    try {
      secret = await resource.get(namespace, name, { signal: access.signal });
    } catch (error) {
      if (isNotFound(error)) return false;
      if (isForbidden(error)) throw forbidden("get", SECRETS, namespace);
      throw error;
    }
    if (!isHeld(secret)) return false;
    const { uid, resourceVersion } = secret.metadata;
    const metadata = { uid, resourceVersion, finalizers: without(secret) };
    try {
      await resource.mergePatch(namespace, name, { metadata }, { signal: access.signal });
      return true;
    } catch (error) {
      if (isNotFound(error)) return true;
      if (isForbidden(error)) throw forbidden("patch", SECRETS, namespace);
      if (!isConflict(error) || tries === TRIES) throw error;
    }
  }
}
