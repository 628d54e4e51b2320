/** Puts choices of `decide` to its laws, and keeps for each law that is broken the smallest view in which it was. */

import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import type { MachineDecision, MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { type Law, STEP_LAWS } from "./laws.ts";
import { REST_LAWS } from "./rest-laws.ts";
import { scene } from "./situations.ts";

const LAWS = new Map<string, Law[]>();
for (const law of [...STEP_LAWS, ...REST_LAWS])
  for (const step of law.of) LAWS.set(step, [...(LAWS.get(step) ?? []), law]);

/** Views that are compared for each law that is broken, to show a small one. */
const COMPARED = 1_000;

export class Court {
  /** What was chosen, so that no law holds only because it is never put to the test. */
  readonly seen = new Set<string>();
  readonly #cases = new Map<string, { count: number; smallest: string | undefined }>();

  judge(observation: MachineObservation): MachineDecision {
    const decision = decideMachine(observation);
    const { step } = decision;
    this.seen.add(step.do === "none" ? step.outcome.kind : step.do);
    for (const { says, holds } of LAWS.get(step.do) ?? [])
      if (!holds(observation, step, decision)) this.accuse(`${says} (${step.do})`, observation);
    return decision;
  }

  accuse(says: string, observation: MachineObservation): void {
    const found = this.#cases.get(says) ?? { count: 0, smallest: undefined };
    this.#cases.set(says, found);
    if (++found.count > COMPARED) return;
    const shown = JSON.stringify(particulars(observation, scene().observation));
    if (!found.smallest || shown.length < found.smallest.length) found.smallest = shown;
  }

  /** Each sentence that was broken, with the smallest view in which it was. */
  get verdict(): Record<string, string | undefined> {
    return Object.fromEntries([...this.#cases].map(([says, { smallest }]) => [says, smallest]));
  }
}

/** In what `it` differs from `plain`, a machine with which all is well; undefined where it does not. */
export function particulars(it: unknown, plain: unknown): unknown {
  if (!isRecord(it) || !isRecord(plain))
    return JSON.stringify(it) === JSON.stringify(plain) ? undefined : (it ?? null);
  const keys = [...new Set([...Object.keys(it), ...Object.keys(plain)])];
  const entries = keys
    .map((key) => [key, particulars(it[key], plain[key])])
    .filter(([, value]) => value !== undefined);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
