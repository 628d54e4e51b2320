/**
 * JSON logs, one line an event, with every credential taken out. What is worth a line is decided where it happens.
 */

import { type DestinationStream, type Logger, pino } from "pino";
import { errorFields, redact, redactText } from "./redact.ts";

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
      // Wall time from the log library: a log line is no decision, and its time is that of the host.
      timestamp: true,
      serializers: { err: (value: unknown) => (value instanceof Error ? errorFields(value) : redact(value)) },
      formatters: {
        level: (label) => ({ level: label }),
        bindings: (bindings) => redact(bindings) as Record<string, unknown>,
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      hooks: {
        logMethod(args, method) {
          const clean = args.map((arg) => (typeof arg === "string" ? redactText(arg) : arg));
          method.apply(this, clean as typeof args);
        },
      },
    },
    options.destination ?? pino.destination({ fd: 1, sync: true }),
  );
  // pino formats the bindings of the root only; children inherit this method with everything else.
  const child = logger.child;
  logger.child = function (this: Logger, bindings, childOptions) {
    return child.call(this, redact(bindings) as typeof bindings, childOptions);
  } as typeof child;
  return logger;
}
