/**
 * Starts and stops a real Kubernetes control plane on this host: etcd, kube-apiserver, kube-controller-manager. Where the
 * programs come from and how they are called is decided elsewhere; here is only the order in which things come up.
 */
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { sleep, systemClock } from "../../src/base/clock.ts";
import * as args from "./arguments.ts";
import { type Binaries, findBinaries } from "./binaries.ts";
import { Guard, type GuardedChild } from "./guard.ts";
import { type Access, call, IMPERSONATOR, kubeconfigFor, writeKubeconfig } from "./kubeconfig.ts";

export interface ControlPlaneOptions {
  /** Gets one line, made for a person, for every step worth showing. */
  log?: (line: string) => void;
  /** Ends the start, and leaves nothing behind. A running control plane is ended by `stop`. */
  signal?: AbortSignal;
  /** Writes every request to `auditLog`: the objects of paperspace.com in full, all others without their content. */
  audit?: boolean;
  /** More flags of the API server, such as one that takes a feature away which older ones do not have. */
  apiServerFlags?: readonly string[];
  /** To be laid over the environment of the programs. */
  programEnv?: Record<string, string>;
  /** Where to look for programs; the environment of this process by default. */
  env?: NodeJS.ProcessEnv;
}

export interface ControlPlane {
  /** `https://127.0.0.1:<port>` */
  server: string;
  /** Path of the admin's kubeconfig (mode 0600). */
  kubeconfig: string;
  /** State folder, removed by `stop`. */
  dir: string;
  /** Path of kubectl. */
  kubectl: string;
  /** To be laid over the environment of child processes: KUBECONFIG, PATH with kubectl first, KUBECACHEDIR. */
  env: Record<string, string>;
  /** Path of the audit log, one JSON object a line; only with `audit: true`. */
  auditLog?: string;
  /** Path of a kubeconfig that acts as another user; see `kubeconfigFor` in kubeconfig.ts. */
  kubeconfigFor(user: string, groups?: string[]): Promise<string>;
  /** Kills the API server as a crash would, runs `whileDown`, and starts it again on the same port. Returns once ready. */
  restartApiServer(whileDown?: () => Promise<void> | void): Promise<void>;
  /** Kills everything and removes `dir`. May be called again. */
  stop(): Promise<void>;
}

/** Far above the 3 to 5 s that it takes: a busy CI host must not fail for being slow. */
const READY_WITHIN_MS = 90_000;
const LOOK_AGAIN_MS = 50;

/** Starts a control plane; resolves once it can be used. Throws with the end of the log of the program that failed. */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const { signal, env = process.env } = options;
  const log = options.log ?? (() => {});
  const binaries = await findBinaries({ log, env, ...(signal && { signal }) });
  const started = systemClock.monotonic();
  const dir = mkdtempSync(join(tmpdir(), "paperspace-control-plane-"));
  const guard = new Guard(dir);
  try {
    const starting = new Starting(guard, binaries, await freePort(), options, log);
    await starting.run(signal);
    const seconds = ((systemClock.monotonic() - started) / 1000).toFixed(1);
    log(`Kubernetes is ready on ${starting.server} after ${seconds} s`);
    return handle(starting, guard, binaries, env);
  } catch (error) {
    await guard.close();
    throw error;
  }
}

function handle(starting: Starting, guard: Guard, binaries: Binaries, env: NodeJS.ProcessEnv): ControlPlane {
  const { dir } = guard;
  const { kubeconfig } = starting;
  return {
    server: starting.server,
    kubeconfig,
    dir,
    kubectl: binaries.kubectl,
    env: {
      KUBECONFIG: kubeconfig,
      PATH: [dirname(binaries.kubectl), env.PATH].filter(Boolean).join(delimiter),
      // kubectl caches what a server offers by host and port; a later server on this port must not inherit it.
      KUBECACHEDIR: join(dir, "kube-cache"),
    },
    ...(starting.audit && { auditLog: join(dir, args.AUDIT_LOG) }),
    kubeconfigFor: (user, groups) => kubeconfigFor(kubeconfig, user, groups),
    restartApiServer: (whileDown) => starting.restartApiServer(whileDown),
    stop: () => {
      starting.stopping = true;
      return guard.close();
    },
  };
}

/** The programs as they come up, and what they need from each other. */
class Starting {
  readonly server: string;
  readonly kubeconfig: string;
  readonly audit: boolean;
  readonly #flags: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  /** From here on the end of a program is no surprise. */
  stopping = false;
  #guard: Guard;
  #binaries: Binaries;
  #port: number;
  #log: (line: string) => void;
  #apiServer: GuardedChild | undefined;
  /** Set once all is up. */
  #access: Access | undefined;
  #restarting = false;

  constructor(
    guard: Guard,
    binaries: Binaries,
    port: number,
    { audit = false, apiServerFlags = [], programEnv = {} }: ControlPlaneOptions,
    log: (line: string) => void,
  ) {
    this.#guard = guard;
    this.#binaries = binaries;
    this.#port = port;
    this.audit = audit;
    this.#flags = apiServerFlags;
    this.#env = { ...process.env, ...programEnv };
    this.#log = log;
    this.server = `https://127.0.0.1:${port}`;
    this.kubeconfig = join(guard.dir, "admin.kubeconfig");
  }

  async run(signal?: AbortSignal): Promise<void> {
    const { dir } = this.#guard;
    const tokens = args.writeInputs(dir);
    const etcd = this.#spawn("etcd", args.etcdArguments());
    // The API server waits for etcd by itself.
    const api = this.#startApiServer();
    const ca = await this.#until("makes its certificate", [etcd, api], signal, async () => readCa(dir));
    const access: Access = { server: this.server, ca, token: tokens.admin };
    await writeKubeconfig(this.kubeconfig, access, {
      admin: { token: tokens.admin },
      [IMPERSONATOR]: { token: tokens.impersonator },
    });
    const own = join(dir, "controller-manager.kubeconfig");
    await writeKubeconfig(own, access, { "controller-manager": { token: tokens.controllerManager } });
    await this.#until("answers /readyz", [etcd, api], signal, () => ready(access, "/readyz"));
    const manager = this.#spawn("kube-controller-manager", args.controllerManagerArguments(own));
    // Made by the controller manager: once it is there, all three programs work together.
    const account = "/api/v1/namespaces/default/serviceaccounts/default";
    await this.#until("has a service account", [etcd, api, manager], signal, () => ready(access, account));
    this.#access = access;
  }

  async restartApiServer(whileDown?: () => Promise<void> | void): Promise<void> {
    const access = this.#access;
    if (!access || !this.#apiServer || this.#restarting) throw new Error("the API server is not up");
    this.#restarting = true;
    try {
      await this.#apiServer.kill();
      await whileDown?.();
      const api = this.#startApiServer();
      await this.#until("answers /readyz", [api], undefined, () => ready(access, "/readyz"));
    } finally {
      this.#restarting = false;
    }
  }

  #startApiServer(): GuardedChild {
    const argv = [...args.apiServerArguments(this.#port, this.audit), ...this.#flags];
    this.#apiServer = this.#spawn("kube-apiserver", argv);
    return this.#apiServer;
  }

  #spawn(name: keyof Binaries, argv: string[]): GuardedChild {
    const child = this.#guard.spawn(name, this.#binaries[name], argv, {
      cwd: this.#guard.dir,
      env: this.#env,
    });
    void child.ended.then((ending) => {
      if (this.stopping || this.#restarting || !this.#access) return;
      this.#log(`${name} has ended by itself (${ending}). Its log:\n${indented(child.excerpt())}`);
    });
    return child;
  }

  /** Looks again and again until `look` gives something; the end of one of the children ends the wait. */
  async #until<T>(
    what: string,
    children: GuardedChild[],
    signal: AbortSignal | undefined,
    look: () => Promise<T | undefined>,
  ): Promise<T> {
    const dead = new AbortController();
    for (const child of children) {
      void child.ended.then((ending) => {
        dead.abort(
          new Error(`${child.name} did not start (${ending}). Its log:\n${indented(child.excerpt())}`),
        );
      });
    }
    const stop = signal ? AbortSignal.any([signal, dead.signal]) : dead.signal;
    const end = systemClock.monotonic() + READY_WITHIN_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (systemClock.monotonic() > end) {
        const log = indented(children.at(-1)?.excerpt() ?? "");
        throw new Error(`After ${READY_WITHIN_MS / 1000} s there is still none that ${what}:\n${log}`);
      }
      await sleep(systemClock, LOOK_AGAIN_MS, stop);
    }
  }
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, "    ");
}

async function ready(access: Access, path: string): Promise<true | undefined> {
  // Refused and cut connections are what a server that comes up looks like.
  const answer = await call(access, "GET", path).catch(() => undefined);
  return answer?.status === 200 ? true : undefined;
}

/** The API server writes its own certificate and then the one of the CA that signed it; clients trust the latter. */
function readCa(dir: string): string | undefined {
  try {
    const blocks = readFileSync(join(dir, args.CERTIFICATE), "utf8").match(
      /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g,
    );
    return blocks && blocks.length > 1 ? `${blocks.at(-1)}\n` : undefined;
  } catch {
    return undefined;
  }
}

/**
 * A port below those that the system gives to outgoing connections (32768 on Linux, 49152 elsewhere), so that none takes
 * it while the API server restarts.
 */
async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
  throw new Error("no free port between 20000 and 32000 on 127.0.0.1");
}
