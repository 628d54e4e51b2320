/**
 * Custom templates (other-resources.md): images of a machine that others can be made from. They outlive the machine.
 */

import { checkStanding, machineNamed, wrongState } from "./checks.ts";
import { osTemplateOf } from "./lookups.ts";
import type { EventRecord, Team, TemplateRecord } from "./records.ts";
import type { World } from "./world.ts";

/** POST /custom-templates: it can be used once its event is done; one whose making failed is gone. */
export function createTemplate(
  world: World,
  team: Team,
  input: { name: string; machineId: string },
): { template: TemplateRecord; event: EventRecord } {
  const { behaviour } = world;
  const machine = machineNamed(world, team, input.machineId);
  if (behaviour.templateNeeds === "off" && machine.state !== "off") {
    throw wrongState(world, `Machine must be off to become a template, it is ${machine.state}`);
  }
  checkStanding(world, team);
  const template: TemplateRecord = {
    ...world.born(team.id, "t"),
    name: input.name,
    parentMachineId: machine.id,
    osTemplateId: osTemplateOf(world, machine.templateId)?.id ?? machine.templateId,
    region: machine.region,
    defaultSizeGb: machine.diskSize,
    isReady: false,
  };
  world.templates.set(template.id, template);
  const event = world.openEvent(machine, "template-create");
  if (behaviour.templateEventMachine === "null") event.machineId = null;
  world.later(behaviour.templateCreateMs, () => {
    template.isReady = world.finishEvent(event);
    if (!template.isReady) template.dtDeleted ??= world.iso();
  });
  return { template, event };
}

/** At once and without an event, though a name for one exists. */
export function deleteTemplate(world: World, template: TemplateRecord): TemplateRecord {
  template.dtDeleted = world.iso();
  return template;
}
