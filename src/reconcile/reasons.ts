/**
 * Reasons that every kind shares, for conditions and Kubernetes Events. A reason says what to do or what is going on;
 * the cause goes into the message.
 */
export const REASON = {
  /** The API key is missing, wrong, or of another team: mend the Secret. */
  CredentialsInvalid: "CredentialsInvalid",
  /** The key could not be checked just now: nothing to do. */
  CredentialsUnchecked: "CredentialsUnchecked",
  /** A copy or a restored backup: say which object owns the thing with the adopt annotation. */
  IdentityConflict: "IdentityConflict",
  /** Two things bear the name of one attempt: delete one by hand. */
  CreateAmbiguous: "CreateAmbiguous",
  /** What is to be adopted belongs to another object. */
  AlreadyOwned: "AlreadyOwned",
  /** The answer of a create was lost; the account is being searched for it. */
  ResolvingCreate: "ResolvingCreate",
  /** A create was announced or sent. */
  Creating: "Creating",
  /** The spec was refused by the API: correct it. */
  Refused: "Refused",
  /** The API declined for now (its state, a quota, capacity): see the message; retried. */
  Declined: "Declined",
  /** The API cannot be reached or answers with errors: retried. */
  ApiUnavailable: "ApiUnavailable",
  /** The API asks us to slow down. */
  RateLimited: "RateLimited",
  Paused: "Paused",
  DryRun: "DryRun",
  Deleting: "Deleting",
  /** The object goes and the thing stays, as deletionPolicy says. */
  Orphaned: "Orphaned",
  /** The object goes; it never owned anything. */
  NothingToDelete: "NothingToDelete",
  /** What the object owned is gone for certain; it makes another, as onExternalDeletion says. */
  Disowned: "Disowned",
  Adopted: "Adopted",
  Created: "Created",
  /** Somebody keeps undoing what the spec says: take the field out of the spec, or stop the other side. */
  Contended: "Contended",
  /** A transition took longer than its deadline: look at the thing in the console, or ask Paperspace. */
  TransitionTimedOut: "TransitionTimedOut",
  /** Not found just now; that alone proves nothing yet. */
  AbsenceUnconfirmed: "AbsenceUnconfirmed",
  /** Deleted in the console: delete this object, or set onExternalDeletion to Recreate. */
  ExternallyDeleted: "ExternallyDeleted",
  /** spec.adoptId names nothing of this team. */
  AdoptNotFound: "AdoptNotFound",
  /** What is to be adopted differs in what cannot be changed: correct the spec. */
  AdoptMismatch: "AdoptMismatch",
  Deleted: "Deleted",
  /** Somebody took the finalizer off, and the object went before what it owned: see to that in the console. */
  LeftBehind: "LeftBehind",
} as const;
