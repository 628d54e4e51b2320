/** What a valid API key gives access to, for every kind: the team, its API, and permits to send to it. */
import { type Accounts, keyFingerprint } from "../paperspace/accounts.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import type { ThrottlePermits } from "../paperspace/permits.ts";
import type { PaperspaceApi } from "../paperspace/transport.ts";
import type { CredentialChecker } from "../reconcile/credentials.ts";
import type { CloudAccount } from "../reconcile/managed.ts";
import type { PermitAnswer, PermitRequest, Permits } from "../reconcile/permit.ts";

export interface PaperspaceAccount extends CloudAccount {
  readonly api: PaperspaceApi;
  /** See `Account`. */
  readonly quota: { readonly maxMachines: number; readonly readAt: number };
  readonly permits: ThrottlePermits;
}

const LANES = { create: "normal", change: "normal", delete: "reserve" } as const;

/** Permits of all teams: a holder whose key is of another team now leaves the former one. */
export class AccountPermits implements Permits<PaperspaceAccount> {
  /** By holder. */
  readonly #held = new Map<string, ThrottlePermits>();

  ask(account: PaperspaceAccount, request: PermitRequest): PermitAnswer<PaperspaceAccount> {
    const { permits, api } = account;
    const { holder, group, sends, granted } = request;
    if (this.#held.get(holder) !== permits) this.release(holder);
    this.#held.set(holder, permits);
    const permit = permits.ask({ holder, group, lane: LANES[sends], sends, granted });
    if (permit) return { state: "granted", account: { ...account, api: api.with({ permit }) } };
    const forMs = permits.pausedForMs;
    return forMs > 0 ? { state: "paused", forMs } : { state: "waiting" };
  }

  keep(holder: string): void {
    this.#held.get(holder)?.keep(holder);
  }

  release(holder: string): void {
    this.#held.get(holder)?.release(holder);
    this.#held.delete(holder);
  }
}

/** Checks keys against Paperspace for the generic credentials. */
export function credentialChecker(accounts: Pick<Accounts, "open">): CredentialChecker<PaperspaceAccount> {
  return {
    open(key, caller) {
      const account = accounts.open(key, caller);
      return account && { ...account, fingerprint: keyFingerprint(key) };
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
