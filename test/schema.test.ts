/**
 * What the API server accepts: every constraint of the generated schema and every CEL rule refuses and accepts, on the
 * real API server, with a message that names the field and the rule. The constraints are read from the CRD itself, so
 * that none can be added without its two cases.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { IMMUTABLE } from "../src/kinds/machine/rules.ts";
import type { PaperspaceMachine } from "../src/kinds/machine/types.ts";
import { isInvalid } from "../src/kube/errors.ts";
import { TestEnv } from "./support/cluster.ts";
import { CRDS } from "./support/crds.ts";
import { manifest } from "./support/manifest.ts";
import {
  casesOf,
  messagesOf,
  type Path,
  type SampleOf,
  type Schema,
  shown,
  unknownKeywords,
} from "./support/schema-cases.ts";
import { earlier, FIELDS_BEFORE, Upgrade } from "./support/upgrade.ts";

type Spec = Record<string, unknown>;

const crd = parse(readFileSync(join(CRDS, "paperspace.com_paperspacemachines.yaml"), "utf8"));
const root: Schema = crd.spec.versions[0].schema.openAPIV3Schema;
const specSchema = root.properties?.spec as Schema;

/** Every field there is, with a value that is allowed and, where it may be, not the default. */
const FULL: Spec = {
  name: "Ada's workstation",
  machineType: "A4000",
  region: "ny2",
  capacity: { priority: 100, waitAtMost: "12h", onTimeout: "Keep" },
  templateId: "t0nspur5",
  diskSize: 50,
  powerState: "Running",
  schedule: { timeZone: "Europe/Berlin", start: "0 8 * * 1-5", stop: "0 18 * * MON-FRI", startAhead: "15m" },
  lifetime: { stopAfter: "8h", deleteAfter: "7d", deleteAt: "2026-12-24T18:00:00Z", warnBefore: "1d12h" },
  networkId: "nla0jotp",
  publicIpType: "static",
  startupScriptId: "s8d2kq1z",
  autoShutdown: { enabled: true, timeoutHours: 8, force: false },
  autoSnapshot: { enabled: true, frequency: "daily", saveCount: 7 },
  restorePoint: { enabled: true, frequency: "shutdown", snapshotId: "sn5kq0a1" },
  accessors: { userIds: ["u3fhq8sl"], emails: ["Ada@example.com"] },
  enableNvlink: true,
  takeInitialSnapshot: true,
  emailPassword: true,
  resizePolicy: "StopAndResize",
  snapshotBeforeResize: true,
  managementPolicy: "Observe",
  deletionProtection: true,
  deletionPolicy: "Orphan",
  publicIpReleasePolicy: "Release",
  onExternalDeletion: "Stall",
  adoptId: "ps123",
  desktopSecretRef: { name: "desktop" },
  credentialsSecretRef: { name: "other", key: "token" },
};

/** The same with a placement, which excludes what it stands for. */
const { machineType: _type, region: _region, adoptId: _adopted, ...OTHERS } = FULL;
const PLACED: Spec = {
  ...OTHERS,
  placement: {
    candidates: [{ machineType: "H100", regions: ["ny2"], templateId: "tny2" }],
    order: "Price",
    maxHourlyRate: "4.00",
    giveUpAfter: "20m",
  },
};

const fullWith = (path: Path) => (path[0] === "placement" ? PLACED : FULL);
const CANDIDATES: SampleOf = (_list, index) => ({ machineType: `x${index}`, regions: ["ny2"] });

const DEFAULTS_BEFORE = { powerState: "Running", deletionPolicy: "Delete" };
/** Of the fields that came later. */
const DEFAULTS = {
  emailPassword: false,
  onExternalDeletion: "Stall",
  publicIpReleasePolicy: "Keep",
  resizePolicy: "WhenStopped",
};

let testEnv: TestEnv;
beforeAll(async () => {
  testEnv = await TestEnv.open({ key: null });
});
afterAll(() => testEnv.close());

/** A dry run of this spec on the API server: the error message, or undefined where it is accepted. */
async function objection(spec: Spec): Promise<string | undefined> {
  try {
    await testEnv.kube.request({
      method: "POST",
      path: `/apis/paperspace.com/v1alpha1/namespaces/${testEnv.namespace}/paperspacemachines`,
      query: { dryRun: "All", fieldValidation: "Strict" },
      body: { ...manifest("asked"), spec },
    });
    return undefined;
  } catch (error) {
    expect(error).toSatisfy((thrown) => isInvalid(thrown) || (thrown as { status: number }).status === 400);
    return (error as Error).message;
  }
}

/** FULL with one value changed; undefined takes the field away. */
function withValue(path: Path, value: unknown): Spec {
  const spec = structuredClone(fullWith(path));
  let at: Record<string | number, unknown> = spec;
  for (const step of path.slice(0, -1)) at = at[step] as Spec;
  const last = path.at(-1) ?? "";
  if (value === undefined) delete at[last];
  else at[last] = value;
  // These two exclude each other.
  if (spec.onExternalDeletion === "Recreate") delete spec.adoptId;
  return spec;
}

describe("each constraint of the schema refuses what breaks it by name, and accepts what just keeps it", () => {
  for (const { rule, path, refused, accepted, message } of casesOf(specSchema, CANDIDATES)) {
    test(`${shown(path)}: ${rule}`, async () => {
      for (const value of refused) {
        const error = await objection(withValue(path, value));
        expect(error).toContain(shown(path));
        expect(error).toMatch(message);
      }
      for (const value of accepted) expect(await objection(withValue(path, value))).toBeUndefined();
    });
  }

  test("and there is no keyword in the schema without cases here, for it would go untested", () => {
    expect(unknownKeywords(specSchema)).toEqual([]);
  });
});

test("a spec with every field is taken, and every field has a sample and a description", async () => {
  const missing = (schema: Schema, sample: unknown, path: Path): string[] => {
    if (sample === undefined) return [`${shown(path)}: no sample`];
    if (schema.items) return missing(schema.items, (sample as unknown[])[0], [...path, 0]);
    return Object.entries(schema.properties ?? {}).flatMap(([field, below]) => [
      ...(below.description ? [] : [`${shown([...path, field])}: no description`]),
      ...missing(below, (sample as Spec)[field], [...path, field]),
    ]);
  };
  expect(missing(specSchema, { ...FULL, ...PLACED }, [])).toEqual([]);
  expect(await objection(FULL)).toBeUndefined();
  expect(await objection(PLACED)).toBeUndefined();
});

test("a field that does not exist is refused by name, as kubectl requests by default", async () => {
  expect(await testEnv.refused("apply -f -", manifest("typo", { powerstate: "Stopped" }))).toContain(
    'unknown field "spec.powerstate"',
  );
});

test("kubectl shows the same messages to the user", async () => {
  const error = await testEnv.refused("apply -f -", manifest("bad", { powerState: "On", autoShutdown: {} }));
  expect(error).toContain('spec.powerState: Unsupported value: "On": supported values: "Running", "Stopped"');
  expect(error).toContain("spec.autoShutdown.enabled: Required value");
});

test("what is left out is defaulted, and a fresh object counts as not observed yet", async () => {
  await testEnv.apply(manifest("fresh"));
  const { spec, status } = await testEnv.objectsOf.get(testEnv.namespace, "fresh");
  expect(spec).toEqual({
    machineType: "A4000",
    region: "ny2",
    templateId: "t0nspur5",
    diskSize: 50,
    ...DEFAULTS_BEFORE,
    ...DEFAULTS,
  });
  expect(status).toEqual({ observedGeneration: -1 });
});

const lastTransitionTime = "2026-06-01T00:00:00Z";
const REGION_BOUND =
  "region cannot be changed once the machine exists: put the old value back (after a placement, that of status.placement.chosen), or delete this object and make another";
const BOUND =
  "cannot be changed once the machine exists: put the old value back, or delete this object and make another";

/** CEL rules by their message; each has cases here for what it refuses and what it accepts. */
const RULES: Record<string, () => Promise<void>> = {
  async "the same machine type and region stand in it twice: leave one of them out"() {
    const rule = "the same machine type and region stand in it twice";
    const candidates = [
      { machineType: "H100", regions: ["ny2", "ams1"] },
      { machineType: "A4000", regions: ["ny2"] },
    ];
    const twice = [...candidates, { machineType: "H100", regions: ["ams1"] }];
    expect(await objection({ ...PLACED, placement: { candidates: twice } })).toContain(rule);
    expect(await objection({ ...PLACED, placement: { candidates } })).toBeUndefined();
  },

  async "give start, stop or both"() {
    const { timeZone, start, stop } = FULL.schedule as Spec;
    expect(await objection({ ...FULL, schedule: { timeZone } })).toContain("give start, stop or both");
    for (const one of [{ start }, { stop }])
      expect(await objection({ ...FULL, schedule: { timeZone, ...one } })).toBeUndefined();
  },

  async "give stopAfter, deleteAfter or deleteAt"() {
    const rule = "give stopAfter, deleteAfter or deleteAt";
    const { warnBefore, deleteAt, deleteAfter } = FULL.lifetime as Spec;
    expect(await objection({ ...FULL, lifetime: {} })).toContain(rule);
    for (const one of [{ deleteAt }, { deleteAfter, warnBefore }])
      expect(await objection({ ...FULL, lifetime: one })).toBeUndefined();
  },

  async "warnBefore goes with deleteAfter or deleteAt"() {
    const { warnBefore, stopAfter } = FULL.lifetime as Spec;
    const rule = "warnBefore goes with deleteAfter or deleteAt";
    expect(await objection({ ...FULL, lifetime: { stopAfter, warnBefore } })).toContain(rule);
    expect(await objection({ ...FULL, lifetime: { stopAfter } })).toBeUndefined();
  },

  async "startAhead needs start"() {
    const { start: _none, ...onlyStop } = FULL.schedule as Spec;
    expect(await objection({ ...FULL, schedule: onlyStop })).toContain("startAhead needs start");
  },

  async "give either machineType and region, or placement"() {
    const rule = "give either machineType and region, or placement";
    const { placement } = PLACED;
    for (const spec of [
      manifest("x", { placement }).spec,
      manifest("x", { machineType: undefined }).spec,
      manifest("x", { region: undefined }).spec,
      { ...PLACED, region: "ny2" },
    ])
      expect(await objection(spec)).toContain(rule);
    expect(await objection(PLACED)).toBeUndefined();
  },

  async "placement cannot be together with adoptId: give the machineType and the region that the machine has"() {
    expect(await objection({ ...PLACED, adoptId: "ps1" })).toContain("placement cannot be together");
  },

  async "placement cannot be given to a machine that exists: put machineType and region back, or delete this object and make another"() {
    const rule = "placement cannot be given to a machine that exists";
    const { placement } = PLACED;
    const plain = await object("placement-late", {}, { id: "ps1" });
    expect(await refusal(plain, { placement, machineType: null, region: null })).toContain(rule);
    const free = await object("placement-free", {}, {});
    await change(free, { placement, machineType: null, region: null });
  },

  async "templateId and diskSize are needed to create a machine (or a templateId in each candidate of placement, or adoptId to take one over)"() {
    const rule = "templateId and diskSize are needed";
    for (const lack of [{ templateId: undefined }, { diskSize: undefined }]) {
      const error = await objection(manifest("x", lack).spec);
      expect(error).toMatch(/spec: Invalid value: .*/);
      expect(error).toContain(rule);
    }
    expect(await objection({ machineType: "C5", region: "ny2" })).toContain(rule);
    expect(await objection({ machineType: "C5", region: "ny2", adoptId: "ps1" })).toBeUndefined();
    expect(await objection(manifest("x").spec)).toBeUndefined();
    expect(await objection({ ...PLACED, templateId: undefined })).toBeUndefined();
    const mixed = [...(PLACED.placement as { candidates: object[] }).candidates, CANDIDATES([], 0)];
    const placement = { candidates: mixed };
    expect(await objection({ ...PLACED, templateId: undefined, placement })).toContain(rule);
  },

  async "give userIds or emails; an empty list lets nobody in but the owner"() {
    const rule = "give userIds or emails";
    expect(await objection({ ...FULL, accessors: {} })).toContain(rule);
    expect(await objection({ ...FULL, accessors: { emails: [] } })).toBeUndefined();
    expect(await objection({ ...FULL, accessors: { userIds: ["u1"] } })).toBeUndefined();
  },

  async "onExternalDeletion Recreate cannot be together with adoptId: once the machine is taken over, replace adoptId by templateId and diskSize"() {
    const rule = "onExternalDeletion Recreate cannot be together with adoptId";
    expect(await objection({ ...FULL, onExternalDeletion: "Recreate" })).toContain(rule);
    expect(await objection(manifest("x", { onExternalDeletion: "Recreate" }).spec)).toBeUndefined();
    const taken = await object("recreate-taken", { adoptId: "ps1" }, { id: "ps1" });
    expect(await refusal(taken, { onExternalDeletion: "Recreate" })).toContain(rule);
    await change(taken, { onExternalDeletion: "Recreate", adoptId: null });
    expect(await refusal(taken, { adoptId: "ps1" })).toContain(rule);
    // Also without a template before: one is given then, for what is to be made.
    const bare = { adoptId: "ps1", templateId: undefined, diskSize: undefined };
    const storageTotal = 100 * 1024 ** 3;
    const adopted = await object("recreate-adopted", bare, { id: "ps1", storageTotal });
    const made = { adoptId: null, templateId: "t0nspur5", onExternalDeletion: "Recreate" };
    expect(await refusal(adopted, { ...made, diskSize: 50 })).toContain("diskSize cannot shrink");
    await change(adopted, { ...made, diskSize: 100 });
  },

  async [REGION_BOUND]() {
    const rule = "region cannot be changed once the machine exists";
    const bound = await object("region-bound", {}, { id: "ps1" });
    expect(await refusal(bound, { region: "ca1" })).toContain(rule);
    await change(await object("region-free", {}, {}), { region: "ca1" });
    // A placement ends with what it chose.
    const chosen = { machineType: "H100", region: "ams1" };
    const noPlace = { machineType: undefined, region: undefined };
    const { placement } = PLACED;
    const placed = await object(
      "region-placed",
      { ...noPlace, placement },
      { id: "ps2", placement: { chosen } },
    );
    expect(await refusal(placed, { placement: null, machineType: "H100", region: "ny2" })).toContain(rule);
    await change(placed, { placement: null, ...chosen });
  },

  async [`templateId ${BOUND}`]() {
    await immutable("templateId", "t0nspur5", "tkni3aa4");
    const bound = await object("templateid-detour", { adoptId: "ps1" }, { id: "ps1" });
    expect(await refusal(bound, { templateId: null })).toContain(`templateId ${BOUND}`);
    // An adopted machine may be described afterwards, once.
    const adopted = await object(
      "templateid-absent",
      { adoptId: "ps1", templateId: undefined },
      { id: "ps1" },
    );
    await change(adopted, { templateId: "t0nspur5" });
    expect(await refusal(adopted, { templateId: "tkni3aa4" })).toContain(`templateId ${BOUND}`);
    // Once the machine is reported as gone, one commit may correct it and ask for another one, and only then.
    const gone = {
      type: "Stalled",
      status: "True",
      reason: "ExternallyDeleted",
      message: "",
      lastTransitionTime,
    };
    const lost = await object("templateid-gone", {}, { id: "ps1", conditions: [gone] });
    expect(await refusal(lost, { templateId: "tkni3aa4" })).toContain(`templateId ${BOUND}`);
    await change(lost, { templateId: "tkni3aa4", onExternalDeletion: "Recreate" });
    const there = await object("templateid-there", {}, { id: "ps1" });
    const corrected = { templateId: "tkni3aa4", onExternalDeletion: "Recreate" };
    expect(await refusal(there, corrected)).toContain(`templateId ${BOUND}`);
  },

  async [`enableNvlink ${BOUND}`]() {
    await immutable("enableNvlink", true, false);
    await notByDetour("enableNvlink", true, false);
  },

  async [`takeInitialSnapshot ${BOUND}`]() {
    await immutable("takeInitialSnapshot", true, false);
    await notByDetour("takeInitialSnapshot", true, false);
  },

  async [`emailPassword ${BOUND}`]() {
    const bound = await immutable("emailPassword", true, false);
    // Taken away, it gets its default, which is another value.
    expect(await refusal(bound, { emailPassword: null })).toContain(`emailPassword ${BOUND}`);
    const silent = await object("emailpassword-silent", {}, { id: "ps1" });
    expect(await refusal(silent, { emailPassword: true })).toContain(`emailPassword ${BOUND}`);
    // To write the default, or to remove it, changes nothing.
    await change(silent, { emailPassword: false });
    await change(silent, { emailPassword: null });
  },

  async "diskSize cannot shrink or be left out once the machine exists: give the old value or a larger one (the size the machine has is allowed, too)"() {
    const rule = "diskSize cannot shrink or be left out";
    const free = await object("disk-free", { diskSize: 500 });
    await change(free, { diskSize: 100 });

    const storageTotal = 100 * 1024 ** 3;
    const seen = await object("disk-seen", { diskSize: 100 }, { id: "ps1", storageTotal });
    await change(seen, { diskSize: 500 });
    // The growth was refused: back to what the machine has, but not below.
    expect(await refusal(seen, { diskSize: 90 })).toContain(rule);
    await change(seen, { diskSize: 100 });
    const error = await refusal(seen, { diskSize: 50 });
    expect(error).toContain("spec.diskSize: Invalid value");
    expect(error).toContain(rule);

    // By way of adoptId neither: left out first, a smaller one could be given then.
    expect(await refusal(seen, { adoptId: "ps1", diskSize: null })).toContain(rule);

    // Sizes are counted in many ways; the size of the machine is always allowed.
    for (const odd of [storageTotal + 4096, 100 * 1000 ** 3, 100]) {
      const name = await object(`disk-odd-${odd}`, { diskSize: 100 }, { id: "ps1", storageTotal: odd });
      await change(name, { diskSize: 500 });
      expect(await refusal(name, { diskSize: 50 })).toContain(rule);
      await change(name, { diskSize: 100 });
    }

    const unseen = await object("disk-unseen", { diskSize: 500 }, { id: "ps1" });
    expect(await refusal(unseen, { diskSize: 100 })).toContain(rule);
    await change(unseen, { diskSize: 500, powerState: "Stopped" });
    await change(unseen, { diskSize: 1000 });
  },

  async "adoptId cannot name another machine than the one this object owns (status.id)"() {
    const rule = "adoptId cannot name another machine than the one this object owns";
    const free = await object("adopt-free", { adoptId: "ps1" });
    await change(free, { adoptId: "ps2" });
    const owner = await object("adopt-owner", {}, { id: "psowned" });
    expect(await refusal(owner, { adoptId: "psother" })).toContain("spec.adoptId: Invalid value");
    expect(await refusal(owner, { adoptId: "psother" })).toContain(rule);
    await change(owner, { adoptId: "psowned" });
    await change(owner, { adoptId: null });
    // Written right before the id: it contradicts, and status and finalizers can be written all the same.
    const late = await object("adopt-late", { adoptId: "psother" }, { id: "psowned" });
    await testEnv.objectsOf.patchStatus(testEnv.namespace, late, { status: { state: "ready" } });
    await testEnv.objectsOf.mergePatch(testEnv.namespace, late, {
      metadata: { finalizers: ["x.example/y"] },
    });
    await change(late, { adoptId: "psowned" });
    expect(await refusal(late, { adoptId: "psother" })).toContain(rule);
  },
};

/** An object; with a machine where the status has an id. */
async function object(name: string, spec: Spec = {}, status?: Spec): Promise<string> {
  await testEnv.objectsOf.create(testEnv.namespace, manifest(name, spec) as unknown as PaperspaceMachine);
  if (status) await testEnv.objectsOf.patchStatus(testEnv.namespace, name, { status });
  return name;
}

function change(name: string, spec: Spec): Promise<PaperspaceMachine> {
  return testEnv.objectsOf.mergePatch(testEnv.namespace, name, { spec });
}

async function refusal(name: string, spec: Spec): Promise<string> {
  const error: unknown = await change(name, spec).catch((thrown: unknown) => thrown);
  expect(error).toSatisfy(isInvalid);
  return (error as Error).message;
}

/** Free until there is a machine, so that every refused spec can be corrected; bound from then on. Gives a bound one. */
async function immutable(field: string, given: unknown, other: unknown): Promise<string> {
  const name = field.toLowerCase();
  const free = await object(`${name}-free`, { [field]: given });
  expect((await change(free, { [field]: other })).spec).toMatchObject({ [field]: other });
  const bound = await object(`${name}-bound`, { [field]: given }, { id: "ps1" });
  const error = await refusal(bound, { [field]: other });
  expect(error).toContain(`spec.${field}: Invalid value`);
  expect(error).toContain(`${field} ${BOUND}`);
  await change(bound, { powerState: "Stopped", [field]: given });
  return bound;
}

/** Taking an optional field away first, to add it with another value then, is refused at both steps. */
async function notByDetour(field: string, given: unknown, other: unknown): Promise<void> {
  const name = field.toLowerCase();
  const bound = await object(`${name}-detour`, { adoptId: "ps1", [field]: given }, { id: "ps1" });
  expect(await refusal(bound, { [field]: null })).toContain(`${field} ${BOUND}`);
  const without = await object(`${name}-absent`, { adoptId: "ps1", [field]: undefined }, { id: "ps1" });
  for (const value of [given, other])
    expect(await refusal(without, { [field]: value })).toContain(`${field} ${BOUND}`);
}

describe("each CEL rule refuses and accepts", () => {
  for (const [message, holds] of Object.entries(RULES)) test(message, holds);

  test("and none of the CRD is left out here", () => {
    expect(Object.keys(RULES).toSorted()).toEqual(messagesOf(root).toSorted());
  });
});

test("machineType can be changed while there is a machine, alone or with the disk: a new GPU needs no new machine", async () => {
  const name = await object("resize", {}, { id: "ps1", storageTotal: 50 * 1024 ** 3 });
  expect((await change(name, { machineType: "C5" })).spec.machineType).toBe("C5");
  const { spec } = await change(name, { machineType: "A6000", diskSize: 250 });
  expect(spec).toMatchObject({ machineType: "A6000", diskSize: 250 });
});

test("the status of an object with a machine can be written for any spec: rules bind users, not the operator", async () => {
  const name = await object("status-writes", {}, { id: "ps1" });
  const { status } = await testEnv.objectsOf.patchStatus(testEnv.namespace, name, {
    status: { state: "ready" },
  });
  expect(status).toMatchObject({ id: "ps1", state: "ready" });
});

describe("an object that was stored before the new fields came, with a machine", () => {
  const NAME = "stored";
  /** With a value that is refused by now. */
  const BLANK = "stored-blank";
  const before = manifest(NAME).spec;
  const fresh = Object.keys(specSchema.properties ?? {}).filter((field) => !FIELDS_BEFORE.includes(field));
  const bound: readonly string[] = IMMUTABLE;
  let upgrade: Upgrade;
  let stored: PaperspaceMachine;

  beforeAll(async () => {
    upgrade = new Upgrade(testEnv.kube, `${testEnv.namespace}.test`);
    const { machines } = upgrade;
    await upgrade.install(earlier(root, FIELDS_BEFORE));
    const { apiVersion: _ours, kind: _also, ...body } = manifest(NAME);
    await machines.create(testEnv.namespace, body as unknown as PaperspaceMachine);
    stored = await machines.patchStatus(testEnv.namespace, NAME, { status: { id: "ps1" } });
    const blank = { ...body, metadata: { name: BLANK }, spec: { ...body.spec, name: " box " } };
    await machines.create(testEnv.namespace, blank as unknown as PaperspaceMachine);
    await upgrade.grow(root, async () => {
      expect((await machines.get(testEnv.namespace, NAME)).spec).toMatchObject(DEFAULTS);
    });
  });
  afterAll(() => upgrade.remove());

  const tried = (spec: Spec) => upgrade.tried(testEnv.namespace, NAME, spec);

  test("reads as if the defaults had been written, and counts as unchanged: an upgrade touches no machine", async () => {
    expect(stored.spec).toEqual({ ...before, ...DEFAULTS_BEFORE });
    const { spec, metadata } = await upgrade.machines.get(testEnv.namespace, NAME);
    expect(spec).toEqual({ ...stored.spec, ...DEFAULTS });
    expect(metadata.generation).toBe(stored.metadata.generation);
  });

  // A placement is for what is not made yet, and has cases of its own.
  for (const field of fresh.filter((each) => !bound.includes(each) && each !== "placement"))
    test(`${field} can be set on it, and powerState with it: it needs no new machine`, async () => {
      const spec = {
        powerState: "Stopped",
        [field]: field === "onExternalDeletion" ? "Recreate" : FULL[field],
      };
      expect(await tried(spec)).toMatchObject(spec);
    });

  for (const field of fresh.filter((each) => bound.includes(each)))
    test(`${field} is bound on it, for its machine was made without`, async () => {
      await expect(tried({ [field]: true })).rejects.toThrow(`${field} ${BOUND}`);
    });

  test("the manifest of that time is no change when it is applied again", async () => {
    expect(await tried(before)).toEqual({ ...stored.spec, ...DEFAULTS });
  });

  test("the operator can write its status, and that does not count as a change of the spec", async () => {
    const status = { state: "ready", storageTotal: 50 * 1024 ** 3, networkId: "nla0jotp" };
    const written = await upgrade.machines.patchStatus(testEnv.namespace, NAME, { status });
    expect(written.status).toMatchObject({ id: "ps1", ...status });
    expect(written.metadata.generation).toBe(stored.metadata.generation);
  });

  test("a value that is refused by now stands in the way of no other write, and can be corrected", async () => {
    const { machines } = upgrade;
    const change = (patch: object) => machines.mergePatch(testEnv.namespace, BLANK, patch);
    await machines.patchStatus(testEnv.namespace, BLANK, { status: { state: "ready" } });
    await change({ metadata: { finalizers: ["x.example/y"] } });
    expect((await change({ spec: { powerState: "Stopped" } })).spec.name).toBe(" box ");
    await expect(change({ spec: { name: "box " } })).rejects.toThrow(
      'spec.name: Invalid value: "box ": write it on one line',
    );
    expect((await change({ spec: { name: "box" } })).spec.name).toBe("box");
    await change({ metadata: { finalizers: null } });
  });

  test("edits of it are stored, old fields and new ones: it becomes an object like any other", async () => {
    for (const edit of [{ powerState: "Stopped" }, { networkId: "nla0jotp" }]) {
      await upgrade.machines.mergePatch(testEnv.namespace, NAME, { spec: edit });
      expect((await upgrade.machines.get(testEnv.namespace, NAME)).spec).toMatchObject(edit);
    }
  });
});
