import { describe, expect, it } from "vitest";
import { PageIndex } from "./page-index.ts";

/** Two pages of a list of three. */
function twoPages(): PageIndex {
  const index = new PageIndex();
  index.add(undefined, new Set(["a", "b"]), "c1");
  index.add("c1", new Set(["c"]), undefined);
  return index;
}

describe("PageIndex", () => {
  it("looks for what is new on the last page, where the oldest-first list goes on", () => {
    const index = twoPages();
    expect(["a", "c", "new"].map((id) => index.pageOf(id))).toEqual(["", "c1", "c1"]);
    index.add("c1", new Set(["c", "d"]), "c2");
    expect(["d", "new"].map((id) => index.pageOf(id))).toEqual(["c1", "c2"]);
  });

  it("does not take a page in the middle for the last one because it is read alone", () => {
    const index = twoPages();
    index.add(undefined, new Set(["a", "b"]), "c1");
    expect(index.pageOf("new")).toBe("c1");
  });

  it("knows no more where an item is that its page shows no more: pages shift as items end", () => {
    const index = twoPages();
    index.add(undefined, new Set(["b"]), "c1");
    expect(index.pageOf("a")).toBe("c1");
    index.add("c1", new Set(["a", "c"]), undefined);
    index.add(undefined, new Set(["b"]), "c1");
    expect(index.pageOf("a")).toBe("c1");
  });

  it("prefers the page with most of the items, and none that has a single one: that is read by its id", () => {
    const index = twoPages();
    expect(index.fullest(["a", "b", "c"], new Set())).toBe("");
    expect(index.fullest(["a", "b", "c"], new Set([""]))).toBeUndefined();
    expect(index.fullest(["a", "c", "new"], new Set())).toBe("c1");
  });

  it("begins anew where a cursor is not valid any more", () => {
    const index = twoPages();
    expect(index.isRead).toBe(true);
    index.reset();
    expect([index.isRead, index.pageOf("c"), index.pageOf("new")]).toEqual([false, "", ""]);
  });
});
