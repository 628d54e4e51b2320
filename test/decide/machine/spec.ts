/** A spec as the API server would have defaulted it, for tests. */
import type { MachineSpec } from "../../../src/kinds/machine/types.ts";

export const SPEC: MachineSpec = {
  machineType: "A4000",
  region: "ny2",
  templateId: "t0nspur5",
  diskSize: 50,
  powerState: "Running",
  emailPassword: false,
  resizePolicy: "WhenStopped",
  deletionPolicy: "Delete",
  publicIpReleasePolicy: "Keep",
  onExternalDeletion: "Stall",
};
