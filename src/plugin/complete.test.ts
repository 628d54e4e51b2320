import { expect, it } from "vitest";
import { PluginEnv } from "../../test/plugin/plugin-env.ts";
import { COMMANDS } from "./commands.ts";
import { SHELLS } from "./completion.ts";
import { LISTABLES } from "./listables.ts";

/** The candidates, and the directive. */
async function completed(...words: string[]) {
  const plugin = new PluginEnv();
  expect(await plugin.runWords(["__complete", ...words])).toBe(0);
  expect([plugin.requests, plugin.kube.calls, plugin.err]).toEqual([[], [], ""]);
  const lines = plugin.out.trimEnd().split("\n");
  return { words: lines.slice(0, -1).map((line) => line.split("\t")[0]), directive: lines.at(-1) };
}

it("completes commands, and what each takes, by its place", async () => {
  expect((await completed("")).words).toEqual(Object.keys(COMMANDS));
  expect(await completed("m")).toEqual({ words: ["metrics"], directive: ":4" });
  expect((await completed("list", "")).words).toEqual(Object.keys(LISTABLES));
  expect((await completed("list", "-n", "team-a", "de")).words).toEqual(["deployments"]);
  expect((await completed("metrics", "psd/api", "m")).words).toEqual(["memory"]);
  expect((await completed("completion", "")).words).toEqual(SHELLS);
  expect((await completed("help", "re")).words).toEqual(["restart", "release"]);
  expect((await completed("nothing", "")).words).toEqual([]);
});

it("completes flags and their values, and gives no value for a command that does not take it", async () => {
  expect((await completed("logs", "--si")).words).toEqual(["--since", "--since-time"]);
  expect((await completed("list", "users", "-o", "")).words).toEqual(["table", "json", "yaml", "name"]);
  expect((await completed("metrics", "psd/a", "cpu", "--output=c")).words).toEqual(["--output=chart"]);
  expect((await completed("metrics", "psd/a", "cpu", "--timeframe", "1")).words).toEqual([
    "12_hours",
    "1_week",
  ]);
  expect((await completed("list", "users", "--name", "")).words).toEqual([]);
});

it("lets the name follow at once where only the kind is complete", async () => {
  expect(await completed("logs", "p")).toEqual({ words: ["psd/"], directive: ":6" });
});

it("has a script for each shell, which asks the plugin", async () => {
  for (const shell of SHELLS) {
    const plugin = new PluginEnv();
    expect(await plugin.run(`completion ${shell}`)).toBe(0);
    expect(plugin.out).toContain("kubectl-paperspace __complete");
  }
});
