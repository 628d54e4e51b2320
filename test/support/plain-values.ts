/** Plain values, objects and lists all the way down: copied, frozen, as JSON. Instances of classes are left as they are. */

/** The same in other objects. */
export function copy<V>(value: V): V {
  if (Array.isArray(value)) return value.map(copy) as V;
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, copy(member)])) as V;
}

/** Makes every change of it throw, at any depth. */
export function freeze<V>(value: V): V {
  if (!(Array.isArray(value) || isPlain(value)) || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const member of Object.values(value)) freeze(member);
  return value;
}

/** As JSON carries it: without undefined members. */
export function plain<V extends object>(value: V): V {
  return JSON.parse(JSON.stringify(value)) as V;
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
