/**
 * A hash that is slow on purpose, for secret values that may be short: they must not be found from a hash that others can
 * read. It costs some milliseconds of CPU, so what hashes many values does it in other threads.
 */
import { scrypt, scryptSync } from "node:crypto";
import PQueue from "p-queue";

/** The same value and salt have the same hash in every process and version: names and statuses hold it. */
export type SlowHash = (value: string, salt: string) => Promise<string>;

/** scrypt's cost. */
const COST = { N: 4096, r: 8, p: 1 };
const BYTES = 10;
/** Of libuv's four threads: name lookups need some, and the main thread needs a CPU. */
const THREADS = 2;

/** Hashes in libuv's threads. */
export function slowHashInThreads(): SlowHash {
  const threads = new PQueue({ concurrency: THREADS });
  return (value, salt) =>
    threads.add(
      () =>
        new Promise((resolve, reject) =>
          scrypt(value, salt, BYTES, COST, (error, hash) =>
            error ? reject(error) : resolve(hash.toString("hex")),
          ),
        ),
    );
}

/** The same hash in this thread: for a single value in a pass, never for a list. */
export function slowHashSync(value: string, salt: string): string {
  return scryptSync(value, salt, BYTES, COST).toString("hex");
}
