/**
 * `npm run control-plane`: a control plane that stays up until Ctrl-C. Only talks to the terminal; the work is in
 * control-plane.ts.
 */
import { delimiter } from "node:path";
import { type ControlPlane, startControlPlane } from "./control-plane.ts";

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    // Asked twice: leave at once. The watchdog of the children cleans up behind us.
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new Error("interrupted"));
  });
}

try {
  const controlPlane = await startControlPlane({
    log: console.log,
    signal: stop.signal,
    audit: process.argv.includes("--audit"),
  });
  console.log(welcome(controlPlane));
  await interrupted(stop.signal);
  console.log("\nStopping …");
  await controlPlane.stop();
  console.log("Nothing is left behind.");
} catch (error) {
  if (!stop.signal.aborted) console.error(`\n${(error as Error).message}`);
  process.exitCode = stop.signal.aborted ? 130 : 1;
}

function welcome({ kubeconfig, kubectl, auditLog }: ControlPlane): string {
  const folder = kubectl.slice(0, kubectl.lastIndexOf("/"));
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

function interrupted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
