/**
 * A release of the chart in a cluster of a test's own, and the operator as this release would run it: with the flags and
 * variables of the Deployment that the API server holds, and with the rights of the release's ServiceAccount alone.
 */
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { inject } from "vitest";
import type { ControlPlane } from "../../dev/control-plane/control-plane.ts";
import { Daemon } from "./daemon.ts";
import { CHART, type Helm, type Rendered, type Values } from "./helm.ts";
import { QUICK_FLAGS } from "./test-env.ts";

const run = promisify(execFile);

/** What a test's operator needs beside its values: short waits, as everywhere in the suites. */
export const QUICK: Values = {
  reconcile: { resyncInterval: "2s" },
  extraArgs: [
    ...QUICK_FLAGS.filter((flag) => !flag.startsWith("--health-address")),
    // So that on a busy host, too, no running process loses the lease.
    "--lease-duration=6s",
    "--renew-deadline=5s",
    // Some answers are held back on purpose.
    "--request-timeout=60s",
  ],
};

export interface ReleaseParts {
  helm: Helm;
  plane: ControlPlane;
  name: string;
  namespace: string;
}

interface Variable {
  name: string;
  value?: string;
}

interface Volume {
  name: string;
  secret?: { secretName: string; items: { key: string; path: string }[] };
}

export class Release {
  readonly name: string;
  readonly namespace: string;
  readonly #helm: Helm;
  readonly #plane: ControlPlane;
  #started = 0;

  constructor({ helm, plane, name, namespace }: ReleaseParts) {
    this.name = name;
    this.namespace = namespace;
    this.#helm = helm;
    this.#plane = plane;
  }

  /** The base name of the objects where the release's name does not contain the chart's. */
  get fullname(): string {
    return `${this.name}-paperspace-operator`;
  }

  /** The user name as the API server records it. */
  get user(): string {
    return `system:serviceaccount:${this.namespace}:${this.fullname}`;
  }

  install(values: Values, { chart = CHART, flags = [] as string[] } = {}): Promise<string> {
    return this.helm(["install", this.name, chart, "--create-namespace", "--values=-", ...flags], values);
  }

  /** The error that helm reports. */
  async refused(values: Values): Promise<string> {
    const args = ["install", this.name, CHART, `--namespace=${this.namespace}`, "--create-namespace"];
    const { code, err } = await this.#helm.exec([...args, "--values=-"], values);
    if (code === 0) throw new Error("not refused");
    return err;
  }

  upgrade(values: Values, { chart = CHART } = {}): Promise<string> {
    return this.helm(["upgrade", this.name, chart, "--values=-"], values);
  }

  helm(args: readonly string[], values: Values = {}): Promise<string> {
    return this.#helm.run([...args, `--namespace=${this.namespace}`], values);
  }

  /** As the API server holds it. */
  deployment(): Promise<Rendered> {
    return this.get("deployment", this.fullname);
  }

  async get(kind: string, name: string): Promise<Rendered> {
    const args = ["get", kind, name, `--namespace=${this.namespace}`, "--output=json"];
    const { stdout } = await run(this.#plane.kubectl, args, { env: { ...process.env, ...this.#plane.env } });
    return JSON.parse(stdout);
  }

  /** One of its pods, ready. It differs from a real one in where its health port is, and how it got the account's token. */
  async daemon(onNews: () => void): Promise<Daemon> {
    const { spec } = await this.deployment();
    const { containers, volumes = [] } = spec.template.spec;
    const [{ args, env = [], volumeMounts = [] }] = containers;
    const mounted = await this.#mount(volumes, volumeMounts);
    const daemon = new Daemon({
      name: `${this.name} ${++this.#started}`,
      flags: [...args.map(mounted), "--health-address=127.0.0.1:0", "--metrics-address=127.0.0.1:0"],
      env: {
        NODE_COMPILE_CACHE: inject("compileCache"),
        KUBECONFIG: await this.#plane.kubeconfigFor(this.user),
        ...Object.fromEntries((env as Variable[]).map(({ name, value = "" }) => [name, value])),
      },
      onNews,
    });
    return daemon.ready();
  }

  /** The Secrets of the volumes as files; gives where a path of the pod is on this host. */
  async #mount(
    volumes: readonly Volume[],
    mounts: readonly { name: string; mountPath: string }[],
  ): Promise<(argument: string) => string> {
    const root = join(this.#plane.dir, "mounts", this.namespace);
    for (const { name, secret } of volumes) {
      const mountPath = mounts.find((mount) => mount.name === name)?.mountPath;
      if (!secret || mountPath === undefined) continue;
      const { data } = await this.get("secret", secret.secretName);
      mkdirSync(join(root, mountPath), { recursive: true, mode: 0o700 });
      for (const { key, path } of secret.items)
        writeFileSync(join(root, mountPath, path), Buffer.from(data[key], "base64"), { mode: 0o600 });
    }
    return (argument) => argument.replace("=/etc/paperspace-operator/", `=${root}/etc/paperspace-operator/`);
  }
}
