import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/longest-first.ts";

const countsFile = process.env.VITEST_JSON_FILE;

/** Tests that start processes: beside the code as any other, and run with the suites. */
const PROCESSES = ["src/**/*.process.test.ts", "dev/**/*.process.test.ts"];

/** Each scenario of the benchmark in its least size: half of their time is the pace of a cloud, so `npm test` goes without. */
const SCENARIOS = "dev/bench/scenarios.process.test.ts";

/** Nothing is mocked and nothing global changed, so the files of a worker share their modules: a third of the time was imports. */
const SHARED_MODULES = { isolate: false };

const WITH_CONTROL_PLANE = {
  ...SHARED_MODULES,
  globalSetup: ["test/support/global-setup.ts"],
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

/**
 * Without a number vitest leaves one core free, which is half of two. No test waits for time to pass: only one that hangs
 * takes so long.
 */
const IN_PROCESS = { ...SHARED_MODULES, maxWorkers: "100%", testTimeout: 30_000 };

/**
 * Five projects. `unit`: tests beside the code, and hostile input to it. `laws`: decisions over whole products of observations. `app`: the whole
 * operator in virtual time. `suites`: real processes, which share one control plane. `bench`: the scenarios of the benchmark, which CI
 * runs by itself.
 */
export default defineConfig({
  test: {
    // .ci/run reads its totals from that file.
    reporters: countsFile ? ["default", ["json", { outputFile: countsFile }]] : ["default"],
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "dev/**/*.test.ts", "test/fuzz/**/*.test.ts"],
          exclude: PROCESSES,
          ...IN_PROCESS,
        },
      },
      { test: { name: "laws", include: ["test/decide/**/*.test.ts"], ...IN_PROCESS } },
      { test: { name: "app", include: ["test/app/**/*.test.ts"], ...IN_PROCESS } },
      {
        test: {
          name: "suites",
          include: ["test/**/*.test.ts", ...PROCESSES],
          exclude: ["test/decide/**", "test/app/**", "test/fuzz/**", SCENARIOS],
          ...WITH_CONTROL_PLANE,
          maxWorkers: 4,
          // After the others: they differ in the number of workers.
          sequence: { groupOrder: 1 },
        },
      },
      { test: { name: "bench", include: [SCENARIOS], ...WITH_CONTROL_PLANE, sequence: { groupOrder: 2 } } },
    ],
  },
});
