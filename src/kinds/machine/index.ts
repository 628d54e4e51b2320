/**
 * The door of this room: what the registry gets, and how the configuration becomes the settings of this kind.
 */
import type { Config } from "../../base/config.ts";
import { Reconciler } from "../../reconcile/reconciler.ts";
import { type KindEntry, reconcilerSettings, settleMs } from "../entry.ts";
import { DesktopSecrets } from "./desktop.ts";
import { MachineKind } from "./kind.ts";
import type { MachineSettings } from "./observer.ts";
import { machineCrd, machineDefinition, type PaperspaceMachine } from "./types.ts";

/** The registry's line. */
export const machine: KindEntry<PaperspaceMachine> = {
  definition: machineDefinition,
  crd: machineCrd,
  control(parts) {
    const { clock, logger, config, enqueue, store } = parts;
    const desktops = new DesktopSecrets({
      secrets: parts.secretResource,
      clock,
      resyncMs: config.resyncInterval,
      enqueue,
    });
    const isRecorded = (id: string) => store.list().some(({ status }) => status?.id === id);
    const settings = settingsOf(config);
    const kind = new MachineKind({ clock, logger, enqueue, settings, desktops, isRecorded });
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

function settingsOf(config: Config): MachineSettings {
  return {
    resyncMs: config.resyncInterval,
    eventPollMs: config.eventPollInterval,
    gatherMs: GATHER_MS,
    recheckMs: config.credentialRecheck,
    settleMs: settleMs(config),
    limits: {
      resendMs: config.resendAfter,
      slowMs: config.slowRetry,
      lookMs: config.eventPollInterval,
      absenceGraceMs: config.absenceGrace,
      observeMs: config.startDeadline,
      capacityMs: config.capacityDeadline,
    },
    deadlines: {
      createMs: config.createDeadline,
      startMs: config.startDeadline,
      stopMs: config.stopDeadline,
      resizeMs: config.resizeDeadline,
      deleteMs: config.deleteDeadline,
    },
  };
}
