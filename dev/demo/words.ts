/** The texts of the demo, and the scene of the examples. */
import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import type { DemoEnv } from "./demo-env.ts";
import type { Scene, Suggestion } from "./scene.ts";
import type { Terminal } from "./terminal.ts";

export const USAGE = `Usage: npm run demo [-- flags]

  Starts a real Kubernetes API server, a simulated Paperspace and the operator, applies some manifests, and shows what
  happens. No account and no cluster is needed, and nothing is left behind. Ctrl-C ends it.

  --scene NAME  examples: those of examples/ (default); capacity: an A100 is short, and machines wait for it
  --speed N     how many times as fast as the real one the simulated Paperspace is (default 15)
  --once        delete everything again once all is Ready, check that nothing is left, and exit
  --help        this text
`;

export const EXAMPLES_SCENE: Scene = {
  title: "paperspace-operator: real Kubernetes, simulated Paperspace; no account, no cost",
  manifests: "examples/",
  suggestions: ({ simulator }, resync) => [
    { what: "Look closer.", commands: ["kubectl get paperspace -o wide", "kubectl describe psm trainer"] },
    {
      what: "Start the machine that is declared Stopped.",
      commands: [`kubectl patch psm spare --type=merge -p '{"spec":{"powerState":"Running"}}'`],
    },
    {
      what: `Stop a machine in the Paperspace console: within ${resync} it is started again.`,
      commands: [
        "id=$(kubectl get psm notebook -o jsonpath={.status.id})",
        `curl -X POST ${simulator.controlUrl}/machines/$id/stop`,
      ],
    },
    {
      what: "Pause it and do 3 again: it stays off, until the annotation goes.",
      commands: [
        "kubectl annotate psm notebook paperspace.com/paused=true",
        "kubectl annotate psm notebook paperspace.com/paused-",
      ],
    },
    {
      what: "Roll out an image that does not exist: it reports why, and rolls back to the one that ran.",
      commands: [
        `kubectl patch psd model-server --type=merge -p '{"spec":{"image":"does-not-exist:1","progressDeadlineSeconds":60}}'`,
        "kubectl describe psd model-server",
      ],
    },
    { what: "Scale the other one.", commands: ["kubectl scale psd web --replicas=3"] },
    {
      what: "Delete one: it leaves Kubernetes only once it has left Paperspace.",
      commands: ["kubectl delete psm trainer"],
    },
  ],
};

/** How to reach the environment, and what to try in it. */
export function suggestions(env: DemoEnv, tries: readonly Suggestion[], style: Terminal["style"]): string[] {
  const { controlPlane, simulator, daemon } = env;
  return [
    "Try it in another terminal:",
    "",
    ...access(controlPlane).map((line) => `  ${style("cyan", line)}`),
    "",
    ...tries.flatMap(({ what, commands }, i) => [
      `  ${style("bold", String(i + 1))}  ${what}`,
      ...commands.map((command) => `     ${style("cyan", command)}`),
    ]),
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
