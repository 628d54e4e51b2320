/** What is decided and written of what the API answered: machines, their events and deployments with any fields. */
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Value } from "typebox/value";
import { deploymentSchema, specSchema } from "../../src/kinds/deployment/api.ts";
import { decideDeployment } from "../../src/kinds/deployment/decide.ts";
import { planOf as planOfDeployment } from "../../src/kinds/deployment/plan.ts";
import { deploymentEventNotes } from "../../src/kinds/deployment/status.ts";
import { deploymentStatusSchema } from "../../src/kinds/deployment/status-schema.ts";
import { eventSchema, machineSchema } from "../../src/kinds/machine/api.ts";
import { decideMachine } from "../../src/kinds/machine/decide.ts";
import { planOf } from "../../src/kinds/machine/plan.ts";
import { machineEventNotes } from "../../src/kinds/machine/status.ts";
import { machineStatusSchema } from "../../src/kinds/machine/status-schema.ts";
import { readAnswer } from "../../src/paperspace/answers.ts";
import type { EventNote } from "../../src/reconcile/event-notes.ts";
import { isReported } from "../../src/reconcile/outcome.ts";
import { GOOD, situation, targetOf } from "../decide/deployment/situations.ts";
import { DONE as DEPLOYED, status as statusOfDeployment } from "../decide/deployment/status.ts";
import { scene } from "../decide/machine/situations.ts";
import { status } from "../decide/machine/status.ts";
import { hostileText } from "./inputs.ts";
import { must, type Target, target } from "./target.ts";

const { machine, observation, spec } = scene();
const odd = fc.oneof(
  hostileText,
  fc.double(),
  fc.constantFrom(
    null,
    true,
    {},
    [],
    -1,
    2 ** 60,
    "2026-06-01T00:00:00Z",
    "0000-00-00",
    "ready",
    "off",
    "done",
    "error",
  ),
);
/** Some fields are as they should be. */
const fields = (names: readonly string[], plain: object) =>
  fc.dictionary(fc.constantFrom(...names), odd, { maxKeys: 12 }).map((given) => ({ ...plain, ...given }));
const machines = fields(Object.keys(machineSchema.properties), machine);
const events = fc.array(
  fields(Object.keys(eventSchema.properties), {
    id: "e1",
    name: "start",
    state: "error",
    machineId: "ps1",
    dtCreated: "2026-06-01T10:00:00Z",
  }),
  { maxLength: 12 },
);

const isWhole = (value: unknown) => typeof value !== "string" || value.isWellFormed();

/** Of one status: etcd takes 1.5 MiB of an object. */
const MOST_STATUS = 256 * 1024;

function mustBeWritable(after: object, again: object, schema: TSchema): void {
  const written = JSON.stringify(after);
  must(written.length <= MOST_STATUS, "a status without bound");
  JSON.parse(written, (name, value) => must(isWhole(name) && isWhole(value), "half a character"));
  const [error] = Value.Errors(schema, JSON.parse(written));
  must(error === undefined, `the API server refuses it: ${JSON.stringify(error)}`);
  must(JSON.stringify(again) === written, "a status that is written again and again");
}

function mustBeNotes(notes: readonly EventNote[]): void {
  for (const { note, reason } of notes)
    must(isWhole(note) && /^[A-Za-z][A-Za-z0-9]{0,127}$/.test(reason), `an event of reason ${reason}`);
}

const { config } = targetOf(GOOD);
const configs = fields([...Object.keys(config), "models", "port", "healthchecks", "unknown"], config).chain(
  (one) =>
    fields([...Object.keys(config.resources), "instanceType", "autoscaling"], config.resources).map(
      (resources) => ({ ...one, resources }),
    ),
);
const specs = configs.chain((data) =>
  fields(Object.keys(specSchema.properties), { id: "s1", data, dtHealthy: null }),
);
const deployments = specs.chain((latestSpec) =>
  fields(Object.keys(deploymentSchema.properties), {
    id: "d1",
    name: "web",
    projectId: GOOD.projectId,
    latestSpec,
  }),
);

export const DECISION_TARGETS: readonly Target[] = [
  target(
    "machines in decisions and statuses",
    1_500,
    fc.record({ one: machines, events }),
    ({ one, events: all }) => {
      const reading = readAnswer(machineSchema, one);
      if (!reading.fits) return;
      const history = all.flatMap((event) => {
        const read = readAnswer(eventSchema, event);
        return read.fits ? [read.value] : [];
      });
      const observed = {
        ...observation,
        spec,
        history,
        resource: { state: "present" as const, machine: reading.value },
      };
      const { step, memory } = decideMachine(observed);
      planOf(observed);
      const outcome = step.do === "none" && isReported(step.outcome) ? { outcome: step.outcome } : {};
      const before = status();
      const after = status({ observation: observed, memory, before, ...outcome });
      mustBeWritable(
        after,
        status({ observation: observed, memory, before: after, ...outcome }),
        machineStatusSchema,
      );
      mustBeNotes(machineEventNotes(before, after));
    },
  ),
  target("deployments in decisions and statuses", 1_500, deployments, (one) => {
    const reading = readAnswer(deploymentSchema, one);
    if (!reading.fits) return;
    const observed = situation({ resource: { state: "present", deployment: reading.value } });
    const { step, memory } = decideDeployment(observed);
    planOfDeployment(observed);
    const outcome = step.do === "none" && isReported(step.outcome) ? step.outcome : DEPLOYED;
    const before = statusOfDeployment();
    const write = (former: typeof before) =>
      statusOfDeployment({ ...observed, outcome, after: memory, before: former });
    const after = write(before);
    mustBeWritable(after, write(after), deploymentStatusSchema);
    mustBeNotes(deploymentEventNotes(before, after));
  }),
];
