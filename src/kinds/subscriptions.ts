/**
 * Which objects follow which items, and with which credential each of them reads. No reads, and no items.
 */
interface Subscription {
  id: string;
  credential: string;
}

export class Subscriptions {
  readonly #byKey = new Map<string, Subscription>();
  /** Keys by id. */
  readonly #keys = new Map<string, Set<string>>();
  /** Subscribers by credential: the common one is asked for at each page of each item in flight. */
  readonly #counts = new Map<string, number>();

  /** How many items have a subscriber. */
  get size(): number {
    return this.#keys.size;
  }

  ids(): Iterable<string> {
    return this.#keys.keys();
  }

  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  has(id: string): boolean {
    return this.#keys.has(id);
  }

  idOf(key: string): string | undefined {
    return this.#byKey.get(key)?.id;
  }

  keysOf(id: string): Iterable<string> {
    return this.#keys.get(id) ?? [];
  }

  /** The credentials of those that follow this item, each once. */
  credentialsOf(id: string): string[] {
    const credentials = [...this.keysOf(id)].flatMap((key) => this.#byKey.get(key)?.credential ?? []);
    return [...new Set(credentials)];
  }

  /** The credential of most subscribers; undefined where there is none. */
  get commonCredential(): string | undefined {
    return [...this.#counts].reduce<[string, number] | undefined>(
      (most, one) => (most && most[1] >= one[1] ? most : one),
      undefined,
    )?.[0];
  }

  /** `key` MUST follow nothing else. */
  add(key: string, subscription: Subscription): void {
    this.#byKey.set(key, subscription);
    this.#count(subscription.credential, 1);
    const keys = this.#keys.get(subscription.id) ?? new Set();
    this.#keys.set(subscription.id, keys.add(key));
  }

  /** The key reads with another credential from now on. */
  setCredential(key: string, credential: string): void {
    const subscription = this.#byKey.get(key);
    if (!subscription) return;
    this.#count(subscription.credential, -1);
    subscription.credential = credential;
    this.#count(credential, 1);
  }

  /** The id that has no subscriber any more. */
  remove(key: string): string | undefined {
    const subscription = this.#byKey.get(key);
    if (!subscription) return undefined;
    const { id, credential } = subscription;
    this.#byKey.delete(key);
    this.#count(credential, -1);
    const keys = this.#keys.get(id);
    keys?.delete(key);
    if (keys?.size) return undefined;
    this.#keys.delete(id);
    return id;
  }

  #count(credential: string, more: 1 | -1): void {
    const count = (this.#counts.get(credential) ?? 0) + more;
    if (count === 0) this.#counts.delete(credential);
    else this.#counts.set(credential, count);
  }
}
