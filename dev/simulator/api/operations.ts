/**
 * The table of all operations, put together from the families. Rules are in the world, authentication and validation in
 * handle.ts.
 */

import { Type } from "typebox";
import { ACCOUNT } from "./account.ts";
import { DATASETS } from "./datasets.ts";
import { DEPLOYMENTS } from "./deployments.ts";
import { openApiDocument } from "./document.ts";
import { EVENTS } from "./events.ts";
import { MACHINES } from "./machines.ts";
import { NETWORKS } from "./networks.ts";
import type { Operation } from "./operation.ts";
import { PROJECT_PARTS } from "./project-parts.ts";
import { PROJECTS } from "./projects.ts";
import { PUBLIC_IPS } from "./public-ips.ts";
import { REGISTRIES } from "./registries.ts";
import { NoQuery } from "./schemas.ts";
import { SCRIPTS } from "./scripts.ts";
import { SECRETS } from "./secrets.ts";
import { SNAPSHOTS } from "./snapshots.ts";
import { STORAGE } from "./storage.ts";
import { TEMPLATES } from "./templates.ts";

export type { Context, Operation } from "./operation.ts";

export const OPERATIONS: readonly Operation[] = [
  ...MACHINES,
  ...EVENTS,
  ...TEMPLATES,
  ...NETWORKS,
  ...PUBLIC_IPS,
  ...SNAPSHOTS,
  ...SCRIPTS,
  ...PROJECTS,
  ...PROJECT_PARTS,
  ...SECRETS,
  ...REGISTRIES,
  ...DEPLOYMENTS,
  ...STORAGE,
  ...DATASETS,
  ...ACCOUNT,
  {
    method: "GET",
    path: "/openapi.json",
    auth: "none",
    query: NoQuery,
    answer: Type.Object({}),
    run: () => {
      document ??= openApiDocument(OPERATIONS);
      return document;
    },
  },
];

/** The same for every simulator of this process. */
let document: Record<string, unknown> | undefined;
