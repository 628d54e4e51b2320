/** Maps whose keys others choose, such as users: they hold a bounded number of them. */

/** Sets the value as the newest of at most `most`: the one that was set longest ago goes. */
export function setNewest<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (oldest !== undefined && map.size > most) map.delete(oldest);
}
