/** The command `npm run demo`: flags, signals, exit code. What happens is in demo.ts. */
import { parseArgs } from "node:util";
import { INTERRUPTED, interruptSignal } from "../control-plane/interrupt.ts";
import { runDemo } from "./demo.ts";
import { sceneOf } from "./scenes.ts";
import { terminalOf } from "./terminal.ts";
import { USAGE } from "./words.ts";

async function main(): Promise<number> {
  const { scene, speed, once, help } = readFlags();
  if (help) {
    console.log(USAGE);
    return 0;
  }
  const terminal = terminalOf(process.stdout);
  const stop = interruptSignal();
  try {
    await runDemo({ scene: sceneOf(scene), speed, once }, terminal, stop);
    return 0;
  } catch (error) {
    if (!stop.aborted) throw error;
    terminal.show([]);
    terminal.print("Ended. Nothing is left behind.");
    return INTERRUPTED;
  }
}

function readFlags(): { scene: string; speed: number; once: boolean; help: boolean } {
  const { values } = parseArgs({
    options: {
      scene: { type: "string", default: "examples" },
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

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  },
);
