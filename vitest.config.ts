import { defineConfig } from "vitest/config";

const countsFile = process.env.VITEST_JSON_FILE;

/**
 * Two projects: unit tests beside the code, in virtual time; suites in test/ that share one real control plane.
 */
export default defineConfig({
  test: {
    // .ci/run reads its totals from that file.
    reporters: countsFile ? ["default", ["json", { outputFile: countsFile }]] : ["default"],
    projects: [
      {
        test: { name: "unit", include: ["src/**/*.test.ts", "dev/**/*.test.ts"] },
      },
      {
        test: {
          name: "suites",
          include: ["test/**/*.test.ts"],
          globalSetup: ["test/support/global-setup.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
