/**
 * What a third kind takes: PaperspaceProject (other-resources.md, projects), all of it but its schema. That none is made
 * twice or lost, adopting, pausing and letting go are the generic parts'; here is only what a project is.
 */
import { Type } from "typebox";
import type { PaperspaceAccount } from "../../src/kinds/account.ts";
import { changing, creating, OLDEST_FIRST, reading, removing } from "../../src/kinds/calls.ts";
import { Inventory, type Item } from "../../src/kinds/inventory.ts";
import { Known, Watch } from "../../src/kinds/observer.ts";
import { PaperspaceKind } from "../../src/kinds/paperspace-kind.ts";
import { controllerOf, type ServedKind, watchSettings } from "../../src/kinds/registration.ts";
import { apiPath, type PaperspaceApi } from "../../src/paperspace/transport.ts";
import { type Change, describe } from "../../src/reconcile/change.ts";
import { announced } from "../../src/reconcile/create.ts";
import { choose, type ThingView } from "../../src/reconcile/decide.ts";
import { act, done, without } from "../../src/reconcile/decision.ts";
import { type DeleteStep, deleting } from "../../src/reconcile/existence.ts";
import type {
  Gate,
  ManagedObject,
  ManagedStatus,
  Signed,
  Step,
  Subject,
  Tools,
} from "../../src/reconcile/kind.ts";
import { type Telling, waiting } from "../../src/reconcile/outcome.ts";
import type { OwnershipFacts } from "../../src/reconcile/ownership.ts";
import type { Sought } from "../../src/reconcile/record.ts";
import { defined } from "../../src/reconcile/schema.ts";
import { kept, managedStatus, syncedClaim } from "../../src/reconcile/status.ts";

export interface PaperspaceProject extends ManagedObject {
  spec: ManagedObject["spec"] & { name: string };
}
type Memory = ThingView["memory"];
type View = ThingView<Memory, { item: Item }> & { spec: PaperspaceProject["spec"] };
type ProjectStep = DeleteStep | (Step & { do: "rename"; changes: Change[] });
type Projects = Subject<PaperspaceProject, PaperspaceAccount>;
type Writable = Signed<PaperspaceProject, PaperspaceAccount>;

/** What takes longer to come or to go is late. */
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

  view(facts: OwnershipFacts, subject: Projects): View {
    const { spec, status } = subject.object;
    const memory = kept<Memory>(status, ["operation"]);
    const view: View = { ...facts, ...this.watch.terms(), spec, memory, sighting: { state: "unknown" } };
    const known = this.watch.knownFor(facts, subject);
    if (known) view.sighting = this.watch.look(view, subject.key, known);
    return view;
  }

  decide(view: View) {
    return choose<View, ProjectStep>(view, {
      life({ memory }, { item }) {
        const changes = driftOf(view, item);
        if (changes.length > 0) return act({ do: "rename", changes }, without(memory));
        return done(without(memory), "Available", "the project is as declared");
      },
    });
  }

  expectation(_view: View, _subject: Projects, attempt: Sought): Memory {
    return { operation: announced(attempt, LATE_MS) };
  }

  async create(_: View, { account }: Writable, { name }: Sought, memory: Memory, gate: Gate) {
    const { body } = await account.api.request(creating("/projects", { name }, answer, { gate }));
    return { id: body.id, memory, outcome: waiting("Creating", "it is made, and gets its name next") };
  }

  async send(step: ProjectStep, view: View, memory: Memory, subject: Writable, { gate }: Tools<Memory>) {
    const { account, record } = subject;
    if (!record) throw new Error("a write needs a record");
    const { id } = record;
    const path = apiPath`/projects/${id}`;
    const { inventory } = this.watch.at(account);
    if (step.do === "delete") {
      await account.api.request(removing(path, answer, { gate }));
      inventory.want(id);
      return deleting(step, memory, view.now, LATE_MS);
    }
    const rename = changing(path, { name: view.spec.name }, answer, { gate });
    const { body, answeredAt } = await account.api.request(rename);
    inventory.noteWrite(id, body, answeredAt);
    return { outcome: waiting("Updating", `changed ${describe(step.changes)}`), memory };
  }

  status(view: View, memory: Memory, outcome: Telling, subject: Projects) {
    const item = view.sighting.state === "present" && subject.record ? view.sighting.item : undefined;
    const claims = item ? [syncedClaim(driftOf(view, item), "the name is as declared")] : [];
    const facts: ManagedStatus = kept(item, ["name"]);
    return managedStatus(view, outcome, subject, { facts, memory, claims });
  }
}

export const project: ServedKind<PaperspaceProject> = {
  definition: defined("PaperspaceProject", "psp", "project"),
  control(parts) {
    const settings = watchSettings(parts.config);
    const known = { ...parts, settings, name: "projects" };
    const make = ({ api }: PaperspaceAccount) => new Known(new Inventory(known, sourceOf(api)), sourceOf);
    return controllerOf(parts, new ProjectKind(known, new Watch(known, make)));
  },
};
