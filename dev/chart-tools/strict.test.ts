import { expect, test } from "vitest";
import { strict } from "./strict.ts";

test("an object takes only the fields that it names, at every depth, because the API server drops all others", () => {
  const inner = { type: "object", properties: { a: { type: "string" } } };
  const closed = { ...inner, additionalProperties: false };
  expect(strict({ type: "array", items: inner })).toEqual({ type: "array", items: closed });
  expect(strict({ type: "object", additionalProperties: inner })).toEqual({
    type: "object",
    additionalProperties: closed,
  });
});

test("an object that names no field stays open, because that is how Kubernetes writes any object", () => {
  expect(strict({ type: "object" })).toEqual({ type: "object" });
  const kept = { type: "object", properties: {}, "x-kubernetes-preserve-unknown-fields": true };
  expect(strict(kept)).toEqual({ type: "object", properties: {} });
});

test("a field may be called like a keyword, and is not left out for it", () => {
  const fields = {
    type: "object",
    properties: { description: { type: "string" }, format: { type: "string" } },
  };
  expect(strict(fields).properties).toEqual({ description: { type: "string" }, format: { type: "string" } });
});

test("what only a validator of Kubernetes understands is translated into keywords that all validators support", () => {
  const either = { anyOf: [{ type: "string" }, { type: "integer" }] };
  expect(strict({ type: "string", format: "int-or-string" })).toEqual(either);
  expect(strict({ "x-kubernetes-int-or-string": true })).toEqual(either);
  expect(strict({ type: "string", nullable: true })).toEqual({
    anyOf: [{ type: "string" }, { type: "null" }],
  });
  expect(strict({ type: "string", format: "byte" }).pattern).toBeDefined();
});

test("a restriction inside anyOf stays open, because it restricts fields that are declared outside", () => {
  const anyOf = [{ properties: { a: { minLength: 1 } } }, { required: ["b"] }];
  expect(strict({ type: "object", properties: { a: {}, b: {} }, anyOf }).anyOf).toEqual(anyOf);
});
