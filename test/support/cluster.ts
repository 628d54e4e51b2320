/**
 * How a suite file gets its test environment: one for each test or one for all of them, with its report printed when a
 * test fails, and the check of all traffic at the end.
 */
import { afterAll, test as base, beforeAll, beforeEach, expect } from "vitest";
import { deploymentDefinition, type PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { conformanceReports, forgetSimulators } from "./simulator.ts";
import { type StartOptions, TestEnv, type TestEnvOptions } from "./test-env.ts";

export { TestEnv } from "./test-env.ts";

/** Each test gets an environment of its own, whose report is printed when it fails. */
export const test = base.extend("testEnv", async ({ onTestFailed }, { onCleanup }) => {
  const testEnv = await TestEnv.open();
  onTestFailed(() => console.log(testEnv.report()));
  onCleanup(() => testEnv.close());
  return testEnv;
});

/** The same, for deployments. */
export const deploymentTest = base.extend("testEnv", async ({ onTestFailed }, { onCleanup }) => {
  const testEnv = await deploymentTestEnv();
  onTestFailed(() => console.log(testEnv.report()));
  onCleanup(() => testEnv.close());
  return testEnv;
});

/** A test environment whose objects are deployments. */
export function deploymentTestEnv(options: TestEnvOptions = {}): Promise<TestEnv<PaperspaceDeployment>> {
  return TestEnv.open<PaperspaceDeployment>({ ...options, kind: deploymentDefinition });
}

/** One test environment for a whole file, with one operator that serves it all: as in a user's cluster. */
export function sharedTestEnv<T extends ManagedObject = PaperspaceMachine>(
  options: TestEnvOptions & StartOptions = {},
): () => TestEnv<T> {
  let testEnv: TestEnv<T>;
  beforeAll(async () => {
    testEnv = await TestEnv.open<T>(options);
    await testEnv.daemon(options);
  });
  beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(testEnv.report())));
  afterAll(() => testEnv.close());
  return () => testEnv;
}

/** To be called at the end of a suite file: all its requests and answers fit the vendor's own schema. */
export function checkConformance(): void {
  forgetSimulators();
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
