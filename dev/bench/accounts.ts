/** The Paperspace accounts of a run: a team each, with a key that a Secret of the namespace holds. */
import { DEFAULT_SECRET } from "../../src/reconcile/credentials.ts";
import type { Budget, TeamSeed } from "../simulator/world/records.ts";

export interface Account {
  readonly teamId: string;
  readonly key: string;
  /** Name of the Secret: the first account's is the default of the namespace. */
  readonly secret: string;
  readonly project: string;
  readonly team: TeamSeed;
}

/** No quota of a team shall end a run. */
const MANY_MACHINES = 1_000_000;

export function accountsOf(count: number, budget: Budget | null): Account[] {
  return Array.from({ length: count }, (_, n) => {
    const teamId = `te-bench-${n}`;
    const key = `bench-key-${n}`;
    const project = `p-bench-${n}`;
    return {
      teamId,
      key,
      secret: n === 0 ? DEFAULT_SECRET : `account-${n}`,
      project,
      team: {
        id: teamId,
        namespace: `bench${n}`,
        keys: [key],
        networks: [`nbench${n}ny2`],
        projects: [project],
        maxMachines: MANY_MACHINES,
        budget,
      },
    };
  });
}
