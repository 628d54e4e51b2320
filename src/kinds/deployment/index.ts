/**
 * The door of this room: what the registry gets, and how the configuration becomes the settings of this kind.
 */
import type { Config } from "../../base/config.ts";
import { Reconciler } from "../../reconcile/reconciler.ts";
import { type KindEntry, reconcilerSettings, settleMs } from "../entry.ts";
import { troubleOf } from "../failure.ts";
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
    const kind = new DeploymentKind({ clock, logger, enqueue, settings, references, objects });
    const reconciler = new Reconciler({ ...parts, kind, settings: reconcilerSettings(config) });
    return {
      reconcile: (key) => reconciler.reconcile(key),
      reset() {
        kind.reset();
        reconciler.reset();
      },
    };
  },
};

/** Looks that come within this are done together. */
const GATHER_MS = 50;

function settingsOf(config: Config): DeploymentSettings {
  return {
    resyncMs: config.resyncInterval,
    gatherMs: GATHER_MS,
    settleMs: settleMs(config),
    rechecks: { recheckMs: config.credentialRecheck, slowMs: config.slowRetry },
    limits: {
      resendMs: config.resendAfter,
      slowMs: config.slowRetry,
      lookMs: config.eventPollInterval,
      absenceGraceMs: config.absenceGrace,
      deleteMs: config.deleteDeadline,
      freshMs: FRESH_MS,
    },
  };
}

/** A create rests on a look at its project that is no older; right before it, it looks at its own name once more. */
const FRESH_MS = 15_000;
