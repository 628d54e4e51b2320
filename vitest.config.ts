import { defineConfig } from "vitest/config";

const countsFile = process.env.VITEST_JSON_FILE;

/**
 * Four projects. `unit`: tests beside the code. `laws`: decisions over whole products of observations. `app`: the whole
 * operator in virtual time. `suites`: real processes, which share one control plane.
 */
export default defineConfig({
  test: {
    // .ci/run reads its totals from that file.
    reporters: countsFile ? ["default", ["json", { outputFile: countsFile }]] : ["default"],
    projects: [
      { test: { name: "unit", include: ["src/**/*.test.ts", "dev/**/*.test.ts"] } },
      { test: { name: "laws", include: ["test/decide/**/*.test.ts"] } },
      { test: { name: "app", include: ["test/app/**/*.test.ts"] } },
      {
        test: {
          name: "suites",
          include: ["test/**/*.test.ts"],
          exclude: ["test/decide/**", "test/app/**"],
          globalSetup: ["test/support/global-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
