/** All scenarios, in the order in which they run and are printed. */
import { hostile } from "./hostile.ts";
import { isolation } from "./isolation.ts";
import type { Scenario } from "./scenario.ts";
import { accounts } from "./scenarios/accounts.ts";
import { bulk } from "./scenarios/bulk.ts";
import { cold } from "./scenarios/cold.ts";
import { cpu } from "./scenarios/cpu.ts";
import { deployments } from "./scenarios/deployments.ts";
import { economy } from "./scenarios/economy.ts";
import { failover } from "./scenarios/failover.ts";
import { latency } from "./scenarios/latency.ts";
import { memory } from "./scenarios/memory.ts";
import { open } from "./scenarios/open.ts";
import { slow } from "./scenarios/slow.ts";
import { start } from "./scenarios/start.ts";
import { teardown } from "./scenarios/teardown.ts";
import { throttled } from "./scenarios/throttled.ts";

export const SCENARIOS: readonly Scenario[] = [
  start,
  bulk,
  slow,
  deployments,
  open,
  economy,
  latency,
  cold,
  memory,
  cpu,
  throttled,
  failover,
  teardown,
  accounts,
  isolation,
  hostile,
];
