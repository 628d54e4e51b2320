/** The command `npm run demo`: flags, signals, exit code. What happens is in demo.ts. */
import { parseArgs } from "node:util";
import { runDemo } from "./demo.ts";
import { terminalOf } from "./terminal.ts";
import { USAGE } from "./words.ts";

/** As a shell reports a program that Ctrl-C ended. */
const INTERRUPTED = 130;

class Interrupted extends Error {}

async function main(): Promise<number> {
  const { speed, once, help } = readFlags();
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const terminal = terminalOf(process.stdout);
  const stop = stopSignal();
  try {
    await runDemo({ speed, once }, terminal, stop);
    return 0;
  } catch (error) {
    if (!(stop.reason instanceof Interrupted)) throw error;
    terminal.show([]);
    terminal.print("Ended. Nothing is left behind.");
    return INTERRUPTED;
  }
}

function readFlags(): { speed: number; once: boolean; help: boolean } {
  const { values } = parseArgs({
    options: {
      speed: { type: "string", default: "15" },
      once: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const speed = Number(values.speed);
  if (!(speed >= 0.1 && speed <= 1000))
    throw new Error(`--speed must be a number from 0.1 to 1000; it is ${JSON.stringify(values.speed)}`);
  return { ...values, speed };
}

function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      // Asked twice: leave at once. The watchdogs of the children clean up behind us.
      if (stop.signal.aborted) process.exit(INTERRUPTED);
      stop.abort(new Interrupted(signal));
    });
  }
  // Nobody reads on (`| head`, a closed window): that ends it too.
  process.stdout.on("error", () => stop.abort(new Interrupted("stdout")));
  return stop.signal;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  },
);
