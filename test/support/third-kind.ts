/**
 * What a third kind needs: PaperspaceProject (other-resources.md, projects), all of it but its schema. That none is
 * made twice or lost, adoption, pausing and release are in the generic parts; this file has only what a project is.
 */
import { Type } from "typebox";
import type { PaperspaceAccount } from "../../src/kinds/account.ts";
import { changing, creating, OLDEST_FIRST, reading, removing } from "../../src/kinds/calls.ts";
import { Inventory, type Item } from "../../src/kinds/inventory.ts";
import { AccountCache, CloudObserver } from "../../src/kinds/observer.ts";
import { PaperspaceKind } from "../../src/kinds/paperspace-kind.ts";
import { type KindRegistration, newController, observerSettings } from "../../src/kinds/registration.ts";
import { apiPath, type PaperspaceApi } from "../../src/paperspace/transport.ts";
import { type Change, describe } from "../../src/reconcile/change.ts";
import { announced } from "../../src/reconcile/create.ts";
import { decide, type Observation } from "../../src/reconcile/decide.ts";
import { act, done, withoutOperation } from "../../src/reconcile/decision.ts";
import { type DeleteStep, deleting } from "../../src/reconcile/existence.ts";
import type {
  AuthorizedContext,
  Gate,
  ManagedObject,
  ManagedStatus,
  PerformContext,
  ReconcileContext,
  Step,
} from "../../src/reconcile/kind.ts";
import { type ReportedOutcome, waiting } from "../../src/reconcile/outcome.ts";
import type { OwnershipFacts } from "../../src/reconcile/ownership.ts";
import type { CreateAttempt } from "../../src/reconcile/record.ts";
import { defined } from "../../src/reconcile/schema.ts";
import { kept, managedStatus, syncedCondition } from "../../src/reconcile/status.ts";

export interface PaperspaceProject extends ManagedObject {
  spec: ManagedObject["spec"] & { name: string };
}
type Memory = Observation["memory"];
type View = Observation<Memory, { item: Item }> & { spec: PaperspaceProject["spec"] };
type ProjectStep = DeleteStep | (Step & { do: "rename"; changes: Change[] });
type Projects = ReconcileContext<PaperspaceProject, PaperspaceAccount>;
type Writable = AuthorizedContext<PaperspaceProject, PaperspaceAccount>;

/** A create or delete that takes longer is late. */
const LATE_MS = 10 * 60_000;
const answer = Type.Object({ id: Type.String(), name: Type.String() });
const sourceOf = (api: PaperspaceApi) => ({
  list: () => api.pages({ path: "/projects", query: OLDEST_FIRST, item: answer }),
  get: (id: string) => api.request(reading(apiPath`/projects/${id}`, answer)),
});
const driftOf = ({ spec }: View, { name }: Item): Change[] =>
  name === spec.name ? [] : [{ field: "name", from: name, to: spec.name }];

class ProjectKind extends PaperspaceKind<PaperspaceProject, View, ProjectStep, Memory> {
  readonly definition = project.definition;

  observe(facts: OwnershipFacts, context: Projects): View {
    const { spec, status } = context.object;
    const memory = kept<Memory>(status, ["operation"]);
    const observation: View = {
      ...facts,
      ...this.observer.terms(),
      spec,
      memory,
      resource: { state: "unknown" },
    };
    const known = this.observer.cacheFor(facts, context);
    if (known) observation.resource = this.observer.locate(observation, context.key, known);
    return observation;
  }

  decide(observation: View) {
    return decide<View, ProjectStep>(observation, {
      present({ memory }, { item }) {
        const changes = driftOf(observation, item);
        if (changes.length > 0) return act({ do: "rename", changes }, withoutOperation(memory));
        return done(withoutOperation(memory), "Available", "the project is as declared");
      },
    });
  }

  expectation(_view: View, _subject: Projects, attempt: CreateAttempt): Memory {
    return { operation: announced(attempt, LATE_MS) };
  }

  async create(_: View, { account }: Writable, { name }: CreateAttempt, memory: Memory, gate: Gate) {
    const { body } = await account.api.request(creating("/projects", { name }, answer, { gate }));
    return { id: body.id, memory, outcome: waiting("Creating", "it is made, and gets its name next") };
  }

  async send(
    step: ProjectStep,
    observation: View,
    memory: Memory,
    context: Writable,
    { gate }: PerformContext<Memory>,
  ) {
    const { account, record } = context;
    if (!record) throw new Error("a write needs a record");
    const { id } = record;
    const path = apiPath`/projects/${id}`;
    const { inventory } = this.observer.at(account);
    if (step.do === "delete") {
      await account.api.request(removing(path, answer, { gate }));
      inventory.refresh(id);
      return deleting(step, memory, observation.now, LATE_MS);
    }
    const rename = changing(path, { name: observation.spec.name }, answer, { gate });
    const { body, answeredAt } = await account.api.request(rename);
    inventory.set(id, body, answeredAt);
    return { outcome: waiting("Updating", `changed ${describe(step.changes)}`), memory };
  }

  status(observation: View, memory: Memory, outcome: ReportedOutcome, context: Projects) {
    const item =
      observation.resource.state === "present" && context.record ? observation.resource.item : undefined;
    const conditions = item ? [syncedCondition(driftOf(observation, item), "the name is as declared")] : [];
    const facts: ManagedStatus = kept(item, ["name"]);
    return managedStatus(observation, outcome, context, { facts, memory, conditions });
  }
}

export const project: KindRegistration<PaperspaceProject> = {
  definition: defined("PaperspaceProject", "psp", "project"),
  start(parts) {
    const settings = observerSettings(parts.config);
    const known = { ...parts, settings, name: "projects" };
    const make = ({ api }: PaperspaceAccount) =>
      new AccountCache(new Inventory(known, sourceOf(api)), sourceOf);
    return newController(parts, new ProjectKind(known, new CloudObserver(known, make)));
  },
};
