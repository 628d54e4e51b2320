import { expect, test } from "vitest";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { SPEC } from "../../test/decide/machine/spec.ts";
import { ageOf, isReady, tables } from "./tables.ts";
import { appending, redrawing } from "./terminal.ts";

const plain = (_: string, text: string) => text;

function recording() {
  const out = {
    text: "",
    isTTY: true,
    rows: 24,
    write(words: string) {
      out.text += words;
      return true;
    },
  };
  return out;
}

function machine(ready: "True" | "False", observedGeneration: number): PaperspaceMachine {
  return {
    metadata: { name: "one", generation: 2, creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: { ...SPEC, machineType: "C5" },
    status: {
      observedGeneration,
      state: "ready",
      conditions: [
        {
          type: "Ready",
          status: ready,
          reason: "Available",
          message: "",
          observedGeneration,
          lastTransitionTime: "2026-01-01T00:00:00Z",
        },
      ],
    },
  };
}

test("where nothing can be redrawn only changes are printed, so a log does not fill with clocks", () => {
  const out = recording();
  const terminal = appending(out, plain);
  terminal.show(
    tables({ machines: [machine("False", 2)], deployments: [] }, Date.parse("2026-01-01T00:00:01Z"), plain),
  );
  terminal.show(
    tables({ machines: [machine("False", 2)], deployments: [] }, Date.parse("2026-01-01T00:00:09Z"), plain),
  );
  terminal.show(
    tables({ machines: [machine("True", 2)], deployments: [] }, Date.parse("2026-01-01T00:00:10Z"), plain),
  );
  const rows = out.text.split("\n").filter((line) => line.includes("one"));
  expect(rows.map((row) => row.trim().split(/\s+/)).map((words) => [words[1], words[5]])).toEqual([
    ["ready", "False"],
    ["ready", "True"],
  ]);
});

test("what is printed stays above the live lines, which are erased before they are drawn again", () => {
  const out = recording();
  const terminal = redrawing(out, plain);
  terminal.show([
    { text: "a", news: "a" },
    { text: "b", news: "b" },
  ]);
  out.text = "";
  terminal.print("kept");
  expect(out.text).toMatch(/^.\[2A\r.\[Jkept\n.*a\n.*b\n/);
});

test("live lines never exceed the screen, for the cursor cannot go back beyond its top", () => {
  const out = recording();
  const terminal = redrawing(out, plain);
  terminal.show(Array.from({ length: 100 }, (_, i) => ({ text: `line ${i}`, news: "" })));
  expect(out.text.split("\n").length - 1).toBe(22);
  expect(out.text).toContain("… and 79 more lines");
});

test("machines that may have to wait are shown with their position, and by namespace where that is not the usual one", () => {
  const waiting = machine("False", 2);
  const shown = tables(
    {
      machines: [
        {
          ...waiting,
          metadata: { ...waiting.metadata, namespace: "research" },
          spec: { ...waiting.spec, capacity: {} },
          status: {
            ...waiting.status,
            capacity: { waitingSince: "2026-01-01T00:00:00Z", position: 2, of: 3 },
          },
        } as PaperspaceMachine,
      ],
      deployments: [],
    },
    Date.parse("2026-01-01T00:00:01Z"),
    plain,
  );
  expect(shown.map(({ text }) => text.trim().split(/ {2,}/))).toEqual([
    [""],
    ["NAME", "STATE", "TYPE", "REGION", "POSITION", "READY", "AGE", "REASON"],
    ["research/one", "ready", "C5", "ny2", "2 of 3", "False", "1s", "Available"],
  ]);
});

test("an object counts as Ready only for the spec that the condition was reported for", () => {
  expect(isReady(machine("True", 2))).toBe(true);
  expect(isReady(machine("True", 1))).toBe(false);
  expect(isReady(machine("False", 2))).toBe(false);
});

test("ages read as kubectl writes them", () => {
  expect([119, 120, 150, 600, 7200, 11000].map((s) => ageOf(s * 1000))).toEqual([
    "119s",
    "2m",
    "2m30s",
    "10m",
    "120m",
    "3h",
  ]);
});
