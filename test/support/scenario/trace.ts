/**
 * What the operators of a world do, as it happens: which object has a pass, and which one acts on which resource. It wraps
 * the kinds, so that nothing of the operator has to report to tests. What must be true of it is in ownership.ts and
 * fairness.ts.
 */
import type { PaperspaceTypes } from "../../../src/kinds/actuator.ts";
import type { KindRegistration } from "../../../src/kinds/registration.ts";
import type { Actuator, Kind, Observer } from "../../../src/reconcile/kind.ts";
import type { ManagedObject } from "../../../src/reconcile/managed.ts";

type T = PaperspaceTypes;

/** A write that an object's pass performs, from its begin to its end. */
export interface Act {
  readonly kind: string;
  readonly key: string;
  readonly uid: string;
  /** "create", or the kind's step. */
  readonly what: string;
  /** The resource that the object's record names; absent for a create. */
  readonly id?: string;
  /** Of a create: the name that it announced. */
  readonly attempt?: string;
}

export interface TraceListener {
  passBegins?(key: string): void;
  actBegins?(act: Act): void;
  actEnds?(act: Act): void;
}

export class Trace {
  /** Acts of the process that runs. */
  readonly acts = new Set<Act>();
  /** By kind: the roles of the newest process themselves, which nothing sees through what wraps them. */
  readonly roles = new Map<string, readonly object[]>();
  readonly #listeners: readonly TraceListener[];

  constructor(listeners: readonly TraceListener[]) {
    this.#listeners = listeners;
  }

  wrap<O extends ManagedObject>(registration: KindRegistration<O>): KindRegistration<never> {
    const traced: KindRegistration<O> = {
      ...registration,
      newKind: (options) => {
        // Those of a process that was killed never end, and have no effect any more.
        this.acts.clear();
        return this.#kind(registration.newKind(options));
      },
    };
    return traced as unknown as KindRegistration<never>;
  }

  #kind(kind: Kind<T>): Kind<T> {
    const { definition, observer, policy, actuator } = kind;
    this.roles.set(definition.kind, [observer, actuator]);
    return {
      definition,
      policy,
      observer: replacing(observer, {
        observe: (...args: Parameters<Observer<T>["observe"]>) => {
          for (const listener of this.#listeners) listener.passBegins?.(args[1].key);
          return observer.observe(...args);
        },
      }),
      actuator: replacing(actuator, {
        create: (...args: Parameters<Actuator<T>["create"]>) => {
          const [, { key, object }, { name }] = args;
          const uid = object.metadata.uid ?? "";
          return this.#acting({ kind: definition.kind, key, uid, what: "create", attempt: name }, () =>
            actuator.create(...args),
          );
        },
        perform: (...args: Parameters<Actuator<T>["perform"]>) => {
          const [step, , { key, object, record }] = args;
          const uid = object.metadata.uid ?? "";
          const id = record && { id: record.id };
          return this.#acting({ kind: definition.kind, key, uid, what: step.do, ...id }, () =>
            actuator.perform(...args),
          );
        },
      }),
    };
  }

  async #acting<R>(act: Act, run: () => Promise<R>): Promise<R> {
    this.acts.add(act);
    for (const listener of this.#listeners) listener.actBegins?.(act);
    try {
      return await run();
    } finally {
      for (const listener of this.#listeners) listener.actEnds?.(act);
      this.acts.delete(act);
    }
  }
}

/** The same role with some of its functions replaced; all others run as they are, private fields included. */
function replacing<R extends object>(role: R, functions: Partial<R>): R {
  return new Proxy(role, {
    get: (target, name) => {
      const replaced = functions[name as keyof R];
      if (replaced) return replaced;
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
