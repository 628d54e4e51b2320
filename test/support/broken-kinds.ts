/** Kinds that break one sentence of src/reconcile/kind.ts each: what a checked kind (checked-kind.ts) must notice. */
import { Type } from "typebox";
import type { PaperspaceTypes } from "../../src/kinds/actuator.ts";
import { changing } from "../../src/kinds/calls.ts";
import type { KindOptions, KindRegistration } from "../../src/kinds/registration.ts";
import type { Actuator, Kind, Observer, Policy } from "../../src/reconcile/kind.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { SUBJECTS, type Subject } from "./contract-subjects.ts";

type Options = KindOptions<ManagedObject>;

/** Members of the roles that replace those of a kind. */
interface Broken {
  observer?: Partial<Observer<PaperspaceTypes>>;
  policy?: Partial<Policy<PaperspaceTypes>>;
  actuator?: Partial<Actuator<PaperspaceTypes>>;
}

export interface Breach {
  /** Absent: the collection kind. */
  subject?: Subject;
  /** Whether the connection of the create breaks. */
  isLost?: true;
  breaking(kind: Kind<PaperspaceTypes>, options: Options): Broken;
  /** What is noted. */
  noted: RegExp;
}

/** The subject with a kind that is broken in this way. */
export function broken({ subject = SUBJECTS.PaperspaceProject, breaking }: Breach): Subject {
  const registration = subject.registration as unknown as KindRegistration;
  const newKind = (options: Options): Kind<PaperspaceTypes> => {
    const kind = registration.newKind(options);
    const { observer = {}, policy = {}, actuator = {} } = breaking(kind, options);
    return {
      definition: kind.definition,
      observer: replacing(kind.observer, observer),
      policy: replacing(kind.policy, policy),
      actuator: replacing(kind.actuator, actuator),
    };
  };
  return { ...subject, registration: { ...registration, newKind } as KindRegistration<never> };
}

function replacing<R extends object>(role: R, members: Partial<R>): R {
  return new Proxy(role, {
    get(target, name) {
      const value = Reflect.get(name in members ? members : target, name, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
    ownKeys: (target) => [...new Set([...Reflect.ownKeys(target), ...Reflect.ownKeys(members)])],
    getOwnPropertyDescriptor: (target, name) => ({
      ...(Reflect.getOwnPropertyDescriptor(target, name) ?? Reflect.getOwnPropertyDescriptor(members, name)),
      configurable: true,
    }),
  });
}

/** A write that is no part of any step. */
const stray = (gate: () => string | undefined = () => undefined) =>
  changing("/projects/stray", { name: "stray" }, Type.Unknown(), { gate });

/** Not for ever: a status that changes in every pass queues the key at once, and time would stand still. */
const next = (calls: number) => Math.min(calls, 20);

const ignored = () => undefined;

/** By the sentence that is broken. */
export const BREACHES: Readonly<Record<string, Breach>> = {
  "observe starts a read": {
    breaking: ({ observer }) => ({
      observer: {
        observe(facts, context) {
          context.account?.api
            .request({ method: "GET", path: "/projects/x", answer: Type.Unknown(), retry: "safe" })
            .catch(ignored);
          return observer.observe(facts, context);
        },
      },
    }),
    noted: /^observe requests GET/,
  },
  "observe has a read started later": {
    breaking: ({ observer }, { clock }) => ({
      observer: {
        observe(facts, context) {
          clock.after(1_000, () => {});
          return observer.observe(facts, context);
        },
      },
    }),
    noted: /^observe starts a timer/,
  },
  "observe reads the cluster": {
    breaking: ({ observer }, { secretResource }) => ({
      observer: {
        observe(facts, context) {
          secretResource.get("default", "any").catch(ignored);
          return observer.observe(facts, context);
        },
      },
    }),
    noted: /^observe calls get of the cluster/,
  },
  "observe returns something else for the same caches": {
    breaking: ({ observer }) => {
      let calls = 0;
      return {
        observer: { observe: (...args) => ({ ...observer.observe(...args), recheckMs: next(++calls) }) },
      };
    },
    noted: /^observe returns something else/,
  },
  "observe changes what it is given": {
    breaking: ({ observer }) => ({
      observer: {
        observe(facts, context) {
          context.object.metadata.labels = {};
          return observer.observe(facts, context);
        },
      },
    }),
    noted: /^observe throws TypeError/,
  },
  "an observer waits": {
    breaking: ({ observer }) => ({
      observer: {
        track: async (...args) => {
          await Promise.resolve();
          observer.track(...args);
        },
      },
    }),
    noted: /^track waits/,
  },
  "an observer writes to the cloud": {
    breaking: ({ observer }) => ({
      observer: {
        track(context, ...others) {
          context.account?.api.request(stray()).catch(ignored);
          observer.track(context, ...others);
        },
      },
    }),
    noted: /^PUT \/projects\/stray outside of create and perform/,
  },
  "an observer writes to the cluster": {
    breaking: ({ observer }, { secretResource }) => ({
      observer: {
        track(...args) {
          secretResource.mergePatch("default", "any", {}).catch(ignored);
          observer.track(...args);
        },
      },
    }),
    noted: /^mergePatch of the cluster outside of create and perform/,
  },
  "resolve starts a read": {
    isLost: true,
    breaking: ({ observer }) => ({
      observer: {
        resolve(context, attempt) {
          context.account.api.pages({ path: "/projects", item: Type.Unknown() });
          return observer.resolve(context, attempt);
        },
      },
    }),
    noted: /^resolve lists \/projects/,
  },
  "resolve returns surelyNone too early": {
    isLost: true,
    breaking: () => ({ observer: { resolve: () => ({ state: "surelyNone" }) } }),
    noted: /^resolve returns surelyNone after 0 late lists/,
  },
  "a phase changes what it is given": {
    breaking: ({ policy }) => ({
      policy: {
        phases: {
          ...policy.phases,
          converge(observation, resource) {
            observation.memory = {};
            return policy.phases.converge(observation, resource);
          },
        },
      },
    }),
    noted: /^converge throws TypeError/,
  },
  "a phase decides otherwise for equal observations": {
    breaking: ({ policy }) => {
      let calls = 0;
      return {
        policy: {
          phases: {
            ...policy.phases,
            converge: (observation) => ({
              step: {
                do: "none",
                outcome: { kind: "Done", reason: "Available", message: `${next(++calls)}` },
              },
              memory: observation.memory,
            }),
          },
        },
      };
    },
    noted: /^converge returns something else for equal inputs/,
  },
  "a policy depends on which object it is given": {
    breaking: ({ policy }) => {
      const numbers = new WeakMap<object, number>();
      let made = 0;
      return {
        policy: {
          expectCreate(observation, ...others) {
            const deadlineMs = numbers.get(observation) ?? ++made;
            numbers.set(observation, deadlineMs);
            return { ...policy.expectCreate(observation, ...others), deadlineMs };
          },
        },
      };
    },
    noted: /^expectCreate returns something else for equal inputs/,
  },
  "a policy reads the clock": {
    breaking: (_kind, { clock }) => ({
      policy: { attemptName: (_observation, _context, unique) => ({ name: `${unique}-${clock.now()}` }) },
    }),
    noted: /^attemptName reads the clock/,
  },
  "status differs for equal observations": {
    breaking: ({ policy }) => {
      let calls = 0;
      return {
        policy: { status: (...args) => ({ ...policy.status(...args), teamId: `te-${next(++calls)}` }) },
      };
    },
    noted: /^status returns something else for equal inputs/,
  },
  "status differs once it is written": {
    breaking: ({ policy }) => ({
      policy: {
        status(observation, outcome, context) {
          const { abandoned = [] } = context.object.status ?? {};
          return {
            ...policy.status(observation, outcome, context),
            abandoned: [...abandoned, "again"].slice(-5),
          };
        },
      },
    }),
    noted: /^status differs once it is written/,
  },
  "create sends nothing": {
    breaking: () => ({
      actuator: {
        create: async (_observation, _context, _attempt, { memory }) => ({
          id: "made-up",
          memory,
          outcome: { kind: "Requeue" },
        }),
      },
    }),
    noted: /^create returns after 0 writes/,
  },
  "create sends two": {
    breaking: ({ actuator }) => ({
      actuator: {
        async create(...args) {
          await actuator.create(...args);
          return actuator.create(...args);
        },
      },
    }),
    noted: /^create: POST \/projects is not the first cloud write/,
  },
  "create bypasses the gate": {
    breaking: ({ actuator }) => ({
      actuator: {
        create: (observation, context, attempt, send) =>
          actuator.create(observation, context, attempt, { ...send, gate: () => undefined }),
      },
    }),
    noted: /^create: POST \/projects did not pass the gate/,
  },
  "create is retried": {
    isLost: true,
    breaking: () => ({
      actuator: {
        async create(_observation, _context, { name }, { memory, gate, account }) {
          const request = { ...stray(gate), method: "POST", path: "/projects", body: { name } } as const;
          const { body } = await account.api.request({
            ...request,
            answer: Type.Object({ id: Type.String() }),
          });
          return { id: body.id, memory, outcome: { kind: "Requeue" } };
        },
      },
    }),
    noted: /^create: POST \/projects is retried/,
  },
  "perform sends two writes": {
    breaking: ({ actuator }) => ({
      actuator: {
        async perform(step, observation, context, send) {
          await send.account.api.request(stray(send.gate)).catch(ignored);
          return actuator.perform(step, observation, context, send);
        },
      },
    }),
    noted: /is not the first cloud write of this pass/,
  },
  "perform ends before its write": {
    breaking: () => ({
      actuator: {
        async perform(_step, { memory }, _context, { gate, account }) {
          account.api.request(stray(gate)).catch(ignored);
          return { outcome: { kind: "Requeue" }, memory };
        },
      },
    }),
    noted: /ends before its writes/,
  },
  "perform sends without a permit": {
    breaking: ({ actuator }) => ({
      actuator: {
        perform: (step, observation, context, send) =>
          actuator.perform(step, observation, context, { ...send, account: context.account }),
      },
    }),
    noted: /without the permit of its step$/,
  },
  "a step that sends nothing sends": {
    breaking: () => ({ actuator: { sends: () => undefined } }),
    noted: /of a step that sends nothing$/,
  },
  "the intent of a power change is not in status before it": {
    subject: SUBJECTS.PaperspaceMachine,
    breaking: ({ actuator }) => ({
      actuator: {
        perform: (step, observation, context, send) =>
          actuator.perform(step, observation, context, { ...send, persistIntent: async () => {} }),
      },
    }),
    noted: /^stop: PATCH .* before its intent/,
  },
};
