/**
 * A kind as a table: a resource that the API lists, creates, changes and deletes under one path, with nothing in flight
 * between these calls. The behaviour that such kinds share is here; what is particular to one is its `Collection`.
 */
import {
  type Static,
  type TObject,
  type TProperties,
  type TString,
  type TUnsafe,
  Type,
} from "../base/json-schema.ts";
import { printableJson } from "../base/plain-text.ts";
import { answeredId, isReadable, resource } from "../paperspace/answers.ts";
import { apiPath, type PaperspaceApi } from "../paperspace/transport.ts";
import { type Change, describe } from "../reconcile/change.ts";
import type { DesiredCondition } from "../reconcile/conditions.ts";
import { act, done, type Observation, stalled, withoutOperation } from "../reconcile/decision.ts";
import { type DeleteStep, deleteAccepted } from "../reconcile/existence.ts";
import type {
  AuthorizedContext,
  Kind,
  PerformContext,
  Performed,
  Policy,
  ReconcileContext,
  SendContext,
} from "../reconcile/kind.ts";
import type { KindDefinition, ManagedObject, ManagedStatus, Operation, Step } from "../reconcile/managed.ts";
import { requeueNow } from "../reconcile/outcome.ts";
import type { OwnershipFacts } from "../reconcile/ownership.ts";
import { plannedStep } from "../reconcile/plan.ts";
import { REASON } from "../reconcile/reasons.ts";
import type { CreateAttempt } from "../reconcile/record.ts";
import { kept, managedStatus, syncedCondition, type UnreadableFields } from "../reconcile/status.ts";
import type { PaperspaceAccount } from "./account.ts";
import { AccountCache } from "./account-caches.ts";
import { PaperspaceActuator } from "./actuator.ts";
import { about, changing, creating, OLDEST_FIRST, reading, removing } from "./calls.ts";
import { Inventory } from "./inventory.ts";
import { CloudObserver, type CloudObserverOptions } from "./observer.ts";
import { type KindRegistration, observerSettings } from "./registration.ts";
import { slowHashSync } from "./slow-hash.ts";
import type { Item, Source } from "./source.ts";

/** Fields by the API's names; undefined: not managed. */
type Fields = Readonly<Record<string, unknown>>;

/** `S` is the spec of the kind's own, `T` what is read of an item. */
interface Collection<S extends object, T extends Item> {
  definition: KindDefinition;
  /** Where the API lists and creates, such as "/projects"; one resource is at `path`/id. */
  path: string;
  /** What the API answers with, as far as it is read. */
  answer: TUnsafe<T>;
  /** What the spec declares and the API shows: what differs is updated. A create has it as well, but under a name of its own. */
  declared(spec: S): Fields;
  /** What the API never shows: sent with the create, and again when its hash changes. */
  hidden?(spec: S): Fields;
  /**
   * Those of the declared fields that no update changes: never `name`. An object that differs in one does not adopt, and one
   * that owns such a resource is Stalled.
   */
  immutable?: readonly string[];
  /** Those of the declared fields that a create does not accept; an update sets them. */
  updateOnly?: readonly string[];
  /** What is shown in status beside id and name. A field that cannot be read is absent. */
  shown?(item: Item & Partial<T>): object;
}

type AnswerSchema = TObject<TProperties & { id: TString; name: TString }>;

interface Memory {
  operation?: Operation;
  /** Hash of the hidden fields that were sent last. */
  applied?: string;
}
interface PlanEntry {
  action: string;
  field?: string;
  from?: string;
  to?: string;
}
export interface CollectionObject<S extends object> extends ManagedObject {
  spec: S & ManagedObject["spec"];
  status?: CollectionStatus;
}
interface CollectionObservation<S extends object, T extends Item> extends Observation<Memory, { item: T }> {
  spec: S & ManagedObject["spec"];
  uid: string;
}
type UpdateStep = Step & { do: "update"; changes: readonly Change[] };
interface CollectionTypes<S extends object, T extends Item> {
  object: CollectionObject<S>;
  account: PaperspaceAccount;
  observation: CollectionObservation<S, T>;
  step: DeleteStep | UpdateStep;
}
type Context<S extends object> = AuthorizedContext<CollectionObject<S>, PaperspaceAccount>;

/** A create or delete that takes longer is late. */
const LATE_MS = 10 * 60_000;

/** `table.answer` is the schema of what the API answers with, as far as it is read. */
export function collectionKind<S extends object, A extends AnswerSchema>(
  table: Omit<Collection<S, Item & Static<A>>, "answer"> & { answer: A },
): KindRegistration<CollectionObject<S>> {
  const { properties } = table.answer;
  const answer = resource({ ...properties, id: answeredId, name: Type.String({ default: "" }) }, ["id"]);
  // AnswerSchema admits nothing but an Item, which the compiler cannot derive while A is a parameter.
  return kindOf({ ...table, answer: Type.Unsafe<Item & Static<A>>(answer) });
}

function kindOf<S extends object, T extends Item>(
  collection: Collection<S, T>,
): KindRegistration<CollectionObject<S>> {
  refuseContradictions(collection);
  const { definition, answer, path } = collection;
  const sourceOf = (api: PaperspaceApi): Source<T> => ({
    list: (group, from) => api.pages({ ...from, path, query: OLDEST_FIRST, item: answer, group }),
    get: (id, group) =>
      about(id, api.request(reading(itemPath(path, id), answer, { group })), (item) => item),
  });
  return {
    definition,
    newKind(given) {
      const options = { ...given, settings: observerSettings(given.config), name: path.slice(1) };
      const observer = new CollectionObserver<S, T>(options, ({ api, team }) => {
        const parts = { ...options, listed: (items: readonly Item[]) => given.reviewList(team, items) };
        return new AccountCache(new Inventory<T>(parts, sourceOf(api)), sourceOf);
      });
      const policy = collectionPolicy(collection);
      const actuator = new CollectionActuator(observer, collection, options.settings.rechecks);
      return { definition, observer, policy, actuator } satisfies Kind<CollectionTypes<S, T>>;
    },
  };
}

/** Throws on a table that no object could ever be as declared by. */
function refuseContradictions<S extends object, T extends Item>({
  definition: { kind },
  immutable = [],
  updateOnly = [],
}: Collection<S, T>): void {
  if (immutable.includes("name"))
    throw new Error(`${kind}: name cannot be immutable, since only an update gives the declared one`);
  const never = updateOnly.find((field) => immutable.includes(field));
  if (never !== undefined)
    throw new Error(`${kind}: ${never} is immutable and updateOnly, so that nothing could ever set it`);
}

class CollectionObserver<S extends object, T extends Item> extends CloudObserver<
  CollectionObject<S>,
  CollectionObservation<S, T>,
  AccountCache<T>
> {
  observe(
    facts: OwnershipFacts,
    context: ReconcileContext<CollectionObject<S>, PaperspaceAccount>,
  ): CollectionObservation<S, T> {
    const { metadata, spec, status } = context.object;
    const observation: CollectionObservation<S, T> = {
      ...facts,
      ...this.terms(),
      spec,
      uid: metadata.uid ?? "",
      memory: kept<Memory>(status, ["operation", "applied"]),
      resource: { state: "unknown" },
    };
    const cache = this.cacheFor(facts, context);
    if (cache) observation.resource = this.locate(observation, context, cache);
    return observation;
  }
}

function collectionPolicy<S extends object, T extends Item>(
  collection: Collection<S, T>,
): Policy<CollectionTypes<S, T>> {
  const { definition, immutable = [], shown = () => ({}) } = collection;
  const split = (observation: CollectionObservation<S, T>, item: T) => {
    const all = differences(collection, observation, item);
    const isFixed = ({ field }: Change) => immutable.includes(field);
    return { fixed: all.filter(isFixed), changes: all.filter((change) => !isFixed(change)) };
  };
  const phases: Policy<CollectionTypes<S, T>>["phases"] = {
    immutable: (observation, { item }) => split(observation, item).fixed,
    converge(observation, { item }) {
      const { memory, recheckMs } = observation;
      const { fixed, changes } = split(observation, item);
      if (changes.length > 0) return act({ do: "update", changes }, memory);
      if (fixed.length === 0) return done(memory, "Available", `the ${definition.noun} is as declared`);
      const message = `${describe(fixed)} cannot be changed: correct the spec, or delete this object and apply it again`;
      return stalled(memory, REASON.Refused, message, recheckMs);
    },
  };
  return {
    phases,
    expectCreate: ({ spec, uid }) => {
      const applied = hashOf(collection, spec, uid);
      return { deadlineMs: LATE_MS, memory: applied === undefined ? {} : { applied } };
    },
    status(observation, outcome, context) {
      const { resource, memory, halted, observes } = observation;
      const isShown = context.record !== undefined || observes === true;
      const item = resource.state === "present" && isShown ? resource.item : undefined;
      const isGone = resource.state === "absent" && resource.certain;
      const plan = halted?.reason === REASON.DryRun ? planOf(collection, observation, phases) : undefined;
      const conditions: DesiredCondition[] = item
        ? [
            syncedCondition(
              differences(collection, observation, item),
              `the ${definition.noun} is as declared`,
              unreadableOf(collection, observation, item),
            ),
          ]
        : [];
      const last = isGone || !isShown ? {} : lastShown(context.object.status);
      const facts = {
        ...(item ? { name: item.name, ...shown(item) } : last),
        ...(plan && { plan }),
      };
      return managedStatus<NonNullable<CollectionObject<S>["status"]>>(observation, outcome, context, {
        facts,
        memory,
        conditions,
      });
    },
  };
}

type CollectionStatus = ManagedStatus & { applied?: string; plan?: PlanEntry[] };

/** All of a status that is not of the resource as it was read last. */
const MANAGED: Readonly<Record<Exclude<keyof CollectionStatus, "name">, true>> = {
  observedGeneration: true,
  id: true,
  ownedSince: true,
  teamId: true,
  uid: true,
  credentialsSecret: true,
  operation: true,
  abandoned: true,
  disowned: true,
  handled: true,
  conditions: true,
  applied: true,
  plan: true,
};

/** Shown on while the resource cannot be observed. */
function lastShown(status: object = {}): object {
  return Object.fromEntries(Object.entries(status).filter(([field]) => !Object.hasOwn(MANAGED, field)));
}

class CollectionActuator<S extends object, T extends Item> extends PaperspaceActuator<CollectionTypes<S, T>> {
  readonly #observer: CollectionObserver<S, T>;
  readonly #collection: Collection<S, T>;

  constructor(
    observer: CollectionObserver<S, T>,
    collection: Collection<S, T>,
    rechecks: CloudObserverOptions["settings"]["rechecks"],
  ) {
    super({ rechecks, observer });
    this.#observer = observer;
    this.#collection = collection;
  }

  protected async sendCreate(
    { spec }: CollectionObservation<S, T>,
    { key, account }: Context<S>,
    { name }: CreateAttempt,
    { memory, gate, account: permitted }: SendContext<CollectionTypes<S, T>>,
  ) {
    const { path, declared, hidden, answer, updateOnly = [] } = this.#collection;
    const fields = Object.entries(declared(spec)).filter(([field]) => !updateOnly.includes(field));
    const body = { ...Object.fromEntries(fields), ...hidden?.(spec), name };
    const request = creating(path, body, answer, { gate });
    const { id } = (await permitted.api.request(request)).body;
    this.#observer.at(account).inventory.subscribe(key, id, account.fingerprint);
    const message = `the ${this.#collection.definition.noun} is created, and gets its declared name next`;
    return { id, memory, outcome: requeueNow(REASON.Creating, message) };
  }

  protected async send(
    step: DeleteStep | UpdateStep,
    { spec, uid, now }: CollectionObservation<S, T>,
    { account, record }: Context<S>,
    { memory, gate, account: permitted }: PerformContext<CollectionTypes<S, T>>,
  ): Promise<Performed<CollectionTypes<S, T>>> {
    if (!record) throw new Error("a write needs a record");
    const { path, declared, hidden, answer, immutable = [] } = this.#collection;
    const { inventory } = this.#observer.at(account);
    const url = itemPath(path, record.id);
    if (step.do === "delete") {
      await permitted.api.request(removing(url, answer, { gate }));
      inventory.refresh(record.id);
      return deleteAccepted(step, memory, now, LATE_MS);
    }
    const applied = hashOf(this.#collection, spec, uid);
    const resend = applied !== undefined && applied !== memory.applied;
    const changed = new Set(step.changes.map(({ field }) => field));
    const fields = Object.entries(declared(spec)).filter(
      ([field]) => changed.has(field) && !immutable.includes(field),
    );
    const request = changing(url, { ...Object.fromEntries(fields), ...(resend && hidden?.(spec)) }, answer, {
      gate,
    });
    const { body, answeredAt } = await about(record.id, permitted.api.request(request), (item) => item);
    inventory.set(record.id, body, answeredAt);
    return {
      outcome: requeueNow("Updating", `changed ${describe(step.changes)}`),
      memory: { ...withoutOperation(memory), ...(applied !== undefined && { applied }) },
      learned: { resource: { state: "present", item: body } },
    };
  }
}

/** All that differs from the spec: what the API shows field by field, what it never shows by its hash. */
function differences<S extends object, T extends Item>(
  collection: Collection<S, T>,
  { spec, uid, memory }: CollectionObservation<S, T>,
  item: T,
): Change[] {
  const actual = item as unknown as Fields;
  const changes = Object.entries(collection.declared(spec))
    .filter(([field, to]) => to !== undefined && isReadable(item, field))
    .filter(([field, to]) => JSON.stringify(actual[field]) !== JSON.stringify(to))
    .map(([field, to]) => ({ field, from: actual[field], to }));
  const applied = hashOf(collection, spec, uid);
  if (applied === undefined || applied === memory.applied) return changes;
  const hidden = Object.keys(collection.hidden?.(spec) ?? {});
  return [...changes, ...hidden.map((field) => ({ field, from: HIDDEN, to: HIDDEN }))];
}

function unreadableOf<S extends object, T extends Item>(
  { declared }: Collection<S, T>,
  { spec }: CollectionObservation<S, T>,
  item: T,
): UnreadableFields {
  const fields = Object.entries(declared(spec)).filter(
    ([field, to]) => to !== undefined && !isReadable(item, field),
  );
  return { declared: fields.map(([field]) => field), all: item.unreadable };
}

/** The API never shows it, and it may be secret. */
const HIDDEN = "(not shown)";

function planOf<S extends object, T extends Item>(
  collection: Collection<S, T>,
  observation: CollectionObservation<S, T>,
  phases: Policy<CollectionTypes<S, T>>["phases"],
): PlanEntry[] {
  const next = plannedStep(observation, phases);
  switch (next?.step.do) {
    case "create":
      return creationOf(collection, observation.spec);
    case "delete":
      return [{ action: "Delete" }];
    case "update":
      return next.step.changes.map(({ field, from, to }) => ({
        action: "Update",
        field,
        ...(from !== undefined && { from: printableJson(from) }),
        to: printableJson(to),
      }));
    default:
      return [];
  }
}

/** What the create sends, and what only an update can set after it. */
function creationOf<S extends object, T extends Item>(
  { declared, hidden, updateOnly = [] }: Collection<S, T>,
  spec: S,
): PlanEntry[] {
  const entries = Object.entries(declared(spec))
    .filter(([, to]) => to !== undefined)
    .map(([field, to]) => ({
      action: updateOnly.includes(field) ? "Update" : "Create",
      field,
      to: printableJson(to),
    }));
  const unseen = Object.entries(hidden?.(spec) ?? {})
    .filter(([, to]) => to !== undefined)
    .map(([field]) => ({ action: "Create", field, to: printableJson(HIDDEN) }));
  return [
    { action: "Create" },
    ...entries.filter(({ action }) => action === "Create"),
    ...unseen,
    ...entries.filter(({ action }) => action === "Update"),
  ];
}

/** By spec, which is one object for each version in the store. */
const hashes = new WeakMap<object, string>();

/** What is hidden may be a short password, which its hash in status must not reveal. One for all of it: a pass makes one. */
function hashOf<S extends object, T extends Item>(
  { hidden }: Collection<S, T>,
  spec: S,
  uid: string,
): string | undefined {
  if (!hidden) return undefined;
  const cached = hashes.get(spec);
  if (cached !== undefined) return cached;
  const hash = slowHashSync(JSON.stringify(hidden(spec)), uid);
  hashes.set(spec, hash);
  return hash;
}

function itemPath(path: string, id: string): string {
  return `${path}${apiPath`/${id}`}`;
}
