/** What can happen in the scenarios of every kind. What only one kind has is in that kind's file. */
import type { ManagedObject } from "../../../src/reconcile/managed.ts";
import { ANNOTATION } from "../../../src/reconcile/record.ts";
import { Dice } from "./dice.ts";
import { type Driver, namespaceOf } from "./driver.ts";
import type { Actors, ScenarioStep } from "./kind.ts";
import { drawRestriction, SEEN_MS } from "./restrictions.ts";

/** How often each is drawn, where a kind does not say otherwise. */
export const SHARED = {
  "apply or edit": 6,
  delete: 1,
  "request by annotation": 1,
  "replace without annotations": 1,
  halt: 1,
  restrict: 2,
  "delete what is restricted": 1,
  "cloud fault": 2,
  "streams are cut": 1,
  "the operator is killed": 2,
};

export async function performStep<O extends ManagedObject>(
  driver: Driver<O>,
  actors: Actors<O>,
  { what, who, dice: seed }: ScenarioStep,
): Promise<void> {
  const dice = new Dice(seed);
  const object = driver.get(who);
  const annotate = (name: string, value: string) =>
    object && driver.edit(who, { metadata: { annotations: { [name]: value } } });
  switch (what) {
    case "apply or edit":
      return object
        ? driver.edit(who, { spec: allowed(object, actors.edit(who, object, dice)) })
        : driver.apply(who, actors.spec(who, dice));
    case "delete":
      if (!object) return;
      if (!object.metadata.deletionTimestamp) await actors.deleting?.(who, object, dice);
      return driver.delete(who);
    case "request by annotation":
      return annotate(dice.of(...actors.requests), String(dice.random()));
    case "replace without annotations":
      // As kubectl replace does; with the finalizers, though: removing those leaves the resource to the user.
      return object && driver.edit(who, { metadata: { annotations: null } });
    case "halt":
      return annotate(dice.of(ANNOTATION.paused, ANNOTATION.dryRun), dice.of("true", "false"));
    case "restrict": {
      const restriction = drawRestriction(dice);
      if ("labels" in restriction) return driver.label(namespaceOf(who), restriction.labels);
      return object && driver.edit(who, restriction);
    }
    case "delete what is restricted":
      if (!object) return;
      await driver.edit(who, {
        spec: dice.of({ managementPolicy: "Observe" }, { deletionProtection: true }),
      });
      await driver.pass(SEEN_MS);
      if (!driver.get(who)) return;
      await actors.deleting?.(who, object);
      return driver.delete(who);
    case "cloud fault":
      return cloudFault(driver, dice);
    case "streams are cut":
      return driver.cutStreams();
    case "the operator is killed":
      return driver.replaceOperator();
    default:
      return actors.act(what, who, object, dice);
  }
}

/** The API server refuses Recreate beside adoptId. */
function allowed({ spec }: ManagedObject, patch: { onExternalDeletion?: string }): object {
  return spec.adoptId !== undefined && "onExternalDeletion" in patch ? { ...patch, adoptId: null } : patch;
}

/** The next requests of some method fail. */
function cloudFault<O extends ManagedObject>(
  { sim: { faults }, isReal }: Pick<Driver<O>, "sim" | "isReal">,
  dice: Dice,
): void {
  const action = dice.of<Parameters<typeof faults.add>[0]["do"]>(
    { cut: "before" },
    { cut: "after" },
    { cut: "during" },
    { status: 500 },
    { status: 502, takesEffect: true },
    isReal ? { status: 503 } : { status: 429 },
    { html: true },
    { html: true, takesEffect: true },
    { hang: true },
    { hang: true, takesEffect: true },
    { truncate: true },
    { omitFromList: "newest" },
  );
  const method = dice.of("POST", "PATCH", "PUT", "DELETE", "GET", undefined);
  faults.add({ match: { ...(method && { method }), times: dice.of(1, 2, 5) }, do: action });
}
