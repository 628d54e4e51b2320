import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.ts";

const SECRET = "hunter2hunter2";

function logged(use: (log: ReturnType<typeof createLogger>) => void, level = "info"): string {
  let text = "";
  const destination = {
    write(line: string) {
      text += line;
    },
  };
  use(createLogger({ level, base: { app: "operator" }, destination }));
  return text;
}

const circular: Record<string, unknown> = { token: SECRET };
circular.self = circular;

describe("credentials", () => {
  it.each<[string, unknown]>([
    ["a header", { headers: { authorization: `Bearer ${SECRET}` } }],
    [
      "a header in other letters",
      { req: { Headers: { "Proxy-Authorization": SECRET, "X-Api-Key": SECRET } } },
    ],
    ["a header list, by its form", { headers: [`authorization: Bearer ${SECRET}`] }],
    ["an api key at the top", { apiKey: SECRET }],
    ["an api key far down", { a: { b: { c: { d: { api_key: SECRET } } } } }],
    ["the configuration", { config: { paperspaceApiKey: SECRET, httpsProxy: `http://u:${SECRET}@p` } }],
    ["a token and a password", { vnc: { password: SECRET }, user: { token: SECRET } }],
    ["a Secret", { object: { kind: "Secret", data: { x: SECRET }, stringData: { y: SECRET } } }],
    ["a list of Secrets", { list: { kind: "SecretList", items: [{ data: { x: SECRET } }] } }],
    ["a Secret without its kind", { secret: { data: { x: SECRET } } }],
    [
      "the copy of a Secret that kubectl keeps",
      {
        kind: "Secret",
        metadata: { annotations: { "kubectl.kubernetes.io/last-applied-configuration": SECRET } },
      },
    ],
    ["a Map", { things: new Map([["password", SECRET]]) }],
    ["a circle", circular],
    ["a proxy in an address", { url: `http://user:${SECRET}@proxy:3128` }],
    ["bytes", { chunk: Buffer.from(SECRET) }],
  ])("are redacted in %s", (_, fields) => {
    const line = logged((log) => log.info(fields as object, "something"));
    expect(line).not.toContain(SECRET);
    expect(line).not.toContain(Buffer.from(SECRET).toString("base64"));
    expect(JSON.parse(line)).toMatchObject({ msg: "something", level: "info", app: "operator" });
  });

  it("are redacted in the bindings of a child logger, and in messages by their form", () => {
    const line = logged((log) =>
      log.child({ token: SECRET }).info(`sent Bearer ${SECRET} to http://u:${SECRET}@p/`),
    );
    expect(line).not.toContain(SECRET);
  });

  it("are not suspected in fields that must stay readable: keys of objects, references, reasons", () => {
    const fields = {
      key: "ns/name",
      credentialsSecretRef: { name: "creds", key: "apiKey" },
      data: { id: "ps1" },
    };
    expect(JSON.parse(logged((log) => log.info(fields)))).toMatchObject(fields);
  });
});

it("are plain and of bounded length, all texts, of any origin: bindings, fields, names of fields, errors", () => {
  const hostile = `\x1b[2J\u202e\u200b\u2028\n${"x".repeat(10_000)}`;
  const line = logged((log) =>
    log
      .child({ key: hostile })
      .error({ err: new Error(hostile), [hostile]: [{ deep: hostile }] }, `failed: ${hostile} %s`, hostile),
  );
  const walk = (value: unknown): string[] =>
    typeof value === "object" && value !== null
      ? Object.entries(value).flatMap(([name, field]) => (name === "stack" ? [name] : [name, ...walk(field)]))
      : [String(value)];
  for (const text of walk(JSON.parse(line))) {
    expect(text).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
    // The message has two of them.
    expect(text.length).toBeLessThanOrEqual(2 * 4_096);
  }
  expect(line).not.toMatch(/[\u202e\u200b\u2028]/);
});

describe("errors", () => {
  it("never print bodies, headers or requests that libraries attach to them", () => {
    const error = Object.assign(
      new Error(`HTTP-Code: 403\nMessage: no\nBody: {"data":"${SECRET}"}\nHeaders: x`),
      {
        code: 403,
        body: SECRET,
        response: { headers: { authorization: SECRET } },
        details: { password: SECRET },
      },
    );
    const line = logged((log) => log.error({ err: new Error("outer", { cause: error }), error }, "failed"));
    expect(line).not.toContain(SECRET);
    const fields = JSON.parse(line);
    expect(fields.err).toMatchObject({ type: "Error", message: "outer", cause: { code: 403 } });
    expect(fields.err.stack).toContain("logger.test.ts");
    expect(fields.error.message).toContain("HTTP-Code: 403");
  });

  it("are logged without other fields, too", () => {
    expect(JSON.parse(logged((log) => log.error(new TypeError("boom"))))).toMatchObject({
      msg: "boom",
      err: { type: "TypeError", message: "boom" },
    });
  });
});

it("leaves out what is below the level", () => {
  expect(logged((log) => log.debug("quiet"))).toBe("");
  expect(logged((log) => log.debug("loud"), "debug")).toContain("loud");
});
