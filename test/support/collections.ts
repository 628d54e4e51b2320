/**
 * How much the collections of a running operator hold, found by walking everything that it reaches: fields, private ones
 * too, elements, and variables of closures. Nothing has to be registered, so a new collection is counted as well.
 */
import { Session } from "node:inspector";

/** Elements of Maps, Sets, arrays and plain objects below one field of a class, and characters of strings. */
export interface Held {
  elements: number;
  characters: number;
}

/** By "Class.field"; variables of a function are the fields of "function()". */
export type Holdings = ReadonlyMap<string, Readonly<Held>>;

/** What is not part of the operator: it is not walked. */
export type IsForeign = (value: object) => boolean;

export function holdingsOf(root: object, isForeign: IsForeign): Holdings {
  const eye = new PrivateEye();
  try {
    return new Walk(eye, isForeign).from(root);
  } finally {
    eye.close();
  }
}

class Walk {
  readonly #eye: PrivateEye;
  readonly #isForeign: IsForeign;
  readonly #seen = new WeakSet<object>();
  readonly #holdings = new Map<string, Held>();
  /** Values and the label that they are counted under. */
  readonly #todo: [value: unknown, label: string][] = [];

  constructor(eye: PrivateEye, isForeign: IsForeign) {
    this.#eye = eye;
    this.#isForeign = isForeign;
  }

  from(root: object): Holdings {
    this.#todo.push([root, "root"]);
    // Breadth first: what several hold is counted under the one that is nearest to the root.
    for (let at = 0; at < this.#todo.length; at++) this.#visit(...(this.#todo[at] as [unknown, string]));
    return this.#holdings;
  }

  #visit(value: unknown, label: string): void {
    if (typeof value === "string") this.#add(label, 0, value.length);
    if ((typeof value !== "object" && typeof value !== "function") || value === null) return;
    if (this.#seen.has(value) || this.#isForeign(value)) return;
    this.#seen.add(value);
    if (typeof value === "function") return this.#visitFunction(value);
    if (value instanceof Promise) return void this.#todo.push([this.#eye.resultOf(value), label]);
    const name = classOf(value);
    const isCollection =
      name === undefined || value instanceof Map || value instanceof Set || Array.isArray(value);
    if (!isCollection) return this.#visitInstance(value, name);
    const elements = elementsOf(value);
    this.#add(label, value instanceof Map ? value.size : elements.length, 0);
    for (const element of elements) this.#todo.push([element, label]);
  }

  #visitInstance(instance: object, name: string): void {
    for (const key of Reflect.ownKeys(instance)) {
      const { value } = Reflect.getOwnPropertyDescriptor(instance, key) ?? {};
      this.#todo.push([value, `${name}.${String(key)}`]);
    }
    for (const [field, value] of this.#eye.privateFieldsOf(instance))
      this.#todo.push([value, `${name}.${field}`]);
  }

  #visitFunction(closure: object): void {
    for (const [scope, name, value] of this.#eye.variablesOf(closure))
      this.#todo.push([value, `${scope}().${name}`]);
  }

  #add(label: string, elements: number, characters: number): void {
    const held = this.#holdings.get(label) ?? { elements: 0, characters: 0 };
    this.#holdings.set(label, {
      elements: held.elements + elements,
      characters: held.characters + characters,
    });
  }
}

/** Undefined for what has no class of its own. */
function classOf(value: object): string | undefined {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return undefined;
  return (prototype as { constructor?: { name?: string } }).constructor?.name ?? "?";
}

function elementsOf(value: object): unknown[] {
  if (value instanceof Map) return [...value].flat(1);
  if (value instanceof Set || Array.isArray(value)) return [...value];
  return Reflect.ownKeys(value).map((key) => Reflect.getOwnPropertyDescriptor(value, key)?.value);
}

/** Where the inspector puts values for us, and takes them. */
interface Exchange {
  value?: unknown;
}
const EXCHANGE = "__exchange";
const exchange: Exchange = {};

interface Remote {
  objectId?: string;
  description?: string;
  value?: unknown;
}
interface Properties {
  result: { name: string; value?: Remote }[];
  privateProperties?: { name: string; value?: Remote }[];
  internalProperties?: { name: string; value?: Remote }[];
}

/** Sees what reflection does not: private fields, and the variables that a closure keeps. */
class PrivateEye {
  readonly #session = new Session();
  /** Scripts of the operator, by id. */
  readonly #scripts = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#session.on("Debugger.scriptParsed", ({ params }) => {
      if (/\/src\/(?!.*\.test\.)|node_modules\/(p-queue|prom-client)\//.test(params.url))
        this.#scripts.add(params.scriptId);
    });
    this.#post("Debugger.enable", {});
    Object.assign(globalThis, { [EXCHANGE]: exchange });
  }

  close(): void {
    this.#post("Debugger.disable", {});
    this.#session.disconnect();
    exchange.value = undefined;
  }

  privateFieldsOf(instance: object): [name: string, value: unknown][] {
    const { privateProperties = [] } = this.#propertiesOf(this.#idOf(instance));
    return privateProperties.map(({ name, value }) => [name, this.#valueOf(value)]);
  }

  /** Undefined while it is pending. */
  resultOf(promise: Promise<unknown>): unknown {
    const { internalProperties = [] } = this.#propertiesOf(this.#idOf(promise));
    return this.#valueOf(internalProperties.find(({ name }) => name === "[[PromiseResult]]")?.value);
  }

  /** Of the functions that it stands in; imports are not its own. */
  variablesOf(closure: object): [scope: string, name: string, value: unknown][] {
    const { internalProperties = [] } = this.#propertiesOf(this.#idOf(closure));
    const internal = (name: string) => internalProperties.find((property) => property.name === name)?.value;
    const location = internal("[[FunctionLocation]]")?.value as { scriptId: string } | undefined;
    const scopes = internal("[[Scopes]]")?.objectId;
    if (!location || !this.#scripts.has(location.scriptId) || scopes === undefined) return [];
    return this.#propertiesOf(scopes).result.flatMap(({ value: scope }) => {
      if (!scope?.objectId || !/^(Closure|Block)/.test(scope.description ?? "")) return [];
      const name = /\((.*)\)/.exec(scope.description ?? "")?.[1] ?? "module";
      return this.#propertiesOf(scope.objectId)
        .result.filter((variable) => !variable.name.startsWith("__vi"))
        .map((variable) => [name, variable.name, this.#valueOf(variable.value)] as [string, string, unknown]);
    });
  }

  #idOf(value: object): string {
    exchange.value = value;
    const { result } = this.#post("Runtime.evaluate", { expression: `${EXCHANGE}.value` }) as {
      result: Remote;
    };
    return result.objectId ?? "";
  }

  #valueOf(remote: Remote | undefined): unknown {
    if (!remote?.objectId) return remote?.value;
    const functionDeclaration = `function () { ${EXCHANGE}.value = this; }`;
    this.#post("Runtime.callFunctionOn", { functionDeclaration, objectId: remote.objectId });
    return exchange.value;
  }

  #propertiesOf(objectId: string): Properties {
    return this.#post("Runtime.getProperties", {
      objectId,
      ownProperties: true,
    }) as Properties;
  }

  /** The inspector of the own thread answers before `post` returns. */
  #post(method: string, params: object): unknown {
    let answer: unknown;
    let failure: Error | null = null;
    this.#session.post(method, params, (error, result) => {
      failure = error;
      answer = result;
    });
    if (failure) throw failure;
    return answer;
  }
}
