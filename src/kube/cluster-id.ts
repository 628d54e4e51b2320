/**
 * The short id by which this cluster's names in the cloud are told from another cluster's. It is stored once, in a ConfigMap
 * of the operator's namespace, so that it outlives every process and is in every backup of that namespace.
 */
import type { Logger } from "pino";
import { type Clock, sleep } from "../base/clock.ts";
import { isAlreadyExists, isForbidden, isNotFound } from "./errors.ts";
import type { ConfigMap, Resource } from "./resource.ts";

/** Also in values.schema.json of the chart. */
const ID = /^[0-9a-f]{8}$/;
const DIGITS = 8;
const KEY = "id";
const FIRST_MS = 1_000;
const RETRY_MS = 30_000;

export interface ClusterIdOptions {
  configMaps: Pick<Resource<ConfigMap>, "get" | "create">;
  namespace: string;
  /** Name of the ConfigMap. */
  name: string;
  /** From --cluster-id; then nothing is read or stored. */
  given: string | undefined;
  clock: Clock;
  logger: Logger;
}

/** `retryInMs`: how long one that is not known is not read again, at most. */
export type KnownClusterId =
  | { state: "known"; id: string }
  | { state: "unknown"; message: string; retryInMs: number };

export class ClusterId {
  readonly #options: ClusterIdOptions;
  #known: KnownClusterId;

  constructor(options: ClusterIdOptions) {
    this.#options = options;
    const { given } = options;
    this.#known =
      given === undefined
        ? { state: "unknown", message: "the id of this cluster is being read", retryInMs: FIRST_MS }
        : { state: "known", id: given };
  }

  get known(): KnownClusterId {
    return this.#known;
  }

  /** Reads it, or stores a new one, until that succeeds or the signal aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (this.#known.state === "unknown" && !signal.aborted) {
      try {
        this.#known = { state: "known", id: await this.#read(signal) };
      } catch (error) {
        if (signal.aborted) return;
        const message = this.#why(error);
        this.#known = { state: "unknown", message, retryInMs: RETRY_MS };
        logger.error({ err: error }, message);
        await sleep(clock, RETRY_MS, signal).catch(() => {});
      }
    }
  }

  async #read(signal: AbortSignal): Promise<string> {
    const { configMaps, namespace, name } = this.#options;
    try {
      return this.#idIn(await configMaps.get(namespace, name, { signal }));
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    try {
      const data = { [KEY]: this.#newId() };
      return this.#idIn(
        await configMaps.create(namespace, { metadata: { name, namespace }, data }, { signal }),
      );
    } catch (error) {
      // Another process was faster, or an attempt of ours whose answer was lost.
      if (!isAlreadyExists(error)) throw error;
      return this.#idIn(await configMaps.get(namespace, name, { signal }));
    }
  }

  #idIn({ data }: ConfigMap): string {
    const id = data?.[KEY] ?? "";
    if (!ID.test(id)) throw new InvalidId(JSON.stringify(id));
    return id;
  }

  #newId(): string {
    const digit = () => Math.floor(this.#options.clock.random() * 16).toString(16);
    return Array.from({ length: DIGITS }, digit).join("");
  }

  #why(error: unknown): string {
    const { namespace, name } = this.#options;
    const where = `the ConfigMap ${name} in namespace ${namespace}`;
    if (isForbidden(error))
      return `the id of this cluster cannot be read from ${where}: the operator needs the rights get (of this name) and create for configmaps there, which the chart grants by a Role; or start it with --cluster-id (8 hexadecimal digits, always the same for this cluster)`;
    if (error instanceof InvalidId)
      return `${where} has no valid id (${error.message} in data.${KEY}; 8 hexadecimal digits): put the former one back, or delete the ConfigMap to get a new one`;
    return `the id of this cluster cannot be read from ${where} just now: ${error instanceof Error ? error.message : error}`;
  }
}

class InvalidId extends Error {}
