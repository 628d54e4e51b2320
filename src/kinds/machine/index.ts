/** The entry point of this kind: what the registry gets, and how the configuration becomes the settings of the kind. */
import type { Config } from "../../base/config.ts";
import { observerSettings, type PublishedKind } from "../registration.ts";
import { DesktopSecrets } from "./desktop.ts";
import { machineKind } from "./kind.ts";
import type { MachineKindSettings } from "./observer.ts";
import { machineCrd, machineDefinition, type PaperspaceMachine } from "./types.ts";

/** The kind as the registry gets it. */
export const machine: PublishedKind<PaperspaceMachine> = {
  definition: machineDefinition,
  crd: machineCrd,
  /** For desktopSecretRef. */
  rights: { secrets: "write" },
  newKind(options) {
    const { clock, logger, config, enqueue, store, reviewList } = options;
    const desktops = new DesktopSecrets({
      secrets: options.secretResource,
      clock,
      resyncMs: config.resyncInterval,
      enqueue,
    });
    const isRecorded = (id: string) => store.list().some(({ status }) => status?.id === id);
    const settings = settingsOf(config);
    const objects = () => store.list();
    return machineKind({ clock, logger, enqueue, settings, desktops, isRecorded, objects, reviewList });
  },
};

function settingsOf(config: Config): MachineKindSettings {
  const shared = observerSettings(config);
  return {
    ...shared,
    eventPollMs: config.eventPollInterval,
    capacityPriorities: config.capacityPriorities,
    limits: {
      ...shared.limits,
      resendMs: config.resendAfter,
      observeMs: config.startDeadline,
      capacityMs: config.capacityDeadline,
      giveUpMs: config.startDeadline,
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
