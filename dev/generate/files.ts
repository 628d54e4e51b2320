/** Everything in the repository that is generated, as path and content: written by `generate`, compared by `check`. */
import { join } from "node:path";
import { KINDS } from "../../src/registry.ts";
import { crdFileName, crdYaml } from "./crd.ts";

/** Paths are relative to the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map(
    KINDS.map(({ definition, crd }) => [join("crds", crdFileName(definition)), crdYaml(definition, crd)]),
  );
}
