/**
 * Reasons that every kind shares, for conditions and Kubernetes Events. A reason states what to do or what is going on;
 * the cause goes into the message.
 */
export const REASON = {
  /** The API key is missing, wrong, or of another team: correct the Secret. */
  CredentialsInvalid: "CredentialsInvalid",
  /** The key could not be checked just now: nothing to do. */
  CredentialsUnchecked: "CredentialsUnchecked",
  /** A copy or a restored backup: declare which object owns the resource with the adopt annotation. */
  IdentityConflict: "IdentityConflict",
  /** An annotation is too long, or all of them together are: shorten them. */
  AnnotationRefused: "AnnotationRefused",
  /** Two resources have the name of one attempt: delete one by hand. */
  CreateAmbiguous: "CreateAmbiguous",
  /** What is to be adopted belongs to another object. */
  AlreadyOwned: "AlreadyOwned",
  /** The answer of a create was lost; the account is being searched for it. */
  ResolvingCreate: "ResolvingCreate",
  /** The id of the cluster cannot be read, and what is created has it in its name: see the message. */
  ClusterIdUnknown: "ClusterIdUnknown",
  /** A create was announced or sent. */
  Creating: "Creating",
  /** The spec was refused by the API: correct it. */
  Refused: "Refused",
  /** The API declined for now (its state, a quota, capacity): see the message; retried. */
  Declined: "Declined",
  /** The API cannot be reached or answers with errors: retried. */
  ApiUnavailable: "ApiUnavailable",
  /** The API limits the rate of requests. */
  RateLimited: "RateLimited",
  Paused: "Paused",
  DryRun: "DryRun",
  /** Nothing is written: set managementPolicy to Manage, in the spec, on the namespace or of the operator, as the message says. */
  ObservedOnly: "ObservedOnly",
  /** Only observed, and nothing is named to observe: give adoptId, or set managementPolicy to Manage. */
  NothingToObserve: "NothingToObserve",
  /** What the labels of the namespace forbid is not known, and nothing is written: grant the right to get it. */
  NamespaceUnreadable: "NamespaceUnreadable",
  /** The namespace is being deleted, and nothing is created in it. */
  NamespaceTerminating: "NamespaceTerminating",
  /** Set deletionProtection to false to destroy what is protected, or deletionPolicy to Orphan to leave it. */
  DeletionProtected: "DeletionProtected",
  Deleting: "Deleting",
  /** The object is deleted and the resource stays, as deletionPolicy declares. */
  Orphaned: "Orphaned",
  /** deletionPolicy Orphan was declared after the delete had been sent: the resource goes. */
  OrphanTooLate: "OrphanTooLate",
  /** The object is deleted; it never owned anything. */
  NothingToDelete: "NothingToDelete",
  /** What the object owned is certainly gone; a new one is created, as onExternalDeletion or a placement declares. */
  Disowned: "Disowned",
  Adopted: "Adopted",
  Created: "Created",
  /** Another actor keeps changing a field back: remove the field from the spec, or stop the other actor. */
  Contended: "Contended",
  /** A transition took longer than its deadline: look at the resource in the console, or contact Paperspace. */
  TransitionTimedOut: "TransitionTimedOut",
  /** Not found just now; that alone proves nothing yet. */
  AbsenceUnconfirmed: "AbsenceUnconfirmed",
  /**
   * Nothing confirms that what the object owned is gone: wait, or `kubectl paperspace release` where you know that it is.
   */
  DeletionBlocked: "DeletionBlocked",
  /** Deleted in the console: delete this object, or set onExternalDeletion to Recreate. */
  ExternallyDeleted: "ExternallyDeleted",
  /** spec.adoptId names nothing of this team. */
  AdoptNotFound: "AdoptNotFound",
  /** Nothing is adopted with the operator's own key: give the namespace a key of its own. */
  AdoptionNotAllowed: "AdoptionNotAllowed",
  /** What is to be adopted differs in what cannot be changed: correct the spec. */
  AdoptMismatch: "AdoptMismatch",
  Deleted: "Deleted",
  /**
   * Another actor removed the finalizer, and the object was deleted before what it owned: delete that in the console.
   */
  LeftBehind: "LeftBehind",
} as const;
