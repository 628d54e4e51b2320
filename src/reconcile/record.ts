/**
 * The operator's records on the object itself: the annotations `record` and `create-pending`, their formats, and the
 * cloud name of an attempt. Pure; reading and writing them through the API server happens elsewhere.
 */
import { hash } from "node:crypto";
import { shellCommand } from "../base/shell-command.ts";
import type { ObjectMeta } from "../kube/objects.ts";

export const GROUP = "paperspace.com";
export const FINALIZER = `${GROUP}/finalizer`;

/**
 * On a Secret: of one kind, by its plural. An operator that does not serve all kinds (--enabled-kinds) has one for each,
 * since it does not see the objects of the others.
 */
export function kindFinalizer(plural: string): string {
  return `${FINALIZER}.${plural}`;
}

export function isOurFinalizer(finalizer: string): boolean {
  return finalizer === FINALIZER || finalizer.startsWith(`${FINALIZER}.`);
}

/** All annotations the operator reads or writes (docs/design.md, Record). */
export const ANNOTATION = {
  record: `${GROUP}/record`,
  createPending: `${GROUP}/create-pending`,
  /** Written with the release of the object (`releasedMark`): distinguishes it from a deletion that bypassed the operator. */
  released: `${GROUP}/released`,
  paused: `${GROUP}/paused`,
  dryRun: `${GROUP}/dry-run`,
  adopt: `${GROUP}/adopt`,
  reconcileRequestedAt: `${GROUP}/reconcile-requested-at`,
  restartRequestedAt: `${GROUP}/restart-requested-at`,
  startRequestedAt: `${GROUP}/start-requested-at`,
  stopRequestedAt: `${GROUP}/stop-requested-at`,
  /** A time until which the machine is kept on. */
  awakeUntil: `${GROUP}/awake-until`,
  /** A time to which the lifetime of the machine is extended. */
  extendedUntil: `${GROUP}/extended-until`,
} as const;

/** One-time requests of the user, by annotation: any value that differs from the one handled last is a new request. */
export interface Requests {
  restart?: string;
  start?: string;
  stop?: string;
}

const REQUESTED_BY = {
  restart: ANNOTATION.restartRequestedAt,
  start: ANNOTATION.startRequestedAt,
  stop: ANNOTATION.stopRequestedAt,
} as const satisfies Record<keyof Requests, string>;

export const REQUEST_NAMES = Object.keys(REQUESTED_BY) as (keyof Requests)[];

/**
 * What the object owns in the cloud. `uid` is the object's own: it reveals a copied manifest. The requests in it are
 * those handled last, so that none is carried out twice, not even after a restored backup.
 */
export interface OwnerRecord extends Requests {
  id: string;
  team: string;
  /** Name under which it was created; empty for an adopted one. */
  name: string;
  uid: string;
}

/** By what an attempt is found again in the cloud. */
export interface AttemptName {
  /** Exact cloud name in the create request. */
  name: string;
  /** Distinguishes this object's create from another one of the same name. */
  mark?: string;
}

/** A create that was announced and whose outcome is not saved yet. */
export interface Attempt extends AttemptName {
  team: string;
  uid: string;
  /** When it was announced, RFC 3339, by this operator's wall clock. */
  time: string;
}

/** What a kind needs of an attempt to send it, or to find its result. */
export type CreateAttempt = Pick<Attempt, "name" | "mark" | "time">;

/** An annotation that exists but cannot be read is not the same as an absent one: it must block the object. */
export type Parsed<T> = { state: "absent" } | { state: "read"; value: T } | { state: "unreadable" };

/** Characters of a record or an attempt; the operator's own are shorter by far. */
const LONGEST = 4_096;

function parse<T>(
  meta: ObjectMeta,
  annotation: string,
  fields: readonly (keyof T & string)[],
  optional: readonly (keyof T & string)[] = [],
): Parsed<T> {
  const text = meta.annotations?.[annotation];
  if (text === undefined) return { state: "absent" };
  if (text.length > LONGEST) return { state: "unreadable" };
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return { state: "unreadable" };
    const record = value as Record<string, unknown>;
    const given = optional.filter((field) => record[field] !== undefined);
    const fits = [...fields, ...given].every((field) => typeof record[field] === "string");
    return fits ? { state: "read", value: value as T } : { state: "unreadable" };
  } catch {
    return { state: "unreadable" };
  }
}

export function parseRecord(meta: ObjectMeta): Parsed<OwnerRecord> {
  return parse<OwnerRecord>(meta, ANNOTATION.record, ["id", "team", "name", "uid"], REQUEST_NAMES);
}

export function parseAttempt(meta: ObjectMeta): Parsed<Attempt> {
  return parse<Attempt>(meta, ANNOTATION.createPending, ["name", "team", "uid", "time"], ["mark"]);
}

/** A short word, such as a time: it stands in the record as it is, for who reads it there. */
const SHORT = /^[!-~]{1,64}$/;

/**
 * What is kept of the value of an annotation to tell it from the next one. The same for what was kept already: of an object
 * that an older operator wrote, all of the value was.
 */
export function keptValue(value: string): string {
  if (SHORT.test(value)) return value;
  return `sha256:${hash("sha256", value).slice(0, 32)}`;
}

/** Those of the requests that are given, and for which this holds. */
export function requestsWhere(
  requests: Requests,
  holds: (value: string, name: keyof Requests) => boolean,
): Requests {
  const found = REQUEST_NAMES.flatMap((name) => {
    const value = requests[name];
    return value !== undefined && holds(value, name) ? [[name, value]] : [];
  });
  return Object.fromEntries(found) as Requests;
}

export function isRequested(requests: Requests): boolean {
  return REQUEST_NAMES.some((name) => requests[name] !== undefined);
}

/** What is kept of the requests that the annotations hold. */
export function requestsIn({ annotations = {} }: ObjectMeta): Requests {
  const found = REQUEST_NAMES.flatMap((name) => {
    const value = annotations[REQUESTED_BY[name]];
    return value ? [[name, keptValue(value)]] : [];
  });
  return Object.fromEntries(found) as Requests;
}

/** Those that are not handled yet. */
export function openRequests(meta: ObjectMeta, handled: Requests): Requests {
  return requestsWhere(requestsIn(meta), (value, name) => value !== kept(handled[name]));
}

const kept = (value: string | undefined) => value && keptValue(value);

/** The value of reconcile-requested-at, as it is kept. */
export function reconcileRequest({ annotations }: ObjectMeta): string | undefined {
  return kept(annotations?.[ANNOTATION.reconcileRequestedAt]);
}

/** The user's request that this very object owns a resource: `<id>@<uid>`. One for another UID does not count. */
export function parseAdopt(meta: ObjectMeta): string | undefined {
  const [id, uid, ...rest] = meta.annotations?.[ANNOTATION.adopt]?.split("@") ?? [];
  return id && uid === meta.uid && rest.length === 0 ? id : undefined;
}

/** The kubectl command for that request. `reference`: the object's name in it (`referenceOf`). */
export function adoptOrder(reference: string, id: string | undefined, uid: string): string {
  return `kubectl annotate ${reference} --overwrite ${ANNOTATION.adopt}=${shellCommand`${{ id }}@${{ uid }}`}`;
}

/** Value of the annotation `released`: the object's UID, which neither a manifest nor a backup can bring. */
export function releasedMark({ uid = "" }: ObjectMeta): string {
  return uid;
}

/** Whether the operator has released the object, which it does only where that is being deleted. */
export function isReleased(meta: ObjectMeta): boolean {
  const { uid, deletionTimestamp, annotations } = meta;
  const mark = annotations?.[ANNOTATION.released];
  return uid !== undefined && deletionTimestamp !== undefined && mark === releasedMark(meta);
}

/** An annotation that switches something on: present and not "false". */
export function isOn(meta: ObjectMeta, annotation: string): boolean {
  const value = meta.annotations?.[annotation];
  return value !== undefined && value !== "false";
}

/** Longest part of the object's name that goes into a cloud name: 61 characters in all. The API documents no maximum. */
const NAME_PART = 40;

/**
 * The cloud name of one attempt. The resource version under which the attempt is opened can be used once only, so
 * together with the UID it names the attempt; the time guards against an etcd that was rolled back. `clusterId`: 8
 * hexadecimal digits, which show whose it is once the cluster is lost.
 */
export function cloudName(
  meta: { name: string; uid: string; resourceVersion: string },
  time: string,
  clusterId: string,
): string {
  const digest = hash("sha256", `${meta.uid}/${meta.resourceVersion}/${time}`);
  return `${meta.name.slice(0, NAME_PART)}-${clusterId}${digest.slice(0, 12)}`;
}

/**
 * The id of the cluster whose attempt has this name; undefined for other names, and for those of attempts from before
 * names had one (they end in 12 digits).
 */
export function clusterIdIn(cloudName: string): string | undefined {
  return /-([0-9a-f]{8})[0-9a-f]{12}$/.exec(cloudName)?.[1];
}
