import { describe, expect, it } from "vitest";
import type { MachineEvent } from "./api.ts";
import { contraryEvent } from "./contrary-events.ts";

const SINCE = 1_000;

/** What speaks against the absence of a machine that was missed at SINCE; `events`: newest first. */
function contrary(
  ...events: (Pick<MachineEvent, "name" | "state"> & { updatedAt: number; vanished?: true })[]
) {
  const all = events.map((event, n) => ({ ...event, id: `e${n}`, dtCreated: "" }));
  const updatedAt = (id: string) => all.find((event) => event.id === id)?.updatedAt ?? 0;
  const vanished = (id: string) => all.find((event) => event.id === id)?.vanished ?? false;
  return contraryEvent({ of: () => all, updatedAt, vanished }, "ps1", SINCE);
}

describe("contraryEvent", () => {
  it("is one that is under way, for as long as it is, or one that came after the machine was missed", () => {
    expect(contrary({ name: "start", state: "in progress", updatedAt: 0 })).toEqual({
      message: "its event e0 (start) is in progress",
      until: Number.POSITIVE_INFINITY,
    });
    expect(contrary({ name: "restart", state: "done", updatedAt: 2_000 })?.until).toBe(2_000);
    expect(contrary({ name: "restart", state: "done", updatedAt: 500 })).toBeUndefined();
    expect(contrary()).toBeUndefined();
  });

  it("is none that the API has no more: it went with its machine, and would speak against its end for ever", () => {
    expect(contrary({ name: "create", state: "new", updatedAt: 500, vanished: true })).toBeUndefined();
    expect(contrary({ name: "create", state: "new", updatedAt: 2_000, vanished: true })?.until).toBe(2_000);
  });

  it("is none that a deletion may come with, nor one before the deletion: a machine would never be gone", () => {
    const start = { name: "start", state: "new", updatedAt: 2_000 };
    for (const name of ["deactivate", "snapshot-delete", "one-of-tomorrow"]) {
      expect(contrary({ name, state: "done", updatedAt: 2_000 }, start)).toBeUndefined();
      expect(contrary({ name, state: "new", updatedAt: 2_000 })).toBeUndefined();
    }
  });
});
