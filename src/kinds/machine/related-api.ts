/**
 * The REST calls for the facts around a machine: its accessors, its desktop, the team's scripts, addresses, users and
 * standing, and whether hardware is free (machines.md section 5, other-resources.md). No decisions here.
 */
import { type TSchema, Type } from "typebox";
import { PaperspaceError } from "../../paperspace/errors.ts";
import {
  apiPath,
  type CallOptions,
  type PagesRequest,
  type PaperspaceApi,
} from "../../paperspace/transport.ts";
import { WRITE } from "../calls.ts";

const nullable = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

const userSchema = Type.Object({ id: Type.String(), email: nullable(Type.String()) });
/** machines.md section 5.3: one that was removed may still be listed, with dtDeleted. */
const accessorSchema = Type.Object({ user: userSchema, dtDeleted: nullable(Type.String()) });
const teamUserSchema = Type.Object({ user: userSchema, dtDeleted: nullable(Type.String()) });
/** other-resources.md, startup-scripts: only assignedMachineIds shows an assignment. */
const scriptSchema = Type.Object({
  id: Type.String(),
  assignedMachineIds: nullable(Type.Array(Type.String())),
  dtDeleted: Type.Optional(Type.Unknown()),
});
const addressSchema = Type.Object({ ip: Type.String(), assignedMachineId: nullable(Type.String()) });
/** machines.md section 5.4. */
const desktopSchema = Type.Object({
  vnc: nullable(Type.Object({ hostname: Type.String(), port: Type.Integer(), password: Type.String() })),
  windows: nullable(
    Type.Object({ hostname: Type.String(), port: Type.Integer(), publicIp: nullable(Type.String()) }),
  ),
});
const standingSchema = Type.Object({
  isInGoodStanding: Type.Boolean(),
  messages: nullable(Type.Array(Type.String())),
});
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

/** Machine ids by the id of the script that they have. */
export type Scripts = Readonly<Record<string, readonly string[]>>;

export interface Address {
  ip: string;
  machineId: string | null;
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
    const all = await this.#all({ path, query: { orderBy: "id" }, item: accessorSchema });
    return all.filter(({ dtDeleted }) => !dtDeleted).map(({ user }) => userOf(user));
  }

  /** Resolves to when it was answered, by the monotonic clock. */
  async grant(machineId: string, userId: string, options: CallOptions): Promise<number> {
    const { answeredAt } = await this.#api.request({
      ...WRITE,
      ...options,
      method: "POST",
      path: apiPath`/machines/${machineId}/accessors`,
      body: { userId },
      answer: accessorSchema,
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
    const all = await this.#all({ path, item: teamUserSchema });
    return all.filter(({ dtDeleted }) => !dtDeleted).map(({ user }) => userOf(user));
  }

  async scripts(): Promise<Scripts> {
    const all = await this.#all({ path: "/startup-scripts", item: scriptSchema });
    // dtDeleted of this family may be null, absent or an empty object: only a string is a date.
    const alive = all.filter(({ dtDeleted }) => typeof dtDeleted !== "string");
    return Object.fromEntries(alive.map(({ id, assignedMachineIds }) => [id, assignedMachineIds ?? []]));
  }

  /** Returns the machines that have the script afterwards. */
  async assign(
    scriptId: string,
    machineId: string,
    action: "assign" | "unassign",
    options: CallOptions,
  ): Promise<{ machineIds: readonly string[]; answeredAt: number }> {
    const { body, answeredAt } = await this.#api.request({
      ...WRITE,
      ...options,
      method: "POST",
      path: apiPath`/startup-scripts/${scriptId}/${action}`,
      body: { machineId },
      answer: scriptSchema,
      retry: "safe",
    });
    return { machineIds: body.assignedMachineIds ?? [], answeredAt };
  }

  async addresses(): Promise<Address[]> {
    const all = await this.#all({ path: "/public-ips", item: addressSchema });
    return all.map(({ ip, assignedMachineId }) => ({ ip, machineId: assignedMachineId ?? null }));
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
      const all = await this.#all({ path: "/os-templates", item: templateSchema });
      const labels = all.flatMap(({ availableMachineTypes: types }) =>
        types.map(({ machineTypeLabel }) => machineTypeLabel.toLowerCase()),
      );
      return [...new Set(labels)];
    });
  }

  /** What is gone already counts as removed; undefined then, since no write was answered. */
  async #remove(path: string, options: CallOptions): Promise<number | undefined> {
    try {
      const { answeredAt } = await this.#api.request({
        ...WRITE,
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
    for await (const page of this.#api.pages(request)) items.push(...page.items);
    return items;
  }
}

function userOf({ id, email }: { id: string; email?: string | null }): User {
  return { id, email: (email ?? "").toLowerCase() };
}
