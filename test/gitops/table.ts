/** For tests only: what docs/gitops/README.md documents for each situation. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** All of Lua's own functions that a health script may use. */
export const FUNCTIONS = ["ipairs", "tonumber"];

export interface Documented {
  argo: string;
  flux: string;
  conditions: (readonly [type: string, word: string])[];
}

const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "gitops", "README.md"), "utf8");

/** By the text of the first column. */
export const documented: ReadonlyMap<string, Documented> = new Map(
  page
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| Situation"))
    .map((line) => {
      const [situation = "", ready = "", reconciling = "", stalled = "", argo = "", flux = ""] = line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.trim().replace("¹", ""));
      const conditions = [
        ["Ready", ready],
        ["Reconciling", reconciling],
        ["Stalled", stalled],
      ] as const;
      return [situation, { argo, flux, conditions: [...conditions] }] as const;
    }),
);
