/**
 * Whether objects of kinds that this operator does not serve need a Secret. Read from the API server when that decides
 * something, which is rare, and only as far as the operator may.
 */
import type { Logger } from "pino";
import type { KubeConnection } from "../kube/connection.ts";
import { isForbidden, isNotFound } from "../kube/errors.ts";
import { splitKey } from "../kube/objects.ts";
import { pages } from "../kube/pages.ts";
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
        for await (const { items } of pages(resource, { namespace }))
          for (const object of items) {
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
