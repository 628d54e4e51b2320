import { describe, expect, it } from "vitest";
import { optionEntries } from "./config-options.ts";
import { readFlags } from "./flags.ts";

function read(argv: string[]): { given: Record<string, string>; problems: string[] } {
  const problems: string[] = [];
  const given = readFlags(argv, optionEntries(), problems);
  return { given: Object.fromEntries(given), problems };
}

describe("flags", () => {
  it("are read in all usual forms: with a blank, with =, bare and negated booleans", () => {
    const accepted = (argv: string[]) => {
      const { given, problems } = read(argv);
      expect(problems).toEqual([]);
      return given;
    };
    expect(accepted(["--burst=3", "--leader-elect", "--log-level", "debug"])).toEqual({
      burst: "3",
      "leader-elect": "true",
      "log-level": "debug",
    });
    expect(accepted(["--no-leader-elect"])).toEqual({ "leader-elect": "false" });
    expect(accepted(["--leader-elect=false"])).toEqual({ "leader-elect": "false" });
    expect(accepted(["--leader-elect", "false", "--burst", "3"])).toEqual({
      "leader-elect": "false",
      burst: "3",
    });
  });

  it("count as given last, so that a chart's extra arguments can override", () => {
    expect(read(["--burst=3", "--burst=4"]).given).toEqual({ burst: "4" });
  });

  it.each([
    ["--bursts=3", "--burst"],
    ["--api-namespace=x", "--api-key-namespaces"],
    ["--resync", "--help"],
    ["--leader-election", "--leader-elect"],
  ])("%s is unknown and suggests %s", (given, suggestion) => {
    expect(read([given]).problems[0]).toContain(suggestion);
  });

  it("without a value are reported, rather than consuming the next flag", () => {
    expect(read(["--burst", "--no-leader-elect"])).toEqual({
      given: { "leader-elect": "false" },
      problems: ["--burst: the value is missing; give a whole number from 2 to 10000"],
    });
  });

  it("do not take the API key, and do not repeat it in the error: a command line is visible to every process", () => {
    for (const argv of [
      ["--paperspace-api-key", "hunter2"],
      ["--paperspace-api-key=hunter2"],
      ["--api-key", "hunter2"],
    ]) {
      const { given, problems } = read(argv);
      expect(given).toEqual({});
      expect(problems).toHaveLength(1);
      expect(problems[0]).not.toContain("hunter2");
    }
    expect(read(["--paperspace-api-key=x"]).problems[0]).toContain("set PAPERSPACE_API_KEY");
  });
});
