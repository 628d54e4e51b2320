/**
 * How a suite file gets its place: one for each test or one for all of them, with its story printed when a test fails, and
 * the check of all traffic at the end.
 */
import { afterAll, test as base, beforeAll, beforeEach, expect } from "vitest";
import { deploymentDefinition, type PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { ManagedObject } from "../../src/reconcile/kind.ts";
import { conformanceReports } from "./simulator.ts";
import { Place, type PlaceOptions, type StartOptions } from "./test-env.ts";

export { Place } from "./test-env.ts";

/** Each test gets a place of its own, and tells its story when it fails. */
export const test = base.extend("place", async ({ onTestFailed }, { onCleanup }) => {
  const place = await Place.open();
  onTestFailed(() => console.log(place.report()));
  onCleanup(() => place.close());
  return place;
});

/** The same, about deployments. */
export const deploymentTest = base.extend("place", async ({ onTestFailed }, { onCleanup }) => {
  const place = await deploymentPlace();
  onTestFailed(() => console.log(place.report()));
  onCleanup(() => place.close());
  return place;
});

/** A place whose objects are deployments. */
export function deploymentPlace(options: PlaceOptions = {}): Promise<Place<PaperspaceDeployment>> {
  return Place.open<PaperspaceDeployment>({ ...options, kind: deploymentDefinition });
}

/** One place for a whole file, with one operator that serves it all: as a user's cluster has it. */
export function sharedPlace<T extends ManagedObject = PaperspaceMachine>(
  options: PlaceOptions & StartOptions = {},
): () => Place<T> {
  let place: Place<T>;
  beforeAll(async () => {
    place = await Place.open<T>(options);
    await place.daemon(options);
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(place.report())));
  afterAll(() => place.close());
  return () => place;
}

/** To be called at the end of a suite file: whatever was asked and answered in it fits the vendor's own schema. */
export function checkConformance(): void {
  base(
    "every request that was sent, and every answer that was given, fits the vendor's schema",
    ({ skip }) => {
      const reports = conformanceReports();
      expect(reports.flatMap(({ violations }) => violations)).toEqual([]);
      const unchecked = reports.find(({ checked }) => !checked);
      if (unchecked) skip(unchecked.summary);
      expect(reports.reduce((sum, { requests }) => sum + requests, 0)).toBeGreaterThan(0);
    },
  );
}
