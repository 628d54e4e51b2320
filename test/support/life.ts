/**
 * Operator processes that are killed at an exact step: a process behind a proxy that kills it (SIGKILL) before a
 * request arrives, or after it took effect and before its answer is back.
 */
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import type { TestEnv } from "./cluster.ts";
import type { Daemon } from "./daemon.ts";
import { KillProxy, type Moment } from "./kill-proxy.ts";
import { stepOf } from "./steps.ts";
import type { StartOptions } from "./test-env.ts";

export interface Death {
  step: string;
  moment: Moment;
}

/** A process and the proxy in front of it. */
export interface Life {
  daemon: Daemon;
  proxy: KillProxy;
  /** From now on the first request of this step is the last. */
  doom(death: Death): void;
  /** Resolves once it was killed by it. */
  dead(): Promise<void>;
}

export async function live<T extends ManagedObject>(
  testEnv: TestEnv<T>,
  death?: Death,
  options: StartOptions = {},
): Promise<Life> {
  let doom = death;
  let killed: Promise<void> | undefined;
  let daemon: Daemon | undefined;
  const proxy = await KillProxy.open({
    kubeconfig: testEnv.cluster.kubeconfig,
    paperspaceUrl: testEnv.sim.url,
    strike: (crossing) => (doom?.step === stepOf(crossing) ? doom.moment : undefined),
    kill: () => {
      killed = daemon?.kill();
    },
  });
  daemon = testEnv.start({ ...options, kubeconfig: proxy.kubeconfig, paperspaceUrl: proxy.paperspaceUrl });
  return {
    daemon,
    proxy,
    doom: (later) => {
      doom = later;
    },
    async dead() {
      await testEnv.until(`it ${doom?.step} and dies`, () => proxy.struck);
      await killed;
    },
  };
}

/** Before the step arrives, and after it took effect. */
export function deathsOf(steps: readonly string[]): Death[] {
  const moments: readonly Moment[] = ["before", "after"];
  return steps.flatMap((step) => moments.map((moment) => ({ step, moment })));
}

export function describeDeath({ step, moment }: Death): string {
  return moment === "before" ? `before it ${step}` : `right after it ${step}`;
}
