/**
 * A lock between processes that dies with its holder. Independent of what it protects.
 *
 * It is the file lock of an SQLite database without content: the kernel gives it back the moment the holder ends,
 * however it ends. A pid file would need a check whether the holder lives, which races, and misleads across containers.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Clock, sleep, systemClock } from "../../src/base/clock.ts";

export interface LockOptions {
  /** Called once, when another process turns out to hold the lock; `holder` is its pid where it is known. */
  onWait?: (holder: string) => void;
  signal?: AbortSignal;
  clock?: Clock;
}

/** How often a waiter looks again: the kernel does not notify when an fcntl lock becomes free. */
const LOOK_AGAIN_MS = 250;

const SQLITE_BUSY = 5;

/** Takes the lock at `path`, waiting as long as it needs to; gives a function that releases it. Not re-entrant. */
export async function acquireLock(path: string, options: LockOptions = {}): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true });
  let waiting = false;
  for (;;) {
    options.signal?.throwIfAborted();
    const release = tryLock(path);
    if (release) return release;
    if (!waiting) options.onWait?.(holderOf(path));
    waiting = true;
    await sleep(options.clock ?? systemClock, LOOK_AGAIN_MS, options.signal);
  }
}

function tryLock(path: string): (() => void) | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return undefined;
    throw new Error(`cannot lock ${path}: ${(error as Error).message}`, { cause: error });
  }
  // Only to show waiters the holder; the lock does not depend on it.
  writeFileSync(`${path}.holder`, String(process.pid));
  return () => database.close();
}

function holderOf(path: string): string {
  try {
    return readFileSync(`${path}.holder`, "utf8");
  } catch {
    return "unknown";
  }
}
