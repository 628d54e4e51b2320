/** The file with the operator's own API key, as a start of the operator meets it. */
import pino from "pino";
import { expect, it } from "vitest";
import { runOperator } from "../../src/app.ts";
import { ConfigError, loadConfig } from "../../src/base/config.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

it("ends the start where the file is not there: a wrong mount would show at the first object that needs the key only", async () => {
  const loaded = loadConfig(["--api-key-file=/no/such/key", "--api-key-namespaces=ml"], {}, "test");
  if (loaded.action !== "run") throw new Error("it would only print");
  const parts = { config: loaded.config, clock: new VirtualClock(), logger: pino({ level: "silent" }) };
  const start = runOperator(parts, new AbortController().signal);
  await expect(start).rejects.toThrow(ConfigError);
  await expect(start).rejects.toThrow(/--api-key-file: .*ENOENT.*\/no\/such\/key/);
});

it("is not given beside the variable, since nobody could say which of the two counts", () => {
  expect(() => loadConfig(["--api-key-file=/key"], { PAPERSPACE_API_KEY: "k" }, "test")).toThrow(
    "--api-key-file and PAPERSPACE_API_KEY are both given",
  );
});
