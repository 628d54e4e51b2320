/**
 * For tests only: the whole plugin, from its arguments to what it prints, with a cluster in memory and scripted answers of
 * Paperspace. Time is virtual.
 */

import type { SimRequest } from "../../dev/simulator/api/handle.ts";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import type { AccruingCost, CostHistory } from "../../src/base/cost.ts";
import { KubeError } from "../../src/kube/errors.ts";
import { type KubeObject, toMicroTime } from "../../src/kube/objects.ts";
import { leases, secrets } from "../../src/kube/resource.ts";
import { type ShortName, TYPES } from "../../src/plugin/kinds.ts";
import type { ClusterSelection } from "../../src/plugin/process-io.ts";
import { runPlugin } from "../../src/plugin/run.ts";
import { ANNOTATION, FINALIZER } from "../../src/reconcile/record.ts";
import { FakeKube } from "../support/fake-kube.ts";
import { simSockets } from "../support/sim-sockets.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

export const KEY = "key-of-the-namespace";
export const OWN_KEY = "key-of-the-user";
export const ID = "0b7e3d5e-0000-4000-8000-000000000001";

/** An answer: the body of a 200, or a status and a body. */
export type Reply = { status: number; body: unknown } | { body: unknown };

export interface ReceivedRequest {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly key: string;
}

/** Answers one GET, or nothing: 404. */
export type Handler = (request: ReceivedRequest) => Reply | undefined;

export interface PluginEnvOptions {
  readonly env?: Record<string, string>;
  readonly terminal?: boolean;
  /** Lines of the terminal. */
  readonly rows?: number;
  readonly handle?: Handler;
  /** The simulator instead of `handle`. */
  simulation?: Pick<Simulation, "handle">;
  /** The user's answer to a prompt; absent: there is no terminal. */
  readonly answer?: string | (() => Promise<string>);
  /** No kubeconfig at all. */
  readonly noCluster?: boolean;
}

export interface OwnerOptions {
  readonly namespace?: string;
  /** At Paperspace; absent: it owns nothing. */
  readonly id?: string;
  /** UID in its record, where it is not its own. */
  readonly uid?: string;
  /** With the API key; absent: the default one. */
  readonly secret?: string;
  readonly state?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly deleting?: boolean;
}

export interface WaitingOptions {
  readonly spec: object;
  readonly since: string;
  readonly position?: { machineType: string; region: string; position: number; of: number };
  readonly reason?: string;
  readonly status?: object;
}

export interface CostingOptions {
  readonly labels?: Record<string, string>;
  readonly machineType: string;
  readonly cost?: AccruingCost & CostHistory & { currency?: string; caveats?: string[] };
}

export class PluginEnv {
  readonly clock = new VirtualClock(Date.UTC(2026, 0, 31, 8, 0));
  readonly kube = new FakeKube({ clock: this.clock, types: Object.values(TYPES), namespace: "team-a" });
  readonly requests: ReceivedRequest[] = [];
  /** Ctrl-C. */
  readonly stop = new AbortController();
  handle: Handler;
  /** Which cluster each command connected to, and as whom. */
  readonly clusters: ClusterSelection[] = [];
  /** The prompts so far. */
  readonly questions: string[] = [];
  out = "";
  err = "";
  readonly #options: PluginEnvOptions;

  constructor(options: PluginEnvOptions = {}) {
    this.#options = options;
    this.handle = options.handle ?? (() => undefined);
  }

  secret(name = "paperspace-credentials", data: Record<string, string> = { apiKey: KEY }) {
    const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
    return secrets(this.kube).create("team-a", { metadata: { name }, data: Object.fromEntries(encoded) });
  }

  /** `psd/api`, with a deployment at Paperspace. */
  deployment(spec: object = {}, status: object = { id: ID }) {
    const metadata = { name: "api" };
    this.kube.storage.create(TYPES.psd, "team-a", { metadata, spec });
    this.kube.storage.patch(TYPES.psd, "team-a", "api", { metadata, status }, "status");
  }

  /** An object as the operator leaves it: with its finalizer, and with what it owns in its record. */
  owner(short: ShortName, name: string, more: OwnerOptions = {}) {
    const { namespace = "team-a", id, secret, state = "ready", uid } = more;
    const type = TYPES[short];
    const spec = secret === undefined ? {} : { credentialsSecretRef: { name: secret } };
    const metadata = { name, namespace, finalizers: [FINALIZER] };
    const made = this.kube.storage.create(type, namespace, { metadata, spec });
    const record = { id, team: "te1", name: "", uid: uid ?? made.metadata.uid };
    const annotations = { ...(id && { [ANNOTATION.record]: JSON.stringify(record) }), ...more.annotations };
    this.kube.storage.patch(type, namespace, name, { metadata: { name, annotations } });
    this.kube.storage.patch(type, namespace, name, { metadata: { name }, status: { state } }, "status");
    if (more.deleting) this.kube.storage.delete(type, namespace, name);
  }

  /** A machine that waits for hardware, as the operator reports it. `since`: RFC 3339. */
  waiting(namespace: string, name: string, { spec, since, ...more }: WaitingOptions) {
    const metadata = { name, namespace };
    this.kube.storage.create(TYPES.psm, namespace, { metadata, spec } as KubeObject);
    const { position, reason = "WaitingForCapacity", status } = more;
    const conditions = [{ type: "Ready", status: "False", reason, message: "", lastTransitionTime: since }];
    const shown = {
      teamId: "te1",
      operation: { intent: "AwaitCapacity", requestedAt: since },
      ...(position && { capacity: { waitingSince: since, ...position } }),
      conditions,
      ...status,
    };
    this.kube.storage.patch(TYPES.psm, namespace, name, { metadata, status: shown }, "status");
  }

  /** A machine that shows what it costs. */
  costing(namespace: string, name: string, { labels = {}, machineType, cost }: CostingOptions) {
    const metadata = { name, namespace, labels };
    this.kube.storage.create(TYPES.psm, namespace, { metadata, spec: { machineType } } as KubeObject);
    const status = { machineType, ...(cost && { cost }) };
    this.kube.storage.patch(TYPES.psm, namespace, name, { metadata: { name }, status }, "status");
  }

  /** A Secret with the operator's finalizer. */
  secretWithFinalizer(name = "paperspace-credentials", namespace = "team-a") {
    const metadata = { name, namespace, finalizers: ["example.com/other", FINALIZER] };
    return secrets(this.kube).create(namespace, { metadata });
  }

  /** The lease of an operator, renewed so long ago. */
  lease(holderIdentity: string, agoMs = 0, name = "paperspace-operator") {
    const renewTime = toMicroTime(this.clock.now() - agoMs);
    const spec = { holderIdentity, leaseDurationSeconds: 15, renewTime };
    return leases(this.kube).create("system", { metadata: { name, namespace: "system" }, spec });
  }

  /** Runs a line that waits for time to pass. */
  async runThrough(line: string, ms: number): Promise<number> {
    const run = this.run(line);
    await this.clock.advance(ms);
    return run;
  }

  /** The API server refuses requests that match, of this method or any. */
  forbid(path: RegExp, method?: string) {
    this.kube.intercept = (request) => {
      if (!path.test(request.path) || (method && request.method !== method)) return undefined;
      throw new KubeError({ code: "KUBE_FORBIDDEN", message: "forbidden", status: 403, reason: "Forbidden" });
    };
  }

  /** Runs `kubectl paperspace` with the arguments of the line; resolves with the exit code. */
  run(line: string): Promise<number> {
    return this.runWords(line.split(" ").filter((word) => word !== ""));
  }

  runWords(argv: readonly string[]): Promise<number> {
    const { env = {}, terminal = false, rows, noCluster = false, simulation, answer } = this.#options;
    const paperspace = simulation ?? { handle: async (request: SimRequest) => this.#answer(request) };
    return runPlugin(argv, {
      env,
      clock: this.clock,
      signal: this.stop.signal,
      stdout: {
        isTTY: terminal,
        columns: 80,
        rows,
        write: (text) => {
          this.out += text;
        },
      },
      stderr: {
        write: (text) => {
          this.err += text;
        },
      },
      ...(answer !== undefined && {
        prompt: async (question: string) => {
          this.questions.push(question);
          return typeof answer === "string" ? answer : answer();
        },
      }),
      sockets: () => simSockets(paperspace, { dead: false, passed: () => undefined }),
      connect: async (cluster) => {
        this.clusters.push(cluster);
        if (noCluster) throw new KubeError({ code: "KUBE_CONFIG", message: "no cluster is configured" });
        return this.kube;
      },
    });
  }

  #answer({ path, headers }: SimRequest) {
    const url = new URL(path, "http://paperspace");
    const key = (headers?.authorization ?? "").replace("Bearer ", "");
    const request = {
      path: url.pathname.replace("/v1", ""),
      query: Object.fromEntries(url.searchParams),
      key,
    };
    this.requests.push(request);
    const session = { body: { team: { id: `team-of-${key}` } } };
    const reply = this.handle(request) ?? (request.path === "/auth/session" ? session : undefined);
    const { status, body } = { status: 200, ...(reply ?? missing) };
    return {
      status,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      json: body,
    };
  }
}

const missing = { status: 404, body: { code: "NOT_FOUND", message: "Not found" } };

/** A page that is the last one. */
export const page = (...items: unknown[]): Reply => ({ body: { hasMore: false, items } });
