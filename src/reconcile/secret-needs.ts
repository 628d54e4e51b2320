/**
 * Whether objects of kinds that this operator does not serve need a Secret. Read from the API server when that decides
 * something, which is rare, and only as far as the operator may.
 */
import type { Logger } from "pino";
import type { KubeConnection } from "../kube/connection.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import { type KubeList, splitKey } from "../kube/objects.ts";
import { Resource } from "../kube/resource.ts";
import { needsKey } from "./credential-guard.ts";
import type { Credentials } from "./credentials.ts";
import type { CloudAccount, KindDefinition, ManagedObject } from "./managed.ts";

/** A kind that this operator does not serve. */
export interface OtherKind {
  readonly definition: KindDefinition;
  /** Whether an object without a record may still have left something in the cloud. */
  hasLeftovers?(object: ManagedObject): boolean;
}

const PAGE = 500;

/** For a reference "namespace/name"; undefined where the objects may not be listed. */
export function needsOfOthers(
  kinds: readonly OtherKind[],
  connection: KubeConnection,
  logger: Logger,
  credentials: Pick<Credentials<CloudAccount>, "referenceOf">,
): (reference: string) => Promise<boolean | undefined> {
  return async (reference) => {
    const { namespace } = splitKey(reference);
    for (const { definition, hasLeftovers } of kinds) {
      const resource = new Resource<ManagedObject>(connection, { ...definition, namespaced: true });
      try {
        for await (const object of objectsOf(resource, namespace)) {
          const needs = needsKey(object) || hasLeftovers?.(object);
          if (needs && credentials.referenceOf(object) === reference) return true;
        }
      } catch (error) {
        // A server without the kind has no objects of it.
        if (isNotFound(error)) continue;
        if (!isForbidden(error)) throw error;
        const { kind } = definition;
        logger.warn({ secret: reference, kind }, "its finalizer stays, for objects that may not be listed");
        return undefined;
      }
    }
    return false;
  };
}

async function* objectsOf(
  resource: Resource<ManagedObject>,
  namespace: string,
): AsyncGenerator<ManagedObject> {
  let page: KubeList<ManagedObject> | undefined;
  do {
    const next = page?.metadata.continue;
    page = await resource.list({ namespace, limit: PAGE, ...(next ? { continue: next } : {}) });
    yield* page.items;
  } while (page.metadata.continue);
}
