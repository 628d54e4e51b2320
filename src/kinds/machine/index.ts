/** The entry point of this kind: what the registry gets, and how the configuration becomes the settings of the kind. */
import type { Config } from "../../base/config.ts";
import { type KindOptions, observerSettings, type PublishedKind, rateReading } from "../registration.ts";
import { DesktopSecrets } from "./desktop.ts";
import { machineKind } from "./kind.ts";
import type { MachineKindSettings } from "./observer.ts";
import { PriceList } from "./placement/price-list.ts";
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
    const priceList = priceListOf(options);
    return machineKind({
      clock,
      logger,
      enqueue,
      settings,
      desktops,
      priceList,
      formerTermEnd: options.formerTermEnd,
      isRecorded,
      objects,
      reviewList,
    });
  },
};

function priceListOf({
  config,
  clock,
  logger,
  configMapResource,
  enqueue,
}: KindOptions<PaperspaceMachine>): PriceList | undefined {
  const { priceList: reference, resyncInterval: resyncMs } = config;
  if (reference === undefined) return undefined;
  return new PriceList({ reference, configMaps: configMapResource, clock, logger, resyncMs, enqueue });
}

function settingsOf(config: Config): MachineKindSettings {
  const shared = observerSettings(config);
  return {
    ...shared,
    eventPollMs: config.eventPollInterval,
    capacityPriorities: config.capacityPriorities,
    rates: rateReading(config),
    limits: {
      ...shared.limits,
      resendMs: config.resendAfter,
      observeMs: config.startDeadline,
      capacityMs: config.capacityDeadline,
      giveUpMs: config.startDeadline,
      maxAwakeMs: config.maxAwake,
      maxExtensionMs: config.maxExtension,
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
