/** Many machines at once, whose provisioning is as slow as the vendor's: most of them are in flight at the same time. */
import type { Scenario } from "../scenario.ts";
import { bulkOf } from "./bulk.ts";

/** What the vendor's own sample took (paperspace-api, machines.md section 7). */
const PROVISIONING_MS = 66_900;

export const slow: Scenario = {
  name: "slow",
  summary: "As bulk, with 67 s of provisioning",
  unit: "machines",
  sizes: [670],
  small: 5,
  forPeers: true,
  run: (bench, size) => bulkOf(bench, size, bench.isSmall ? 3_000 : PROVISIONING_MS),
};
