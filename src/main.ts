/** The process: arguments, signals, exit code. Everything else starts in app.ts. */
import { runOperator } from "./app.ts";
import { systemClock } from "./base/clock.ts";
import { ConfigError, loadConfig } from "./base/config.ts";
import { createLogger } from "./base/logger.ts";
import { visible } from "./base/plain-text.ts";
import { version } from "./base/version.ts";

/** sysexits.h: wrong usage of the command. */
const EXIT_USAGE = 64;

async function main(): Promise<number> {
  const loaded = loadConfig(process.argv.slice(2), process.env, version);
  if (loaded.action === "print") {
    process.stdout.write(`${loaded.text}\n`);
    return 0;
  }
  const logger = createLogger({ level: loaded.config.logLevel });
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      logger.info({ signal }, "stopping");
      stop.abort(new Error(signal));
    });
  }
  try {
    await runOperator({ config: loaded.config, clock: systemClock, logger }, stop.signal);
    return 0;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    logger.fatal({ err: error }, "stopped by an error");
    return 1;
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const message = error instanceof ConfigError ? error.message : String(error);
    process.stderr.write(`${message.split("\n").map(visible).join("\n")}\n`);
    process.exitCode = error instanceof ConfigError ? EXIT_USAGE : 1;
  },
);
