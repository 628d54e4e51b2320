/**
 * For tests only: the whole plugin, from its arguments to what it prints, over a cluster in memory and a Paperspace that answers
 * what a test says. Time is virtual.
 */
import type { SimRequest } from "../../dev/simulator/api/handle.ts";
import type { Simulation } from "../../dev/simulator/simulation.ts";
import { FakeKube } from "../../test/support/fake-kube.ts";
import { simSockets } from "../../test/support/sim-sockets.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { KubeError } from "../kube/errors.ts";
import { secrets } from "../kube/resource.ts";
import { DEPLOYMENTS } from "./deployment.ts";
import { runPlugin } from "./run.ts";

export const KEY = "key-of-the-namespace";
export const OWN_KEY = "key-of-the-user";
export const ID = "0b7e3d5e-0000-4000-8000-000000000001";

/** An answer: the body of a 200, or a status and a body. */
export type Reply = { status: number; body: unknown } | { body: unknown };

export interface Asked {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly key: string;
}

/** Answers one GET, or nothing: 404. */
export type Handler = (request: Asked) => Reply | undefined;

export interface StageOptions {
  readonly env?: Record<string, string>;
  readonly terminal?: boolean;
  readonly handle?: Handler;
  /** The simulator in the place of `handle`. */
  simulation?: Pick<Simulation, "handle">;
  /** No kubeconfig at all. */
  readonly noCluster?: boolean;
}

export class Stage {
  readonly clock = new VirtualClock(Date.UTC(2026, 0, 31, 8, 0));
  readonly kube = new FakeKube({ clock: this.clock, types: [DEPLOYMENTS], namespace: "team-a" });
  readonly asked: Asked[] = [];
  /** Ctrl-C. */
  readonly stop = new AbortController();
  handle: Handler;
  out = "";
  err = "";
  readonly #options: StageOptions;

  constructor(options: StageOptions = {}) {
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
    this.kube.storage.create(DEPLOYMENTS, "team-a", { metadata, spec });
    this.kube.storage.patch(DEPLOYMENTS, "team-a", "api", { metadata, status }, "status");
  }

  /** Lets the API server refuse what matches. */
  forbid(path: RegExp) {
    this.kube.intercept = (request) => {
      if (!path.test(request.path)) return undefined;
      throw new KubeError({ code: "KUBE_FORBIDDEN", message: "forbidden", status: 403, reason: "Forbidden" });
    };
  }

  /** Runs a line as it stands behind `kubectl paperspace`; resolves with the exit code. */
  run(line: string): Promise<number> {
    const { env = {}, terminal = false, noCluster = false, simulation } = this.#options;
    const paperspace = simulation ?? { handle: async (request: SimRequest) => this.#answer(request) };
    return runPlugin(
      line.split(" ").filter((word) => word !== ""),
      {
        env,
        clock: this.clock,
        signal: this.stop.signal,
        stdout: {
          isTTY: terminal,
          columns: 80,
          write: (text) => {
            this.out += text;
          },
        },
        stderr: {
          write: (text) => {
            this.err += text;
          },
        },
        sockets: () => simSockets(paperspace, { dead: false, passed: () => undefined }),
        connect: async () => {
          if (noCluster) throw new KubeError({ code: "KUBE_CONFIG", message: "no cluster is configured" });
          return this.kube;
        },
      },
    );
  }

  #answer({ path, headers }: SimRequest) {
    const url = new URL(path, "http://paperspace");
    const key = (headers?.authorization ?? "").replace("Bearer ", "");
    const request = {
      path: url.pathname.replace("/v1", ""),
      query: Object.fromEntries(url.searchParams),
      key,
    };
    this.asked.push(request);
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
