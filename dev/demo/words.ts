/** The texts of the demo. Commands must work as they stand: they are there to be pasted. */
import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import type { DemoEnv } from "./demo-env.ts";
import type { Terminal } from "./terminal.ts";

export const USAGE = `Usage: npm run demo [-- flags]

  Starts a real Kubernetes API server, a simulated Paperspace and the operator, applies examples/, and shows what
  happens. No account and no cluster is needed, and nothing is left behind. Ctrl-C ends it.

  --speed N   how many times as fast as the real one the simulated Paperspace is (default 15)
  --once      delete everything again once all is Ready, check that nothing is left, and exit
  --help      this text
`;

export const TITLE = "paperspace-operator: real Kubernetes, simulated Paperspace; no account, no cost";

/** How to reach the environment, and seven things to try. `resync` is the operator's resync interval. */
export function suggestions(
  { controlPlane, simulator, daemon }: DemoEnv,
  resync: string,
  style: Terminal["style"],
): string[] {
  const item = (number: number, what: string, ...commands: string[]) => [
    `  ${style("bold", String(number))}  ${what}`,
    ...commands.map((command) => `     ${style("cyan", command)}`),
  ];
  return [
    "Try it in another terminal:",
    "",
    ...access(controlPlane).map((line) => `  ${style("cyan", line)}`),
    "",
    ...item(1, "Look closer.", "kubectl get paperspace -o wide", "kubectl describe psm trainer"),
    ...item(
      2,
      "Start the machine that is declared Stopped.",
      `kubectl patch psm spare --type=merge -p '{"spec":{"powerState":"Running"}}'`,
    ),
    ...item(
      3,
      `Stop a machine in the Paperspace console: within ${resync} it is started again.`,
      "id=$(kubectl get psm notebook -o jsonpath={.status.id})",
      `curl -X POST ${simulator.controlUrl}/machines/$id/stop`,
    ),
    ...item(
      4,
      "Pause it and do 3 again: it stays off, until the annotation goes.",
      "kubectl annotate psm notebook paperspace.com/paused=true",
      "kubectl annotate psm notebook paperspace.com/paused-",
    ),
    ...item(
      5,
      "Roll out an image that does not exist: it reports why, and rolls back to the one that ran.",
      `kubectl patch psd model-server --type=merge -p '{"spec":{"image":"does-not-exist:1","progressDeadlineSeconds":60}}'`,
      "kubectl describe psd model-server",
    ),
    ...item(6, "Scale the other one.", "kubectl scale psd web --replicas=3"),
    ...item(
      7,
      "Delete one: it leaves Kubernetes only once it has left Paperspace.",
      "kubectl delete psm trainer",
    ),
    "",
    `  The operator's log:       ${daemon.logPath}`,
    `  Paperspace's back door:   curl ${simulator.controlUrl}`,
    "",
    "Ctrl-C ends it all, without a trace. Until then this table shows the changes:",
  ];
}

function access({ kubeconfig, kubectl }: DemoEnv["controlPlane"]): string[] {
  const lines = [`export KUBECONFIG=${quoted(kubeconfig)}`];
  // Any kubectl works; without one, use the control plane's.
  return onPath("kubectl") ? lines : [...lines, `export PATH=${quoted(dirname(kubectl))}:"$PATH"`];
}

function onPath(program: string): boolean {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Quoted for the shell: blanks and quotes in a path must survive pasting. */
function quoted(text: string): string {
  return /^[\w/.:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
