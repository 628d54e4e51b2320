/**
 * The shapes of the account: session, members, standing, health (other-resources.md). Only schemas live here.
 */

import { Type } from "typebox";
import { closed, date, nullable, OptionalName, opt, SHOWN_USER } from "./schemas.ts";

/** other-resources.md, teams. */
export const TeamUser = closed({
  isAdmin: Type.Boolean(),
  isOwner: Type.Boolean(),
  dtConfirmed: opt(nullable(date())),
  user: closed({
    ...SHOWN_USER,
    lastActive: opt(nullable(date())),
  }),
});

export const UpdateMember = closed({ isAdmin: Type.Boolean() });
/** What is left of a member after a change: no user. */
export const Membership = closed({
  isOwner: Type.Boolean(),
  isAdmin: Type.Boolean(),
  dtConfirmed: opt(nullable(date())),
  dtDeleted: opt(nullable(date())),
});

/** other-resources.md, auth: null without a login. */
export const Session = nullable(
  closed({
    user: closed({
      firstName: nullable(Type.String()),
      lastName: nullable(Type.String()),
      email: Type.String(),
      dtCreated: date(),
      dtConfirmed: nullable(date()),
      teamMemberships: Type.Array(
        closed({
          team: closed({
            name: Type.String(),
            id: Type.String(),
            namespace: Type.String(),
            publicProfileImageUrl: OptionalName,
            isUserTeam: Type.Boolean(),
            dtCreated: date(),
          }),
          isOwner: Type.Boolean(),
          isAdmin: Type.Boolean(),
        }),
      ),
      isPhoneVerified: Type.Boolean(),
      isPasswordAuthEnabled: Type.Boolean(),
      isQrCodeBasedMfaEnabled: Type.Boolean(),
      isQrCodeBasedMfaConfirmed: Type.Boolean(),
      preferences: opt(Type.Null()),
      id: Type.String(),
      analyticsId: Type.Number(),
      metadata: closed({ graphcoreTermsAccepted: opt(Type.Boolean()) }),
    }),
    team: closed({
      namespace: Type.String(),
      isPrivate: Type.Boolean(),
      maxMachines: Type.Number(),
      id: Type.String(),
      analyticsId: Type.Number(),
    }),
  }),
);

export const Health = Type.Literal("HEALTHY");

/** other-resources.md, billing. */
export const AccountStanding = closed({
  isInGoodStanding: Type.Boolean(),
  hasPaymentMethod: Type.Boolean(),
  isAdminLocked: Type.Boolean(),
  messages: Type.Array(Type.String()),
});
