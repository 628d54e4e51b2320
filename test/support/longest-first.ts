/**
 * The order of test files: without the durations of an earlier run vitest begins with the largest file, which says little
 * about how long it takes, and one that takes minutes and begins last runs alone.
 */
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files that take half a minute or more, the longest of each project first. */
const LONG = [
  "test/foreign-clients.test.ts",
  "test/crash-points.test.ts",
  "test/chart-install.test.ts",
  "test/kubectl.test.ts",
  "test/bad-input.test.ts",
  "test/bad-input-deployment.test.ts",
  "test/crash-points-deployment.test.ts",
  "test/plugin.test.ts",
  "test/release.test.ts",
  "test/kubectl-deployment.test.ts",
  "test/identity.test.ts",
  "test/scenarios.test.ts",
  "test/gitops.test.ts",
  "dev/image/image.process.test.ts",
  "test/leader.test.ts",
  "dev/bench/hostile.process.test.ts",
  "test/decide/deployment/plan-law.test.ts",
  "test/decide/machine/plan-law.test.ts",
  "test/app/scenarios-tenants.test.ts",
  "test/app/bounds.test.ts",
  "test/app/operator.test.ts",
  "test/app/crash-whole.test.ts",
  "test/app/crash-deployment.test.ts",
  "test/app/scenarios.test.ts",
  "test/app/pace-law.test.ts",
  "test/app/scenarios-deployment.test.ts",
  "test/app/mutations.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const byProject = Map.groupBy(await super.sort(files), ({ project }) => project);
    return [...byProject.values()].flatMap((specs) =>
      specs.toSorted((a, b) => rankOf(a.moduleId) - rankOf(b.moduleId)),
    );
  }
}

function rankOf(file: string): number {
  const rank = LONG.findIndex((name) => file.endsWith(`/${name}`));
  return rank < 0 ? LONG.length : rank;
}
