/**
 * JSON logs, one line an event, with every credential redacted and every text plain. What is logged is decided by the callers.
 */

import { type DestinationStream, type Logger, pino } from "pino";
import { errorFields, loggedText, redact } from "./redact.ts";

export type { Logger };

export interface LoggerOptions {
  readonly level: string;
  /** Fields of every line, such as the version. */
  readonly base?: Readonly<Record<string, unknown>> | undefined;
  /** Where lines go; standard output by default. */
  readonly destination?: DestinationStream | undefined;
}

export function createLogger(options: LoggerOptions): Logger {
  const logger = pino(
    {
      level: options.level,
      base: options.base ? { ...options.base } : null,
      messageKey: "msg",
      errorKey: "err",
      // Wall time of the host, from the log library: no decision depends on it.
      timestamp: true,
      serializers: { err: (value: unknown) => (value instanceof Error ? errorFields(value) : redact(value)) },
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (bindings) => redact(bindings) as Record<string, unknown>,
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          const clean = args.map((arg) => (typeof arg === "string" ? loggedText(arg) : arg));
          method.apply(this, clean as typeof args);
        },
      },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
  // pino formats the bindings of the root logger only; child loggers inherit this method.
  const child = logger.child;
  logger.child = function (this: Logger, bindings, childOptions) {
    return child.call(this, redact(bindings) as typeof bindings, childOptions);
  } as typeof child;
  return logger;
}
