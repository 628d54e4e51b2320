/** Results of pure functions that are called with the same few arguments again and again. */

/** `compute`, with the result of each object remembered while the object lives. It must be pure, and nothing changes the object. */
export function memoizedByObject<K extends object, V>(compute: (key: K) => V): (key: K) => V {
  const results = new WeakMap<K, { result: V }>();
  return (key) => {
    const before = results.get(key);
    if (before) return before.result;
    const result = compute(key);
    results.set(key, { result });
    return result;
  };
}

/**
 * `compute`, with its last results remembered: of `most` arguments at the most, so that memory stays bounded whatever it
 * is called with. `compute` must be pure.
 */
export function memoized<K extends string | number, V>(compute: (key: K) => V, most = 1_000): (key: K) => V {
  const results = new Map<K, V>();
  return (key) => {
    const before = results.get(key);
    if (before !== undefined) return before;
    const result = compute(key);
    if (results.size >= most) results.clear();
    results.set(key, result);
    return result;
  };
}
