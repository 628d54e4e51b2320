/** The kinds this operator serves: one line for each kind. */
import { deployment } from "./kinds/deployment/index.ts";
import { machine } from "./kinds/machine/index.ts";
import type { PublishedKind } from "./kinds/registration.ts";

export const KINDS = [machine, deployment] as const satisfies readonly PublishedKind<never>[];
