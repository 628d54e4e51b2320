import { expect, it } from "vitest";
import { toTime } from "../../../kube/objects.ts";
import type { PaperspaceMachine } from "../types.ts";
import { inOrder } from "./queue.ts";
import { recallStored, waiterOf } from "./waiting.ts";

it("stands in the queue from the first on where its status will have it: who is stored first must not pass the others", () => {
  const start = Date.UTC(2026, 0, 31, 8, 0, 0);
  const [a, b] = [waiterOf("a/first", {}, {}, start + 300), waiterOf("b/second", {}, {}, start + 700)];
  const stored = waiterOf("b/second", {}, { capacity: { waitingSince: toTime(start + 700) } }, start + 900);
  expect(stored).toEqual(b);
  expect(inOrder([a, stored], new Map(), {})[0]).toBe(a);
});

it("recalls when each namespace had its last turn by when its objects went for their hardware, after all who wait", () => {
  const at = (minute: number) => toTime(Date.UTC(2026, 0, 31, 8, minute));
  const there = (namespace: string, status: object, spec = {}) =>
    ({
      metadata: { name: "box", namespace },
      spec: { machineType: "H100", region: "ny2", ...spec },
      status: { teamId: "te1", id: "ps1", state: "ready", uid: "u", ...status },
    }) as unknown as PaperspaceMachine;
  const started = { id: "e", name: "start", state: "done", createdAt: at(9) };
  const stopped = { id: "f", name: "stop", state: "done", createdAt: at(10) };
  const objects = [
    there("created", { ownedSince: at(5) }),
    there("started", { ownedSince: at(1), lastEvents: [stopped, started] }),
    there("adopted", { ownedSince: at(6) }, { adoptId: "ps1" }),
    there("starting", {
      operation: { intent: "Start", target: "Running", requestedAt: at(11), deadline: at(59) },
    }),
    there("waits", {
      operation: { intent: "AwaitCapacity", requestedAt: at(2), deadline: at(59) },
    }),
  ];
  const notes: string[] = [];
  recallStored(objects, "te1", Date.UTC(2026, 0, 31, 8, 30), {
    wait: ({ key }) => notes.push(`${key} waits`),
    recallTurn: ({ machineType }, namespace, time) =>
      notes.push(`${namespace} went for ${machineType} at ${toTime(time)}`),
    noteFailures: () => {},
  });
  expect(notes).toEqual([
    "waits/box waits",
    `created went for H100 at ${at(5)}`,
    `started went for H100 at ${at(9)}`,
    `starting went for H100 at ${at(11)}`,
  ]);
});
