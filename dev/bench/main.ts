/**
 * `npm run bench`: what the operator costs, measured against a real API server and the simulator; `npm run bench --
 * isolation`: what one namespace costs another (isolation.ts); `npm run bench -- hostile`: what it stands (hostile.ts). Prints
 * figures and asserts nothing but that its memory suffices: they depend on the host.
 */
import { readFileSync, statSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { sleep, systemClock } from "../../src/base/clock.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import { type DemoEnv, startDemoEnv } from "../demo/demo-env.ts";
import { isReady } from "../demo/tables.ts";
import { figure, quiet, seconds, title } from "./figures.ts";
import { hostile } from "./hostile.ts";
import { isolation } from "./isolation.ts";

/** The idle time that is watched, in resyncs of this length. */
const RESYNC_MS = 30_000;
const RESYNCS = 2;
/** The throttle out of the way: what is measured is the operator, not the pace that it keeps towards Paperspace. */
const FLAGS = [
  `--resync-interval=${RESYNC_MS}ms`,
  "--event-poll-interval=1s",
  "--requests-per-second=1000",
  "--burst=1000",
];
const TEAM = "te-alpha";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "3" },
    machines: { type: "string", default: "240" },
    minutes: { type: "string", default: "60" },
    /** How many times as fast as the real one Paperspace is. Default: 15, and for isolation and hostile 4. */
    speed: { type: "string" },
  },
});
const count = Number(values.machines);

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => stop.abort(new Error("interrupted")));

try {
  const [what, ...more] = positionals;
  if (more.length > 0 || (what !== undefined && !["isolation", "hostile"].includes(what)))
    throw new Error(`there is no benchmark "${positionals.join(" ")}": give none, isolation or hostile`);
  if (what === undefined) await costs(Number(values.speed ?? 15));
  else if (what === "isolation")
    await isolation({ speed: Number(values.speed ?? 4), runs: Number(values.runs) }, stop.signal);
  else await hostile({ speed: Number(values.speed ?? 4), minutes: Number(values.minutes) }, stop.signal);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

async function costs(speed: number): Promise<void> {
  const started = systemClock.monotonic();
  const env = await startDemoEnv({ speed, flags: FLAGS, audit: true }, quiet, stop.signal);
  try {
    await demo(env, started);
    await fleet(env);
    await idle(env);
    await removal(env);
  } finally {
    await env.close();
  }
}

async function demo(env: DemoEnv, started: number): Promise<void> {
  title("Start");
  figure("process start of the operator to /readyz", seconds(env.daemon.readyAfterMs));
  figure("control plane, simulator, CRDs, operator", seconds(systemClock.monotonic() - started));
  await env.kubectl("apply", "-f", "examples/");
  await until(env, (machines) => machines.length > 0 && machines.every(isReady));
  figure("all of these and examples/ Ready", seconds(systemClock.monotonic() - started));
  await env.kubectl("delete", "-f", "examples/");
}

async function fleet(env: DemoEnv): Promise<void> {
  const { simulator, controlPlane } = env;
  simulator.console.setQuota(TEAM, count + 10);
  simulator.console.setBudget(TEAM, null);
  const path = join(controlPlane.dir, "fleet.json");
  const items = Array.from({ length: count }, (_, i) => manifest(`bench-${String(i).padStart(4, "0")}`));
  await writeFile(path, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const before = mark(env);
  const began = systemClock.monotonic();
  await env.kubectl("create", "-f", path);
  const submitted = systemClock.monotonic() - began;
  const created = () => simulator.calls.list({ method: "POST", path: "/v1/machines", since: before.call });
  while (created().filter(({ status }) => status !== null).length < count)
    await sleep(systemClock, 50, env.signal);
  const made = systemClock.monotonic() - began;
  await until(env, (machines) => machines.length === count && machines.every(isReady));
  const ready = systemClock.monotonic() - began;

  title(`${count} new machines, throttle open`);
  figure("kubectl create returned after", seconds(submitted));
  figure(
    "all created in Paperspace after",
    `${seconds(made)} (${(count / (made / 1000)).toFixed(0)} a second)`,
  );
  figure("all Ready after", seconds(ready));
  const { calls, writes } = since(env, before);
  table("calls to Paperspace", calls, count);
  table("writes to Kubernetes", writes, count);
}

async function idle(env: DemoEnv): Promise<void> {
  // The last changes of the fleet settle first.
  await sleep(systemClock, RESYNC_MS / 2, env.signal);
  const before = mark(env);
  const cpu = await cpuSeconds(env);
  await sleep(systemClock, RESYNCS * RESYNC_MS, env.signal);
  const { calls, writes } = since(env, before);
  title(`${count} machines, nothing changes, ${RESYNCS} resyncs of ${RESYNC_MS / 1000} s`);
  table("calls to Paperspace", calls, RESYNCS, "a resync");
  table("writes to Kubernetes", writes, RESYNCS, "a resync");
  const used = (await cpuSeconds(env)) - cpu;
  figure("processor time", `${((used / ((RESYNCS * RESYNC_MS) / 1000)) * 100).toFixed(1)} % of one core`);
  figure("memory", `${((await metric(env, "process_resident_memory_bytes")) / 2 ** 20).toFixed(0)} MiB`);
}

async function removal(env: DemoEnv): Promise<void> {
  const before = mark(env);
  const began = systemClock.monotonic();
  // kubectl itself waits for one object after the other: slower than they go.
  await env.kubectl("delete", "psm", "--all", "--wait=false");
  await until(env, (machines) => machines.length === 0);
  title(`${count} machines deleted`);
  figure("all gone after", seconds(systemClock.monotonic() - began));
  const { calls, writes } = since(env, before);
  table("calls to Paperspace", calls, count);
  table("writes to Kubernetes", writes, count);
}

function manifest(name: string): object {
  return {
    apiVersion: "paperspace.com/v1alpha1",
    kind: "PaperspaceMachine",
    metadata: { name },
    spec: { machineType: "C5", region: "ny2", templateId: "t0nspur5", diskSize: 50 },
  };
}

async function until(env: DemoEnv, done: (machines: PaperspaceMachine[]) => boolean): Promise<void> {
  while (!done(await env.machines())) await sleep(systemClock, 250, env.signal);
}

/** A position in both logs. */
interface Mark {
  call: number;
  audit: number;
}

function mark({ simulator, controlPlane }: DemoEnv): Mark {
  return {
    call: simulator.calls.list().at(-1)?.seq ?? 0,
    audit: statSync(controlPlane.auditLog ?? "").size,
  };
}

type Counts = Map<string, number>;

/** The operator's calls to Paperspace and writes to Kubernetes since then. */
function since(
  { simulator, controlPlane }: DemoEnv,
  { call, audit }: Mark,
): { calls: Counts; writes: Counts } {
  const calls: Counts = new Map();
  for (const { method, path } of simulator.calls.list({ since: call }))
    add(
      calls,
      `${method} ${path.replace(/^\/v1/, "").replace(/(?<=\/(machines|machine-events)\/)[^/]+/, ":id")}`,
    );
  const writes: Counts = new Map();
  const text = readFileSync(controlPlane.auditLog ?? "")
    .subarray(audit)
    .toString("utf8");
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const { verb, objectRef, userAgent } = JSON.parse(line);
    if (!userAgent?.startsWith("paperspace-operator/") || ["get", "list", "watch"].includes(verb)) continue;
    add(writes, `${verb} ${[objectRef.resource, objectRef.subresource].filter(Boolean).join("/")}`);
  }
  return { calls, writes };
}

function add(counts: Counts, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

function cpuSeconds(env: DemoEnv): Promise<number> {
  return metric(env, "process_cpu_seconds_total");
}

async function metric({ daemon }: DemoEnv, name: string): Promise<number> {
  const text = await (await fetch(`${daemon.url}/metrics`)).text();
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)`, "m").exec(text)?.[1] ?? Number.NaN);
}

function table(what: string, counts: Counts, per: number, unit = "a machine"): void {
  const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
  figure(what, `${total} (${(total / per).toFixed(1)} ${unit})`);
  for (const [name, number] of [...counts].sort((a, b) => b[1] - a[1]))
    console.log(`    ${name.padEnd(42)} ${number}`);
}
