/**
 * What this cluster made and no object owns any more: its finalizer was removed, or its object was lost, while no operator
 * ran. By its name it is this cluster's, so it is reported once; it is never deleted, for it may have been left on purpose.
 */
import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import type { KnownClusterId } from "../kube/cluster-id.ts";
import type { EventRecorder } from "../kube/events.ts";
import type { KubeObject } from "../kube/objects.ts";
import type { KindDefinition, ManagedObject } from "./managed.ts";
import { REASON } from "./reasons.ts";
import { clusterIdIn, parseAttempt, parseRecord } from "./record.ts";

export interface UnownedOptions {
  definition: KindDefinition;
  clock: Clock;
  logger: Logger;
  clusterId(): KnownClusterId;
  /** Objects of the kind, and whether they are all listed: before that nothing is known to be unowned. */
  objects(): readonly ManagedObject[];
  complete(): boolean;
  /** True only while this process certainly holds the lease. */
  mayWrite(): boolean;
  /** How long it must have been unowned: lists show for a while what is gone, and objects lag behind what they own. */
  graceMs: number;
  recorder: Pick<EventRecorder, "record">;
  /** What the Events are about, since the objects are gone. */
  own: KubeObject;
}

interface Found {
  team: string;
  /** Monotonic time of the first list that showed it without an owner. */
  since: number;
  reported: boolean;
}

export class UnownedReview {
  readonly #options: UnownedOptions;
  /** By id, of the newest list of each team. */
  readonly #found = new Map<string, Found>();

  constructor(options: UnownedOptions) {
    this.#options = options;
  }

  /** How many are unowned, as of the newest lists. */
  get count(): number {
    return [...this.#found.values()].filter(({ reported }) => reported).length;
  }

  /** A complete list of what a team has. */
  review(team: string, items: readonly { id: string; name: string }[]): void {
    const { clock, clusterId, complete, mayWrite } = this.#options;
    const cluster = clusterId();
    if (cluster.state === "unknown" || !complete() || !mayWrite()) return;
    const made = items.filter(({ name }) => clusterIdIn(name) === cluster.id);
    const { ids, names } = this.#owned();
    const unowned = new Map(
      made.filter(({ id, name }) => !ids.has(id) && !names.has(name)).map(({ id, name }) => [id, name]),
    );
    for (const [id, found] of this.#found)
      if (found.team === team && !unowned.has(id)) this.#found.delete(id);
    const now = clock.monotonic();
    for (const [id, name] of unowned) {
      const found = this.#found.get(id) ?? { team, since: now, reported: false };
      this.#found.set(id, found);
      if (found.reported || now - found.since < this.#options.graceMs) continue;
      found.reported = true;
      this.#report(team, id, name);
    }
  }

  /** Another process may have led meanwhile. */
  reset(): void {
    this.#found.clear();
  }

  #report(team: string, id: string, name: string): void {
    const { definition, logger, recorder, own } = this.#options;
    const { kind, noun } = definition;
    const text = `${noun} ${id} ("${name}", team ${team}) was made by this cluster, and no object that this operator serves owns it: it may go on costing. If it was left on purpose (deletionPolicy Orphan), nothing is to be done. Else delete it in the Paperspace console, or take it over: apply a ${kind} with spec.adoptId: ${id}`;
    logger.warn({ id, name, team }, text);
    const reason = REASON.LeftBehind;
    recorder.record({
      regarding: own,
      type: "Warning",
      reason,
      action: "Review",
      note: text,
      id: `${reason}/${id}`,
    });
  }

  /** Ids and names that an object names in any way: as its own, to be adopted, or as the name of a create. */
  #owned(): { ids: ReadonlySet<string>; names: ReadonlySet<string> } {
    const ids = new Set<string>();
    const names = new Set<string>();
    for (const { metadata, spec, status } of this.#options.objects()) {
      const record = parseRecord(metadata);
      const attempt = parseAttempt(metadata);
      if (record.state === "read") ids.add(record.value.id);
      if (attempt.state === "read") names.add(attempt.value.name);
      if (status?.id !== undefined) ids.add(status.id);
      if (spec.adoptId !== undefined) ids.add(spec.adoptId);
      if (status?.operation?.name !== undefined) names.add(status.operation.name);
      // Those are reported on the object itself.
      for (const name of status?.abandoned ?? []) names.add(name);
    }
    return { ids, names };
  }
}
