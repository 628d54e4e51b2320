/**
 * The teams that a world starts with, and how a short seed becomes a whole team.
 */

import { REGIONS } from "./catalogue.ts";
import type {
  NetworkRecord,
  NetworkSeed,
  Owned,
  ProjectRecord,
  ProjectSeed,
  Team,
  TeamSeed,
  User,
  UserSeed,
} from "./records.ts";

/** The key to try the simulator with. */
export const DEMO_KEY = "sim-key-alpha";

/** Two teams, so that a key of the wrong one can be tried; alpha has a second key, for rotation. */
export const DEFAULT_TEAMS: TeamSeed[] = [
  {
    id: "te-alpha",
    namespace: "alpha",
    keys: [DEMO_KEY, "sim-key-alpha-2"],
    networks: ["nalpha0ny2", "nalpha0ca1"],
    users: [
      { id: "ualphaowner", email: "owner@alpha.example", firstName: "Ada", isOwner: true, isAdmin: true },
      {
        id: "ualphaadmin",
        email: "admin@alpha.example",
        firstName: "Grace",
        lastName: "Hopper",
        isAdmin: true,
      },
      { id: "ualphauser1", email: "user@alpha.example" },
      { id: "ualphaguest", email: "invited@alpha.example", dtConfirmed: null },
    ],
  },
  {
    id: "te-beta",
    namespace: "beta",
    keys: ["sim-key-beta"],
    networks: ["nbeta00ny2"],
    users: [{ id: "ubetaowner0", email: "owner@beta.example", isOwner: true, isAdmin: true }],
  },
];

/** No figure is documented (errors-and-limits.md section 4): generous to one client, tight for a careless one. */
const DEFAULT_BUDGET = { burst: 120, perSecond: 10 };

/** Fills a seed up. `makeId` gives ids to what the seed does not name. */
export function teamFromSeed(
  seed: TeamSeed,
  index: number,
  now: string,
  makeId: (prefix: string) => string,
): Team {
  const id = seed.id ?? makeId("te");
  const users = seed.users ?? [
    { email: `owner@${seed.namespace ?? id}.example`, isOwner: true, isAdmin: true },
  ];
  return {
    id,
    namespace: seed.namespace ?? id,
    keys: [...(seed.keys ?? [])],
    users: users.map((user) => userFromSeed(user, now, makeId)),
    maxMachines: seed.maxMachines ?? 100,
    goodStanding: seed.goodStanding ?? true,
    standingMessages: [],
    budget: seed.budget === undefined ? { ...DEFAULT_BUDGET } : seed.budget,
    staticAddresses: [],
    dtCreated: now,
    analyticsId: 1000 + index,
  };
}

/** A member of a team; one whose dtConfirmed is null was invited and has not come yet. */
export function userFromSeed(seed: UserSeed, now: string, makeId: (prefix: string) => string): User {
  return {
    id: seed.id ?? makeId("u"),
    email: seed.email,
    firstName: seed.firstName ?? null,
    lastName: seed.lastName ?? null,
    isAdmin: seed.isAdmin ?? false,
    isOwner: seed.isOwner ?? false,
    dtConfirmed: seed.dtConfirmed === undefined ? now : seed.dtConfirmed,
  };
}

export function networkFromSeed(
  seed: NetworkSeed,
  rest: Omit<NetworkRecord, "id" | "name" | "region">,
): NetworkRecord {
  const { id, name, region }: Exclude<NetworkSeed, string> = typeof seed === "string" ? { id: seed } : seed;
  const byItsEnd = Object.keys(REGIONS).find((code) => id.endsWith(code));
  return { ...rest, id, name: name ?? id, region: region ?? byItsEnd ?? "ny2" };
}

/** The initial projects of a team: those of the seed, or a single one. */
export function projectsOfSeed({ projects }: TeamSeed, team: Team): ProjectSeed[] {
  return projects ?? [{ id: `p-${team.namespace}`, name: "default" }];
}

export function projectFromSeed(seed: ProjectSeed, rest: Omit<Owned, "id">): ProjectRecord {
  const { id, name }: Exclude<ProjectSeed, string> = typeof seed === "string" ? { id: seed } : seed;
  return { ...rest, id, name: name ?? id, tags: [], collaborators: [] };
}
