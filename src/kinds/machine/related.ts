/**
 * The facts around the machines of one team: scripts, accessors, addresses, standing, what hardware is free. Each is
 * declared once, read for all objects that need it, in the background. It only reads, and only puts keys into the queue.
 */
import type { ReadError } from "../../reconcile/outcome.ts";
import { CachedFact, type Fact, type FactDecision, type FactDeclaration, Facts } from "../facts.ts";
import type { Machine } from "./api.ts";
import type { DesktopSecrets } from "./desktop.ts";
import { HardwareHints, type HardwareSubject } from "./hardware-hints.ts";
import { type DesktopFact, type Related, SNAPSHOT } from "./observation.ts";
import type { Place } from "./placement/candidates.ts";
import { KnownRates, type RateSubject } from "./placement/known-rates.ts";
import type { PriceList } from "./placement/price-list.ts";
import type { PriorityBounds, Waiter } from "./placement/queue.ts";
import type { Failure } from "./placement/scarcity.ts";
import { ShellEvidenceFact, type ShellEvidenceOptions } from "./placement/shell-evidence.ts";
import { Quota, type QuotaOptions, type SessionQuota } from "./quota.ts";
import type { Address, Desktop, FoundSnapshot, RelatedApi, Scripts, Standing, User } from "./related-api.ts";
import type { PaperspaceMachine } from "./types.ts";

export interface RelatedFactsOptions extends Omit<QuotaOptions, "inventory">, ShellEvidenceOptions {
  team: string;
  inventory: QuotaOptions["inventory"] & ShellEvidenceOptions["inventory"];
  /** How soon a bad standing is read again at first; ever more rarely after that. */
  recheckMs: number;
  desktops: DesktopSecrets;
  priorities: PriorityBounds;
  /** Undefined where the operator was given none. */
  priceList?: PriceList | undefined;
  /** What a failed read means for the object that needs it. */
  readErrorOf(error: unknown): ReadError;
}

/** What the facts of one object depend on. */
export interface MachineSubject extends HardwareSubject, RateSubject {
  object: PaperspaceMachine;
  /** Undefined before there is a machine. */
  machineId: string | undefined;
}

/** Facts of a single machine are read at a slow, spread interval: so many resyncs. */
const SLOW_TURNS = 6;
const MINUTE_MS = 60_000;
/** How often a snapshot whose answer was lost is looked for, at most. */
const SNAPSHOT_STALE_MS = 30_000;
/** Id of what there is one of in each team. */
const TEAM = "";

/** The list of them, by the name that decisions need them by. */
function factTable(options: RelatedFactsOptions, api: (group?: string) => RelatedApi) {
  const { team, clock, resyncMs, recheckMs, desktops, inventory } = options;
  const slowly = () => SLOW_TURNS * resyncMs * (0.8 + 0.4 * clock.random());
  const oneMinute = () => MINUTE_MS;
  const hints = new HardwareHints(options, api);
  const cached = <T, D = T>(declaration: FactDeclaration<MachineSubject, T, D>) =>
    new CachedFact<MachineSubject, T, D>(options, declaration);
  return {
    scripts: cached<Scripts, readonly string[]>({
      id: ({ object, machineId }) =>
        machineId !== undefined && object.spec.startupScriptId !== undefined ? TEAM : undefined,
      read: () => api().scripts(),
      // A turn of its own in each resync, whenever that comes.
      staleTimeMs: () => 0.9 * resyncMs,
      whenStale: "show",
      // Where it cannot be read who has the script, it counts as being as declared: nothing is assigned on a guess.
      select: (scripts, { machineId = "", object }) =>
        Object.keys(scripts).filter((id) =>
          scripts[id] === null ? id === object.spec.startupScriptId : scripts[id]?.includes(machineId),
        ),
    }),
    accessors: cached<User[]>({
      id: ({ object, machineId }) => (object.spec.accessors ? machineId : undefined),
      read: (machineId, group) => api(group).accessors(machineId),
      staleTimeMs: slowly,
      whenStale: "show",
    }),
    users: cached<User[]>({
      id: ({ object, machineId }) => (machineId !== undefined && object.spec.accessors ? TEAM : undefined),
      read: () => api().users(team),
      staleTimeMs: oneMinute,
      whenStale: "hide",
      expires: true,
    }),
    addresses: cached<Address[]>({
      id: () => TEAM,
      read: () => api().addresses(),
      staleTimeMs: oneMinute,
      whenStale: "hide",
      expires: true,
    }),
    standing: cached<Standing>({
      id: () => TEAM,
      read: async () => (await api().standing()) ?? { good: true, messages: [] },
      staleTimeMs: ({ good }, repeats) =>
        good ? resyncMs : Math.min(resyncMs, recheckMs * 2 ** Math.min(repeats, 10)),
      whenStale: "hide",
    }),
    desktop: new DesktopFacts(
      desktops,
      cached<Desktop | null>({
        id: ({ object, machineId }) => (object.spec.desktopSecretRef ? machineId : undefined),
        read: (machineId, group) => api(group).desktop(machineId),
        staleTimeMs: slowly,
        whenStale: "show",
      }),
    ),
    machines: new Quota(options, api),
    // Of one attempt, so that each read begins after its name was written down.
    snapshot: cached<FoundSnapshot, Related["snapshot"]>({
      id: ({ object: { status }, machineId }) =>
        machineId !== undefined && status?.operation?.intent === SNAPSHOT && status.resizeSnapshot
          ? `${machineId}/${status.resizeSnapshot.name}`
          : undefined,
      read(id, group) {
        const [machineId = "", name = ""] = id.split("/");
        return api(group).findSnapshot(machineId, name);
      },
      staleTimeMs: () => SNAPSHOT_STALE_MS,
      whenStale: "hide",
      expires: true,
      select: (found, _subject, ageMs) => ({ ...found, ageMs }),
    }),
    capacity: hints,
    places: hints.places,
    rates: new KnownRates({ inventory, priceList: options.priceList }),
    queue: hints.queue,
    shell: new ShellEvidenceFact(options),
  };
}

export class RelatedFacts {
  #api: RelatedApi;
  readonly #table: ReturnType<typeof factTable>;
  readonly #facts: Facts<MachineSubject, Omit<Related, "readErrors">>;

  constructor(options: RelatedFactsOptions, api: RelatedApi) {
    this.#api = api;
    this.#table = factTable(options, (group) => (group === undefined ? this.#api : this.#api.for(group)));
    this.#facts = new Facts(this.#table, options);
  }

  /** The newest valid credential of the team serves all reads. */
  use(api: RelatedApi): void {
    this.#api = api;
  }

  /** As the session of a key of the team had it. */
  noteQuota(quota: SessionQuota): void {
    this.#table.machines.note(quota);
  }

  /** What is cached of the facts that this object has a use for. Begins no read. */
  related(subject: MachineSubject): Related {
    return { ...this.#facts.data(subject), readErrors: this.#facts.readErrors(subject) };
  }

  /** Begins the reads that the decision needs, and those that are due; the subject's key is queued after each. */
  track(subject: MachineSubject, decision: FactDecision): void {
    this.#facts.track(subject, decision);
  }

  /** At the user's request: invalidates all of them for this object, and reads again what was shown. */
  reload(subject: MachineSubject): void {
    this.#facts.reload(subject);
  }

  /** A write was refused that rested on them: those of the team, and of this machine. */
  invalidate(machineId: string | undefined): void {
    this.#facts.invalidate(TEAM);
    if (machineId !== undefined) this.forget(machineId);
  }

  /** No object has the machine any more. */
  forget(machineId: string): void {
    this.#facts.invalidate(machineId);
  }

  /** The object goes for hardware of this type now. */
  take(waiter: Pick<Waiter, "key" | "namespace">, place: Place): void {
    this.#table.capacity.take(waiter, place);
  }

  wait(waiter: Waiter, places: readonly Place[]): void {
    this.#table.capacity.wait(waiter, places);
  }

  recallTurn(place: Place, namespace: string, at: number): void {
    this.#table.capacity.recallTurn(place, namespace, at);
  }

  leaveQueue(key: string): void {
    this.#table.capacity.leaveQueue(key);
  }

  /** See `ScarcityMemory`. */
  noteFailures(failures: readonly Failure[]): void {
    this.#table.capacity.noteFailures(failures);
  }

  noteSuccess(place: Place): void {
    this.#table.capacity.noteSuccess(place);
  }

  /** What machines show of their rates. */
  noteRates(machines: readonly Machine[]): void {
    for (const machine of machines) this.#table.rates.note(machine);
  }

  /** All machines of the team were noted since the last time. */
  endRates(): void {
    this.#table.rates.endList();
  }

  /** For the delete that rests on it. */
  get shell(): Pick<ShellEvidenceFact, "isSettled" | "seenAgain"> {
    return this.#table.shell;
  }

  /** It has its hardware, or goes for it no more. */
  release(key: string): void {
    this.#table.capacity.release(key);
  }

  /** The object is not of this team, or is gone. */
  leave(key: string): void {
    this.release(key);
    this.leaveQueue(key);
    this.#facts.forget(key);
  }

  /** The answer of an assignment. */
  noteScript(scriptId: string, machineIds: readonly string[] | null, answeredAt: number): void {
    const { cache } = this.#table.scripts;
    const before = cache.get(TEAM);
    // A read under way may be of before it.
    if (!before) return cache.invalidate(TEAM);
    cache.set(TEAM, { ...before, [scriptId]: machineIds }, answeredAt);
  }

  /** `answeredAt` undefined: it was so already, and what is cached is wrong. */
  noteAccess(
    machineId: string,
    user: User,
    action: "grant" | "revoke",
    answeredAt: number | undefined,
  ): void {
    const { cache } = this.#table.accessors;
    const before = cache.get(machineId);
    if (!before || answeredAt === undefined) return cache.invalidate(machineId);
    const others = before.filter(({ id }) => id !== user.id);
    cache.set(machineId, action === "grant" ? [...others, user] : others, answeredAt);
  }

  forgetAddresses(): void {
    this.#table.addresses.invalidate(TEAM);
  }

  /** What the Secret is to hold; null where the machine has no desktop, undefined where that was not read. */
  desktopOf(machineId: string): Desktop | null | undefined {
    return this.#table.desktop.access.cache.get(machineId);
  }

  /** A machine that starts again may be reached in another way. */
  forgetDesktop(machineId: string): void {
    this.#table.desktop.access.invalidate(machineId);
  }
}

/** Two reads make one fact: what the API answers, and the Secret that holds it. */
class DesktopFacts implements Fact<MachineSubject, DesktopFact> {
  readonly access: CachedFact<MachineSubject, Desktop | null>;
  readonly #secrets: DesktopSecrets;

  constructor(secrets: DesktopSecrets, access: CachedFact<MachineSubject, Desktop | null>) {
    this.#secrets = secrets;
    this.access = access;
  }

  data(subject: MachineSubject) {
    return this.#secrets.compare(subject.object, this.access.data(subject));
  }

  error(subject: MachineSubject) {
    return this.#secrets.error(subject.object) ?? this.access.error(subject);
  }

  /** The Secret may be all that is missing: what the API answered is not read again for that. */
  fetch(subject: MachineSubject): void {
    const { key, object } = subject;
    if (!object.spec.desktopSecretRef) return;
    if (this.access.data(subject) === undefined) this.access.fetch(subject);
    this.#secrets.fetch(key, object);
  }

  refetch(subject: MachineSubject): void {
    this.access.refetch(subject);
    if (this.access.data(subject)) this.#secrets.refetch(subject.key, subject.object);
  }

  reload(subject: MachineSubject): void {
    this.access.reload(subject);
  }

  invalidate(id: string): void {
    this.access.invalidate(id);
  }
}
