/**
 * `npm run control-plane`: a control plane that stays up until Ctrl-C. Only handles the terminal; the work is in
 * control-plane.ts.
 */
import { once } from "node:events";
import { delimiter, dirname } from "node:path";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";
import { INTERRUPTED, interruptSignal } from "./interrupt.ts";

const USAGE = `npm run control-plane [-- --audit]

Starts a real Kubernetes API server with etcd and the controller manager on this host, and stays up until Ctrl-C.

  --audit   write every request to a log`;

const signal = interruptSignal();

async function main(): Promise<number> {
  const flags = process.argv.slice(2);
  if (flags.includes("--help") || flags.some((flag) => flag !== "--audit")) {
    console.log(USAGE);
    return flags.includes("--help") ? 0 : 2;
  }
  const controlPlane = await startControlPlane({
    log: console.log,
    signal,
    audit: flags.includes("--audit"),
  });
  console.log(welcome(controlPlane));
  if (!signal.aborted) await once(signal, "abort");
  console.log("\nStopping …");
  await controlPlane.stop();
  console.log("Nothing is left behind.");
  return 0;
}

function welcome({ kubeconfig, kubectl, auditLog }: ControlPlane): string {
  const folder = dirname(kubectl);
  const onPath = process.env.PATH?.split(delimiter).includes(folder);
  return [
    "",
    "Paste this into another terminal:",
    "",
    `  export KUBECONFIG=${quoted(kubeconfig)}`,
    ...(onPath ? [] : [`  export PATH=${quoted(folder)}:"$PATH"   # for kubectl of the same version`]),
    "  kubectl get namespaces",
    "",
    ...(auditLog ? [`Every request is written to ${auditLog}`, ""] : []),
    "Ctrl-C stops it and removes all its data.",
  ].join("\n");
}

/** As a word of the shell: blanks and quotes in a path must survive pasting. */
function quoted(text: string): string {
  return /^[\w/.:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    if (!signal.aborted) console.error(`\n${error.message}`);
    process.exitCode = signal.aborted ? INTERRUPTED : 1;
  },
);
