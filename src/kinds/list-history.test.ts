import { describe, expect, it } from "vitest";
import { ListHistory } from "./list-history.ts";

/** Both clocks show the same here. */
const at = (time: number) => ({ wall: time, monotonic: time });
const since =
  (time: number) =>
  ({ monotonic }: { monotonic: number }) =>
    monotonic >= time;
const box = { id: "ps1", name: "box-1" };

describe("ListHistory", () => {
  it("counts only lists begun late enough, since an earlier one says nothing of a create still on its way", () => {
    const lists = new ListHistory();
    lists.add(at(100), []);
    lists.add(at(200), []);
    expect(lists.countWithout("box-1", since(100))).toBe(2);
    expect(lists.countWithout("box-1", since(101))).toBe(1);
    expect(lists.countWithout("box-1", since(201))).toBe(0);
  });

  it("does not count a list with an item that has no readable name or id: that may be what is looked for", () => {
    const lists = new ListHistory();
    lists.add(at(100), [{ id: "ps1", name: "", unreadable: ["name"] }]);
    lists.add(at(200), [], { skipped: 1 });
    expect([lists.countWithout("box-1"), lists.nameless, lists.count]).toEqual([0, 1, 1]);
    lists.add(at(300), [{ id: "ps1", name: "other", unreadable: ["ram"] }]);
    expect([lists.countWithout("box-1"), lists.nameless]).toEqual([1, 0]);
  });

  it("does not count a list that has the name", () => {
    const lists = new ListHistory();
    lists.add(at(100), [box]);
    lists.add(at(200), []);
    expect(lists.countWithout("box-1")).toBe(1);
    expect(lists.idsNamed("box-1")).toEqual(["ps1"]);
  });

  it("shows two machines of one name as two, since taking either would lose the other", () => {
    const lists = new ListHistory();
    lists.add(at(100), [box, { id: "ps2", name: "box-1" }]);
    lists.add(at(200), [box]);
    expect(lists.idsNamed("box-1")).toEqual(["ps1", "ps2"]);
  });

  it("does not know how many machines there are before there is a list, whatever we made ourselves", () => {
    const lists = new ListHistory();
    lists.recordCreated("ps1", 100);
    expect(lists.count).toBeUndefined();
    expect(lists.newest).toBeUndefined();
    lists.add(at(50), []);
    expect(lists.count).toBe(1);
  });

  it("counts what was made since the list began, once: a quota is full with it, too", () => {
    const lists = new ListHistory();
    lists.add(at(100), [box]);
    expect(lists.count).toBe(1);
    lists.recordCreated("ps2", 150);
    lists.recordCreated("ps2", 150);
    lists.recordCreated("ps1", 150);
    expect(lists.count).toBe(2);
  });

  it("counts no more what a read did not find, until a list begun later shows it: a place of a quota is free", () => {
    const lists = new ListHistory();
    lists.add(at(100), [box]);
    lists.recordCreated("ps2", 150);
    lists.recordGone("ps1", 160);
    lists.recordGone("ps2", 170);
    expect(lists.count).toBe(0);
    expect(lists.idsNamed(box.name)).toEqual(["ps1"]);
    lists.add(at(200), [box]);
    expect(lists.count).toBe(1);
  });

  it("leaves a machine counted that a list begun before it was made lacks, and believes the next one", () => {
    const lists = new ListHistory();
    lists.recordCreated("ps1", 150);
    lists.add(at(100), []);
    expect(lists.count).toBe(1);
    lists.add(at(150), []);
    expect(lists.count).toBe(1);
    lists.add(at(151), []);
    expect(lists.count).toBe(0);
  });

  it("counts a machine once that moved from page to page while the list was read", () => {
    const lists = new ListHistory();
    lists.add(at(100), [box, { id: "ps2", name: "other" }, box]);
    expect(lists.count).toBe(2);
    expect(lists.idsNamed("box-1")).toEqual(["ps1"]);
  });

  it("remembers two lists: that both lack a name is what makes it sure", () => {
    const lists = new ListHistory();
    for (const time of [100, 200, 300]) lists.add(at(time), []);
    expect(lists.newest).toBe(300);
    expect(lists.countWithout("box-1")).toBe(2);
  });
});

describe("names that count as one", () => {
  const lists = () => {
    const history = new ListHistory((name) => name.trim().toLowerCase());
    history.add({ wall: 10, monotonic: 10 }, [
      { id: "a", name: "Web" },
      { id: "b", name: "api" },
    ]);
    return history;
  };

  it("are found by each other, so that an upsert by name changes none that the API takes for it", () => {
    expect(lists().idsNamed(" web")).toEqual(["a"]);
    expect(lists().countWithout("WEB")).toBe(0);
    expect(lists().countWithout("web-1")).toBe(1);
  });

  it("do not hide the one that has exactly the name", () => {
    const history = lists();
    history.add({ wall: 20, monotonic: 20 }, [
      { id: "a", name: "Web" },
      { id: "c", name: "web" },
    ]);
    expect(history.idsNamed("web")).toEqual(["c"]);
  });
});
