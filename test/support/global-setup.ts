/**
 * Starts the one control plane that all suites share, with our CRDs in it, and passes the tests its address. Each test
 * takes a namespace of its own.
 */
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { findChartTools } from "../../dev/chart-tools/tools.ts";
import { type ControlPlane, startControlPlane } from "../../dev/control-plane/control-plane.ts";
import { installCrds } from "./crds.ts";
import { Daemon } from "./daemon.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Path of the admin's kubeconfig. `kubeconfigFor` of dev/control-plane/kubeconfig.ts makes lesser ones from it. */
    kubeconfig: string;
    /** `https://127.0.0.1:<port>` */
    server: string;
    /** Path of kubectl. */
    kubectl: string;
    /** To be laid over the environment of child processes, so that kubectl and the daemon find the server. */
    kubeEnv: Record<string, string>;
    /** NODE_COMPILE_CACHE of operators and plugins. */
    compileCache: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = (line: string) => console.log(line);
  // Every suite needs helm: its operators have the rights that the chart grants. The first time it is compiled.
  await findChartTools({ log });
  // With Go's default, a sixth of the CPU time of the API server is spent on a heap of a hundred megabytes.
  const controlPlane = await startControlPlane({ log, programEnv: { GOGC: "300" } });
  const compileCache = join(controlPlane.dir, "compile-cache");
  try {
    await installCrds(controlPlane.kubectl, controlPlane.env);
    await compileOperator(controlPlane, compileCache);
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
  project.provide("kubeconfig", controlPlane.kubeconfig);
  project.provide("server", controlPlane.server);
  project.provide("kubectl", controlPlane.kubectl);
  // kubectl ends before its garbage is worth collecting, which is a quarter of its CPU time.
  project.provide("kubeEnv", { ...controlPlane.env, NODE_COMPILE_CACHE: compileCache, GOGC: "off" });
  project.provide("compileCache", compileCache);
  return () => controlPlane.stop();
}

/**
 * Half of the CPU time of a start is compilation. Node keeps what was compiled when a process ends in good order, and
 * most operators of the suites are killed: so one is started and stopped before all others.
 */
async function compileOperator({ kubeconfig }: ControlPlane, compileCache: string): Promise<void> {
  const operator = new Daemon({
    name: "the first operator",
    flags: [
      `--kubeconfig=${kubeconfig}`,
      "--health-address=127.0.0.1:0",
      "--leader-elect-namespace=default",
      "--leader-elect-name=compiled",
    ],
    env: { NODE_COMPILE_CACHE: compileCache },
    onNews: () => {},
  });
  await operator.ready();
  await operator.stop();
}
