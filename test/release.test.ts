/**
 * The end of an installation whose machines shall stay, as people type it: a real kubectl, a real API server, the simulated
 * Paperspace, and an operator that is stopped on the way.
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
import { checkConformance, Place, test } from "./support/cluster.ts";
import { CRD_NAMES, installCrds } from "./support/crds.ts";
import { manifest } from "./support/manifest.ts";
import type { Said } from "./support/run-command.ts";
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
 * An operator whose lease has the name that the chart gives it, in the namespace where tests have their leases. Others'
 * have another, or they would be taken for this one's; so it is none of the account that a place has for its operators.
 */
const operator = (place: Place) =>
  place.daemon({
    flags: [`--leader-elect-name=paperspace-operator-${place.namespace}`],
    kubeconfig: place.cluster.kubeconfig,
  });

/** A line behind `kubectl paperspace`. Nobody sits at a terminal. */
function release(place: Place, line: string): Promise<Said> {
  return place.shell(
    `export PATH='${bin}':"$PATH"; kubectl paperspace release ${line} --operator-namespace=default`,
  );
}

const finalizers = async (place: Place, name: string) =>
  (await place.objectsOf.get(place.namespace, name)).metadata.finalizers;
const secretFinalizers = async (place: Place) =>
  (await secrets(place.kube).get(place.namespace, "paperspace-credentials")).metadata.finalizers;

describe("release", () => {
  test("lets an installation end with its machines running, and another one take them over", async ({
    place,
  }) => {
    const daemon = await operator(place);
    await place.apply(manifest("box"), manifest("other"));
    const id = (await place.ready("box")).status?.id;
    await place.ready("other");

    const early = await release(place, "--all --yes");
    expect(early).toMatchObject({ code: 1, out: "" });
    expect(early.err).toMatch(/an operator is running \(lease default\/paperspace-operator-.*helm uninstall/);
    expect(await finalizers(place, "box")).toEqual([FINALIZER]);

    await daemon.stop();
    // Deleted with nobody there to do it: this is where people come to know the command.
    await place.kubectl("delete psm other --wait=false");
    const asked = await release(place, "--all");
    expect(asked).toMatchObject({ code: 1, err: expect.stringContaining("give --yes") });
    expect(asked.out).toMatch(new RegExp(`psm/box +${id} +ready +object stays, machine stays`));
    expect(asked.out).toMatch(/psm\/other .* object goes at once, machine stays/);
    expect(await finalizers(place, "box")).toEqual([FINALIZER]);

    const done = await release(place, "--all --yes");
    expect(done.code).toBe(0);
    expect(done.out).toContain(`psm/box released: machine ${id} stays; spec.adoptId: ${id} takes it over\n`);
    expect(done.out).toContain("secret/paperspace-credentials released\n");
    await place.gone("other");
    expect(await secretFinalizers(place)).toBeUndefined();
    // Without an operator, and at once.
    await place.kubectl("delete psm box --timeout=20s");
    await place.kubectl("delete secret paperspace-credentials --timeout=20s");
    expect(place.machines()).toHaveLength(2);

    await place.secret(DEMO_KEY);
    await operator(place);
    await place.apply(manifest("heir", { adoptId: id }));
    expect((await place.ready("heir")).status?.id).toBe(id);
    expect(place.everMade()).toHaveLength(2);
  });

  test("is undone by an operator that starts again: it takes up what is still there", async ({ place }) => {
    const daemon = await operator(place);
    await place.apply(manifest("box"));
    const id = (await place.ready("box")).status?.id;
    const { spec } = await place.objectsOf.get(place.namespace, "box");
    await daemon.stop();
    expect(await release(place, "psm/box --yes")).toMatchObject({ code: 0 });
    expect(await finalizers(place, "box")).toBeUndefined();
    await operator(place);
    await place.until("it is held again", () => place.get("box")?.metadata.finalizers?.includes(FINALIZER));
    expect((await place.objectsOf.get(place.namespace, "box")).spec).toEqual(spec);
    await place.kubectl("delete psm box --timeout=60s");
    expect(place.machines()).toEqual([]);
    expect(place.everMade().map((machine) => machine.id)).toEqual([id]);
  });

  test("with --force while an operator runs, finds that out by its finalizer being back", async ({
    place,
  }) => {
    await operator(place);
    await place.apply(manifest("box"));
    await place.ready("box");
    const forced = await release(place, "psm/box --yes --force");
    expect(forced.code).toBe(1);
    expect(forced.err).toContain(
      `an operator is running: it put its finalizer back on ${place.namespace} psm/box`,
    );
    expect(await finalizers(place, "box")).toEqual([FINALIZER]);
  });
});

const CRDS = CRD_NAMES.join(" ");

base("CRDs that were deleted without an operator go after it, and the machines stay", async () => {
  const cluster = await startControlPlane();
  const sim = await newSimulator();
  let place: Place | undefined;
  try {
    await installCrds(cluster.kubectl, cluster.env);
    place = await Place.open({ cluster, sim });
    const daemon = await operator(place);
    await place.apply(manifest("box"));
    const id = (await place.ready("box")).status?.id;
    await daemon.stop();
    await place.kubectl(`delete ${CRDS} --wait=false`);
    const box = () => place?.get("box");
    await place.until("the objects are deleted with them", () => box()?.metadata.deletionTimestamp);
    await expect(place.kubectl(`wait --for=delete ${CRDS} --timeout=2s`)).rejects.toThrow("timed out");
    const said = await release(place, "--all -A --yes");
    expect(said).toMatchObject({ code: 0, out: expect.stringContaining(`machine ${id} stays`) });
    await place.kubectl(`wait --for=delete ${CRDS} --timeout=60s`);
    expect(place.machines().map((machine) => machine.id)).toEqual([id]);
  } catch (error) {
    console.log(place?.report());
    throw error;
  } finally {
    await place?.close();
    await sim.stop();
    await cluster.stop();
  }
});

checkConformance();
