/**
 * Argo CD and Flux report what docs/gitops/README.md documents: for every result of the status code, in each of the
 * tools.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import type { Condition } from "../../src/kube/objects.ts";
import { KINDS } from "../../src/registry.ts";
import { kstatus } from "../../test/gitops/kstatus.ts";
import { luaHealth } from "../../test/gitops/lua.ts";
import { type Case, everyCase } from "../../test/gitops/objects.ts";
import { documented, FUNCTIONS } from "../../test/gitops/table.ts";
import { ARGOCD_CONFIG, argocdConfig, healthScript } from "./argocd.ts";

const script = healthScript();
const health = luaHealth(script, FUNCTIONS);

/** The row of the page, from the case and not from the object's conditions. */
function rowOf(one: Case): string {
  const { object, reported, observed, deleting, halted } = one;
  const blocked = reported?.kind === "Terminal";
  if (deleting) return blocked ? "being deleted, and blocked" : "being deleted";
  if (halted) return "paused, or dry-run";
  if (!reported || observed !== object.metadata.generation) return "not looked at yet, or changed since";
  if (isObserved(one)) return "only observed, and not ready";
  if (reported.kind === "Done")
    return reported.reason === "ScheduledOff" ? "off by its schedule" : "as declared";
  return blocked ? "cannot go on without you, or is late" : "at work, or will try again by itself";
}

/** What is only observed is not ready by itself: nothing is done about it. */
const isObserved = ({ reported }: Case) => reported?.kind === "Done" && reported.ready === false;

const conditionsOf = ({ object }: Case) => (object.status as { conditions?: Condition[] }).conditions ?? [];
const wordOf = (found: readonly Condition[], type: string) =>
  found.find((one) => one.type === type)?.status ?? "-";

const cases = [...everyCase()].map((one) => ({
  ...one,
  argo: health(one.object),
  flux: kstatus(one.object),
}));

describe("every combination of outcome, deletion, halt, generation and observation", {
  timeout: 60_000,
}, () => {
  it("is as many as it should be, and reaches every row of the page", () => {
    expect(cases.length).toBeGreaterThan(2_000);
    expect(new Set(cases.map(rowOf))).toEqual(new Set(documented.keys()));
  });

  it("has the health in Argo CD that the page documents", () => {
    const wrong = cases
      .map((one) => ({ ...one, row: rowOf(one), actual: one.argo }))
      .filter(({ row, actual }) => actual.status !== documented.get(row)?.argo);
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it("has the status in Flux that the page documents; what is paused has that from before", () => {
    const wrong = cases
      .map((one) => ({ ...one, row: rowOf(one), actual: one.flux }))
      .filter(({ row, actual, ...one }) => {
        const { flux } = documented.get(row) ?? {};
        return (
          actual !== (flux === "as before" ? documented.get(rowOf({ ...one, halted: false }))?.flux : flux)
        );
      });
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it("has the conditions that the page documents", () => {
    const wrong = cases.filter((one) => {
      const { reported, observed, deleting, object } = one;
      // A condition from before the deletion, or of an earlier spec, stays until the next pass.
      if (!reported || observed !== object.metadata.generation || (deleting && reported.kind === "Done"))
        return false;
      const { conditions = [] } = documented.get(rowOf(one)) ?? {};
      return conditions.some(
        ([type, word]) => word !== "as before" && wordOf(conditionsOf(one), type) !== word,
      );
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it("is never both Reconciling and Stalled, and one of them wherever Ready is False of what is managed: kstatus needs that", () => {
    const wrong = cases.filter((one) => {
      const found = conditionsOf(one);
      const [ready, reconciling, stalled] = ["Ready", "Reconciling", "Stalled"].map((type) =>
        wordOf(found, type),
      );
      const progress = [reconciling, stalled].filter((word) => word === "True").length;
      return (
        progress > 1 ||
        (ready === "False" && progress === 0 && !isObserved(one)) ||
        (ready === "True" && progress > 0)
      );
    });
    expect(wrong.slice(0, 3)).toEqual([]);
  });

  it("is Healthy or off by its schedule for the one exactly where it is Current for the other and Ready, unless paused or deleted", () => {
    for (const one of cases) {
      if (one.halted || one.deleting) continue;
      const { metadata } = one.object;
      const ready = conditionsOf(one).some(
        ({ type, status, observedGeneration }) =>
          type === "Ready" && status === "True" && observedGeneration === metadata.generation,
      );
      expect([["Healthy", "Suspended"].includes(one.argo.status), one.flux === "Current"]).toEqual([
        ready,
        ready,
      ]);
    }
  });

  it("has the message of the condition, where there is one", () => {
    for (const one of cases) {
      const { status, message } = one.argo;
      const words = conditionsOf(one).map((condition) => condition.message);
      const own = ["waiting for the operator to look at it", "being deleted"];
      expect([...words, ...own]).toContain(message);
      if (status === "Healthy" || status === "Degraded") expect(message).toBe("why it is so");
    }
  });
});

describe("the script", () => {
  it("runs on Lua 5.1, with nothing that came later and no library: Argo CD has neither", () => {
    const code = script.replace(/--.*$/gm, "").replace(/"[^"]*"/g, '""');
    expect(code).not.toMatch(/\bgoto\b|::|\/\/|<<|>>|[&|]|~(?!=)|<(const|close)>/);
    expect(code).not.toMatch(/\b(string|table|math|os|io|utf8)\b|:\w+\(/);
    expect(() =>
      luaHealth('return { status = string.upper("x"), message = "x" }', FUNCTIONS)({} as never),
    ).toThrow();
  });

  it("works for an object that has no status, no conditions or no metadata at all", () => {
    const metadata = { name: "box", generation: 1 };
    for (const object of [
      { metadata },
      { metadata, status: {} },
      { metadata, status: { observedGeneration: 1 } },
      {},
    ])
      expect(health(object as never).status).toBe("Progressing");
  });

  it("takes Ready only for the generation for which it was reported", () => {
    const ready = { type: "Ready", status: "True", message: "well" };
    const statusAt = (observedGeneration: number) =>
      health({
        metadata: { name: "box", generation: 2 },
        status: { observedGeneration: 2, conditions: [{ ...ready, observedGeneration }] },
      }).status;
    expect([statusAt(1), statusAt(2)]).toEqual(["Progressing", "Healthy"]);
  });

  it("is in the ConfigMap, whole, for each kind: `npm run generate` renews it", () => {
    const text = readFileSync(join(import.meta.dirname, "..", "..", ARGOCD_CONFIG), "utf8");
    expect(text).toBe(argocdConfig(script));
    expect(parse(text)).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "argocd-cm" },
      data: Object.fromEntries(
        KINDS.map(({ definition: { kind } }) => [
          `resource.customizations.health.paperspace.com_${kind}`,
          script,
        ]),
      ),
    });
  });
});
