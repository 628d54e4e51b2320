/**
 * The end of an installation whose machines must stay, as users type it: a real kubectl, a real API server, the
 * simulated Paperspace, and an operator that is stopped on the way.
 */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, test as base, beforeAll, describe, expect } from "vitest";
import { startControlPlane } from "../dev/control-plane/control-plane.ts";
import { DEMO_KEY } from "../dev/simulator/world/teams.ts";
import { secrets } from "../src/kube/resource.ts";
import { FINALIZER } from "../src/reconcile/record.ts";
import { checkConformance, TestEnv, test } from "./support/cluster.ts";
import { CRD_NAMES, installCrds } from "./support/crds.ts";
import { manifest } from "./support/manifest.ts";
import type { CommandResult } from "./support/run-command.ts";
import { newSimulator } from "./support/simulator.ts";

const PLUGIN = fileURLToPath(new URL("../bin/kubectl-paperspace.js", import.meta.url));

let bin: string;

beforeAll(() => {
  bin = mkdtempSync(join(tmpdir(), "kubectl-paperspace-"));
  symlinkSync(PLUGIN, join(bin, "kubectl-paperspace"));
  symlinkSync(process.execPath, join(bin, "node"));
});

afterAll(() => rmSync(bin, { recursive: true, force: true }));

/**
 * An operator whose lease has the name that the chart gives it, in the namespace where tests have their leases. Leases
 * of other operators have another name, or they would be taken for this one's; so it does not use the account of the
 * test environment's operators.
 */
const operator = (testEnv: TestEnv) =>
  testEnv.daemon({
    flags: [`--leader-elect-name=paperspace-operator-${testEnv.namespace}`],
    kubeconfig: testEnv.cluster.kubeconfig,
  });

/** A line behind `kubectl paperspace`, without a terminal. */
function release(testEnv: TestEnv, line: string): Promise<CommandResult> {
  return testEnv.shell(
    `export PATH='${bin}':"$PATH"; kubectl paperspace release ${line} --operator-namespace=default`,
  );
}

const finalizers = async (testEnv: TestEnv, name: string) =>
  (await testEnv.objectsOf.get(testEnv.namespace, name)).metadata.finalizers;
const secretFinalizers = async (testEnv: TestEnv) =>
  (await secrets(testEnv.kube).get(testEnv.namespace, "paperspace-credentials")).metadata.finalizers;

describe("release", () => {
  test("lets an installation end with its machines running, and another one take them over", async ({
    testEnv,
  }) => {
    const daemon = await operator(testEnv);
    await testEnv.apply(manifest("box"), manifest("other"));
    const id = (await testEnv.ready("box")).status?.id;
    await testEnv.ready("other");

    const early = await release(testEnv, "--all --yes");
    expect(early).toMatchObject({ code: 1, out: "" });
    expect(early.err).toMatch(/an operator is running \(lease default\/paperspace-operator-.*helm uninstall/);
    expect(await finalizers(testEnv, "box")).toEqual([FINALIZER]);

    await daemon.stop();
    // Deleted without an operator: this is where users need the command.
    await testEnv.kubectl("delete psm other --wait=false");
    const refused = await release(testEnv, "--all");
    expect(refused).toMatchObject({ code: 1, err: expect.stringContaining("give --yes") });
    expect(refused.out).toMatch(new RegExp(`psm/box +${id} +ready +object stays, machine stays`));
    expect(refused.out).toMatch(/psm\/other .* object goes at once, machine stays/);
    expect(await finalizers(testEnv, "box")).toEqual([FINALIZER]);

    const done = await release(testEnv, "--all --yes");
    expect(done.code).toBe(0);
    expect(done.out).toContain(`psm/box released: machine ${id} stays; spec.adoptId: ${id} takes it over\n`);
    expect(done.out).toContain("secret/paperspace-credentials released\n");
    await testEnv.gone("other");
    expect(await secretFinalizers(testEnv)).toBeUndefined();
    // Without an operator, and at once.
    await testEnv.delete("box");
    await testEnv.kubectl("delete secret paperspace-credentials --timeout=20s");
    expect(testEnv.machines()).toHaveLength(2);

    await testEnv.secret(DEMO_KEY);
    await operator(testEnv);
    await testEnv.apply(manifest("heir", { adoptId: id }));
    expect((await testEnv.ready("heir")).status?.id).toBe(id);
    expect(testEnv.everMade()).toHaveLength(2);
  });

  test("is undone by an operator that starts again: it serves what is still there", async ({ testEnv }) => {
    const daemon = await operator(testEnv);
    await testEnv.apply(manifest("box"));
    const id = (await testEnv.ready("box")).status?.id;
    const { spec } = await testEnv.objectsOf.get(testEnv.namespace, "box");
    await daemon.stop();
    expect(await release(testEnv, "psm/box --yes")).toMatchObject({ code: 0 });
    expect(await finalizers(testEnv, "box")).toBeUndefined();
    await operator(testEnv);
    await testEnv.until("it is held again", () =>
      testEnv.get("box")?.metadata.finalizers?.includes(FINALIZER),
    );
    expect((await testEnv.objectsOf.get(testEnv.namespace, "box")).spec).toEqual(spec);
    await testEnv.delete("box");
    expect(testEnv.machines()).toEqual([]);
    expect(testEnv.everMade().map((machine) => machine.id)).toEqual([id]);
  });

  test("with --force while an operator runs, detects that by its restored finalizer", async ({ testEnv }) => {
    await operator(testEnv);
    await testEnv.apply(manifest("box"));
    await testEnv.ready("box");
    const forced = await release(testEnv, "psm/box --yes --force");
    expect(forced.code).toBe(1);
    expect(forced.err).toContain(
      `an operator is running: it put its finalizer back on ${testEnv.namespace} psm/box`,
    );
    expect(await finalizers(testEnv, "box")).toEqual([FINALIZER]);
  });
});

const CRDS = CRD_NAMES.join(" ");

base("CRDs that were deleted without an operator go after it, and the machines stay", async () => {
  const cluster = await startControlPlane();
  const sim = await newSimulator();
  let testEnv: TestEnv | undefined;
  try {
    await installCrds(cluster.kubectl, cluster.env);
    testEnv = await TestEnv.open({ cluster, sim });
    const daemon = await operator(testEnv);
    await testEnv.apply(manifest("box"));
    const id = (await testEnv.ready("box")).status?.id;
    await daemon.stop();
    await testEnv.kubectl(`delete ${CRDS} --wait=false`);
    const box = () => testEnv?.get("box");
    await testEnv.until("the objects are deleted with them", () => box()?.metadata.deletionTimestamp);
    await expect(testEnv.kubectl(`wait --for=delete ${CRDS} --timeout=2s`)).rejects.toThrow("timed out");
    const result = await release(testEnv, "--all -A --yes");
    expect(result).toMatchObject({ code: 0, out: expect.stringContaining(`machine ${id} stays`) });
    await testEnv.kubectl(`wait --for=delete ${CRDS} --timeout=60s`);
    expect(testEnv.machines().map((machine) => machine.id)).toEqual([id]);
  } catch (error) {
    console.log(testEnv?.report());
    throw error;
  } finally {
    await testEnv?.close();
    await sim.stop();
    await cluster.stop();
  }
});

checkConformance();
