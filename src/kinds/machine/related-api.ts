/**
 * The REST calls for the facts around a machine: its accessors, its desktop, the team's scripts, addresses, users and
 * standing, and whether hardware is free (machines.md section 5, other-resources.md). No decisions here.
 */
import { type Static, type TSchema, Type } from "../../base/json-schema.ts";
import { answeredId, isReadable, nullable, prose, resource } from "../../paperspace/answers.ts";
import { PaperspaceError } from "../../paperspace/errors.ts";
import { HELD_BYTES } from "../../paperspace/pages.ts";
import { readSession } from "../../paperspace/session.ts";
import {
  type ApiAnswer,
  apiPath,
  type CallOptions,
  type PagesRequest,
  type PaperspaceApi,
} from "../../paperspace/transport.ts";
import { about, creating, OLDEST_FIRST } from "../calls.ts";
import { eventSchema, type MachineEvent } from "./api.ts";

const userSchema = resource({ id: answeredId, email: nullable(Type.String()) }, ["id"]);
/** machines.md section 5.3: one that was removed may still be listed, with dtDeleted. */
const memberSchema = resource({ user: userSchema, dtDeleted: nullable(Type.String()) }, ["user"]);
/** other-resources.md, startup-scripts: only assignedMachineIds shows an assignment. */
const scriptSchema = resource(
  {
    id: answeredId,
    assignedMachineIds: nullable(Type.Array(Type.String())),
    dtDeleted: Type.Optional(Type.Unknown()),
  },
  ["id"],
);
const addressSchema = resource({ ip: Type.String(), assignedMachineId: nullable(Type.String()) }, [
  "ip",
  "assignedMachineId",
]);
const portSchema = Type.Union([Type.Integer(), Type.String()]);
/** machines.md section 5.4. */
const desktopSchema = Type.Object({
  vnc: nullable(Type.Object({ hostname: Type.String(), port: portSchema, password: Type.String() })),
  windows: nullable(
    resource({ hostname: Type.String(), port: portSchema, publicIp: nullable(Type.String()) }, [
      "hostname",
      "port",
    ]),
  ),
});
const standingSchema = resource({ isInGoodStanding: Type.Boolean(), messages: nullable(Type.Array(prose)) }, [
  "isInGoodStanding",
]);
/** other-resources.md, snapshots: neither a date nor a state; only the event shows the progress of one. */
const snapshotSchema = resource({ id: answeredId, name: Type.String(), machineId: Type.String() }, [
  "id",
  "name",
  "machineId",
]);
const snapshotStarted = resource({ data: snapshotSchema, event: Type.Optional(eventSchema) }, ["data"]);
const templateSchema = Type.Object({
  availableMachineTypes: Type.Array(Type.Object({ machineTypeLabel: Type.String() })),
});

export interface User {
  id: string;
  /** In lower case: it is compared without regard to case. */
  email: string;
}

/** How to reach a desktop; the password is secret. */
export interface Desktop {
  type: "vnc" | "windows";
  host: string;
  port: string;
  password?: string;
  publicIp?: string;
}

export interface Standing {
  good: boolean;
  messages: readonly string[];
}

/** Machine ids by the id of the script that they have; null where they cannot be read. */
export type Scripts = Readonly<Record<string, readonly string[] | null>>;

export interface Address {
  ip: string;
  machineId: string | null;
}

/** A snapshot that is looked for by its name. */
export interface FoundSnapshot {
  /** Absent where no list has its name. */
  id?: string;
  /** The newest events of the machine that are of the making of a snapshot; of which one they do not show. */
  events: readonly MachineEvent[];
}

export class RelatedApi {
  readonly #api: PaperspaceApi;

  constructor(api: PaperspaceApi) {
    this.#api = api;
  }

  /** The same, for calls on behalf of this group. */
  for(group: string): RelatedApi {
    return new RelatedApi(this.#api.with({ group }));
  }

  async accessors(machineId: string): Promise<User[]> {
    const path = apiPath`/machines/${machineId}/accessors`;
    return membersOf(path, await this.#all({ path, query: { orderBy: "id" }, item: memberSchema }));
  }

  /** Resolves to when it was answered, by the monotonic clock. */
  async grant(machineId: string, userId: string, options: CallOptions): Promise<number> {
    const { answeredAt } = await this.#api.request({
      ...options,
      method: "POST",
      path: apiPath`/machines/${machineId}/accessors`,
      body: { userId },
      answer: Type.Unknown(),
      retry: "safe",
    });
    return answeredAt;
  }

  async revoke(machineId: string, userId: string, options: CallOptions): Promise<number | undefined> {
    return this.#remove(apiPath`/machines/${machineId}/accessors/${userId}`, options);
  }

  /** Members of the team (other-resources.md, teams). */
  async users(team: string): Promise<User[]> {
    const path = apiPath`/teams/${team}/users`;
    return membersOf(path, await this.#all({ path, item: memberSchema }));
  }

  async scripts(): Promise<Scripts> {
    const { items } = await this.#all({ path: "/startup-scripts", item: scriptSchema });
    // dtDeleted of this family may be null, absent or an empty object: only a string is a date.
    const alive = items.filter(({ dtDeleted }) => typeof dtDeleted !== "string");
    return Object.fromEntries(alive.map((script) => [script.id, assignedTo(script)]));
  }

  /** Returns the machines that have the script afterwards; null where they cannot be read. */
  async assign(
    scriptId: string,
    machineId: string,
    action: "assign" | "unassign",
    options: CallOptions,
  ): Promise<{ machineIds: readonly string[] | null; answeredAt: number }> {
    const { body, answeredAt } = await this.#api.request({
      ...options,
      method: "POST",
      path: apiPath`/startup-scripts/${scriptId}/${action}`,
      body: { machineId },
      answer: scriptSchema,
      retry: "safe",
    });
    return { machineIds: assignedTo(body), answeredAt };
  }

  /** Not safe to send twice. */
  snapshot(
    machineId: string,
    name: string,
    options: CallOptions,
  ): Promise<ApiAnswer<Static<typeof snapshotStarted>>> {
    const request = creating("/snapshots", { name, machineId }, snapshotStarted, options);
    return about(machineId, this.#api.request(request), ({ data }) => ({ id: data.machineId }));
  }

  /** What became of a snapshot whose answer was lost: listed twice, since one list may lag behind. */
  async findSnapshot(machineId: string, name: string): Promise<FoundSnapshot> {
    const before = await this.#snapshotNamed(machineId, name);
    const events = await this.#snapshotEvents(machineId);
    const id = before ?? (await this.#snapshotNamed(machineId, name));
    return { ...(id !== undefined && { id }), events };
  }

  async #snapshotNamed(machineId: string, name: string): Promise<string | undefined> {
    const query = { ...OLDEST_FIRST, machineId };
    const { items, skipped } = await this.#all({ path: "/snapshots", query, item: snapshotSchema });
    if (skipped > 0) throw incomplete("/snapshots");
    return items.find((one) => one.name === name && one.machineId === machineId)?.id;
  }

  async #snapshotEvents(machineId: string): Promise<MachineEvent[]> {
    const query = { machineId, orderBy: "dtCreated", order: "desc" };
    const pages = this.#api.pages({ path: "/machine-events", query, item: eventSchema, limit: 20 });
    for await (const { items, skipped } of pages) {
      if (skipped > 0) throw incomplete("/machine-events");
      return items.filter(({ name }) => name === "snapshot-create");
    }
    return [];
  }

  async addresses(): Promise<Address[]> {
    const { items, skipped } = await this.#all({ path: "/public-ips", item: addressSchema });
    if (skipped > 0) throw incomplete("/public-ips");
    return items.map(({ ip, assignedMachineId }) => ({ ip, machineId: assignedMachineId ?? null }));
  }

  /** Releases a claimed address; one that is gone already counts as released. */
  async release(ip: string, options: CallOptions): Promise<void> {
    await this.#remove(apiPath`/public-ips/${ip}`, options);
  }

  /** Null where the machine has none. */
  async desktop(machineId: string): Promise<Desktop | null> {
    const path = apiPath`/machines/${machineId}/desktop`;
    const { body } = await this.#api.request({ method: "GET", path, answer: desktopSchema, retry: "safe" });
    const { vnc, windows } = body;
    if (vnc) {
      const { hostname: host, port, password } = vnc;
      return { type: "vnc", host, port: String(port), password };
    }
    if (!windows) return null;
    const { hostname: host, port, publicIp } = windows;
    return { type: "windows", host, port: String(port), ...(publicIp && { publicIp }) };
  }

  /** The team's quota; Infinity where the session has none (errors-and-limits.md section 4). */
  async maxMachines(): Promise<number> {
    const session = await readSession(this.#api);
    return session?.maxMachines ?? Number.POSITIVE_INFINITY;
  }

  /** Undefined where this API has no answer (other-resources.md, billing). */
  async standing(): Promise<Standing | undefined> {
    return this.#hint(async () => {
      const { body } = await this.#api.request({
        method: "GET",
        path: "/billing/account-standing",
        answer: standingSchema,
        retry: "safe",
      });
      return { good: body.isInGoodStanding, messages: body.messages ?? [] };
    });
  }

  /** A hint of the moment; undefined where this API has no answer (machines.md section 5.5). */
  async available(machineType: string, region: string): Promise<boolean | undefined> {
    return this.#hint(async () => {
      const { body } = await this.#api.request({
        method: "GET",
        path: "/machine-availability",
        query: { machineType, region },
        answer: Type.Object({ available: Type.Boolean() }),
        retry: "safe",
      });
      return body.available;
    });
  }

  /** Labels of all machine types that any template of the vendor allows, in lower case. */
  async machineTypes(): Promise<string[] | undefined> {
    return this.#hint(async () => {
      const { items } = await this.#all({ path: "/os-templates", item: templateSchema });
      const labels = items.flatMap(({ availableMachineTypes: types }) =>
        types.map(({ machineTypeLabel }) => machineTypeLabel.toLowerCase()),
      );
      return [...new Set(labels)];
    });
  }

  /** What is gone already counts as removed; undefined then, since no write was answered. */
  async #remove(path: string, options: CallOptions): Promise<number | undefined> {
    try {
      const { answeredAt } = await this.#api.request({
        ...options,
        method: "DELETE",
        path,
        answer: Type.Unknown(),
        retry: "safe",
      });
      return answeredAt;
    } catch (error) {
      if (!(error instanceof PaperspaceError) || error.code !== "PS_NOT_FOUND") throw error;
      return undefined;
    }
  }

  /** A hint must not block anything: an error of the API counts as no answer. */
  async #hint<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (error instanceof PaperspaceError) return undefined;
      throw error;
    }
  }

  async #all<S extends TSchema>(request: PagesRequest<S>) {
    const items = [];
    let skipped = 0;
    for await (const page of this.#api.pages({ ...request, mostKept: HELD_BYTES })) {
      items.push(...page.items);
      skipped += page.skipped;
    }
    return { items, skipped };
  }
}

/** Access is given and taken by this list, so one entry that cannot be read makes all of it unknown. */
function membersOf(
  path: string,
  { items, skipped }: { items: Static<typeof memberSchema>[]; skipped: number },
): User[] {
  const isKnown = items.every((one) => isReadable(one, "dtDeleted") && isReadable(one.user, "email"));
  if (skipped > 0 || !isKnown) throw incomplete(path);
  const present = items.filter(({ dtDeleted }) => !dtDeleted);
  return present.map(({ user: { id, email } }) => ({ id, email: (email ?? "").toLowerCase() }));
}

function assignedTo(script: Static<typeof scriptSchema>): readonly string[] | null {
  return isReadable(script, "assignedMachineIds") ? (script.assignedMachineIds ?? []) : null;
}

function incomplete(path: string): PaperspaceError {
  const message = `GET ${path}: an entry of the list cannot be read`;
  return new PaperspaceError("PS_UNEXPECTED", message, { effect: "none" });
}
