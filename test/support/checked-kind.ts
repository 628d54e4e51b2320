/**
 * The contract of src/reconcile/kind.ts, executable: a kind whose three roles are wrapped, so that each breach of a
 * sentence with MUST is noted while the whole operator runs. For operators with one worker (`--concurrency=1`) and
 * objects of this kind only: each cloud write belongs to one pass then.
 */
import { isDeepStrictEqual } from "node:util";
import type { PaperspaceAccount } from "../../src/kinds/account.ts";
import type { PaperspaceTypes } from "../../src/kinds/actuator.ts";
import { type KindOptions, type KindRegistration, observerSettings } from "../../src/kinds/registration.ts";
import { keyOf } from "../../src/kube/objects.ts";
import type { ApiRequest, PaperspaceApi } from "../../src/paperspace/transport.ts";
import type { Gate } from "../../src/reconcile/gate.ts";
import type { Actuator, Kind, Observer, Policy } from "../../src/reconcile/kind.ts";
import type { ManagedObject, Sends } from "../../src/reconcile/managed.ts";
import type { Resolution } from "../../src/reconcile/ownership.ts";
import type { CreateAttempt } from "../../src/reconcile/record.ts";
import { copy, freeze, plain } from "./plain-values.ts";

type T = PaperspaceTypes;
type Context = Parameters<Observer<T>["observe"]>[1];
type AccountContext = Parameters<Observer<T>["resolve"]>[0];
type Memory = T["observation"]["memory"];
// biome-ignore lint/suspicious/noExplicitAny: arguments and result of any function of a role
type AnyFunction = (...args: any[]) => any;

/** What the contract cannot know of a kind. */
export interface KindTraits {
  /** Method and path of the writes whose intent must be in status before. Absent: the kind has none. */
  intent?: RegExp;
  /** Path of the list in which a create is found again. */
  list: RegExp;
}

/** A breach says which sentence, and where. */
export class KindContract {
  readonly breaches = new Set<string>();
  /** The steps that were performed, by name, and the states of resolutions: what the checks have covered. */
  readonly seen = new Set<string>();
  #session: Session | undefined;

  /** The registration of the same kind under the contract; each process gets a session of its own. */
  check<O extends ManagedObject>(
    registration: KindRegistration<O>,
    traits: KindTraits,
  ): KindRegistration<never> {
    const checked: KindRegistration<O> = {
      ...registration,
      newKind: (options) => {
        const session = new Session(this, traits, options as KindOptions<ManagedObject>);
        this.#session = session;
        const kind = registration.newKind({
          ...options,
          clock: session.clock(),
          secretResource: session.resource(options.secretResource),
          configMapResource: session.resource(options.configMapResource),
        });
        return session.wrap(kind);
      },
    };
    return checked as unknown as KindRegistration<never>;
  }

  /** A request of the operator as its sockets send it: to be called before each takes effect. */
  sending(method: string, path: string): void {
    if (method !== "GET" && path.startsWith("/v1/")) this.#session?.sending(method, path);
  }
}

/** An `Actuator` call that is under way. */
interface Performing {
  what: string;
  /** What the actuator says that it sends: undefined is nothing. */
  sends: Sends | undefined;
  /** Monotonic time at which the gate was passed last. */
  passedGateAt?: number;
  /** What status must hold now. */
  intended?: Memory;
}

class Session {
  readonly #contract: KindContract;
  readonly #traits: KindTraits;
  readonly #options: KindOptions<ManagedObject>;
  /** The function that runs now and may not begin anything: it is synchronous. */
  #quiet: { what: string; pure: boolean } | undefined;
  #performing: (Performing & { key: string }) | undefined;
  /** Writes that the kind has requested and that are not answered. */
  readonly #requested = new Set<ApiRequest<never>>();
  /** Those of this pass that were sent, and how often. */
  readonly #sent = new Map<ApiRequest<never>, number>();
  /** By whether its calls have a permit. */
  readonly #apis = {
    plain: new WeakMap<PaperspaceApi, PaperspaceApi>(),
    permitted: new WeakMap<PaperspaceApi, PaperspaceApi>(),
  };
  /** Wall clock at which each complete list of the resources began. */
  readonly #lists: number[] = [];

  constructor(contract: KindContract, traits: KindTraits, options: KindOptions<ManagedObject>) {
    this.#contract = contract;
    this.#traits = traits;
    this.#options = options;
  }

  wrap(kind: Kind<T>): Kind<T> {
    return {
      definition: kind.definition,
      observer: this.#observer(kind.observer),
      policy: this.#policy(kind.policy),
      actuator: this.#actuator(kind.actuator),
    };
  }

  /** The clock as the kind gets it: a timer begins something, and what is pure has no time. */
  clock(): KindOptions<ManagedObject>["clock"] {
    const { clock } = this.#options;
    return {
      now: () => this.#timeless("now") ?? clock.now(),
      monotonic: () => this.#timeless("monotonic") ?? clock.monotonic(),
      random: () => this.#begins("draws a random number") ?? clock.random(),
      after: (ms, fn) => this.#begins("starts a timer") ?? clock.after(ms, fn),
      nextTurn: (fn) => this.#begins("asks for a turn") ?? clock.nextTurn(fn),
    };
  }

  /** A resource of the cluster as the kind gets it: written by its actuator alone. */
  resource<R extends object>(resource: R): R {
    return new Proxy(resource, {
      get: (target, name) => {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== "function") return value;
        return (...args: unknown[]) => {
          const call = String(name);
          this.#begins(`calls ${call} of the cluster`);
          if (!/^(get|list|watch)$/.test(call) && !this.#performing)
            this.breach(`${call} of the cluster outside of create and perform`);
          return value.apply(target, args);
        };
      },
    });
  }

  /** A write leaves for the cloud. */
  sending(method: string, path: string): void {
    const call = `${method} ${path.replace(/^\/v1/, "").replace(/\?.*$/, "")}`;
    const request = [...this.#requested].find(
      (one) => `${one.method} ${one.path}` === call && one.method !== "GET",
    );
    const performing = this.#performing;
    if (!request || !performing) return this.breach(`${call} outside of create and perform`);
    const { what } = performing;
    this.#sent.set(request, (this.#sent.get(request) ?? 0) + 1);
    if (performing.sends === undefined) this.breach(`${what}: ${call} of a step that sends nothing`);
    if (this.#sent.size > 1) this.breach(`${what}: ${call} is not the first cloud write of this pass`);
    if (performing.passedGateAt !== this.#options.clock.monotonic())
      this.breach(`${what}: ${call} did not pass the gate right before`);
    const needsIntent = what === "create" || this.#traits.intent?.test(call);
    if (needsIntent && !this.#isInStatus(performing)) this.breach(`${what}: ${call} before its intent`);
  }

  breach(what: string): void {
    this.#contract.breaches.add(what);
  }

  #isInStatus({ intended, key }: Performing & { key: string }): boolean {
    const object = this.#options.store.list().find((one) => keyOf(one) === key);
    const status = plain(object?.status ?? {}) as Record<string, unknown>;
    return intended !== undefined && isWithin(status, plain(intended));
  }

  #begins(what: string): undefined {
    if (this.#quiet) this.breach(`${this.#quiet.what} ${what}`);
  }

  #timeless(what: string): undefined {
    if (this.#quiet?.pure) this.breach(`${this.#quiet.what} reads the clock (${what})`);
  }

  /** Runs what must be synchronous and begin nothing. What it is given is frozen, so that a change of it throws. */
  #quietly<R>(what: string, pure: boolean, run: () => R): R {
    this.#quiet = { what, pure };
    try {
      const result = run();
      if (result instanceof Promise) this.breach(`${what} waits`);
      return result;
    } catch (error) {
      this.breach(`${what} throws ${error}`);
      throw error;
    } finally {
      this.#quiet = undefined;
    }
  }

  #observer(observer: Observer<T>): Observer<T> {
    const reading = <R>(what: string, run: () => R): R => {
      const first = this.#quietly(what, false, run);
      if (!isDeepStrictEqual(this.#quietly(what, false, run), first))
        this.breach(`${what} returns something else for the same caches`);
      return first;
    };
    const notWaiting = (what: string, result: unknown) => {
      if (result instanceof Promise) this.breach(`${what} waits`);
    };
    return {
      observe: (facts, context) => {
        this.#sent.clear();
        const given = this.#withApi(context);
        freeze([facts, given]);
        return reading("observe", () => observer.observe(facts, given));
      },
      resolve: (context, attempt) => {
        const given = this.#withApi(context);
        freeze([given, attempt]);
        const resolution = reading("resolve", () => observer.resolve(given, attempt));
        this.#contract.seen.add(resolution.state);
        this.#checkResolution(resolution, attempt);
        return resolution;
      },
      track: (context, observation, decision) => {
        freeze([observation, decision]);
        notWaiting("track", observer.track(this.#withApi(context), observation, decision));
      },
      forget: (key) => notWaiting("forget", observer.forget(key)),
      reset: () => notWaiting("reset", observer.reset()),
    };
  }

  /** A resource with the attempt's name proves as much where names are shared: another actor made it. */
  #checkResolution({ state }: Resolution, { time, mark }: CreateAttempt): void {
    if (state !== "surelyNone") return;
    const settledAt = Date.parse(time) + observerSettings(this.#options.config).settleMs;
    const lists = this.#lists.filter((beganAt) => beganAt >= settledAt).length;
    const isNamesake = mark !== undefined && this.#options.clock.now() >= settledAt;
    if (lists < 2 && !isNamesake) this.breach(`resolve returns surelyNone after ${lists} late lists`);
  }

  #policy(policy: Policy<T>): Policy<T> {
    const { phases } = policy;
    const wrapAll = <R extends object>(role: R): R =>
      Object.fromEntries(
        Object.entries(role).map(([name, member]) => [
          name,
          typeof member === "function" ? this.#pure(name, member.bind(role) as AnyFunction) : member,
        ]),
      ) as R;
    const { status, ...others } = wrapAll(policy);
    return {
      ...others,
      phases: wrapAll(phases),
      status: (observation, outcome, context) => {
        const first = status(observation, outcome, context);
        const object = { ...context.object, status: plain(first) };
        const second = status(observation, outcome, { ...context, object } as Context);
        if (!isDeepStrictEqual(plain(second), plain(first)))
          this.breach("status differs once it is written, for an equal observation");
        return first;
      },
    };
  }

  /** Called a second time with equal inputs that are other objects. */
  #pure(name: string, run: AnyFunction): AnyFunction {
    return (...args) => {
      freeze(args);
      const first = this.#quietly(name, true, () => run(...args));
      const second = this.#quietly(name, true, () => run(...args.map(copy)));
      if (!isDeepStrictEqual(second, first)) this.breach(`${name} returns something else for equal inputs`);
      return freeze(first);
    };
  }

  #actuator(actuator: Actuator<T>): Actuator<T> {
    return {
      sends: (step) => actuator.sends(step),
      create: async (observation, context, attempt, { memory, gate, account }) => {
        freeze([observation, attempt, memory]);
        const performing = this.#perform("create", context.key, "create");
        performing.intended = memory;
        const send = { memory, gate: this.#gate(gate, performing), account: this.#permitted(account) };
        const answer = await this.#during(
          performing,
          actuator.create(observation, this.#withApi(context), attempt, send),
        );
        if (this.#sent.size !== 1) this.breach(`create returns after ${this.#sent.size} writes`);
        return answer;
      },
      perform: (step, observation, context, send) => {
        freeze([step, observation, send.memory]);
        const performing = this.#perform(step.do, context.key, actuator.sends(step));
        return this.#during(
          performing,
          actuator.perform(step, observation, this.#withApi(context), {
            ...send,
            account: this.#permitted(send.account),
            gate: this.#gate(send.gate, performing),
            persistIntent: async (memory, outcome) => {
              await send.persistIntent(memory, outcome);
              performing.intended = memory;
            },
          }),
        );
      },
      failure: (error) => actuator.failure(error),
    };
  }

  #perform(what: string, key: string, sends: Sends | undefined): Performing & { key: string } {
    this.#contract.seen.add(what);
    this.#performing = { what, key, sends };
    return this.#performing;
  }

  /** A create, and whatever is not safe to repeat, goes out once. */
  async #during<R>(performing: Performing, running: Promise<R>): Promise<R> {
    try {
      return await running;
    } finally {
      if (this.#requested.size > 0) this.breach(`${performing.what} ends before its writes`);
      for (const [{ method, path, retry }, times] of this.#sent)
        if (times > 1 && (retry === "never" || performing.what === "create"))
          this.breach(`${performing.what}: ${method} ${path} is retried`);
      this.#performing = undefined;
    }
  }

  #gate(gate: Gate, performing: Performing): Gate {
    return () => {
      const reason = gate();
      if (reason === undefined) performing.passedGateAt = this.#options.clock.monotonic();
      return reason;
    };
  }

  /** The context with an API that counts. */
  #withApi<C extends Context | AccountContext>(context: C): C {
    const { account } = context;
    return account ? { ...context, account: { ...account, api: this.#api(account, "plain") } } : context;
  }

  #permitted(account: PaperspaceAccount): PaperspaceAccount {
    return { ...account, api: this.#api(account, "permitted") };
  }

  #api({ api }: Pick<PaperspaceAccount, "api">, by: "plain" | "permitted"): PaperspaceApi {
    const existing = this.#apis[by].get(api);
    if (existing) return existing;
    const made: PaperspaceApi = {
      request: async (request) => {
        this.#begins(`requests ${request.method} ${request.path}`);
        if (request.method === "GET") return api.request(request);
        if (!this.#performing) this.breach(`${request.method} ${request.path} outside of create and perform`);
        else if (by === "plain")
          this.breach(`${request.method} ${request.path} without the permit of its step`);
        const write = request as unknown as ApiRequest<never>;
        this.#requested.add(write);
        try {
          return await api.request(request);
        } finally {
          this.#requested.delete(write);
        }
      },
      pages: (request) => {
        this.#begins(`lists ${request.path}`);
        const isList = this.#traits.list.test(request.path) && request.query?.name === undefined;
        return this.#counted(api.pages(request), isList);
      },
      with: (defaults) => this.#api({ api: api.with(defaults) }, by),
    };
    this.#apis[by].set(api, made);
    return made;
  }

  async *#counted<P>(pages: AsyncGenerator<P, void, void>, isList: boolean): AsyncGenerator<P, void, void> {
    const beganAt = this.#options.clock.now();
    yield* pages;
    if (isList) this.#lists.push(beganAt);
  }
}

/** Status may show more than what is remembered, such as the candidate that comes next; a list that is empty may be left out. */
function isWithin(shown: unknown, value: unknown): boolean {
  if (Array.isArray(value) || typeof value !== "object" || value === null)
    return isDeepStrictEqual(shown ?? (Array.isArray(value) ? [] : undefined), value);
  const of = (shown ?? {}) as Record<string, unknown>;
  return Object.entries(value).every(([name, part]) => isWithin(of[name], part));
}
