import { describe, expect, it } from "vitest";
import { ListMemory } from "./list-memory.ts";

const box = { id: "ps1", name: "box-1" };

describe("ListMemory", () => {
  it("counts only lists begun late enough, since an earlier one says nothing of a create still on its way", () => {
    const lists = new ListMemory();
    lists.add(100, []);
    lists.add(200, []);
    expect(lists.lacking("box-1", 100)).toBe(2);
    expect(lists.lacking("box-1", 101)).toBe(1);
    expect(lists.lacking("box-1", 201)).toBe(0);
  });

  it("does not count a list that has the name", () => {
    const lists = new ListMemory();
    lists.add(100, [box]);
    lists.add(200, []);
    expect(lists.lacking("box-1", 0)).toBe(1);
    expect(lists.named("box-1", 0)).toEqual(["ps1"]);
  });

  it("shows two machines of one name as two, since taking either would lose the other", () => {
    const lists = new ListMemory();
    lists.add(100, [box, { id: "ps2", name: "box-1" }]);
    lists.add(200, [box]);
    expect(lists.named("box-1", 0)).toEqual(["ps1", "ps2"]);
  });
});
