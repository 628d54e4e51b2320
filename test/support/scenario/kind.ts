/**
 * What a random scenario is made of: the tenants, the steps, and what a kind adds to both. How the steps are run is in
 * run.ts; no kind is known here.
 */
import fc from "fast-check";
import type { Simulation } from "../../../dev/simulator/simulation.ts";
import { type Behaviour, CHOICES } from "../../../dev/simulator/world/behaviour.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import type { Dice } from "./dice.ts";
import type { Driver } from "./driver.ts";

/** A namespace with its objects. */
export interface Tenant {
  readonly namespace: string;
  /** Id of the Paperspace team that its API key belongs to, and a project of that team. */
  readonly team: string;
  readonly project: string;
  /** API keys of the team. */
  readonly apiKeys: readonly string[];
  /** Names of its objects. */
  readonly names: readonly string[];
  /** Writes whatever a user may write, to get at what belongs to others. */
  readonly isHostile?: true;
}

/** One namespace, as a scenario on a real API server has it. */
export const ALONE: readonly Tenant[] = [
  {
    namespace: "default",
    team: "te-alpha",
    project: "p-alpha",
    apiKeys: ["sim-key-alpha", "sim-key-alpha-2"],
    names: ["ada", "bob"],
  },
];

/** Two teams and three namespaces; two share a team, and one of those is hostile. */
export const SEVERAL: readonly Tenant[] = [
  ...ALONE,
  {
    namespace: "rival",
    team: "te-alpha",
    project: "p-alpha",
    apiKeys: ["sim-key-alpha"],
    names: ["ada", "eve"],
    isHostile: true,
  },
  {
    namespace: "other",
    team: "te-beta",
    project: "p-beta",
    apiKeys: ["sim-key-beta"],
    names: ["ada"],
  },
];

export const keysOf = (tenants: readonly Tenant[]): string[] =>
  tenants.flatMap(({ namespace, names }) => names.map((name) => `${namespace}/${name}`));

/** One step; `dice` draws its details. */
export interface ScenarioStep {
  what: string;
  /** Key of the object that it is about. */
  who: string;
  dice: number;
  thenMs: number;
}

export interface Scenario {
  seed: number;
  behaviour: Partial<Behaviour>;
  /** Milliseconds that the API server takes for an answer, at most. */
  latencyMs?: number;
  steps: ScenarioStep[];
}

/** A resource of the account, as scenarios of any kind need it. */
export interface Resource {
  id: string;
  team: string;
  /** Its name as an attempt announces it. */
  attempt: string;
  /** Neither deleted nor being deleted. */
  isAlive: boolean;
}

/** A kind as scenarios are drawn for it. */
export interface ScenarioKind<O extends ManagedObject, D extends Driver<O> = Driver<O>> {
  /** What can happen, with how often it is drawn: what every kind has (shared-steps.ts), and what only this one has. */
  readonly frequencies: Readonly<Record<string, number>>;
  readonly behaviours: fc.Arbitrary<Partial<Behaviour>>;
  /** In paths of the Paperspace API: `machines`. */
  readonly plural: string;
  /** All that the account ever had. */
  resources(sim: Simulation): Resource[];
  /** Its actors in one run. */
  actors(driver: D, tenants: readonly Tenant[]): Actors<O>;
}

/** What users and others do to objects of a kind, and what must be true of them. */
export interface Actors<O extends ManagedObject> {
  /** The spec of a new object. */
  spec(key: string, dice: Dice): Partial<O["spec"]>;
  /** A patch of its spec. */
  edit(key: string, object: O, dice: Dice): object;
  /** Annotations whose change is a request. */
  readonly requests: readonly string[];
  /** A spec with all that the kind can refer to, and that becomes Ready where nothing is wrong. */
  plain(key: string): Partial<O["spec"]>;
  /** Another actor makes a resource in the account of this object's namespace, that none declares; its id. */
  makeForeign(key: string, dice: Dice): string;
  /** The spec as an object needs it that adopts this resource: some of it cannot be changed. */
  adoptable(id: string, spec: Partial<O["spec"]>): Partial<O["spec"]>;
  /** A step that only this kind has. Throws ApiError where the console refuses it. */
  act(what: string, key: string, object: O | undefined, dice: Dice): void | Promise<void>;
  /** Called right before the deletion of an object. With `dice` it may change the policy first. */
  deleting?(key: string, object: O, dice?: Dice): Promise<void>;
  /** Throws where what must always hold does not. */
  check(): void;
  /** All faults of this kind end. */
  calm(): void | Promise<void>;
  /** With this in its spec an object converges by itself: nothing waits for the user by policy. */
  readonly lenient: Partial<O["spec"]>;
  /** The object reports correctly how it is, and nothing goes on. */
  isSettled(key: string): boolean;
  /** Corrects whatever was wrong with the specs. Default: nothing was. */
  correct?(): Promise<void>;
  /** As declared. Default: settled. */
  isAsDeclared?(key: string): boolean;
  /** Throws where something is lost, or is left of an object that is gone. For scenarios with one tenant. */
  checkNothingLeaked(): void;
}

/** Random choices for the switches whose names match, and `more`. */
export function behavioursOf(
  switches: RegExp,
  more: Record<string, fc.Arbitrary<unknown>>,
): fc.Arbitrary<Partial<Behaviour>> {
  const chosen = Object.entries(CHOICES)
    .filter(([name]) => switches.test(name))
    .map(([name, values]) => [name, fc.constantFrom<unknown>(...values)] as const);
  return fc.record({ ...Object.fromEntries(chosen), ...more }) as fc.Arbitrary<Partial<Behaviour>>;
}

export function scenariosOf(
  { frequencies, behaviours }: Pick<ScenarioKind<never>, "frequencies" | "behaviours">,
  tenants: readonly Tenant[],
  latenciesMs: readonly number[] = [0],
): fc.Arbitrary<Scenario> {
  const what = Object.entries(frequencies).flatMap(([name, times]) => Array<string>(times).fill(name));
  return fc.record({
    // First: of a failing scenario steps are left out before anything else.
    steps: fc.array(
      fc.record({
        what: fc.constantFrom(...what),
        who: fc.constantFrom(...keysOf(tenants)),
        dice: fc.nat(),
        thenMs: fc.constantFrom(0, 100, 5_000, 30_000, 120_000),
      }),
      { minLength: 10, maxLength: 30 },
    ),
    seed: fc.integer({ min: 1, max: 2 ** 31 }),
    behaviour: behaviours,
    latencyMs: fc.constantFrom(...latenciesMs),
  });
}
