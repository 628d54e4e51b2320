/**
 * When a machine is deleted at the end of its lifetime: over every combination of what is declared, remembered and observed, in
 * one cell only. What must hold is spelt out here once more.
 */
import { describe, expect, it } from "vitest";
import { decideMachine } from "../../../src/kinds/machine/decide.ts";
import { declaredText, parseSpan } from "../../../src/kinds/machine/lifetime/observed.ts";
import type { MachineMemory, MachineObservation } from "../../../src/kinds/machine/observation.ts";
import { withPower } from "../../../src/kinds/machine/power/observed.ts";
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";
import { toTime } from "../../../src/kube/objects.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { combinations } from "../engine/product.ts";
import { ID, NOW, RECORD, scene } from "./situations.ts";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

type Lifetime = NonNullable<MachineSpec["lifetime"]>;

const LIFETIMES: readonly (Lifetime | undefined)[] = [
  undefined,
  { stopAfter: "1h" },
  { deleteAfter: "1d" },
  { deleteAfter: "1m", warnBefore: "1m" },
  { deleteAfter: "30d", deleteAt: toTime(NOW - DAY), warnBefore: "1d" },
  { deleteAt: toTime(NOW - HOUR) },
  { deleteAt: toTime(NOW + 1_000) },
  { deleteAt: "no time" },
  { deleteAfter: "1d", deleteAt: toTime(NOW + 30 * DAY) },
];

interface Situation {
  lifetime: Lifetime | undefined;
  /** Whether what status has is of the lifetime as it is declared now. */
  changed: boolean;
  /** How long ago; undefined: status does not say. */
  since: number | undefined;
  declared: number | undefined;
  warned: number | undefined;
  owned: number;
  extended: number | undefined;
  restrictions: Partial<MachineObservation>;
}

const HALTED = { reason: "Paused", message: "paused" };

function* everySituation(): Generator<Situation> {
  yield* combinations<Situation>({
    lifetime: LIFETIMES,
    changed: [false, true],
    since: [undefined, 0, HOUR, 2 * DAY, 40 * DAY],
    declared: [undefined, HOUR - 1_000, 2 * DAY],
    warned: [undefined, -HOUR, HOUR - 1_000, HOUR, 2 * DAY],
    owned: [0, 40 * DAY],
    extended: [undefined, -HOUR, HOUR],
    restrictions: [
      {},
      { halted: HALTED },
      { halted: HALTED, observes: true },
      { protection: "spec.deletionProtection is true" },
      { deletionPolicy: "Orphan" },
      { deleting: true },
      { identity: { state: "none" } },
      { identity: { state: "conflict", message: "a copy" } },
      { account: { state: "pending" } },
      { ownedBy: "default/other" },
    ],
  });
}

/** Of what is managed and held by nothing. */
function* freeSituations(): Generator<Situation> {
  for (const situation of everySituation())
    if (Object.keys(situation.restrictions).length === 0) yield situation;
}

const ago = (ms: number | undefined, name: string) => (ms === undefined ? {} : { [name]: toTime(NOW - ms) });

const annotatedWith = (value: string | undefined) =>
  value === undefined ? {} : { annotations: { [ANNOTATION.extendedUntil]: value } };

function observationOf(situation: Situation): MachineObservation {
  const { lifetime, changed, since, declared, warned, owned, extended, restrictions } = situation;
  const { observation, spec } = scene();
  if (lifetime) spec.lifetime = lifetime;
  const text = lifetime && !changed ? declaredText(lifetime) : "of before";
  const value = extended === undefined ? undefined : toTime(NOW + extended);
  const memory: MachineMemory = {
    lifetime: {
      declared: text,
      ...ago(since, "since"),
      ...ago(declared, "declaredAt"),
      ...ago(warned, "warnedAt"),
    },
    ...(value !== undefined && { extended: { value, until: value } }),
  };
  const sources = { ...annotatedWith(value), ownedSince: toTime(NOW - owned) };
  return withPower({ ...observation, ...restrictions, memory }, sources);
}

/** The end that is declared, by what status says. */
function endOf({ lifetime, since, owned }: Situation): number {
  const after = parseSpan(lifetime?.deleteAfter ?? "");
  const counted = since === undefined ? NOW : NOW - Math.min(since, owned);
  const at = Date.parse(lifetime?.deleteAt ?? "");
  const ends = [after === undefined ? Number.NaN : counted + after, at].filter((time) => !Number.isNaN(time));
  return Math.min(...ends);
}

function mayExpire(situation: Situation): boolean {
  const { lifetime, changed, declared, warned, extended, restrictions } = situation;
  const warnMs = Math.max(parseSpan(lifetime?.warnBefore ?? "") ?? 0, HOUR);
  const isLongAgo = (ms: number | undefined) => ms !== undefined && ms >= warnMs;
  return (
    endOf(situation) <= NOW &&
    !changed &&
    isLongAgo(declared) &&
    isLongAgo(warned) &&
    (extended ?? 0) <= 0 &&
    Object.keys(restrictions).length === 0
  );
}

describe("a machine is deleted at the end of its lifetime", () => {
  it("only where it is declared, over, warned of for long enough, and held by nothing: all else keeps it", () => {
    let situations = 0;
    let expiries = 0;
    for (const situation of everySituation()) {
      situations++;
      const observation = observationOf(situation);
      const { changesAt } = observation;
      // Else it would be decided anew at once, over and over.
      if (changesAt !== undefined && changesAt <= NOW) expect(situation).toEqual("a time that is to come");
      const { step, memory } = decideMachine(observation);
      const isExpiry = step.do === "expire";
      if (isExpiry !== mayExpire(situation)) expect({ situation, step }).toEqual("another step");
      if (!isExpiry) continue;
      expiries++;
      expect(memory.lifetime?.expired?.id).toBe(ID);
    }
    expect(situations).toBeGreaterThan(50_000);
    expect(expiries).toBeGreaterThan(50);
  });

  it("and what is remembered stays as it is while nothing happens: an object at rest is not written", () => {
    for (const situation of freeSituations()) {
      const first = observationOf(situation);
      const { spec } = scene().observation;
      const again = withPower(
        {
          ...first,
          spec: { ...spec, ...(situation.lifetime && { lifetime: situation.lifetime }) },
          now: NOW + 500,
        },
        {
          ...annotatedWith(first.memory.extended?.value),
          ownedSince: toTime(NOW - situation.owned),
        },
      );
      const isSame = JSON.stringify(again.memory) === JSON.stringify(first.memory);
      if (!isSame && situation.lifetime?.stopAfter === undefined)
        expect({ situation, first: first.memory, again: again.memory }).toEqual("the same memory");
    }
  });
});

describe("once the machine is gone for certain", () => {
  const expired = { id: ID, at: toTime(NOW - HOUR), declared: declaredText({ deleteAfter: "1d" }) };
  const over = (change: Partial<MachineObservation>, lifetime: Lifetime = { deleteAfter: "1d" }) => {
    const { observation, spec } = scene();
    spec.lifetime = lifetime;
    const memory = { lifetime: { declared: expired.declared, expired } };
    return decideMachine(
      withPower({ ...observation, memory, resource: { state: "absent", certain: true }, ...change }),
    );
  };

  it("it is given up as ended by the operator, whatever onExternalDeletion says", () => {
    expect(over({}).step).toEqual({ do: "disown", replaced: true });
    const another = { ...RECORD, id: "ps2" };
    expect(over({ identity: { state: "ours", record: another, restore: false } }).step).toMatchObject({
      outcome: { reason: "ExternallyDeleted" },
    });
  });

  it("nothing is made or adopted again, until the lifetime is another", () => {
    for (const identity of [{ state: "none" }, { state: "adopt", id: ID }] as const) {
      expect(over({ identity }).step).toMatchObject({
        do: "none",
        outcome: { kind: "Done", reason: "Expired" },
      });
      const { step } = over({ identity }, { deleteAfter: "2d" });
      expect(step).not.toMatchObject({ outcome: { reason: "Expired" } });
    }
    expect(over({ identity: { state: "none" } }, { deleteAfter: "2d" }).step.do).toBe("create");
  });
});
