/** States of machines where the API refuses what is sent, fails, or does not show what is there. */
import {
  AUTO_SHUTDOWN,
  box,
  edit,
  editedThen,
  held,
  NO_HINTS,
  OFF,
  ON,
  startsWithoutHardware,
} from "./machine.ts";
import { again, fails, kubeFails, type State } from "./state.ts";

const REFUSED: Record<string, State> = {
  "whose create is refused": {
    cost: "waiting",
    reason: "Refused",
    reach: (w) => w.apply("box", { templateId: "tnowhere0" }),
  },
  "whose create is declined": {
    cost: "waiting",
    reason: "Declined",
    reach: (w) => {
      fails(w, 409, "machines$", "POST");
      w.apply("box");
    },
  },
  "whose update is refused": {
    cost: "waiting",
    reason: "Refused",
    reach: (w) => editedThen(w, {}, AUTO_SHUTDOWN, () => fails(w, 400, "machines/", "PUT")),
  },
  "whose update fails": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: (w) => editedThen(w, {}, AUTO_SHUTDOWN, () => fails(w, 500, "machines/", "PUT")),
  },
  "whose resize is refused": {
    cost: "waiting",
    reason: "ResizeRefused",
    reach: (w) => editedThen(w, OFF, { machineType: "C7" }, () => {}),
  },
  "with a startup script that is not there": {
    cost: "waiting",
    reason: "Refused",
    reach: (w) => editedThen(w, {}, { startupScriptId: "scnowhere" }, () => {}),
  },
  "whose desktop Secret may not be written": {
    cost: "waiting",
    reason: "DesktopSecretForbidden",
    reach: (w) => {
      kubeFails(w, 403, "Forbidden", /secrets$/);
      w.apply("box", { templateId: "tdesk22u", desktopSecretRef: { name: "access" } });
    },
  },
  "whose status cannot be written": {
    cost: "waiting",
    reason: undefined,
    reach: (w) => {
      kubeFails(w, 500, "InternalError", /status$/);
      w.apply("box");
    },
  },
  "whose start has an unknown outcome each time": {
    cost: "retrying",
    reason: "ApiUnavailable",
    reach: (w) => editedThen(w, OFF, ON, () => fails(w, 500, "start$", "PATCH")),
  },
  "whose create has an unknown outcome each time": {
    cost: "retrying",
    reason: "ApiUnavailable",
    reach: (w) => {
      fails(w, 500, "machines$", "POST");
      w.apply("box");
    },
  },
};

const UNREADABLE: Record<string, State> = {
  "that a read by id does not find": {
    cost: "waiting",
    reason: "AbsenceUnconfirmed",
    reach: async (w) => {
      fails(w, 404, `machines/${await box(w)}`, "GET");
      fails(w, 500, "machines$", "GET");
    },
  },
  "that a read by id does not find, on deletion": {
    cost: "waiting",
    reason: "DeletionBlocked",
    reach: async (w) => {
      fails(w, 404, `machines/${await box(w)}`);
      fails(w, 500, "machines$", "GET");
      w.delete("box");
    },
  },
  "whose key is refused": {
    cost: "waiting",
    reason: "CredentialsInvalid",
    reach: async (w) => {
      await box(w);
      w.sim.console.revokeKey("sim-key-alpha");
    },
  },
  "of a team that is limited": {
    cost: "waiting",
    reason: "RateLimited",
    reach: async (w) => {
      await box(w);
      fails(w, 429);
    },
  },
  "at an API that fails": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: async (w) => {
      await box(w);
      fails(w, 500);
    },
  },
  "to be started, at an API that fails": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: (w) => editedThen(w, OFF, ON, () => fails(w, 500)),
  },
  "to be deleted, at an API that fails": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: async (w) => {
      await box(w);
      fails(w, 500);
      w.delete("box");
    },
  },
  "to be made, at an API that fails": {
    cost: "waiting",
    reason: "CredentialsUnchecked",
    reach: (w) => {
      fails(w, 500);
      w.apply("box");
    },
  },
  "behind a block page": {
    cost: "waiting",
    reason: "ApiUnavailable",
    reach: async (w) => {
      await box(w);
      w.sim.faults.add({ match: { times: "always" }, do: { html: true } });
    },
  },
  "whose events cannot be read": {
    cost: "atRest",
    reason: "Available",
    reach: async (w) => {
      await box(w);
      fails(w, 403, "machine-events", "GET");
    },
  },
  "that stays in starting, whose events cannot be read": {
    cost: "waiting",
    reason: "TransitionTimedOut",
    reach: async (w) => {
      fails(w, 403, "machine-events", "GET");
      await held(w, "starting", OFF, () => edit(w, ON));
    },
  },
  "off without hardware and without a hint, whose events cannot be read": {
    cost: "waiting",
    reason: "CapacityUnavailable",
    simulation: NO_HINTS,
    reach: async (w) => {
      fails(w, 503, "machine-events", "GET");
      await startsWithoutHardware(w);
    },
  },
};

const CONTENDED: Record<string, State> = {
  "whose settings another actor keeps changing": {
    cost: "waiting",
    reason: "Contended",
    reach: async (w) => {
      const id = await box(w, AUTO_SHUTDOWN);
      again(w, 60_000, () => w.sim.console.update(id, { autoShutdownTimeout: 1 }));
    },
  },
  "that another actor keeps stopping": {
    cost: "waiting",
    reason: "Contended",
    reach: async (w) => {
      const id = await box(w);
      again(w, 60_000, () => {
        if (w.machines()[0]?.state === "ready") w.sim.console.stop(id);
      });
    },
  },
};

export const MACHINE_ERRORS = { ...REFUSED, ...UNREADABLE, ...CONTENDED };
