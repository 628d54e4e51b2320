/**
 * The operator's objects as `release` and `adopt` need them, of all kinds: how a command line selects them, how they are
 * read, and what they own. Nothing is written here.
 */
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { KubeObject } from "../kube/objects.ts";
import { pages } from "../kube/pages.ts";
import { Resource, type ResourceType } from "../kube/resource.ts";
import type { ManagedObject, ManagedStatus } from "../reconcile/managed.ts";
import { isOurFinalizer, parseAttempt, parseRecord } from "../reconcile/record.ts";
import type { Access } from "./access.ts";
import { PluginError, UsageError } from "./failure.ts";
import type { Flags } from "./flags.ts";
import { ANY_REFERENCE, kindOf, SHORT_NAMES, type ShortName, TYPES } from "./kinds.ts";

/** The fields of all kinds that are read here. */
export interface OperatorObject extends ManagedObject {
  status?: ManagedStatus & { state?: string };
}

const NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;

/** An object that may be released; `namespace/psm/name` identifies it. */
export interface ReleaseTarget {
  readonly shortName: ShortName;
  readonly namespace: string;
  /** As on the command line: psm/trainer. */
  readonly reference: string;
  readonly object: OperatorObject;
}

/** Throws UsageError. */
export function parseReference(reference: string): { shortName: ShortName; name: string } {
  const slash = reference.indexOf("/");
  const shortName = slash < 0 ? undefined : kindOf(reference.slice(0, slash));
  const name = reference.slice(slash + 1);
  if (shortName === undefined || !NAME.test(name))
    throw new UsageError(`${reference}: give ${ANY_REFERENCE}`);
  return { shortName, name };
}

export function releaseTarget(shortName: ShortName, object: OperatorObject): ReleaseTarget {
  const { name, namespace = "" } = object.metadata;
  return { shortName, namespace, reference: `${shortName}/${name}`, object };
}

export function nounOf({ shortName }: ReleaseTarget): string {
  return TYPES[shortName].noun;
}

export function hasFinalizer({ metadata }: KubeObject): boolean {
  return metadata.finalizers?.some(isOurFinalizer) ?? false;
}

/** Its finalizers except ours. */
export function otherFinalizers({ metadata }: KubeObject): string[] {
  return (metadata.finalizers ?? []).filter((name) => !isOurFinalizer(name));
}

/** Id of what the object owns at Paperspace. A record in a copied manifest belongs to another object. */
export function ownedId({ object: { metadata, status } }: ReleaseTarget): string | undefined {
  const record = parseRecord(metadata);
  if (record.state === "read") return record.value.uid === metadata.uid ? record.value.id : undefined;
  const foreign = status?.uid !== undefined && status.uid !== metadata.uid;
  return foreign ? undefined : status?.id;
}

/** Cloud name of an open create attempt, whose outcome is unknown. */
export function openAttempt({ object: { metadata } }: ReleaseTarget): string | undefined {
  const attempt = parseAttempt(metadata);
  return attempt.state === "read" && attempt.value.uid === metadata.uid ? attempt.value.name : undefined;
}

export function shownState({ object: { status } }: ReleaseTarget): string | undefined {
  return status?.state ?? status?.conditions?.find(({ type }) => type === "Ready")?.reason;
}

/** The objects that the arguments name, or with --all those of the namespace, or of all. Throws UsageError and PluginError. */
export async function selectTargets(
  verb: string,
  args: readonly string[],
  flags: Flags,
  access: Access,
): Promise<ReleaseTarget[]> {
  const named = parseTargets(verb, args, flags);
  const namespace = await scopeOf(flags, access);
  if (flags.all) return readAll(access, namespace);
  return Promise.all(named.map(({ shortName, name }) => readOne(access, shortName, namespace ?? "", name)));
}

/** Undefined for all namespaces. */
export async function scopeOf(flags: Flags, access: Access): Promise<string | undefined> {
  return flags["all-namespaces"] ? undefined : access.namespace();
}

/** Throws UsageError. */
export function parseTargets(verb: string, args: readonly string[], flags: Flags) {
  if (flags.all && args.length > 0)
    throw new UsageError(`--all means every object, but ${JSON.stringify(args[0])} came as well`);
  if (flags["all-namespaces"] && !flags.all) throw new UsageError("-A goes with --all only");
  if (flags["all-namespaces"] && flags.namespace !== undefined)
    throw new UsageError("-A means all namespaces, but -n names one: give one of them");
  if (!flags.all && args.length === 0)
    throw new UsageError(`${verb} what? Give ${ANY_REFERENCE} (kubectl get paperspace lists them), or --all`);
  return [...new Set(args)].map(parseReference);
}

/** Throws PluginError where it does not exist or may not be read. */
export async function readOne(
  access: Access,
  shortName: ShortName,
  namespace: string,
  name: string,
): Promise<ReleaseTarget> {
  try {
    const object = await (await resourceOf(access, shortName)).get(namespace, name, {
      signal: access.signal,
    });
    return releaseTarget(shortName, object);
  } catch (error) {
    if (isForbidden(error)) throw forbidden("get", TYPES[shortName], namespace);
    if (!isNotFound(error)) throw error;
    throw new PluginError(`there is no ${TYPES[shortName].kind} "${name}" in namespace ${namespace}`);
  }
}

/** All objects of all kinds, in one namespace or all. A kind whose CRD is not installed has none. */
export async function readAll(access: Access, namespace: string | undefined): Promise<ReleaseTarget[]> {
  const found: ReleaseTarget[] = [];
  for (const shortName of SHORT_NAMES)
    for (const object of await list(access, shortName, namespace))
      found.push(releaseTarget(shortName, object));
  return found.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

const order = ({ namespace, reference }: ReleaseTarget) => `${namespace}/${reference}`;

export async function resourceOf(access: Access, shortName: ShortName): Promise<Resource<OperatorObject>> {
  return new Resource<OperatorObject>(await access.connection(), TYPES[shortName]);
}

async function list(
  access: Access,
  shortName: ShortName,
  namespace: string | undefined,
): Promise<OperatorObject[]> {
  try {
    return await listAll(await resourceOf(access, shortName), namespace, access);
  } catch (error) {
    if (isForbidden(error)) throw forbidden("list", TYPES[shortName], namespace);
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** All objects of a resource, page by page; `namespace` undefined: of all namespaces. */
export async function listAll<T extends KubeObject>(
  resource: Resource<T>,
  namespace: string | undefined,
  { signal }: Pick<Access, "signal">,
): Promise<T[]> {
  const all: T[] = [];
  const scope = namespace === undefined ? {} : { namespace };
  for await (const { items } of pages(resource, scope, { signal })) for (const item of items) all.push(item);
  return all;
}

export function forbidden(verb: string, { plural, group }: ResourceType, namespace?: string): PluginError {
  const where = namespace === undefined ? "in all namespaces" : `in namespace ${namespace}`;
  return new PluginError(`you may not ${verb} ${group ? `${plural}.${group}` : plural} ${where}`);
}
