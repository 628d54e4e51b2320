/**
 * An API key in a file, such as a mounted Secret. It is read again while the process runs, since kubelet replaces the file when
 * the Secret changes; a key never stands in the environment then, which child processes and crash reports inherit.
 */
import { open } from "node:fs/promises";
import type { Clock } from "./clock.ts";

/** In bytes. No longer text is an API key. */
const LONGEST = 4_096;

export class KeyFile {
  readonly #path: string;
  readonly #clock: Pick<Clock, "monotonic">;
  readonly #ttlMs: number;
  #read: { at: number; key: Promise<string> } | undefined;

  /** `ttlMs`: how long one read serves, in milliseconds. */
  constructor(path: string, clock: Pick<Clock, "monotonic">, ttlMs: number) {
    this.#path = path;
    this.#clock = clock;
    this.#ttlMs = ttlMs;
  }

  /** Throws where the file cannot be read, is empty, or too long for a key; the next call reads it again then. */
  key(): Promise<string> {
    const at = this.#clock.monotonic();
    if (this.#read && at - this.#read.at < this.#ttlMs) return this.#read.key;
    const read = { at, key: keyIn(this.#path) };
    this.#read = read;
    read.key.catch(() => {
      if (this.#read === read) this.#read = undefined;
    });
    return read.key;
  }
}

async function keyIn(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(LONGEST + 1), 0, LONGEST + 1);
  if (bytesRead > LONGEST) throw new Error(`${path} has more than ${LONGEST} bytes: it is no API key`);
  const key = buffer.toString("utf8", 0, bytesRead).trim();
  if (key === "") throw new Error(`${path} is empty`);
  return key;
}
