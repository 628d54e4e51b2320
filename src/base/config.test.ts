import { describe, expect, it } from "vitest";
import { type Config, ConfigError, loadConfig } from "./config.ts";

function config(argv: string[] = [], env: Record<string, string> = {}): Config {
  const loaded = loadConfig(argv, env, "1.2.3");
  if (loaded.action !== "run") throw new Error(`printed ${loaded.text}`);
  return loaded.config;
}

function text(argv: string[]): string {
  const loaded = loadConfig(argv, {}, "1.2.3");
  return loaded.action === "print" ? loaded.text : "";
}

function problems(argv: string[], env: Record<string, string> = {}): readonly string[] {
  try {
    config(argv, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe("where values come from", () => {
  it("works without any: the defaults are those of the design", () => {
    expect(config()).toMatchObject({
      paperspaceApiUrl: "https://api.paperspace.com/v1",
      paperspaceApiKey: undefined,
      apiKeyFile: undefined,
      apiKeyNamespaces: [],
      adoptWithOperatorKey: false,
      allowSharedReferences: false,
      requireCredentialsLabel: false,
      watchNamespaces: [],
      concurrency: 8,
      resyncInterval: 600_000,
      eventPollInterval: 3_000,
      absenceGrace: 120_000,
      createDeadline: 1_800_000,
      leaderElect: true,
      leaseDuration: 15_000,
      renewDeadline: 10_000,
      retryPeriod: 2_000,
      healthAddress: { host: "0.0.0.0", port: 8080 },
      logLevel: "info",
    });
  });

  it("lets flags win over the environment, and the environment over defaults", () => {
    const env = { PAPERSPACE_OPERATOR_CONCURRENCY: "3", PAPERSPACE_OPERATOR_BURST: "7" };
    expect(config(["--concurrency", "5"], env)).toMatchObject({ concurrency: 5, burst: 7 });
  });

  it("treats an empty variable as unset, for that is what templates leave behind", () => {
    expect(config([], { PAPERSPACE_OPERATOR_CONCURRENCY: "" }).concurrency).toBe(8);
  });

  it("accepts the vendor's names for key and URL", () => {
    const env = { PAPERSPACE_API_KEY: "k", PAPERSPACE_API_URL: "http://127.0.0.1:9/v1/" };
    expect(config([], env)).toMatchObject({
      paperspaceApiKey: "k",
      paperspaceApiUrl: "http://127.0.0.1:9/v1",
    });
  });

  it.each([
    ["500ms", 500],
    ["3s", 3_000],
    ["10m", 600_000],
    ["1h", 3_600_000],
    ["1m30s", 90_000],
  ])("reads the duration %s", (written, ms) => {
    expect(
      config(["--event-poll-interval", "1s", "--resync-interval=2h", `--absence-grace=${written}`])
        .absenceGrace,
    ).toBe(ms);
  });

  it("reads lists, trims them and drops repetitions", () => {
    expect(config(["--watch-namespaces", "a, b,a"]).watchNamespaces).toEqual(["a", "b"]);
  });

  it.each([
    [":0", { host: "0.0.0.0", port: 0 }],
    ["127.0.0.1:9", { host: "127.0.0.1", port: 9 }],
    ["[::1]:80", { host: "::1", port: 80 }],
  ])("reads the address %s", (written, address) => {
    expect(config([`--health-address=${written}`]).healthAddress).toEqual(address);
  });

  it("is frozen to the bottom, so that no part can change what another one read", () => {
    const it = config(["--watch-namespaces=a"]);
    expect(
      Object.isFrozen(it) && Object.isFrozen(it.watchNamespaces) && Object.isFrozen(it.healthAddress),
    ).toBe(true);
  });
});

describe("the address of the API", () => {
  it.each([
    "http://127.0.0.1:9/v1",
    "http://127.8.9.1/v1",
    "http://[::1]:80/v1",
    "http://localhost/v1",
    "http://sim.localhost/v1",
  ])("may be http:// where nothing leaves the host: %s", (url) => {
    expect(config([`--paperspace-api-url=${url}`]).paperspaceApiUrl).toBe(url.replace(":80/", "/"));
  });

  it.each([
    "http://api.paperspace.com/v1",
    "http://10.0.0.1/v1",
    "http://0.0.0.0/v1",
    "http://127.0.0.1.example.com/v1",
    "http://localhost.example.com/v1",
    "http://[::ffff:127.0.0.1]/v1",
    "http://[fe80::1]/v1",
  ])("is refused with http:// elsewhere, since every request has an API key in it: %s", (url) => {
    expect(problems([`--paperspace-api-url=${url}`])).toEqual([
      expect.stringMatching(
        /^--paperspace-api-url: .* over http:\/\/ API keys would be readable on the way; give an https:/,
      ),
    ]);
  });
});

describe("variables that Node itself reads", () => {
  it("must not switch off the check of certificates: any server could pass for the API", () => {
    expect(problems([], { NODE_TLS_REJECT_UNAUTHORIZED: "0" })).toEqual([
      expect.stringMatching(/^NODE_TLS_REJECT_UNAUTHORIZED: 0 is not allowed.*NODE_EXTRA_CA_CERTS/),
    ]);
    for (const value of ["1", ""]) expect(config([], { NODE_TLS_REJECT_UNAUTHORIZED: value }).burst).toBe(20);
  });
});

describe("bad values", () => {
  it.each([
    ["--burst", "1"],
    ["--burst", "1.5"],
    ["--concurrency", "many"],
    ["--requests-per-second", "0"],
    ["--requests-per-second", "-1"],
    ["--resync-interval", "10"],
    ["--resync-interval", "5 minutes"],
    ["--resync-interval", "1ms"],
    ["--leader-elect", "=yes"],
    ["--log-level", "loud"],
    ["--health-address", "8080"],
    ["--health-address", "a:99999"],
    ["--paperspace-api-url", "ftp://x"],
    ["--paperspace-api-url", "api.paperspace.com"],
    ["--watch-namespaces", "Team_A"],
    ["--watch-namespaces", "*"],
    ["--leader-elect-name", "-x"],
    ["--context", "=  "],
    ["--price-list", "prices"],
    ["--price-list", "ops/Prices"],
    ["--price-list", "ops/prices/csv"],
  ])("%s %s names the flag and what is allowed", (name, value) => {
    const argv = value.startsWith("=") ? [`${name}${value}`] : [name, value];
    const [problem, ...more] = problems(argv);
    expect(more).toEqual([]);
    expect(problem).toMatch(
      new RegExp(`^${name}: .*is not allowed.*; give (a|an|one|text|true|host|namespaces) ?`),
    );
  });

  it("names the variable that the value came from", () => {
    expect(problems([], { PAPERSPACE_OPERATOR_BURST: "x" })).toEqual([
      '--burst (from PAPERSPACE_OPERATOR_BURST): "x" is not allowed; give a whole number from 2 to 10000',
    ]);
  });

  it("reports every problem at once", () => {
    expect(problems(["--burst=x", "--log-level=y", "stray", "--nothing-like-it"])).toHaveLength(4);
  });

  it.each([
    [["--lease-duration=10s", "--renew-deadline=10s"], "--lease-duration"],
    [["--renew-deadline=2s", "--retry-period=2s"], "--renew-deadline"],
    [["--api-key-namespaces=*"], "neither --api-key-file nor PAPERSPACE_API_KEY"],
  ])("checks values against each other: %j", (argv, named) => {
    expect(problems(argv)).toEqual([expect.stringContaining(named)]);
  });
});

describe("secrets", () => {
  it("never repeats a secret value", () => {
    const shown = problems([], { https_proxy: "socks://user:hunter2@x", PAPERSPACE_API_KEY: " " }).join("\n");
    expect(shown).toContain("PAPERSPACE_API_KEY");
    expect(shown).toContain("https_proxy");
    expect(shown).not.toContain("hunter2");
  });

  it("refuses credentials in the address without showing them", () => {
    const [problem] = problems(["--paperspace-api-url=https://me:hunter2@x/v1"]);
    expect(problem).toContain("--paperspace-api-url");
    expect(problem).not.toContain("hunter2");
  });
});

describe("help", () => {
  it("is made from the table: every option with flag, default and variable", () => {
    const help = text(["--help"]);
    expect(help).toContain("--event-poll-interval");
    expect(help).toContain("default 3s");
    expect(help).toContain("PAPERSPACE_OPERATOR_EVENT_POLL_INTERVAL");
    expect(help).toContain("PAPERSPACE_API_KEY (environment only)");
    expect(text(["-h"])).toBe(help);
  });

  it("is printed also when other flags are wrong, for then it is needed", () => {
    expect(text(["--burst=x", "--help"])).toContain("--burst");
  });

  it("prints the version alone", () => {
    expect(text(["--version"])).toBe("1.2.3");
  });
});
