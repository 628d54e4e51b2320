/**
 * The door of this room: what the registry gets, and how the configuration becomes the settings of this kind.
 */
import type { Config } from "../../base/config.ts";
import { troubleOf } from "../failure.ts";
import { controllerOf, type KindEntry, watchSettings } from "../registration.ts";
import { DeploymentKind } from "./kind.ts";
import type { DeploymentSettings } from "./observer.ts";
import { References } from "./references.ts";
import { deploymentCrd, deploymentDefinition, type PaperspaceDeployment } from "./types.ts";

/** The registry's line. */
export const deployment: KindEntry<PaperspaceDeployment> = {
  definition: deploymentDefinition,
  crd: deploymentCrd,
  /** Project secrets that were put there for a deployment which was never made. */
  owes: ({ status }) => (status?.secrets?.length ?? 0) > 0,
  control(parts) {
    const { clock, logger, config, enqueue, store } = parts;
    const settings = settingsOf(config);
    const references = new References({
      secrets: parts.secretResource,
      configMaps: parts.configMapResource,
      clock,
      resyncMs: config.resyncInterval,
      recheckMs: config.credentialRecheck,
      enqueue,
      troubled: (error) => troubleOf(error, settings.rechecks),
    });
    const objects = () => store.list();
    return controllerOf(parts, new DeploymentKind({ clock, logger, enqueue, settings, references, objects }));
  },
};

function settingsOf(config: Config): DeploymentSettings {
  const shared = watchSettings(config);
  return {
    ...shared,
    limits: {
      ...shared.limits,
      resendMs: config.resendAfter,
      deleteMs: config.deleteDeadline,
      freshMs: FRESH_MS,
    },
  };
}

/** A create rests on a look at its project that is no older; right before it, it looks at its own name once more. */
const FRESH_MS = 15_000;
