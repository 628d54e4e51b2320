import { expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import type { PaperspaceAccount } from "./account.ts";
import { type AccountCache, AccountCaches } from "./account-caches.ts";
import type { Item } from "./source.ts";

/** The caches of accounts, and what was done with each of them. */
function setUp() {
  const clock = new VirtualClock();
  const used: string[] = [];
  const calls: string[] = [];
  const make = ({ team }: PaperspaceAccount, part: string) => {
    const place = `${team} ${part}`;
    const cache = {
      inventory: {
        get isUsed() {
          return used.includes(place);
        },
      },
      use: ({ fingerprint }: PaperspaceAccount) => calls.push(`${place} uses ${fingerprint}`),
      stop: () => calls.push(`${place} stops`),
    };
    return cache as unknown as AccountCache<Item>;
  };
  const caches = new AccountCaches({ clock, unusedMs: 3_000, sweepMs: 1_000, make });
  const at = (team: string, part: string, fingerprint: string) =>
    caches.at({ team, fingerprint } as PaperspaceAccount, part);
  return { clock, used, calls, caches, at };
}

it("makes one for each account and part, with the newest credential, and keeps parts of two teams apart", () => {
  const { caches, calls, at } = setUp();
  expect(at("red", "p", "key1")).toBe(at("red", "p", "key2"));
  expect(at("blue", "p", "key3")).not.toBe(at("red", "p", "key2"));
  expect(caches.all()).toHaveLength(2);
  expect(calls).toEqual(["red p uses key1", "red p uses key2", "blue p uses key3", "red p uses key2"]);
  expect(caches.get("green", "p")).toBeUndefined();
});

it("drops one that no object has used for long, with its API key; one that an object follows stays however long", async () => {
  const { clock, caches, calls, used, at } = setUp();
  at("red", "p", "key1");
  at("blue", "p", "key2");
  used.push("blue p");
  calls.length = 0;
  await clock.advance(2_000);
  caches.sweep();
  expect(calls).toEqual([]);
  await clock.advance(2_000);
  caches.sweep();
  expect(calls).toEqual(["red p stops"]);
  expect(caches.get("red", "p")).toBeUndefined();
  caches.reset();
  expect(calls).toEqual(["red p stops", "blue p stops"]);
  expect(caches.all()).toEqual([]);
});
