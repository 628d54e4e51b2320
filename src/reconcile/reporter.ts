/**
 * What the user sees of a pass: the status, written only where it differs, and Kubernetes Events for what changed. The
 * steps of ownership write status as well, where it is a record of theirs (ownership-steps.ts).
 */
import type { Clock } from "../base/clock.ts";
import { plainCopy } from "../base/plain-text.ts";
import type { EventRecorder } from "../kube/events.ts";
import { type EventNote, transitionEvents } from "./event-notes.ts";
import type { Kind, KindTypes, MemoryOf, StatusOf } from "./kind.ts";
import type { ReportedOutcome } from "./outcome.ts";
import type { Pass } from "./pass.ts";
import { withSecret } from "./secret-status.ts";
import type { ObjectWriter } from "./writer.ts";

export interface ReporterOptions<T extends KindTypes> {
  kind: Pick<Kind<T>, "definition" | "policy">;
  writer: ObjectWriter<T["object"]>;
  recorder: Pick<EventRecorder, "record">;
  clock: Clock;
}

export class Reporter<T extends KindTypes> {
  readonly #options: ReporterOptions<T>;

  constructor(options: ReporterOptions<T>) {
    this.#options = options;
  }

  /** The status of `outcome` with this memory, as it would be written. */
  statusOf(pass: Pass<T>, memory: MemoryOf<T>, outcome: ReportedOutcome): StatusOf<T> {
    const observation = { ...pass.observation, memory };
    const context = { ...pass.context, object: pass.object };
    // As it will be in the object: what differs from there is reported as a change.
    return plainCopy(withSecret(this.#options.kind.policy.status(observation, outcome, context), pass));
  }

  /** Writes the status where it differs, and Events for its changes; the pass continues with the updated object. */
  async patchStatus(pass: Pass<T>, memory: MemoryOf<T>, outcome: ReportedOutcome): Promise<void> {
    const before = (pass.object.status ?? {}) as StatusOf<T>;
    const after = this.statusOf(pass, memory, outcome);
    pass.object = await this.#options.writer.status(pass.object, after);
    this.#noteChanges(pass, before, after);
  }

  /** As `patchStatus`, and written even where the object changes meanwhile: for what must not be lost. */
  async saveStatus(pass: Pass<T>, memory: MemoryOf<T>, outcome: ReportedOutcome): Promise<void> {
    const before = (pass.object.status ?? {}) as StatusOf<T>;
    const after = this.statusOf(pass, memory, outcome);
    pass.object = await this.#options.writer.saveStatus(pass.object, () => after);
    this.#noteChanges(pass, before, after);
  }

  #noteChanges(pass: Pass<T>, before: StatusOf<T>, after: StatusOf<T>): void {
    const { policy } = this.#options.kind;
    const notes = policy.events?.(before, after) ?? [];
    for (const note of [...notes, ...transitionEvents(before.conditions, after.conditions)])
      this.note(pass.object, note);
  }

  note(object: T["object"], { type, reason, note, id }: EventNote): void {
    this.event(object, type, reason, "Reconcile", note, id);
  }

  /** Without an `id` it is an Event of this moment; with one it is recorded once. */
  event(
    object: T["object"],
    type: "Normal" | "Warning",
    reason: string,
    action: string,
    note: string,
    id = `${reason}/${object.metadata.generation ?? 0}/${this.#options.clock.now()}`,
  ): void {
    const { group, version, kind } = this.#options.kind.definition;
    const regarding = { ...object, apiVersion: `${group}/${version}`, kind };
    this.#options.recorder.record({ regarding, type, reason, action, note, id });
  }
}
