import { defineConfig } from "vitest/config";

/**
 * Two projects: unit tests beside the code, in virtual time; suites in test/ that share one real control plane.
 */
export default defineConfig({
  test: {
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
