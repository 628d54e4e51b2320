/**
 * Starts the one control plane that all suites share, with our CRDs in it, and passes the tests its address. Each test
 * takes a namespace of its own.
 */
import type { TestProject } from "vitest/node";
import { findChartTools } from "../../dev/chart-tools/tools.ts";
import { startControlPlane } from "../../dev/control-plane/control-plane.ts";
import { installCrds } from "./crds.ts";

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
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const log = (line: string) => console.log(line);
  // Every suite needs helm: its operators have the rights that the chart grants. The first time it is compiled.
  await findChartTools({ log });
  const controlPlane = await startControlPlane({ log });
  try {
    await installCrds(controlPlane.kubectl, controlPlane.env);
  } catch (error) {
    await controlPlane.stop();
    throw error;
  }
  project.provide("kubeconfig", controlPlane.kubeconfig);
  project.provide("server", controlPlane.server);
  project.provide("kubectl", controlPlane.kubectl);
  project.provide("kubeEnv", controlPlane.env);
  return () => controlPlane.stop();
}
