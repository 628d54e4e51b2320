import { expect, it } from "vitest";
import { expectedOperation } from "./create.ts";

it("counts a create from its announcement, since it may have been sent from then on, and holds the name and mark to search for", () => {
  const attempt = { name: "box-1-abc", mark: "hash", time: "2026-06-01T00:00:00Z" };
  expect(expectedOperation(attempt, { deadlineMs: 30 * 60_000, target: "Stopped" })).toEqual({
    intent: "Create",
    requestedAt: "2026-06-01T00:00:00Z",
    deadline: "2026-06-01T00:30:00Z",
    name: "box-1-abc",
    mark: "hash",
    target: "Stopped",
  });
});
