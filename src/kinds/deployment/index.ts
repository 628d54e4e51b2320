/**
 * The door of this room: what the registry gets, and how the configuration becomes the settings of this kind.
 */
import type { Config } from "../../base/config.ts";
import { readErrorOf } from "../failure.ts";
import { newController, observerSettings, type PublishedKind } from "../registration.ts";
import { deploymentKind } from "./kind.ts";
import type { DeploymentSettings } from "./observer.ts";
import { References } from "./references.ts";
import { deploymentCrd, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

/** The registry's line. */
export const deployment: PublishedKind<PaperspaceDeployment> = {
  definition: deploymentDefinition,
  crd: deploymentCrd,
  /** For env. */
  rights: { configMaps: "read" },
  /** Project secrets that were put there for a deployment which was never made. */
  hasLeftovers: ({ status }) => (status?.secrets?.length ?? 0) > 0,
  start(parts) {
    const { clock, logger, config, enqueue, store } = parts;
    const settings = settingsOf(config);
    const references = new References({
      secrets: parts.secretResource,
      configMaps: parts.configMapResource,
      clock,
      resyncMs: config.resyncInterval,
      recheckMs: config.credentialRecheck,
      enqueue,
      readErrorOf: (error) => readErrorOf(error, settings.rechecks),
    });
    const objects = () => store.list();
    return newController(parts, deploymentKind({ clock, logger, enqueue, settings, references, objects }));
  },
};

function settingsOf(config: Config): DeploymentSettings {
  const shared = observerSettings(config);
  return {
    ...shared,
    limits: {
      ...shared.limits,
      resendMs: config.resendAfter,
      freshMs: FRESH_MS,
    },
  };
}

/** A create rests on a look at its project that is no older; right before it, it looks at its own name once more. */
const FRESH_MS = 15_000;
