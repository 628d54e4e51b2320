/**
 * The REST calls of machines (machines.md sections 1 to 5) and the part of their answers that we rely on. Schemas are
 * lenient where a fresh machine is documented to show null, 0 or "". No decisions here.
 */
import { type Static, Type } from "../../base/json-schema.ts";
import { answeredId, nullable, prose, resource } from "../../paperspace/answers.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import type { ApiAnswer, CallOptions, PaperspaceApi } from "../../paperspace/transport.ts";
import { apiPath } from "../../paperspace/transport.ts";
import { about, changing, creating, OLDEST_FIRST, reading, removing } from "../calls.ts";
import type { ListFrom, Source } from "../source.ts";

/** machines.md section 5.1. Only `id` is needed: a machine without a readable state is left as it is. */
const machineFields = {
  id: answeredId,
  name: Type.String({ default: "" }),
  state: Type.String({ default: "unknown" }),
  machineType: nullable(Type.String()),
  agentType: nullable(Type.String()),
  os: nullable(Type.String()),
  region: nullable(Type.String()),
  cpus: nullable(Type.Number()),
  ram: nullable(Type.Number()),
  storageTotal: nullable(Type.Number()),
  accelerators: nullable(
    Type.Array(Type.Object({ name: Type.String(), count: Type.Number(), memory: nullable(Type.Number()) }), {
      maxItems: 64,
    }),
  ),
  networkId: nullable(Type.String()),
  privateIp: nullable(Type.String()),
  publicIp: nullable(Type.String()),
  publicIpType: nullable(Type.String()),
  autoShutdownEnabled: nullable(Type.Boolean()),
  autoShutdownForce: nullable(Type.Boolean()),
  autoShutdownTimeout: nullable(Type.Number()),
  autoSnapshotEnabled: nullable(Type.Boolean()),
  autoSnapshotFrequency: nullable(Type.String()),
  autoSnapshotSaveCount: nullable(Type.Number()),
  restorePointEnabled: nullable(Type.Boolean()),
  restorePointFrequency: nullable(Type.String()),
  restorePointSnapshotId: nullable(Type.String()),
  updatesPending: nullable(Type.Boolean()),
  reservation: nullable(
    Type.Object({
      id: nullable(Type.String()),
      name: nullable(Type.String()),
      isActive: nullable(Type.Boolean()),
      dtStarted: nullable(Type.String()),
      dtFinished: nullable(Type.String()),
    }),
  ),
  usageRate: nullable(Type.Number()),
  storageRate: nullable(Type.Number()),
  dtCreated: nullable(Type.String()),
  dtModified: nullable(Type.String()),
  dtDeleted: nullable(Type.String()),
};
export const machineSchema = resource(machineFields, ["id"]);

/** machines.md section 5.2. `state` is new, "in progress", done, error or cancelled. */
export const eventSchema = resource(
  {
    id: answeredId,
    name: Type.String({ default: "" }),
    state: Type.String({ default: "" }),
    machineId: nullable(Type.String()),
    error: nullable(prose),
    dtCreated: Type.String({ default: "" }),
    dtStarted: nullable(Type.String()),
    dtFinished: nullable(Type.String()),
  },
  ["id"],
);

/** `event` is required but for settings; without a readable one, the state alone shows how the change goes on. */
const started = resource({ data: machineSchema, event: Type.Optional(eventSchema) }, ["data"]);

export type Machine = Static<typeof machineSchema>;
export type MachineEvent = Static<typeof eventSchema>;
export type Started = Static<typeof started>;

/** machines.md section 3. */
export interface CreateMachine extends Omit<MachineSettings, "restorePointSnapshotId"> {
  name: string;
  machineType: string;
  templateId: string;
  /** GiB. */
  diskSize: number;
  region: string;
  startOnCreate: boolean;
  emailPassword: boolean;
  startupScriptId?: string;
  accessorIds?: string[];
  enableNvlink?: boolean;
  takeInitialSnapshot?: boolean;
}

/** What a PUT can change of the hardware, with the machine off (machines.md section 4). */
export interface MachineHardware {
  machineType?: string;
  /** GiB. */
  diskSize?: number;
}

/** The settings that a PUT can change (machines.md section 4). */
export interface MachineSettings {
  name?: string;
  autoShutdownEnabled?: boolean;
  /** Hours. */
  autoShutdownTimeout?: number;
  autoShutdownForce?: boolean;
  autoSnapshotEnabled?: boolean;
  autoSnapshotFrequency?: string;
  autoSnapshotSaveCount?: number;
  networkId?: string;
  publicIpType?: string;
  restorePointEnabled?: boolean;
  restorePointFrequency?: string;
  restorePointSnapshotId?: string;
}

export class MachineApi implements Source<Machine> {
  readonly #api: PaperspaceApi;

  constructor(api: PaperspaceApi) {
    this.#api = api;
  }

  create(body: CreateMachine, options: CallOptions): Promise<ApiAnswer<Started>> {
    return this.#api.request(creating("/machines", body, started, options));
  }

  get(id: string, group?: string): Promise<ApiAnswer<Machine>> {
    const request = reading(apiPath`/machines/${id}`, machineSchema, { group });
    return about(id, this.#api.request(request), (machine) => machine);
  }

  /** The API still shows a deleted machine for a while. */
  isGone({ dtDeleted }: Machine): boolean {
    return Boolean(dtDeleted);
  }

  update(
    id: string,
    body: MachineSettings | MachineHardware,
    options: CallOptions,
  ): Promise<ApiAnswer<Started>> {
    const request = changing(apiPath`/machines/${id}`, body, started, options);
    return about(id, this.#api.request(request), ({ data }) => data);
  }

  /**
   * As `update`. Where the API answers with success and yet shows no machine (errors-and-limits.md 7), with what it shows
   * right after: `isAnswer` is false then.
   */
  async updateSettings(
    id: string,
    body: MachineSettings,
    options: CallOptions,
  ): Promise<ApiAnswer<Started> & { isAnswer: boolean }> {
    try {
      return { ...(await this.update(id, body, options)), isAnswer: true };
    } catch (error) {
      if (!isSuccessWithoutMachine(error)) throw error;
      const shown = await this.get(id);
      return { ...shown, body: { data: shown.body }, isAnswer: false };
    }
  }

  /** The live API refuses an empty body (observed-in-the-field.md 4), so `{}` is sent. */
  power(id: string, action: "start" | "stop" | "restart", options: CallOptions): Promise<ApiAnswer<Started>> {
    const request = this.#api.request({
      ...options,
      method: "PATCH",
      path: apiPath`/machines/${id}/${action}`,
      body: {},
      answer: started,
      retry: "never",
    });
    return about(id, request, ({ data }) => data);
  }

  delete(id: string, options: CallOptions): Promise<ApiAnswer<Started>> {
    const request = removing(apiPath`/machines/${id}`, started, options);
    return about(id, this.#api.request(request), ({ data }) => data);
  }

  list(group?: string, from: ListFrom = {}) {
    return this.#api.pages({ ...from, path: "/machines", query: OLDEST_FIRST, item: machineSchema, group });
  }

  /** Newest first; the reader stops where it has read enough. */
  events() {
    return this.#api.pages({
      path: "/machine-events",
      query: { orderBy: "dtCreated", order: "desc" },
      item: eventSchema,
      class: "watch",
    });
  }

  /** The newest events of one machine. */
  async history(machineId: string, group: string, limit = 10): Promise<MachineEvent[]> {
    const query = { machineId, orderBy: "dtCreated", order: "desc" };
    const path = "/machine-events";
    const pages = this.#api.pages({ path, query, item: eventSchema, limit, class: "poll", group });
    for await (const { items } of pages) return items;
    return [];
  }

  event(id: string): Promise<ApiAnswer<MachineEvent>> {
    return this.#api.request({
      method: "GET",
      path: apiPath`/machine-events/${id}`,
      answer: eventSchema,
      retry: "safe",
      class: "poll",
    });
  }
}

/** An error that comes with such a status has a code. */
function isSuccessWithoutMachine(error: unknown): boolean {
  if (!(error instanceof PaperspaceError)) return false;
  const { code, status = 0, apiCode } = error;
  const isUnreadable = code === "PS_UNEXPECTED" || code === "PS_TRUNCATED";
  return isUnreadable && status >= 200 && status <= 299 && apiCode === undefined;
}
