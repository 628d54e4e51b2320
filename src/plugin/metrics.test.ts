import { describe, expect, it } from "vitest";
import { ID, PluginEnv } from "../../test/plugin/plugin-env.ts";
import { numberText } from "./metrics.ts";

const START = Date.UTC(2026, 0, 31, 8, 0);
const at = (minute: number) => new Date(START + minute * 60_000).toISOString();

/** Prints as the plugin would, with a line end before it. */
async function shown(
  line: string,
  body: unknown,
  options: { terminal?: boolean; env?: Record<string, string> } = {},
) {
  const plugin = new PluginEnv({
    ...options,
    env: { COLUMNS: "72", ...options.env },
    handle: ({ path }) => (path === `/deployments/${ID}/metrics` ? { body } : undefined),
  });
  await plugin.secret();
  plugin.deployment();
  expect([await plugin.run(line), plugin.err]).toEqual([0, ""]);
  return { out: `\n${plugin.out}`, query: plugin.requests.at(-1)?.query };
}

const wave = (from: number) =>
  Array.from({ length: 60 }, (_, i) => ({
    timestamp: at(i),
    value: i > 30 && i < 36 ? "NaN" : (from + 30 * Math.sin(i / 6)).toFixed(3),
  }));

describe("more samples than a function takes arguments", () => {
  const values = Array.from({ length: 300_000 }, (_, i) => ({
    timestamp: new Date(START + i * 1_000).toISOString(),
    value: String(i % 1_000),
  }));

  it("are too many for a call, or the others show nothing", () => {
    expect(() => Math.max(...values.map(({ value }) => Number(value)))).toThrow(RangeError);
  });

  it.each([
    ["a list for each instance", [{ instanceId: "i-1", values }]],
    ["a list of all", values],
  ])("are drawn, from %s", async (_form, body) => {
    const { out } = await shown("metrics psd/api cpu", body);
    expect(out).toContain("min 0  max 999");
  });

  it("are printed as a table, a line each", async () => {
    const { out } = await shown("metrics psd/api cpu -o table", [{ instanceId: "i-1", values }]);
    expect(out.split("\n").length).toBeGreaterThan(values.length);
  });
});

describe("the chart", () => {
  it("has a panel for each instance, with gaps where there is no number, and one time for all", async () => {
    const body = [
      { instanceId: "i-7f3a", values: wave(45) },
      { instanceId: "i-9c01", values: wave(120_000).slice(20) },
      { instanceId: "i-idle", values: [{ timestamp: at(0), value: "n/a" }] },
      { instanceId: "i-flat", values: [0, 59].map((i) => ({ timestamp: at(i), value: "5" })) },
    ];
    const { out, query } = await shown("metrics psd/api cpu --timeframe hour", body);
    expect(out).toMatchInlineSnapshot(`
      "
      cpu · psd/api · hour

      i-7f3a   min 15  max 75  last 33.1
            75 ┤    ⢀⠤⠤⠒⠉⠉⠉⠉⠑⠢⢄⡀                            ⡠⠔⠒⠊⠉⠉⠉⠉⠒⠤⣀
               │ ⢀⠔⠊⠁          ⠈⠑⢄⡀                     ⢀⠤⠒⠉           ⠑⠢⢄
            45 ┤⠔⠁                ⠈⠑⠤⡀                ⣀⠔⠁                 ⠑⠢⡀
               │                     ⠈⠒⢄             ⠈                      ⠈⠑
            15 ┤                        ⠉⠒⠤⠤⣀⣀⣀⣀
               └──────────────────────────────────────────────────────────────
                08:00                       08:29                    08:59 UTC

      i-9c01   min 119.97k  max 120.03k  last 119.988k
       120.03k ┤                                            ⡠⠔⠒⠊⠉⠉⠉⠉⠒⠤⣀
               │                                        ⢀⠤⠒⠉           ⠑⠢⢄
          120k ┤                     ⡀                ⣀⠔⠁                 ⠑⠢⡀
               │                     ⠈⠒⢄             ⠈                      ⠈⠑
       119.97k ┤                        ⠉⠒⠤⠤⣀⣀⣀⣀
               └──────────────────────────────────────────────────────────────
                08:00                       08:29                    08:59 UTC

      i-idle   no numbers: 1 value, such as "n/a"

      i-flat   min 5  max 5  last 5
               │
               │
             5 ┤⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒⠒
               │
               │
               └──────────────────────────────────────────────────────────────
                08:00                       08:29                    08:59 UTC
      "
    `);
    expect(query).toEqual({ metric: "cpu", timeframe: "hour" });
  });

  it("shows days where the time is long, and memory in its own prefixes", async () => {
    const values = Array.from({ length: 15 }, (_, i) => ({
      timestamp: at(i * 24 * 60),
      value: String((i % 5) * 2 ** 28),
    }));
    const { out } = await shown("metrics psd/api memory --timeframe 2_weeks", [
      { instanceId: "i-1", values },
    ]);
    expect(out).toMatchInlineSnapshot(`
      "
      memory · psd/api · 2 weeks

      i-1   min 0  max 1Gi  last 1Gi
         1Gi ┤               ⣀⠤⠒⢣                   ⣀⠤⠒⢣                  ⢀⡠⠔⠊
             │           ⣀⠤⠒⠉    ⢣              ⣀⠤⠒⠉    ⢣             ⢀⡠⠔⠊⠁
       512Mi ┤       ⣀⠤⠒⠉         ⢣        ⢀⡠⠔⠒⠉         ⢣        ⢀⡠⠔⠊⠁
             │   ⢀⡠⠒⠉              ⢣    ⣀⠔⠊⠁              ⢣    ⣀⠔⠊⠁
           0 ┤⡠⠔⠊⠁                  ⢣⠤⠒⠉                   ⢣⠤⠒⠉
             └────────────────────────────────────────────────────────────────
              01-31 08:00               02-07 08:00            02-14 08:00 UTC
      "
    `);
  });

  it("has no line through a time without values", async () => {
    const values = [0, 1, 2, 50, 51, 52].map((i) => ({ timestamp: at(i), value: String(i) }));
    const { out } = await shown("metrics psd/api cpu", [{ instanceId: "i-1", values }]);
    expect(out).toMatchInlineSnapshot(`
      "
      cpu · psd/api

      i-1   min 0  max 52  last 52
       52 ┤                                                                ⠊⠉⠉
          │
       26 ┤
          │
        0 ┤⣀⣀⠤
          └───────────────────────────────────────────────────────────────────
           08:00                          08:26                      08:52 UTC
      "
    `);
  });

  it("is bars where each series has one value", async () => {
    const body = [
      { timestamp: at(0), value: "61.2", instanceId: "i-7f3a", gpu: "0" },
      { timestamp: at(0), value: "12", instanceId: "i-7f3a", gpu: "1" },
      { timestamp: at(0), value: "+Inf", instanceId: "i-9c01", gpu: "0" },
    ];
    expect((await shown("metrics psd/api gpu", body)).out).toMatchInlineSnapshot(`
      "
      gpu · psd/api

        i-7f3a · gpu 0  ████████████████████████████████████████████████  61.2
        i-7f3a · gpu 1  █████████▍                                        12
        i-9c01 · gpu 0                                                    +Inf
      "
    `);
  });

  it("is a number where there is a single value, and a message where there is none", async () => {
    const of = async (body: unknown) => (await shown("metrics psd/api requests_total", body)).out;
    const outputs = [
      await of({ timestamp: at(0), value: "48211" }),
      await of({ timestamp: at(0), value: "NaN" }),
      await of([]),
      await of([{ instanceId: "i-1", values: [] }]),
    ];
    expect(outputs.join("")).toMatchInlineSnapshot(`
      "
      requests_total · psd/api

        48.2k (48211)  at 01-31 08:00 UTC

      requests_total · psd/api

        no numbers: 1 value, such as "NaN"

      requests_total · psd/api

        no data

      requests_total · psd/api

        no data
      "
    `);
  });

  it("fits the width of the terminal, down to a minimum", async () => {
    const body = [{ instanceId: `i-${"x".repeat(60)}`, values: wave(45) }];
    for (const [columns, width] of [
      ["50", 50],
      ["100", 100],
      ["400", 140],
      ["10", 40],
      ["many", 80],
    ] as const) {
      const { out } = await shown("metrics psd/api cpu", body, { env: { COLUMNS: columns } });
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBe(width);
    }
  });

  it("has colours on a terminal only, and none where NO_COLOR is set", async () => {
    const body = [{ instanceId: "i-1", values: wave(45) }];
    const plain = (await shown("metrics psd/api cpu", body)).out;
    const bright = (await shown("metrics psd/api cpu", body, { terminal: true })).out;
    const without = (await shown("metrics psd/api cpu", body, { terminal: true, env: { NO_COLOR: "1" } }))
      .out;
    expect(bright).toContain("\x1b[36m");
    expect(without).toBe(plain);
    expect(plain).not.toContain("\x1b");
  });

  it("removes control sequences from names of instances", async () => {
    const body = [{ instanceId: "i\x1b]0;x\x07\x1b[2J", values: wave(45) }];
    const { out } = await shown("metrics psd/api cpu", body, { terminal: true, env: { NO_COLOR: "1" } });
    expect(out).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe("table and JSON", () => {
  const body = [
    { timestamp: at(0), value: "61.2", instanceId: "i-7f3a", gpu: "0" },
    { timestamp: at(1), value: "NaN", instanceId: "i-7f3a", gpu: "0" },
    { timestamp: at(1), value: "", instanceId: "i-9c01" },
  ];

  it("show values as received", async () => {
    expect((await shown("metrics psd/api gpu -o table", body)).out).toMatchInlineSnapshot(`
      "
      INSTANCE   GPU      TIMESTAMP                  VALUE
      i-7f3a     0        2026-01-31T08:00:00.000Z   61.2
      i-7f3a     0        2026-01-31T08:01:00.000Z   NaN
      i-9c01     <none>   2026-01-31T08:01:00.000Z   <none>
      "
    `);
    const { out, query } = await shown("metrics psd/api gpu -o json", body);
    expect(JSON.parse(out)).toEqual({
      namespace: "team-a",
      name: "api",
      id: ID,
      metric: "gpu",
      timeframe: null,
      series: [
        {
          instanceId: "i-7f3a",
          gpu: "0",
          values: [
            { timestamp: at(0), value: "61.2" },
            { timestamp: at(1), value: "NaN" },
          ],
        },
        { instanceId: "i-9c01", gpu: null, values: [{ timestamp: at(1), value: "" }] },
      ],
    });
    expect(query).toEqual({ metric: "gpu" });
  });

  it("omit empty columns", async () => {
    const { out } = await shown("metrics psd/api requests_total -o table", { timestamp: at(0), value: "7" });
    expect(out).toBe("\nTIMESTAMP                  VALUE\n2026-01-31T08:00:00.000Z   7\n");
  });
});

it("an answer in none of the known forms is an error, not a chart of nothing", async () => {
  const plugin = new PluginEnv({
    handle: ({ path }) => (path.endsWith("/metrics") ? { body: { message: "?" } } : undefined),
  });
  await plugin.secret();
  plugin.deployment();
  expect(await plugin.run("metrics psd/api cpu")).toBe(1);
  expect(plugin.err).toBe("error: Paperspace answered in an unknown form about cpu of psd/api\n");
});

describe("numbers", () => {
  it.each([
    [0, undefined, "0"],
    [0.1 + 0.2, undefined, "0.3"],
    [73.5412, undefined, "73.5"],
    [-3, undefined, "-3"],
    [9_999, undefined, "9999"],
    [12_345, undefined, "12.3k"],
    [1_000_000, undefined, "1M"],
    [999_999, undefined, "1000k"],
    [0.0001234, undefined, "0.000123"],
    [1_023, "bytes", "1023"],
    [1_024, "bytes", "1Ki"],
    [1.5 * 2 ** 30, "bytes", "1.5Gi"],
    [0.0423, "s", "0.0423 s"],
    [12, "/s", "12/s"],
  ] as const)("%f as %s is %s", (value, unit, text) => {
    expect(numberText(value, unit)).toBe(text);
  });

  it("have enough digits to differ from their neighbours", () => {
    expect([numberText(120_045, undefined, 60), numberText(119_985, undefined, 60)]).toEqual([
      "120.045k",
      "119.985k",
    ]);
    expect(numberText(0, undefined, 60)).toBe("0");
  });
});
