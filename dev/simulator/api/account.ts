/**
 * The operations on the account: who the key belongs to, the team's members, its standing, and the vendor's health.
 */

import { Type } from "typebox";
import { leaveTeam } from "../world/access.ts";
import { wrongState } from "../world/checks.ts";
import { notFound, unauthorized } from "../world/errors.ts";
import { ownTeam } from "../world/lookups.ts";
import type { Team, User } from "../world/records.ts";
import type { World } from "../world/world.ts";
import type { Operation, Signed } from "./operation.ts";
import { pageOf } from "./paging.ts";
import { NoQuery, opt, page, pageQuery } from "./schemas.ts";
import * as schemas from "./schemas-account.ts";

export const ACCOUNT: readonly Operation[] = [
  {
    method: "GET",
    path: "/auth/session",
    auth: "session",
    query: NoQuery,
    answer: schemas.Session,
    run: (c) => getSession(c.world, c.team),
  },
  {
    method: "GET",
    path: "/teams/:teamId/users",
    auth: "key",
    query: pageQuery(["dtConfirmed"], { role: opt(Type.Enum(["member", "admin", "owner"])) }),
    answer: page(schemas.TeamUser),
    run: listTeamUsers,
  },
  {
    method: "PUT",
    path: "/teams/:teamId/users/:userId",
    auth: "key",
    query: NoQuery,
    body: schemas.UpdateMember,
    answer: schemas.Membership,
    run(c) {
      const { isAdmin } = c.body as { isAdmin: boolean };
      return membership(Object.assign(member(c), { isAdmin }), null);
    },
  },
  {
    method: "DELETE",
    path: "/teams/:teamId/users/:userId",
    auth: "key",
    query: NoQuery,
    answer: schemas.Membership,
    run(c) {
      const user = member(c);
      if (user.isOwner) throw wrongState(c.world, "The owner of a team cannot leave it");
      leaveTeam(c.world, c.team, user.id);
      return membership(user, c.world.iso());
    },
  },
  {
    method: "GET",
    path: "/billing/account-standing",
    auth: "key",
    query: NoQuery,
    answer: schemas.AccountStanding,
    run: getStanding,
  },
  {
    method: "GET",
    path: "/health",
    auth: "none",
    query: NoQuery,
    answer: schemas.Health,
    run: () => "HEALTHY",
  },
];

/** A user of the team that the path names. Throws NOT_FOUND. */
function member({ world, team, params }: Signed): User {
  ownTeam(world, team, params.teamId ?? "");
  const user = team.users.find(({ id }) => id === params.userId);
  if (!user) throw notFound();
  return user;
}

const membership = ({ isOwner, isAdmin, dtConfirmed }: User, dtDeleted: string | null) => ({
  isOwner,
  isAdmin,
  dtConfirmed,
  dtDeleted,
});

/** Null with 200 for a wrong key (observed-in-the-field 5), unless the switch specifies otherwise. */
function getSession(world: World, team: Team | undefined) {
  const user = team?.users.find((u) => u.isOwner) ?? team?.users[0];
  if (!team || !user) {
    if (world.behaviour.sessionWithBadKey === "unauthorized") throw unauthorized();
    return null;
  }
  return { user: sessionUser(team, user), team: sessionTeam(team) };
}

function sessionTeam({ id, namespace, maxMachines, analyticsId }: Team) {
  return { namespace, isPrivate: true, maxMachines, id, analyticsId };
}

function sessionUser(team: Team, user: User) {
  const { id, namespace, dtCreated, analyticsId } = team;
  return {
    firstName: user.firstName,
    lastName: user.lastName,
    email: user.email,
    dtCreated,
    dtConfirmed: user.dtConfirmed,
    teamMemberships: [
      {
        team: { name: namespace, id, namespace, publicProfileImageUrl: null, isUserTeam: false, dtCreated },
        isOwner: user.isOwner,
        isAdmin: user.isAdmin,
      },
    ],
    isPhoneVerified: true,
    isPasswordAuthEnabled: true,
    isQrCodeBasedMfaEnabled: false,
    isQrCodeBasedMfaConfirmed: false,
    preferences: null,
    id: user.id,
    analyticsId: analyticsId + 1_000_000,
    metadata: { graphcoreTermsAccepted: false },
  };
}

function listTeamUsers({ world, team, params, query }: Signed) {
  ownTeam(world, team, params.teamId ?? "");
  const roleOf = (u: User) => (u.isOwner ? "owner" : u.isAdmin ? "admin" : "member");
  const users = team.users.filter((u) => (query.role ?? roleOf(u)) === roleOf(u));
  const page = pageOf(users, query, (u) => [u.dtConfirmed ?? "", u.id], world.behaviour);
  const items = page.items.map(({ isAdmin, isOwner, dtConfirmed, ...user }) => ({
    isAdmin,
    isOwner,
    dtConfirmed,
    user: { ...user, publicProfileImageUrl: null, lastActive: null },
  }));
  return { ...page, items };
}

/** What a careful client reads before it makes anything billable (other-resources.md, billing). */
function getStanding({ world, team }: Signed) {
  if (world.behaviour.accountStandingEndpoint === "absent") throw notFound();
  return {
    isInGoodStanding: team.goodStanding,
    hasPaymentMethod: true,
    isAdminLocked: false,
    messages: [...team.standingMessages],
  };
}
