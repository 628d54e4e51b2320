/** docs/capacity.md is true: its examples are valid, and so are the manifests of the scene; its flags and its reasons exist. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Default, Errors } from "typebox/value";
import { describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { loadConfig } from "../../src/base/config.ts";
import { deploymentSpecSchema } from "../../src/kinds/deployment/spec-schema.ts";
import { REASON } from "../../src/kinds/machine/reasons.ts";
import { machineSpecSchema } from "../../src/kinds/machine/spec-schema.ts";
import { machineStatusSchema } from "../../src/kinds/machine/status-schema.ts";
import { SPEC } from "../../test/decide/machine/spec.ts";
import { CAPACITY_SCENE } from "../demo/capacity-scene.ts";

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(root("docs/capacity.md"), "utf8");
const examples = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = ""]) => parse(text));

interface Declared {
  kind: string;
  spec: Record<string, unknown>;
}

/** What an example leaves out is as the API server would have defaulted it. */
function machineFaults(spec: Record<string, unknown>) {
  const { machineType: _type, region: _region, ...usual } = SPEC;
  return [...Errors(machineSpecSchema, { ...(spec.placement ? usual : SPEC), ...spec })];
}

describe("the examples", () => {
  it("hold what the schema takes, in spec and in status", () => {
    expect(examples.filter(({ spec }) => spec).length).toBeGreaterThanOrEqual(2);
    expect(examples.filter(({ status }) => status).length).toBeGreaterThanOrEqual(1);
    for (const { spec = {}, status = {} } of examples) {
      expect(machineFaults(spec)).toEqual([]);
      expect(Object.keys(spec).filter((name) => !(name in machineSpecSchema.properties))).toEqual([]);
      expect([...Errors(machineStatusSchema, { observedGeneration: 1, ...status })]).toEqual([]);
    }
  });

  it("of the scene are valid as they stand: an API server would refuse the demo", () => {
    const files = readdirSync(root(CAPACITY_SCENE.manifests));
    const manifests = files
      .map((file) => readFileSync(root(`${CAPACITY_SCENE.manifests}${file}`), "utf8"))
      .flatMap((text) => parseAllDocuments(text).map((document) => document.toJS() as Declared));
    expect(manifests).toHaveLength(5);
    for (const { kind, spec } of manifests)
      if (kind === "PaperspaceMachine") expect(machineFaults(spec)).toEqual([]);
      else expect([...Errors(deploymentSpecSchema, Default(deploymentSpecSchema, spec))]).toEqual([]);
  });
});

describe("the page", () => {
  it("names only flags that the operator has", () => {
    const help = loadConfig(["--help"], {}, "0.0.0");
    if (help.action !== "print") throw new Error("--help prints");
    // Those of the plugin, of npm and of kubectl are not in backquotes by themselves.
    const flags = [...page.matchAll(/`(--[a-z-]+)`/g)].map(([, flag = ""]) => flag);
    expect(flags.filter((flag) => flag !== "--watch" && !help.text.includes(flag))).toEqual([]);
  });

  it("explains every reason that a wait for hardware can have", () => {
    for (const reason of [REASON.WaitingForCapacity, REASON.CapacityUnavailable, REASON.MovingOn])
      expect(page).toContain(`| \`${reason}\` |`);
  });
});
