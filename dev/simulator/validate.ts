/** Validates values against schemas and formats the errors. No rules of the API live here. */

import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { Issue } from "./world/errors.ts";

/** Compiled once a process: schemas are constants, and property tests make thousands of simulators. */
const compiled = new WeakMap<TSchema, Validator>();

/** What is wrong with `value`; empty when it fits. */
export function issuesOf(schema: TSchema, value: unknown): Issue[] {
  let validator = compiled.get(schema);
  if (!validator) {
    validator = Compile(schema) as unknown as Validator;
    compiled.set(schema, validator);
  }
  if (validator.Check(value)) return [];
  return (
    validator
      .Errors(value)
      // An unknown field is reported twice, once as "schema is false": the other one names it.
      .filter((e) => e.keyword !== "boolean")
      .map((e) => {
        const extra = (e.params as { additionalProperties?: string[] }).additionalProperties;
        return {
          path: e.instancePath || "/",
          message: extra ? `${e.message}: ${extra.join(", ")}` : e.message,
        };
      })
  );
}
