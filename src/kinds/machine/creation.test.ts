import { describe, expect, it } from "vitest";
import { SPEC } from "../../../test/decide/machine/spec.ts";
import { createBody } from "./creation.ts";
import type { MachineSpec } from "./types.ts";

const body = (over: Partial<MachineSpec> = {}) => createBody({ ...SPEC, ...over }, "box-1-abc");
const REQUIRED = {
  name: "box-1-abc",
  machineType: "A4000",
  templateId: "t0nspur5",
  diskSize: 50,
  region: "ny2",
  startOnCreate: true,
  emailPassword: false,
};

describe("createBody", () => {
  it("sends nothing that is not declared: absent means unmanaged, and the API has defaults of its own", () => {
    expect(body()).toEqual(REQUIRED);
    expect(JSON.parse(JSON.stringify(body()))).toEqual(REQUIRED);
  });

  it("always sends whether to mail the password: the API's default is to mail it", () => {
    expect(body({ emailPassword: false }).emailPassword).toBe(false);
    expect(body({ emailPassword: true }).emailPassword).toBe(true);
  });

  it("always sends whether to start: what is declared off must not cost an hour of its GPU", () => {
    expect(body({ powerState: "Stopped" }).startOnCreate).toBe(false);
    expect(body({ powerState: "Running" }).startOnCreate).toBe(true);
  });

  it("has the name of the attempt, by which a lost create is found, and not the spec's", () => {
    expect(body({ name: "display" }).name).toBe("box-1-abc");
  });

  it("sends all that can be set at creation, so that no update follows", () => {
    const declared = body({
      networkId: "n1",
      publicIpType: "static",
      startupScriptId: "s1",
      accessors: { userIds: ["u1"], emails: ["bob@example.org"] },
      enableNvlink: false,
      takeInitialSnapshot: true,
      autoShutdown: { enabled: true, timeoutHours: 8, force: false },
      autoSnapshot: { enabled: true, frequency: "daily", saveCount: 3 },
      restorePoint: { enabled: true, frequency: "shutdown", snapshotId: "sn1" },
    });
    expect(declared).toEqual({
      ...REQUIRED,
      networkId: "n1",
      publicIpType: "static",
      startupScriptId: "s1",
      accessorIds: ["u1"],
      enableNvlink: false,
      takeInitialSnapshot: true,
      autoShutdownEnabled: true,
      autoShutdownTimeout: 8,
      autoShutdownForce: false,
      autoSnapshotEnabled: true,
      autoSnapshotFrequency: "daily",
      autoSnapshotSaveCount: 3,
      restorePointEnabled: true,
      restorePointFrequency: "shutdown",
    });
  });

  it("leaves to updates what a create does not accept: the snapshot to restore, accessors by e-mail, an empty script", () => {
    expect(body({ startupScriptId: "" })).not.toHaveProperty("startupScriptId");
    expect(body({ accessors: { userIds: [], emails: ["bob@example.org"] } })).not.toHaveProperty(
      "accessorIds",
    );
    expect(body({ restorePoint: { enabled: true, snapshotId: "sn1" } })).not.toHaveProperty(
      "restorePointSnapshotId",
    );
  });

  it("sends false where false is declared: false is not absent", () => {
    expect(body({ autoShutdown: { enabled: false }, restorePoint: { enabled: false } })).toEqual({
      ...REQUIRED,
      autoShutdownEnabled: false,
      restorePointEnabled: false,
    });
  });

  it("throws for a spec that only adopts", () => {
    expect(() => body({ templateId: undefined })).toThrow(/templateId/);
    expect(() => body({ diskSize: undefined })).toThrow(/diskSize/);
  });
});
