/** The kinds this operator serves: one line a kind. */
import type { KindEntry } from "./kinds/entry.ts";
import { machine } from "./kinds/machine/index.ts";

export const KINDS = [machine] as const satisfies readonly KindEntry<never>[];
