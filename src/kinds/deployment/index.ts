/** The entry point of this kind: what the registry gets, and how the configuration becomes the settings of the kind. */
import type { Config } from "../../base/config.ts";
import { readErrorOf } from "../failure.ts";
import { MemoryBudget } from "../memory-budget.ts";
import { observerSettings, type PublishedKind } from "../registration.ts";
import { deploymentKind } from "./kind.ts";
import type { DeploymentSettings } from "./observer.ts";
import { References } from "./references.ts";
import { deploymentCrd, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

/** The kind as the registry gets it. */
export const deployment: PublishedKind<PaperspaceDeployment> = {
  definition: deploymentDefinition,
  crd: deploymentCrd,
  /** For env. */
  rights: { configMaps: "read" },
  /** Project secrets that were created for a deployment which was never created itself. */
  hasLeftovers: ({ status: { secrets = [], formerSecrets = [] } = { observedGeneration: -1 } }) =>
    secrets.length + formerSecrets.length > 0,
  newKind(options) {
    const { clock, logger, config, enqueue, store } = options;
    const settings = settingsOf(config);
    const objects = () => store.list();
    const references = new References({
      secrets: options.secretResource,
      configMaps: options.configMapResource,
      objects,
      slowHash: options.slowHash,
      budget: new MemoryBudget(KEPT_BYTES),
      isApiKey: options.isOperatorKey,
      isKeySecret: options.isKeySecret,
      clock,
      resyncMs: config.resyncInterval,
      recheckMs: config.credentialRecheck,
      enqueue,
      readErrorOf: (error) => readErrorOf(error, settings.rechecks),
    });
    return deploymentKind({ clock, logger, enqueue, settings, references, objects });
  },
};

function settingsOf(config: Config): DeploymentSettings {
  const shared = observerSettings(config);
  return {
    ...shared,
    limits: {
      ...shared.limits,
      resendMs: config.resendAfter,
      settleMs: shared.settleMs,
      freshMs: FRESH_MS,
    },
  };
}

/**
 * Longest age of the project's list that a create relies on, in milliseconds; right before it is sent, its own name is
 * read once more.
 */
const FRESH_MS = 15_000;
/** What is kept of all Secrets and ConfigMaps that objects name. */
const KEPT_BYTES = 32 * 1024 * 1024;
