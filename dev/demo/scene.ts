/**
 * A scene of the demo: what is declared, and what happens meanwhile. The course is the same for all (demo.ts).
 */
import type { DemoEnv, Narrator } from "./demo-env.ts";
import type { Shown } from "./tables.ts";
import type { Terminal } from "./terminal.ts";

/** Something to try, with the commands for it: they must work as they stand, since they are there to be pasted. */
export interface Suggestion {
  what: string;
  commands: readonly string[];
}

export interface Scene {
  title: string;
  /** Folder of the manifests, relative to the checkout. */
  manifests: string;
  /** Before anything is declared. */
  prepare?(env: DemoEnv, narrator: Narrator): Promise<void>;
  /** Called each time the tables were shown: what happens in the simulated Paperspace then. */
  meanwhile?(env: DemoEnv, shown: Shown, terminal: Terminal): void;
  /** `resync`: the operator's resync interval. */
  suggestions(env: DemoEnv, resync: string): readonly Suggestion[];
}
