import { expect, it } from "vitest";
import { Subscriptions } from "./subscriptions.ts";

it("knows with which credentials an item is read, and which of them most objects have", () => {
  const all = new Subscriptions();
  expect(all.commonCredential).toBeUndefined();
  all.add("a/1", { id: "ps1", credential: "one" });
  all.add("b/1", { id: "ps1", credential: "two" });
  all.add("b/2", { id: "ps2", credential: "two" });
  expect(all.credentialsOf("ps1")).toEqual(["one", "two"]);
  expect(all.commonCredential).toBe("two");
  all.setCredential("b/1", "one");
  expect(all.credentialsOf("ps1")).toEqual(["one"]);
  expect(all.commonCredential).toBe("one");
  expect(all.remove("a/1")).toBeUndefined();
  expect(all.remove("b/1")).toBe("ps1");
  expect([...all.ids()]).toEqual(["ps2"]);
  expect(all.remove("b/1")).toBeUndefined();
  expect(all.commonCredential).toBe("two");
  all.remove("b/2");
  expect(all.commonCredential).toBeUndefined();
});
