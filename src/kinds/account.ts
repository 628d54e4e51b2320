/** What a valid API key gives access to, for every kind: the team and its API. */
import { type Accounts, keyFingerprint } from "../paperspace/accounts.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import type { PaperspaceApi } from "../paperspace/transport.ts";
import type { CredentialChecker } from "../reconcile/credentials.ts";
import type { CloudAccount } from "../reconcile/managed.ts";

export interface PaperspaceAccount extends CloudAccount {
  readonly api: PaperspaceApi;
}

/** Checks keys against Paperspace for the generic credentials. */
export function credentialChecker(accounts: Pick<Accounts, "get">): CredentialChecker<PaperspaceAccount> {
  return {
    async open(key, group) {
      const { team, api } = await accounts.get(key, group);
      return { team, api, fingerprint: keyFingerprint(key) };
    },
    explain(error) {
      const message = error instanceof Error ? error.message : String(error);
      if (!(error instanceof PaperspaceError)) return { state: "unreachable", message };
      if (error.code === "PS_UNAUTHORIZED" || error.code === "PS_FORBIDDEN")
        return { state: "invalid", message };
      const { retryAfterMs } = error;
      return {
        state: "unreachable",
        message,
        ...(retryAfterMs === undefined ? {} : { atLeastMs: retryAfterMs }),
      };
    },
  };
}
