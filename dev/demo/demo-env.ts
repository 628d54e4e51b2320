/**
 * The environment of demo and benchmark: a real control plane with our CRDs, a simulated Paperspace, and the operator
 * between them. Everything in it is gone after `close`, and also when this process dies.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { KINDS } from "../../src/registry.ts";
import { type ControlPlane, startControlPlane } from "../control-plane/control-plane.ts";
import { type Simulator, startSimulator } from "../simulator/simulator.ts";
import { DEMO_KEY } from "../simulator/world/teams.ts";
import { type Daemon, startDaemon } from "./daemon.ts";

export const ROOT = join(import.meta.dirname, "..", "..");

/** Receives the steps in progress, to show them. */
export interface Narrator {
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  /** A line about the step in progress. */
  detail(line: string): void;
}

export interface DemoEnvOptions {
  /** How many times as fast as the real one the simulated Paperspace is. */
  speed: number;
  /** Flags of the operator, beside those that connect it to this environment. */
  flags: readonly string[];
  /** Of the operator, beside what connects it to the control plane. */
  env?: Readonly<Record<string, string>>;
  /** As in `DaemonOptions`. */
  launcher?: readonly string[];
  /** Keep an audit log of the API server. */
  audit?: boolean;
}

export interface DemoEnv {
  readonly controlPlane: ControlPlane;
  readonly simulator: Simulator;
  readonly daemon: Daemon;
  /** Aborts with the caller's signal, or with the daemon's death as its reason. */
  readonly signal: AbortSignal;
  /** Runs kubectl in the checkout, as a user would; gives what it printed. */
  kubectl(...args: string[]): Promise<string>;
  machines(): Promise<PaperspaceMachine[]>;
  deployments(): Promise<PaperspaceDeployment[]>;
  close(): Promise<void>;
}

export async function startDemoEnv(
  options: DemoEnvOptions,
  narrator: Narrator,
  signal: AbortSignal,
): Promise<DemoEnv> {
  const { speed, flags, env = {}, launcher = [], audit = false } = options;
  await using parts = new AsyncDisposableStack();
  const controlPlane = await narrator.step("Kubernetes: API server, etcd and controller manager", () =>
    startControlPlane({ signal, audit, log: (line) => narrator.detail(line) }),
  );
  parts.defer(() => controlPlane.stop());
  const simulator = await narrator.step(
    `A simulated Paperspace, ${speed} times as fast as the real one`,
    () => startSimulator({ speed, vendorOpenapi: false }),
  );
  parts.defer(() => simulator.stop());

  const kubectl = kubectlOf(controlPlane, signal);
  await narrator.step("kubectl apply -f crds/", async () => {
    await kubectl("apply", "-f", "crds/");
    await kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", "crds/");
    // Established comes a second before the first request is served; kubectl waits for that as the server asks it to.
    await kubectl("get", KINDS.map(({ definition }) => definition.shortName).join(","));
  });
  await narrator.step("kubectl create secret generic paperspace-credentials …", () =>
    kubectl("create", "secret", "generic", "paperspace-credentials", `--from-literal=apiKey=${DEMO_KEY}`),
  );
  const daemon = await narrator.step("The operator, as a process of its own", () =>
    startDaemon(
      { flags: flagsOf(controlPlane, simulator, flags), env: { ...controlPlane.env, ...env }, launcher },
      signal,
    ),
  );
  parts.defer(() => daemon.stop());

  const died = new AbortController();
  daemon.death.catch((error: unknown) => died.abort(error));
  const alive = AbortSignal.any([signal, died.signal]);
  const kept = parts.move();
  const run = kubectlOf(controlPlane, alive);
  return {
    controlPlane,
    simulator,
    daemon,
    signal: alive,
    kubectl: run,
    machines: async () => JSON.parse(await run("get", "psm", "-A", "-o", "json")).items,
    deployments: async () => JSON.parse(await run("get", "psd", "-A", "-o", "json")).items,
    close: () => kept.disposeAsync(),
  };
}

function flagsOf({ kubeconfig }: ControlPlane, { url }: Simulator, more: readonly string[]): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    `--paperspace-api-url=${url}`,
    "--health-address=127.0.0.1:0",
    ...more,
  ];
}

const execute = promisify(execFile);

function kubectlOf({ kubectl, env }: ControlPlane, signal: AbortSignal): DemoEnv["kubectl"] {
  return async (...args) => {
    try {
      const options = { cwd: ROOT, env: { ...process.env, ...env }, maxBuffer: 2 ** 28, signal };
      const { stdout } = await execute(kubectl, args, options);
      return stdout;
    } catch (error) {
      // Ended by us, or by the same Ctrl-C: what ended us is the better reason.
      signal.throwIfAborted();
      const { stderr, message } = error as Error & { stderr?: string };
      throw new Error(`kubectl ${args.join(" ")} failed: ${stderr?.trim() || message}`);
    }
  };
}
