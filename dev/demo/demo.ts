/**
 * The course of the demo: start the environment, apply the manifests of a scene, watch them become Ready, then stay up or clean up.
 */
import { sleep, systemClock } from "../../src/base/clock.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { type DemoEnv, type Narrator, startDemoEnv } from "./demo-env.ts";
import type { Scene } from "./scene.ts";
import { isReady, type Shown, tables } from "./tables.ts";
import type { LiveLine, Terminal } from "./terminal.ts";
import { suggestions } from "./words.ts";

export interface DemoOptions {
  scene: Scene;
  speed: number;
  /** Delete everything again and return, instead of staying up. */
  once: boolean;
}

/** Shorter than the default: drift is corrected within seconds, not after ten minutes. */
const RESYNC = "10s";
const FLAGS = [`--resync-interval=${RESYNC}`, "--event-poll-interval=500ms"];

const READY_WITHIN_MS = 120_000;
const GONE_WITHIN = "120s";
const LOOK_AGAIN_MS = 500;

/** Resolves when a run with `once` has finished; rejects with the signal's reason, or with the error. */
export async function runDemo(options: DemoOptions, terminal: Terminal, signal: AbortSignal): Promise<void> {
  const { scene } = options;
  const started = systemClock.monotonic();
  terminal.print("", terminal.style("bold", scene.title), "");
  const narrator = narratorOf(terminal);
  const env = await startDemoEnv({ speed: options.speed, flags: FLAGS }, narrator, signal);
  try {
    await scene.prepare?.(env, narrator);
    const apply = ["apply", "-f", scene.manifests];
    await narrator.step(`kubectl ${apply.join(" ")}`, () => env.kubectl(...apply));
    const shown = await untilReady(env, scene, terminal);
    const seconds = ((systemClock.monotonic() - started) / 1000).toFixed(1);
    const message = `All ${counted(shown)} are as declared, ${seconds} s after the start.`;
    if (options.once) {
      terminal.print("", terminal.style("green", message));
      await cleanUp(env, scene, terminal, shown);
    } else {
      const tries = suggestions(env, scene.suggestions(env, RESYNC), terminal.style);
      terminal.print("", terminal.style("green", message), ...tries);
      await follow(env, terminal);
    }
  } catch (error) {
    // The daemon's death brings its log with it; a user who stopped the demo needs none.
    if (env.signal.aborted) throw env.signal.reason;
    throw new Error(`${(error as Error).message}\nThe operator's log:\n${env.daemon.log()}`, {
      cause: error,
    });
  } finally {
    await env.close();
  }
}

function narratorOf(terminal: Terminal): Narrator {
  const { style } = terminal;
  let atWork: LiveLine | undefined;
  return {
    async step(what, work) {
      const started = systemClock.monotonic();
      atWork = { text: `  ${style("yellow", "…")} ${what}`, news: "" };
      terminal.show([atWork]);
      const result = await work();
      atWork = undefined;
      const seconds = ((systemClock.monotonic() - started) / 1000).toFixed(1);
      terminal.show([]);
      terminal.print(`  ${style("green", "✓")} ${what.padEnd(58)} ${style("dim", `${seconds} s`)}`);
      return result;
    },
    detail(line) {
      const text = style("dim", `    ${line}`);
      if (atWork) terminal.show([atWork, { text, news: line }]);
      else terminal.print(text);
    },
  };
}

function counted({ machines, deployments }: Shown): string {
  const many = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  return `${many(machines.length, "machine")} and ${many(deployments.length, "deployment")}`;
}

async function look(env: DemoEnv, terminal: Terminal): Promise<Shown> {
  const [machines, deployments] = await Promise.all([env.machines(), env.deployments()]);
  const shown = { machines, deployments };
  terminal.show(tables(shown, systemClock.now(), terminal.style));
  return shown;
}

async function untilReady(env: DemoEnv, scene: Scene, terminal: Terminal): Promise<Shown> {
  const end = systemClock.monotonic() + READY_WITHIN_MS;
  for (;;) {
    const shown = await look(env, terminal);
    scene.meanwhile?.(env, shown, terminal);
    const objects: ManagedObject[] = [...shown.machines, ...shown.deployments];
    if (objects.length > 0 && objects.every(isReady)) return shown;
    if (systemClock.monotonic() > end) {
      const late = objects.filter((object) => !isReady(object)).map(complaint);
      throw new Error(`After ${READY_WITHIN_MS / 1000} s not everything is Ready:\n${late.join("\n")}`);
    }
    await sleep(systemClock, LOOK_AGAIN_MS, env.signal);
  }
}

function complaint({ metadata, status }: ManagedObject): string {
  const ready = status?.conditions?.find(({ type }) => type === "Ready");
  return `    ${metadata.name}: ${ready ? `${ready.reason}: ${ready.message}` : "the operator has not reported anything about it"}`;
}

/** Until the signal ends it. */
async function follow(env: DemoEnv, terminal: Terminal): Promise<never> {
  for (;;) {
    await look(env, terminal);
    await sleep(systemClock, LOOK_AGAIN_MS, env.signal);
  }
}

async function cleanUp(env: DemoEnv, scene: Scene, terminal: Terminal, declared: Shown): Promise<void> {
  terminal.print("", `kubectl delete -f ${scene.manifests}`);
  let gone = false;
  const deleting = env.kubectl("delete", "-f", scene.manifests, `--timeout=${GONE_WITHIN}`).finally(() => {
    gone = true;
  });
  const watching = (async () => {
    while (!gone) {
      await look(env, terminal);
      await sleep(systemClock, LOOK_AGAIN_MS, env.signal);
    }
  })();
  await Promise.all([deleting, watching]);
  terminal.show([]);
  const { world } = env.simulator;
  const all = [...world.machines.values(), ...world.deployments.values()];
  const left = all.filter(({ dtDeleted }) => !dtDeleted).map(({ id }) => id);
  if (left.length > 0) throw new Error(`The objects are gone, but Paperspace still has ${left.join(", ")}.`);
  const declaredNow = declared.machines.length + declared.deployments.length;
  if (all.length !== declaredNow)
    throw new Error(`${counted(declared)} were declared, but ${all.length} resources were made.`);
  terminal.print(
    terminal.style("green", `${counted(declared)} were made and deleted; nothing is left in Paperspace.`),
  );
}
