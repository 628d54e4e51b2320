/**
 * The operator's objects as `release` needs them, of all kinds: how they are named on a command line, how they are read,
 * and what they own. Nothing is written here.
 */
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { Condition, KubeObject } from "../kube/objects.ts";
import { Resource, type ResourceType } from "../kube/resource.ts";
import { FINALIZER, parseAttempt, parseRecord } from "../reconcile/record.ts";
import type { Access } from "./access.ts";
import { PluginError, UsageError } from "./failure.ts";
import { ANY_REFERENCE, kindOf, SHORTS, type Short, TYPES } from "./kinds.ts";

/** The fields that matter here, which all kinds have. */
export interface HeldObject extends KubeObject {
  spec: { credentialsSecretRef?: { name: string } };
  status?: { id?: string; uid?: string; state?: string; conditions?: Condition[] };
}

const NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;
/** Objects that are read with one call. */
const PAGE = 500;

/** Of one object; `namespace/psm/name` tells it from all others. */
export interface Managed {
  readonly short: Short;
  readonly namespace: string;
  /** As it is typed: psm/trainer. */
  readonly reference: string;
  readonly object: HeldObject;
}

/** Throws UsageError. */
export function parseWord(word: string): { short: Short; name: string } {
  const slash = word.indexOf("/");
  const short = slash < 0 ? undefined : kindOf(word.slice(0, slash));
  const name = word.slice(slash + 1);
  if (short === undefined || !NAME.test(name)) throw new UsageError(`${word}: give ${ANY_REFERENCE}`);
  return { short, name };
}

export function managed(short: Short, object: HeldObject): Managed {
  const { name, namespace = "" } = object.metadata;
  return { short, namespace, reference: `${short}/${name}`, object };
}

export function nounOf({ short }: Managed): string {
  return TYPES[short].noun;
}

export function isHeld({ metadata }: KubeObject): boolean {
  return metadata.finalizers?.includes(FINALIZER) ?? false;
}

/** Its finalizers but ours. */
export function without({ metadata }: KubeObject): string[] {
  return (metadata.finalizers ?? []).filter((name) => name !== FINALIZER);
}

/** What the object owns at Paperspace. A record that came with a copied manifest is another's. */
export function ownedId({ object: { metadata, status } }: Managed): string | undefined {
  const record = parseRecord(metadata);
  if (record.state === "read") return record.value.uid === metadata.uid ? record.value.id : undefined;
  const foreign = status?.uid !== undefined && status.uid !== metadata.uid;
  return foreign ? undefined : status?.id;
}

/** Name of what a create may have made whose outcome nobody knows. */
export function openAttempt({ object: { metadata } }: Managed): string | undefined {
  const attempt = parseAttempt(metadata);
  return attempt.state === "read" && attempt.value.uid === metadata.uid ? attempt.value.name : undefined;
}

export function stateOf({ object: { status } }: Managed): string | undefined {
  return status?.state ?? status?.conditions?.find(({ type }) => type === "Ready")?.reason;
}

/** Throws PluginError where it is not there or may not be read. */
export async function readOne(
  access: Access,
  short: Short,
  namespace: string,
  name: string,
): Promise<Managed> {
  try {
    const object = await (await resourceOf(access, short)).get(namespace, name, { signal: access.signal });
    return managed(short, object);
  } catch (error) {
    if (isForbidden(error)) throw forbidden("get", TYPES[short], namespace);
    if (!isNotFound(error)) throw error;
    throw new PluginError(`there is no ${TYPES[short].kind} "${name}" in namespace ${namespace}`);
  }
}

/** All objects of all kinds, in one namespace or all. A kind that the cluster does not know has none. */
export async function readAll(access: Access, namespace: string | undefined): Promise<Managed[]> {
  const found: Managed[] = [];
  for (const short of SHORTS)
    for (const object of await list(access, short, namespace)) found.push(managed(short, object));
  return found.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const order = ({ namespace, reference }: Managed) => `${namespace}/${reference}`;

export async function resourceOf(access: Access, short: Short): Promise<Resource<HeldObject>> {
  return new Resource<HeldObject>(await access.connection(), TYPES[short]);
}

async function list(access: Access, short: Short, namespace: string | undefined): Promise<HeldObject[]> {
  try {
    return await listAll(await resourceOf(access, short), namespace, access);
  } catch (error) {
    if (isForbidden(error)) throw forbidden("list", TYPES[short], namespace);
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** All there is of a resource, page after page; `namespace` undefined: in all of them. */
export async function listAll<T extends KubeObject>(
  resource: Resource<T>,
  namespace: string | undefined,
  { signal }: Pick<Access, "signal">,
): Promise<T[]> {
  const all: T[] = [];
  let next: string | undefined;
  do {
    const place = {
      limit: PAGE,
      ...(namespace !== undefined && { namespace }),
      ...(next && { continue: next }),
    };
    const { items, metadata } = await resource.list(place, { signal });
    all.push(...items);
    next = metadata.continue || undefined;
  } while (next);
  return all;
}

export function forbidden(verb: string, { plural, group }: ResourceType, namespace?: string): PluginError {
  const where = namespace === undefined ? "in all namespaces" : `in namespace ${namespace}`;
  return new PluginError(`you may not ${verb} ${group ? `${plural}.${group}` : plural} ${where}`);
}
