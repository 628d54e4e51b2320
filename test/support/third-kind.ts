/** A third kind as a table: PaperspaceProject (other-resources.md, projects), all of it but its schema. */
import { Type } from "typebox";
import { type CollectionObject, collectionKind } from "../../src/kinds/collection-kind.ts";
import { defined } from "../../src/reconcile/schema.ts";

interface ProjectSpec {
  name: string;
}
export type PaperspaceProject = CollectionObject<ProjectSpec>;

export const project = collectionKind({
  definition: defined("PaperspaceProject", "psp", "project"),
  path: "/projects",
  answer: Type.Object({ id: Type.String(), name: Type.String() }),
  declared: ({ name }: ProjectSpec) => ({ name }),
});
