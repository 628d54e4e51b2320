import { describe, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { type CredentialSource, CredentialSources } from "./credential-sources.ts";
import { ListHistory } from "./list-history.ts";
import { ListReader } from "./list-reader.ts";
import type { Item, ItemPage } from "./source.ts";

const named = (id: string, name = id): Item => ({ id, name });

/** Of a list with these pages; everything has a subscriber. */
function setUp(pages: Record<string, ItemPage<Item>>, { gone = "", doubted = "" } = {}) {
  const clock = new VirtualClock();
  const shown: string[] = [];
  async function* list(_group: string, { after = "" }: { after?: string | undefined } = {}) {
    for (let at: string | undefined = after; at !== undefined; at = pages[at]?.next) {
      const page = pages[at];
      if (!page) throw new PaperspaceError("PS_REFUSED", "no such cursor", { effect: "none", status: 400 });
      yield page;
    }
  }
  const get = () => Promise.reject(new Error("nothing is read by id"));
  const sources = new CredentialSources<Item>(
    { clock, gcTimeMs: 1_000, newLists: () => new ListHistory() },
    { list, get },
    "",
  );
  const reader = new ListReader<Item>({
    name: "things",
    clock,
    group: () => "ns",
    isGone: ({ id }) => id === gone,
    isSubscribed: () => true,
    isDoubtful: ({ id }) => id === doubted,
    shown: ({ id }) => shown.push(id),
  });
  const entry: CredentialSource<Item> = sources.newest;
  return { reader, entry, shown };
}

const PAGES = {
  "": { items: [named("a"), named("b")], beganAt: 0, next: "2" },
  "2": { items: [named("c"), named("d")], beganAt: 0, skipped: 1 },
};

describe("a complete list", () => {
  it("has what every page has, but for what is gone; what is in doubt is not handed on", async () => {
    const { reader, entry, shown } = setUp(PAGES, { gone: "b", doubted: "c" });
    const { items, skipped, doubted } = await reader.readAll(entry);
    expect(items.map(({ id }) => id)).toEqual(["a", "c", "d"]);
    expect({ skipped, doubted }).toEqual({ skipped: 1, doubted: new Set(["c"]) });
    expect(shown).toEqual(["a", "d"]);
  });

  it("with more of names and ids than is kept fails, before it is read to its end", async () => {
    const long = named("x", "x".repeat(1024 * 1024));
    let read = 0;
    const items = Array.from({ length: 20 }, () => ({ ...long, id: `x${read++}` }));
    const { reader, entry } = setUp({ "": { items, beganAt: 0, next: "none" } });
    await expect(reader.readAll(entry)).rejects.toThrow(
      "the list of things has ids and names of more than 16777216 characters",
    );
  });
});

describe("pages of a list", () => {
  it("are read where they have two of the items or more: one by one, reads by id are as cheap", async () => {
    const { reader, entry, shown } = setUp(PAGES);
    await reader.readAll(entry);
    shown.length = 0;
    expect(await reader.readPagesOf(entry, ["a", "c", "d"])).toEqual(new Set(["c", "d"]));
    expect(shown).toEqual(["c", "d"]);
  });

  it("are forgotten once the API does not know a cursor any more: it would be sent for ever", async () => {
    const { reader, entry } = setUp(PAGES);
    await reader.readAll(entry);
    expect(entry.pages.pageOf("c")).toBe("2");
    await expect(reader.readPage(entry, "outdated")).rejects.toThrow("no such cursor");
    expect(entry.pages.pageOf("c")).toBe("");
    expect(await reader.readPage(entry, "")).toEqual({ isLast: false, ids: new Set(["a", "b"]) });
  });
});
