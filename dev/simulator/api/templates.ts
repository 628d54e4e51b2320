/**
 * The operations on templates: the vendor's, which are there for all, and the team's own.
 */

import { OS_TEMPLATES } from "../world/catalogue.ts";
import { listed, readable, writable } from "../world/lookups.ts";
import { createTemplate, deleteTemplate } from "../world/templates.ts";
import { availableTypes, eventView, templateView } from "../world/views.ts";
import { byDateOrName, listOf, matchesName } from "./listing.ts";
import type { Context, Operation, Signed } from "./operation.ts";
import { pageOf } from "./paging.ts";
import { NoQuery, page, pageQuery, text } from "./schemas.ts";
import * as schemas from "./schemas-resources.ts";

const write = (c: Signed) => writable(c.world, c.team, c.world.templates, c.params.id ?? "");

export const TEMPLATES: readonly Operation[] = [
  {
    method: "GET",
    path: "/os-templates",
    auth: "templates",
    query: pageQuery(["name"], { name: text() }),
    answer: page(schemas.OsTemplate),
    run: listOsTemplates,
  },
  {
    method: "GET",
    path: "/custom-templates",
    auth: "key",
    query: pageQuery(["dtCreated", "name"], { name: text(), machineId: text() }),
    answer: page(schemas.CustomTemplate),
    run: listCustomTemplates,
  },
  {
    method: "POST",
    path: "/custom-templates",
    auth: "key",
    query: NoQuery,
    body: schemas.CreateTemplate,
    answer: schemas.TemplateAndEvent,
    run(c) {
      const { template, event } = createTemplate(
        c.world,
        c.team,
        c.body as Parameters<typeof createTemplate>[2],
      );
      return { data: templateView(c.world, template), event: eventView(event) };
    },
  },
  {
    method: "GET",
    path: "/custom-templates/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.CustomTemplate,
    run: (c) => templateView(c.world, readable(c.world, c.team, c.world.templates, c.params.id ?? "")),
  },
  {
    method: "PUT",
    path: "/custom-templates/:id",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateTemplate,
    answer: schemas.CustomTemplate,
    run: (c) => templateView(c.world, Object.assign(write(c), c.body as { name: string })),
  },
  {
    method: "DELETE",
    path: "/custom-templates/:id",
    auth: "key",
    query: NoQuery,
    answer: schemas.CustomTemplate,
    run: (c) => templateView(c.world, deleteTemplate(c.world, write(c))),
  },
];

function listOsTemplates({ world, query }: Context) {
  const templates = OS_TEMPLATES.filter((t) => matchesName(world, t.name, query.name));
  const page = pageOf(templates, query, (t) => [t.name, t.id], world.behaviour);
  const items = page.items.map((template) => {
    const { unavailable: _, ...shown } = template;
    return { ...shown, availableMachineTypes: availableTypes(template) };
  });
  return { ...page, items };
}

function listCustomTemplates(c: Signed) {
  const { world, query } = c;
  return listOf(c, listed(world, c.team, world.templates), {
    id: (template) => template.id,
    view: (template) => templateView(world, template),
    keep: (view) =>
      matchesName(world, view.name, query.name) &&
      (query.machineId === undefined || view.parentMachineId === query.machineId),
    sortBy: byDateOrName(c),
  });
}
