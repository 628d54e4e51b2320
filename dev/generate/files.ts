/** Everything in the repository that is generated, as path and content: written by `generate`, compared by `check`. */
import { join } from "node:path";
import { KINDS } from "../../src/registry.ts";
import { crdFileName, crdYaml } from "./crd.ts";

/** A chart can only hold files of its own folder, so it has a copy of the CRDs. */
const CRD_FOLDERS = ["crds", join("charts", "paperspace-operator", "files", "crds")];

/** Paths are relative to the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map(
    KINDS.flatMap(({ definition, crd }) =>
      CRD_FOLDERS.map((folder) => [join(folder, crdFileName(definition)), crdYaml(definition, crd)] as const),
    ),
  );
}
