/**
 * What is known around the machines of one team: scripts, people, addresses, standing, and what hardware is free. Each
 * fact is read once for all objects that need it, in the background. It only reads, and only puts keys into the queue.
 */
import type { Clock } from "../../base/clock.ts";
import type { ReadError } from "../../reconcile/outcome.ts";
import { Lookup } from "../lookup.ts";
import { regionCode } from "../region.ts";
import { type Capacity, FACT, type Related } from "./observation.ts";
import type { Address, Desktop, RelatedApi, Scripts, Standing, User } from "./related-api.ts";
import type { MachineSpec } from "./types.ts";

export interface RelatedFactsOptions {
  team: string;
  clock: Clock;
  resyncMs: number;
  /** How soon a bad standing is asked for again. */
  recheckMs: number;
  enqueue(key: string): void;
  /** What a failed read means for the object that needs it. */
  readErrorOf(error: unknown): ReadError;
}

/** Facts of a single machine are read at a slow, spread interval: so many resyncs. */
const SLOW_TURNS = 6;
const MINUTE_MS = 60_000;
/** How long hardware that is free counts as free. */
const FREE_MS = 15_000;
const SHORT_BASE_MS = 15_000;
const SHORT_MAX_MS = 5 * MINUTE_MS;
/** For so long after a shortage one object at a time goes for what is free: it may be a single machine. */
const SCARCE_MS = 10 * MINUTE_MS;
/** Regions that all sources know (machines.md section 3); of another one the API must say whether it exists. */
const REGIONS: ReadonlySet<string> = new Set(["ny2", "ca1", "ams1"]);
/** What there is one of in each team. */
const ONE = "";

type Hint = Capacity["hint"];

export class RelatedFacts {
  readonly #parts: RelatedFactsOptions;
  #api: RelatedApi;
  readonly scripts: Lookup<Scripts>;
  readonly accessors: Lookup<User[]>;
  readonly users: Lookup<User[]>;
  readonly desktops: Lookup<Desktop | null>;
  readonly addresses: Lookup<Address[]>;
  readonly #standing: Lookup<Standing>;
  readonly #capacity: Lookup<Hint>;
  readonly #types: Lookup<string[]>;
  /** By region and type: the object that goes for what became free of it. */
  readonly #takers = new Map<string, string>();
  /** By region and type: monotonic time of the last shortage. */
  readonly #shortages = new Map<string, number>();

  constructor(parts: RelatedFactsOptions, api: RelatedApi) {
    this.#parts = parts;
    this.#api = api;
    const { resyncMs, recheckMs } = parts;
    const slow = () => SLOW_TURNS * resyncMs * (0.8 + 0.4 * parts.clock.random());
    // A turn of its own in each resync, whenever that comes.
    const everyTurn = () => 0.9 * resyncMs;
    this.scripts = this.#lookup(() => this.#api.scripts(), everyTurn);
    this.accessors = this.#lookup((id) => this.#api.accessors(id), slow);
    this.users = this.#lookup(
      () => this.#api.users(parts.team),
      () => MINUTE_MS,
    );
    this.desktops = this.#lookup((id) => this.#api.desktop(id), slow);
    this.addresses = this.#lookup(
      () => this.#api.addresses(),
      () => MINUTE_MS,
    );
    this.#types = this.#lookup(
      async () => (await this.#api.machineTypes()) ?? [],
      () => 60 * MINUTE_MS,
    );
    this.#standing = this.#lookup(
      async () => (await this.#api.standing()) ?? { good: true, messages: [] },
      ({ good }) => (good ? resyncMs : recheckMs),
    );
    this.#capacity = this.#lookup(
      (place) => this.#hint(place),
      (hint, repeats) => {
        if (hint === "free") return FREE_MS;
        if (hint === "unknown") return resyncMs;
        const full = Math.min(SHORT_MAX_MS, SHORT_BASE_MS * 2 ** Math.min(repeats, 10));
        return full * (1 - 0.2 * parts.clock.random());
      },
    );
  }

  /** The newest valid credential of the team serves all reads. */
  use(api: RelatedApi): void {
    this.#api = api;
  }

  /** What is known and needed for this object. Reading of what is old is begun. */
  related(key: string, spec: MachineSpec, machineId: string | undefined, types: readonly string[]): Related {
    const related: { -readonly [K in keyof Related]: Related[K] } = {
      capacity: this.#capacities(key, spec.region, types),
      readErrors: this.#readErrors(spec, machineId),
    };
    const standing = this.#standing.getFresh(ONE);
    if (standing) related.standing = standing;
    const addresses = this.addresses.getFresh(ONE);
    if (addresses) related.addresses = addresses;
    if (machineId === undefined) return related;
    const scripts = spec.startupScriptId === undefined ? undefined : this.scripts.get(ONE, key);
    if (scripts) related.scripts = Object.keys(scripts).filter((id) => scripts[id]?.includes(machineId));
    if (!spec.accessors) return related;
    const accessors = this.accessors.get(machineId, key);
    if (accessors) related.accessors = accessors;
    const users = this.users.getFresh(ONE);
    if (users) related.users = users;
    return related;
  }

  /** Has what is asked for by these names read, and queues the key then. */
  ask(key: string, spec: MachineSpec, machineId: string | undefined, needs: readonly string[]): void {
    for (const ask of needs) this.#ask(key, spec, machineId, ask);
  }

  /**
   * The object goes for hardware of this type now, and has it to itself until it is through. Where there was a shortage
   * of late, nobody else is sent after what may be the only machine.
   */
  take(key: string, machineType: string, region: string): void {
    const place = placeOf(machineType, region);
    const short = this.#shortages.get(place);
    if (short === undefined) return;
    if (this.#parts.clock.monotonic() - short < SCARCE_MS) this.#takers.set(place, key);
    else this.#shortages.delete(place);
  }

  /** It is through, or gives up. */
  release(key: string): void {
    for (const [place, taker] of this.#takers) {
      if (taker !== key) continue;
      this.#takers.delete(place);
      this.#capacity.invalidate(place);
    }
  }

  /** The answer of an assignment. */
  noteScript(scriptId: string, machineIds: readonly string[], answeredAt: number): void {
    const known = this.scripts.last(ONE);
    // A read under way may be of before it.
    if (!known) return this.scripts.invalidate(ONE);
    this.scripts.set(ONE, { ...known, [scriptId]: machineIds }, answeredAt);
  }

  /** `answeredAt` undefined: it was so already, and what is known is old. */
  noteAccess(
    machineId: string,
    person: User,
    action: "grant" | "revoke",
    answeredAt: number | undefined,
  ): void {
    const known = this.accessors.last(machineId);
    if (!known || answeredAt === undefined) return this.accessors.invalidate(machineId);
    const others = known.filter(({ id }) => id !== person.id);
    this.accessors.set(machineId, action === "grant" ? [...others, person] : others, answeredAt);
  }

  forgetAddresses(): void {
    this.addresses.invalidate(ONE);
  }

  desktopOf(machineId: string): Desktop | null | undefined {
    return this.desktops.last(machineId);
  }

  /** Whatever is known of what lies around is old, because the user says so. */
  lookAnew(machineId: string | undefined): void {
    this.scripts.invalidate(ONE);
    this.users.invalidate(ONE);
    this.#standing.invalidate(ONE);
    if (machineId !== undefined) this.forget(machineId);
  }

  /** The machine is gone, or has changed in a way that makes what was known of it old. */
  forget(machineId: string): void {
    this.accessors.invalidate(machineId);
    this.desktops.invalidate(machineId);
  }

  #lookup<T>(read: (id: string) => Promise<T>, maxAgeMs: (value: T, repeats: number) => number): Lookup<T> {
    const { clock, enqueue } = this.#parts;
    return new Lookup<T>({ clock, enqueue, read, maxAgeMs });
  }

  #ask(key: string, spec: MachineSpec, machineId: string | undefined, ask: string): void {
    switch (ask) {
      case FACT.scripts:
        return this.scripts.fetch(ONE, key);
      case FACT.users:
        return this.users.fetch(ONE, key);
      case FACT.addresses:
        return this.addresses.fetch(ONE, key);
      case FACT.standing:
        return this.#standing.fetch(ONE, key);
      case FACT.accessors:
        return machineId === undefined ? undefined : this.accessors.fetch(machineId, key);
      case FACT.desktop:
        // The Secret may be all that is lacking: what the API says is not read anew for that.
        if (machineId === undefined || this.desktops.last(machineId) !== undefined) return undefined;
        return this.desktops.fetch(machineId, key);
      default: {
        const type = typeAsked(ask);
        if (type !== undefined) this.#capacity.fetch(placeOf(type, spec.region), key);
      }
    }
  }

  #capacities(key: string, region: string, types: readonly string[]): Record<string, Capacity> {
    const known: Record<string, Capacity> = {};
    for (const type of types) {
      const place = placeOf(type, region);
      const taker = this.#takers.get(place);
      if (taker !== undefined) {
        known[type] = taker === key ? { hint: "free" } : { hint: "short", retryMs: SHORT_BASE_MS };
        continue;
      }
      const hint = this.#capacity.getFresh(place);
      if (hint) known[type] = hint === "short" ? { hint, retryMs: this.#capacity.dueInMs(place) } : { hint };
    }
    return known;
  }

  #readErrors({ accessors, startupScriptId }: MachineSpec, machineId: string | undefined) {
    const readErrors: Record<string, ReadError> = {};
    const note = (ask: string, lookup: Lookup<never> | Lookup<unknown>, id: string) => {
      const error = lookup.readError(id);
      if (error === undefined) return;
      const readError = this.#parts.readErrorOf(error);
      readErrors[ask] = { ...readError, atLeastMs: Math.max(readError.atLeastMs ?? 0, lookup.dueInMs(id)) };
    };
    if (startupScriptId !== undefined) note(FACT.scripts, this.scripts, ONE);
    note(FACT.addresses, this.addresses, ONE);
    if (machineId !== undefined) note(FACT.desktop, this.desktops, machineId);
    if (!accessors) return readErrors;
    note(FACT.users, this.users, ONE);
    if (machineId !== undefined) note(FACT.accessors, this.accessors, machineId);
    return readErrors;
  }

  /**
   * What the API says of a type or a region that does not exist is "not available" as well. Then the attempt must decide,
   * so that what is misspelt is refused by its name and does not wait for ever.
   */
  async #hint(place: string): Promise<Hint> {
    const { machineType, region } = atPlace(place);
    const available = await this.#api.available(machineType, region);
    if (available === undefined) return "unknown";
    if (available) return "free";
    if (!REGIONS.has(regionCode(region))) return "unknown";
    const types = this.#types.getFresh(ONE) ?? (await this.#api.machineTypes());
    if (!types) return "unknown";
    this.#types.set(ONE, types, this.#parts.clock.monotonic());
    if (!types.includes(machineType.toLowerCase())) return "unknown";
    this.#shortages.set(place, this.#parts.clock.monotonic());
    return "short";
  }
}

function placeOf(machineType: string, region: string): string {
  return `${region}/${machineType}`;
}

/** No region has a slash in it. */
function atPlace(place: string): { region: string; machineType: string } {
  const slash = place.indexOf("/");
  return { region: place.slice(0, slash), machineType: place.slice(slash + 1) };
}

function typeAsked(ask: string): string | undefined {
  const prefix = FACT.capacity("");
  return ask.startsWith(prefix) ? ask.slice(prefix.length) : undefined;
}
