/**
 * What users restrict: an object, or a namespace by its labels, is only observed, or protected from deletion. A judge of all
 * that is sent: nothing for what is only observed, and no deletion of what is protected, whatever else happens.
 */

import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { LABEL } from "../../../src/reconcile/management.ts";
import type { Dice } from "./dice.ts";
import { namespaceOf } from "./driver.ts";
import type { Trace } from "./trace.ts";

/** Either of the object, as part of its spec, or of its namespace. */
export function drawRestriction(dice: Dice): { spec: object } | { labels: Record<string, string | null> } {
  return dice.of<{ spec: object } | { labels: Record<string, string | null> }>(
    { spec: { managementPolicy: dice.of("Observe", "Observe", "Manage", null) } },
    { spec: { deletionProtection: dice.of(true, true, false, null) } },
    { labels: { [LABEL.managementPolicy]: dice.of("Observe", "Manage", null, null) } },
    { labels: { [LABEL.deletionProtection]: dice.of("true", "true", "false", null) } },
  );
}

/** What ends all of it. */
export const UNRESTRICTED = {
  spec: { managementPolicy: null, deletionProtection: null },
  labels: { [LABEL.managementPolicy]: null, [LABEL.deletionProtection]: null },
} as const;

/** A watch is opened again within 30 s; what is sent rests on labels that were read up to a send window before. */
export const SEEN_MS = 120_000;

/** Monotonic times since which each holds without a break. */
interface Restriction {
  observed?: number;
  protected?: number;
}

export interface RestrictionsJudgeOptions {
  now(): number;
  get(key: string): ManagedObject | undefined;
  trace: Pick<Trace, "acts">;
  report(violation: string): void;
}

export class RestrictionsJudge {
  readonly #options: RestrictionsJudgeOptions;
  readonly #labels = new Map<string, Record<string, string | null>>();
  /** By key, and then for the UID that it holds for. */
  readonly #restrictions = new Map<string, Restriction & { uid: string }>();

  constructor(options: RestrictionsJudgeOptions) {
    this.#options = options;
  }

  /** The user changed this object, or made it. */
  changed(key: string): void {
    const object = this.#options.get(key);
    const { uid = "" } = object?.metadata ?? {};
    const former = this.#restrictions.get(key);
    const before: Restriction = former?.uid === uid ? former : {};
    const now = this.#options.now();
    const { managementPolicy, deletionProtection } = object?.spec ?? {};
    const labels = this.#labels.get(namespaceOf(key)) ?? {};
    const isObserved = managementPolicy === "Observe" || labels[LABEL.managementPolicy] === "Observe";
    const isProtected = deletionProtection ?? labels[LABEL.deletionProtection] === "true";
    this.#restrictions.set(key, {
      uid,
      ...(isObserved && { observed: before.observed ?? now }),
      ...(isProtected && { protected: before.protected ?? now }),
    });
  }

  labelled(namespace: string, labels: Record<string, string | null>): void {
    this.#labels.set(namespace, { ...this.#labels.get(namespace), ...labels });
    for (const key of this.#restrictions.keys()) if (namespaceOf(key) === namespace) this.changed(key);
  }

  /** An operator sends this to Paperspace. */
  sending(method: string, path: string): void {
    if (method === "GET" || !path.startsWith("/v1/")) return;
    const acts = [...this.#options.trace.acts];
    const meant = acts.filter(({ id }) => id !== undefined && path.split(/[/?]/).includes(id));
    // A create names no id: it is of one of those that act.
    const candidates = meant.length > 0 ? meant : acts;
    const observed = candidates.filter(({ key, uid }) => this.#holds("observed", key, uid));
    if (observed.length > 0 && observed.length === candidates.length)
      this.#options.report(`${method} ${path} is sent for ${observed[0]?.key}, which is only observed`);
    const [, plural = "", id] = /^\/v1\/(machines|deployments)\/([^/?]+)$/.exec(path) ?? [];
    if (method !== "DELETE" || id === undefined) return;
    for (const { key, uid, kind } of meant)
      if (kind.toLowerCase() === `paperspace${plural.slice(0, -1)}` && this.#holds("protected", key, uid))
        this.#options.report(`${method} ${path} is sent for ${key}, which is protected`);
  }

  #holds(what: keyof Restriction, key: string, uid: string): boolean {
    const restriction = this.#restrictions.get(key);
    const since = restriction?.uid === uid ? restriction[what] : undefined;
    return since !== undefined && this.#options.now() - since >= SEEN_MS;
  }
}
