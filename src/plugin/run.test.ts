import { describe, expect, it } from "vitest";
import { PluginEnv } from "../../test/plugin/plugin-env.ts";
import { COMMANDS } from "./commands.ts";

async function runPluginWith(line: string) {
  const plugin = new PluginEnv();
  const code = await plugin.run(line);
  return { code, out: plugin.out, err: plugin.err, requests: plugin.requests, calls: plugin.kube.calls };
}

describe("a wrong command line is an error that lists what is valid, before any request", () => {
  it.each([
    [
      "lsit",
      'there is no command "lsit"; did you mean "list"?; there are list, logs, metrics, capacity, cost, start, stop, restart, wake, extend, release, adopt, completion',
    ],
    ["constructor", 'there is no command "constructor"'],
    [
      "list",
      "list what? Give one of templates, types, machines, deployments, users, networks, scripts, projects",
    ],
    ["list instances", '"instances" cannot be listed; give one of templates,'],
    ["list tempaltes", '"tempaltes" cannot be listed; did you mean "templates"?; give one of'],
    ["list toString", '"toString" cannot be listed'],
    ["list users ada", 'list users takes no further arguments, but "ada" came'],
    ["list users --colour", "--colour: there is no such flag; there are --namespace, --context"],
    ["list users --namspace x", '--namspace: there is no such flag; did you mean "--namespace"?; there are'],
    ["list users -x", "-x: there is no such flag"],
    ["list users --follow", "--follow is no flag of list; there are --name, --region"],
    ["logs psd/api -o json", "--output is no flag of logs; there are --follow,"],
    ["list users --name", "--name: the value is missing; give text that is not empty"],
    ["list users --name -o json", "--name: the value is missing"],
    ["list users -o xml", '--output: "xml" is not allowed; give one of table, json, yaml, name'],
    ["list users -n Team_A", '-n: "Team_A" is not allowed; give a Kubernetes name'],
    ["list users --region ny2", "--region is no flag of list users"],
    ["list types --available", "--available needs a region"],
    ["list types --region ny2", "give --available as well"],
    ["list users --secret Not/a/name", "give the name of a Secret, or NAME/KEY"],
    ["logs", "which deployment? Give psd/NAME"],
    ["logs psm/box", "psm/box: machines have no logs, only deployments have; give psd/NAME"],
    ["logs paperspacemachines.paperspace.com/box", "machines have no logs"],
    ["metrics psm/box cpu", "machines have no metrics"],
    ["logs pod/api", 'there is no kind "pod" with logs'],
    ["logs psd api", 'logs takes one argument, psd/NAME, but "api" came as well'],
    ["logs psd/", "this is no name of an object"],
    ["logs psd/../secrets", "this is no name of an object"],
    ["logs psd/api --tail many", '--tail: "many" is not allowed; give a number of lines, or -1 for all'],
    ["logs psd/api --since yesterday", "give a duration such as 30s, 10m, 2h or 30d, or a time such as"],
    ["logs psd/api --since 2026-13-01T00:00:00Z", '"2026-13-01T00:00:00Z" is not allowed'],
    ["logs psd/api --since-time 10m", '--since-time: "10m" is not allowed; give a time such as'],
    ["metrics psd/api", "which metric? Give one of requests_total, requests_per_second,"],
    ["metrics psd/api ram", 'there is no metric "ram"; give one of requests_total,'],
    ["metrics psd/api memroy", 'there is no metric "memroy"; did you mean "memory"?; give one of'],
    ["metrics psd/api cpu gpu", 'metrics takes one metric, but "gpu" came as well'],
    ["metrics psd/api cpu --timeframe month", "one of hour, 12_hours, day, 1_week, 2_weeks"],
    ["release", "release what? Give psm/NAME or psd/NAME"],
    ["release trainer", "trainer: give psm/NAME or psd/NAME"],
    ["release pod/x", "pod/x: give psm/NAME or psd/NAME"],
    ["release psm/Not_A_Name", "psm/Not_A_Name: give psm/NAME or psd/NAME"],
    ["release psm/a --all", '--all means every object, but "psm/a" came as well'],
    ["release psm/a -A", "-A goes with --all only"],
    ["release --all -A -n team-a", "-A means all namespaces, but -n names one"],
    ["metrics psd/api cpu -o xml", '"xml" is not allowed; give one of chart, table, json, yaml'],
    ["completion", "completion for which shell? Give one of bash, zsh, fish"],
    [
      "completion fihs",
      'there is no completion for "fihs"; did you mean "fish"?; give one of bash, zsh, fish',
    ],
    ["completion bash zsh", 'completion takes one shell, but "zsh" came as well'],
  ])("%s", async (line, error) => {
    const { code, out, err, requests, calls } = await runPluginWith(line);
    expect(err).toMatch(/^error: .*\n$/);
    expect(err).toContain(error);
    expect([code, out, requests, calls]).toEqual([2, "", [], []]);
  });
});

describe("help", () => {
  it("is printed without arguments, with -h, and as a command; the version with --version", async () => {
    const { code, out } = await runPluginWith("");
    expect(code).toBe(0);
    expect(out).toMatch(/^What the Paperspace console shows/);
    for (const line of ["-h", "--help", "help"]) expect((await runPluginWith(line)).out).toBe(out);
    expect((await runPluginWith("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("exists for every command, with each of its flags, also among arguments and other flags", async () => {
    for (const [name, { flags }] of Object.entries(COMMANDS)) {
      const { code, out } = await runPluginWith(`${name} --help`);
      expect(code).toBe(0);
      for (const flag of flags) expect(out).toContain(`--${flag}`);
      expect((await runPluginWith(`help ${name}`)).out).toBe(out);
      expect((await runPluginWith(`-n x ${name} something -h`)).out).toBe(out);
    }
  });

  it("has lines of at most 120 characters", async () => {
    for (const name of ["", ...Object.keys(COMMANDS)])
      for (const line of (await runPluginWith(`help ${name}`)).out.split("\n"))
        expect(line.length).toBeLessThanOrEqual(120);
  });
});
