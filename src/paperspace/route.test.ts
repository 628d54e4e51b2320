import fc from "fast-check";
import { expect, it } from "vitest";
import { apiPath, routeOf } from "./route.ts";

it.each(["", " ", ".", "..", "a/b", "../teams", "..\\teams", "/"])(
  "refuses %j as an id: it would name another resource, such as the whole list",
  (id) => {
    expect(() => apiPath`/machines/${id}`).toThrow(expect.objectContaining({ code: "PS_INVALID" }));
  },
);

it("keeps an id one segment, whatever its characters", () => {
  const id = fc.string({ minLength: 1 }).filter((text) => text.trim() !== "" && !/^\.\.?$|[/\\]/.test(text));
  fc.assert(
    fc.property(id, (text) => {
      const path = apiPath`/machines/${text}/start`;
      const url = new URL(`http://x${path}`);
      expect(url.search + url.hash).toBe("");
      expect(url.pathname.split("/").map(decodeURIComponent)).toEqual(["", "machines", text, "start"]);
    }),
  );
});

it.each([
  ["/machines", "/machines"],
  ["/machines/psabc/start", "/machines/{id}/start"],
  ["/machines/psabc/accessors/u1", "/machines/{id}/accessors/{id}"],
  ["/public-ips/1.2.3.4", "/public-ips/{id}"],
  ["/auth/session", "/auth/session"],
  ["/projects/p1/secrets/TOKEN?x=1", "/projects/{id}/secrets/{id}"],
])("maps %s to %s", (path, route) => {
  expect(routeOf(path)).toBe(route);
});
