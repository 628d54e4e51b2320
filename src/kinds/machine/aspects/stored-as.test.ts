import { describe, expect, it } from "vitest";
import { scene } from "../../../../test/decide/machine/situations.ts";
import type { Machine } from "../api.ts";
import { fieldDrifts, settingChanges, settings } from "./settings.ts";
import { learnt, type StoredAs } from "./stored-as.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");
const WEEKLY = { field: "autoSnapshot.frequency", to: "weekly" };
const KNOWN: StoredAs = { field: "autoSnapshot.frequency", declared: '"weekly"', shown: '"week"' };
const { machine, observation } = scene();
const showing = (autoSnapshotFrequency: string | null): Machine => ({
  ...machine,
  autoSnapshotEnabled: true,
  autoSnapshotFrequency,
});
const spec = { ...observation.spec, autoSnapshot: { enabled: true, frequency: "weekly" as const } };
const driftsOf = (shown: string, storedAs?: StoredAs[]) =>
  fieldDrifts(spec, showing(shown), storedAs).flatMap(({ changes }) => changes.map(({ field }) => field));

describe("what the answer of an update shows", () => {
  const answered = (from: string, shown: string, before: StoredAs[] = [], isCertain = true) =>
    learnt(before, settingChanges([{ ...WEEKLY, from }]), { machine: showing(shown), isCertain }, NOW);

  it("is how the API writes the value, where it is neither what was sent nor what was there before", () => {
    expect(answered("day", "week")).toEqual([KNOWN]);
    expect(answered("day", "weekly")).toEqual([]);
  });

  it("may be late where it is what was there before: it counts once a later update is answered so", () => {
    const first = answered("week", "week");
    expect(first).toEqual([{ ...KNOWN, since: "2026-06-01T00:00:00Z" }]);
    expect(answered("week", "week", first)).toEqual([KNOWN]);
    expect(answered("week", "weekly", first)).toEqual([]);
  });

  it("may be another actor's where it was read after the update: it counts once it is read so after a later one", () => {
    const first = answered("day", "week", [], false);
    expect(first).toEqual([{ ...KNOWN, since: "2026-06-01T00:00:00Z" }]);
    expect(answered("day", "week", first, false)).toEqual([KNOWN]);
    expect(answered("day", "monthly", first, false)).toMatchObject([
      { shown: '"monthly"', since: expect.anything() },
    ]);
  });

  it("replaces what was known of the same field, and keeps the others", () => {
    const other = { field: "name", declared: '"A"', shown: '"a"' };
    expect(answered("day", "week", [other, { ...KNOWN, shown: '"w"' }])).toEqual([other, KNOWN]);
  });
});

describe("a value that the API is known to write otherwise", () => {
  it("is no drift; any other value is", () => {
    expect(driftsOf("week")).toEqual(["autoSnapshot.frequency"]);
    expect(driftsOf("week", [KNOWN])).toEqual([]);
    expect(driftsOf("day", [KNOWN])).toEqual(["autoSnapshot.frequency"]);
    expect(driftsOf("week", [{ ...KNOWN, since: "2026-06-01T00:00:00Z" }])).toHaveLength(1);
    expect(driftsOf("week", [{ ...KNOWN, declared: '"daily"' }])).toHaveLength(1);
  });

  it("is forgotten once the API shows it as it was declared: it was only late", () => {
    const memory = { storedAs: [KNOWN] };
    expect(settings.remember?.(memory, showing("week"))).toEqual(memory);
    expect(settings.remember?.(memory, showing("weekly"))).toEqual({});
  });
});
