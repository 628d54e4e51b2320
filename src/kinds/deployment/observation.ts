/**
 * The types that the decision about a deployment works with: what is observed, what is remembered, and what can be done
 * (the steps). No behaviour lives here.
 */
import type { Change } from "../../reconcile/change.ts";
import type { Decision, Observation } from "../../reconcile/decision.ts";
import { act as decideStep } from "../../reconcile/decision.ts";
import type { Operation, Step } from "../../reconcile/managed.ts";
import type { ReadError, ReportedOutcome } from "../../reconcile/outcome.ts";
import type { Requests } from "../../reconcile/record.ts";
import type { PaperspaceAccount } from "../account.ts";
import type { FactNames } from "../facts.ts";
import type { Deployment, Run, StoredSpec } from "./api.ts";
import type { Leaves } from "./compare.ts";
import type { DeploymentConfig } from "./config.ts";
import type { StoredField } from "./stored-as.ts";
import type { DeploymentSpec, DeploymentStatus, PaperspaceDeployment, Rollout } from "./types.ts";

/** A configuration that is to run. */
export interface Target {
  config: DeploymentConfig;
  leaves: Leaves;
  hash: string;
  /** Hash of the same without the number of instances: what is assessed and rolled back. */
  template: string;
  /** Names of the project secrets of this object that it uses. */
  secrets: readonly string[];
}

/** The spec's configuration, with all that it refers to. */
export type Desired =
  /** Not read yet. */
  | { state: "unknown"; readError?: ReadError }
  | { state: "missing"; reason: string; message: string }
  /** `outdated`: it cannot be read any more, and is older than a rotation may be: it runs on, and is not sent. */
  | ({ state: "known"; outdated?: ReadError } & Target);

export type DesiredTarget = Extract<Desired, { state: "known" }>;

/** What must be remembered across passes; kept in status. */
export interface DeploymentMemory {
  operation?: Operation;
  /** Configurations that this object sent, newest first. */
  history: readonly Rollout[];
  rolledBack?: NonNullable<DeploymentStatus["rolledBack"]>;
  placement?: Omit<NonNullable<DeploymentStatus["placement"]>, "next">;
  /** Fields that the API writes otherwise than they were sent. */
  storedAs?: readonly StoredField[];
  /** Project secrets that were made for this object, in the project of the observation. */
  secrets: readonly string[];
  /** The same in other projects, as "project/name". Nothing uses them any more. */
  formerSecrets?: readonly string[];
}

/** All in milliseconds. */
export interface DeploymentLimits {
  /** How long an older spec may be read after an upsert that was not answered, until that counts as lost. */
  resendMs: number;
  /** How long reads may lag behind an upsert: from then on they show what it did. */
  settleMs: number;
  slowMs: number;
  /** How often to read while something is under way, at least. */
  lookMs: number;
  absenceGraceMs: number;
  deleteMs: number;
  /** How old the list may be on which a create rests. */
  freshMs: number;
}

/** Names of the facts that can be fetched. */
export const FACT = {
  runs: "runs",
  /** The specs that Paperspace keeps. */
  specs: "specs",
  projectSecrets: "projectSecrets",
  /** Which deployments the project has. */
  siblings: "siblings",
} as const satisfies FactNames<ObservedFacts>;

/** The part of an observation that consists of facts. */
export type ObservedFacts = Pick<DeploymentObservation, "runs" | "specs" | "projectSecrets" | "siblings">;

export interface DeploymentObservation extends Observation<DeploymentMemory, { deployment: Deployment }> {
  spec: DeploymentSpec;
  generation: number;
  /** How users name the object on the command line: "psd/name -n namespace". */
  reference: string;
  uid: string;
  /** Where its deployment and its secrets are: the declared one, unless that was changed while it was bound. */
  projectId: string;
  /** The name in Paperspace that is declared. */
  name: string;
  desired: Desired;
  /** Active runs, newest first. `isNewer`: read after the deployment was first observed as it is. */
  runs?: { list: readonly Run[]; ageMs: number; isNewer?: boolean };
  /** They were not read for two resyncs: what they showed last says nothing of now. */
  isUnobserved?: boolean;
  /** Newest first. */
  specs?: readonly StoredSpec[];
  /** Since the read of them began. */
  specsAgeMs?: number;
  /** Names of the secrets that the project has. */
  projectSecrets?: readonly string[];
  /** They were not read for so long that it is time to check whether they are all still there. */
  secretsDue?: boolean;
  /** Ids of the deployments of the declared name. */
  siblings?: { ids: readonly string[]; ageMs: number };
  /**
   * Project secrets that its former specs name and that an object put there which this cluster does not have any more: what
   * was left with an adopted deployment.
   */
  inherited?: readonly string[];
  /** It was shown without any configuration (latestSpec null) by one read only: another one has to show that as well. */
  shownEmptyOnce?: true;
  /** As messages name it (`shownKey`): another object that has a deployment of this name, or is making one just now. */
  conflict?: { owner: string; owns: boolean };
  /**
   * Only the user can fix the reason why nothing can be observed. `dueInMs`: when it is to be read again whether that is
   * still so.
   */
  blocked?: { reason: string; message: string; dueInMs: number };
  /** By the name of the fact: why the last read failed. */
  readErrors: Readonly<Record<string, ReadError>>;
  limits: DeploymentLimits;
}

export interface Deploy {
  do: "deploy";
  /** Hash of the configuration: another one is another try. */
  of: string;
  target: Target;
  changes: readonly Change[];
  /** As it is seen now. */
  deployment: Deployment;
  /** Id of the spec that is shown now. */
  replaces?: string;
  rollback: boolean;
  /** Only the number of instances changes, and enough are ready already: Ready stays True. */
  isServed?: true;
  git?: NonNullable<Rollout["git"]>;
}

export type DeploymentStep = Step &
  (
    | Deploy
    | { do: "delete"; deadline?: string }
    /** `of`: id of a deployment that an upsert made by mistake; `mark`: hash of its first configuration. */
    | { do: "deleteStray"; of: string; mark: string }
    /** `of`: name of the project secret. */
    | { do: "putSecret"; of: string }
    /** `of`: the same, or "project/name". `report`: what the status reports once it is done. */
    | { do: "dropSecret"; of: string; report: ReportedOutcome }
    /** Nothing is to be done for these requests; `note` gives the reason. */
    | { do: "handle"; requests: Requests; note: string }
  );

export interface DeploymentTypes {
  object: PaperspaceDeployment;
  account: PaperspaceAccount;
  observation: DeploymentObservation;
  step: DeploymentStep;
}

export type DeploymentDecision = Decision<DeploymentStep, DeploymentMemory>;

export const act = decideStep<DeploymentStep, DeploymentMemory>;
