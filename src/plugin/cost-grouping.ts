/** The flag --by of `cost`: by what costs are summed up. */
import { BadValue, type ValueType } from "../base/options.ts";

export type Grouping = { readonly by: "namespace" | "type" } | { readonly by: "label"; readonly key: string };

export const grouping: ValueType<Grouping> = {
  allowed: "namespace, type, or label=KEY",
  parse(value) {
    if (value === "namespace" || value === "type") return { by: value };
    const [, key] = /^label=([-._a-zA-Z0-9/]{1,317})$/.exec(value) ?? [];
    if (key === undefined) throw new BadValue();
    return { by: "label", key };
  },
};
