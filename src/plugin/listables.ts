/**
 * What `list` can show: for each resource of the API, how all of it is read, and its columns. Answers are read leniently, and
 * only the fields named here are shown (other-resources.md); printing is in list.ts.
 */
import { Type } from "../base/json-schema.ts";
import { PaperspaceError } from "../paperspace/errors.ts";
import { codeInBrackets } from "../paperspace/region.ts";
import { apiPath } from "../paperspace/transport.ts";
import type { OpenedAccount } from "./access.ts";
import { UsageError } from "./failure.ts";
import type { FlagName, Flags } from "./flags.ts";
import { age } from "./table.ts";

/** One listed resource, with the API's own field names. */
export type ListedItem = Readonly<Record<string, unknown>>;

export interface Listable {
  readonly summary: string;
  /** The spec field that takes what `-o name` prints. */
  readonly usedIn: string;
  /** Besides --name, --secret and --output. */
  readonly flags: readonly FlagName[];
  /** Throws UsageError before any request is sent. */
  readonly check?: (flags: Flags) => void;
  /** All pages. --name is applied by `list`. */
  readonly read: (account: OpenedAccount, flags: Flags, signal: AbortSignal) => Promise<ListedItem[]>;
  /** What --name filters on. */
  readonly searchedText: (item: ListedItem) => string;
  /** The value for the spec. */
  readonly reference: (item: ListedItem) => string;
  /** Headers and cells; `now` in milliseconds since the epoch. */
  readonly columns: (
    flags: Flags,
  ) => Readonly<Record<string, (item: ListedItem, now: number) => string | undefined>>;
  /** Further reads for the items that are shown, after filtering. */
  readonly complete?: (
    items: ListedItem[],
    account: OpenedAccount,
    flags: Flags,
    signal: AbortSignal,
  ) => Promise<ListedItem[]>;
}

const anything = Type.Record(Type.String(), Type.Unknown());

const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
const yesNo = (value: unknown): string | undefined =>
  typeof value === "boolean" ? (value ? "true" : "false") : undefined;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown): ListedItem =>
  typeof value === "object" && value !== null ? (value as ListedItem) : Object.freeze({});
const cell = (field: string) => (item: ListedItem) => text(item[field]);
const ageOf = (item: ListedItem, now: number) => age(item.dtCreated, now);

/** dtDeleted may be null, absent or an empty object: only a string is a date. */
const isAlive = ({ dtDeleted }: ListedItem): boolean => typeof dtDeleted !== "string";

async function all({ api }: OpenedAccount, path: string, signal: AbortSignal): Promise<ListedItem[]> {
  const items: ListedItem[] = [];
  for await (const page of api.pages({ path, item: anything, signal })) items.push(...page.items);
  return items.filter(isAlive);
}

/** The named fields of an item, absent ones as null: the output always has the same fields. */
function only(item: ListedItem, ...fields: string[]): ListedItem {
  return Object.fromEntries(fields.map((field) => [field, item[field] ?? null]));
}

/** The API reports regions of networks in two spellings, ny2 and East Coast (NY2) (observed-in-the-field 12). */
function inRegion(item: ListedItem, region: string | undefined): boolean {
  if (region === undefined) return true;
  const code = (name: string) => codeInBrackets(name).trim().toLowerCase();
  return code(text(item.region) ?? "") === code(region);
}

const listable = (
  more: Partial<Listable> & Pick<Listable, "summary" | "usedIn" | "read" | "columns">,
): Listable => ({
  flags: [],
  searchedText: (item) => text(item.name) ?? "",
  reference: (item) => text(item.id) ?? "",
  ...more,
});

const templates = listable({
  summary: "disk images: the vendor's and the team's own",
  usedIn: "templateId",
  async read(account, _, signal) {
    const [vendor, custom] = await Promise.all([
      all(account, "/os-templates", signal),
      all(account, "/custom-templates", signal),
    ]);
    const shown = (kind: string) => (item: ListedItem) => ({
      ...only(
        item,
        "id",
        "name",
        "operatingSystemLabel",
        "agentType",
        "defaultSizeGb",
        "region",
        "dtCreated",
      ),
      kind,
    });
    return [...vendor.map(shown("os")), ...custom.map(shown("custom"))];
  },
  columns: () => ({
    ID: cell("id"),
    NAME: cell("name"),
    OS: cell("operatingSystemLabel"),
    SIZE: ({ defaultSizeGb: size }) => (text(size) === undefined ? undefined : `${size}Gi`),
    KIND: cell("kind"),
    REGION: cell("region"),
  }),
});

const types = listable({
  summary: "machine types, and how many of the vendor's templates run on each",
  usedIn: "machineType",
  flags: ["available", "region"],
  check({ available, region }) {
    if (available && region === undefined)
      throw new UsageError("--available needs a region: give --region, such as ny2, ca1 or ams1");
    if (!available && region !== undefined)
      throw new UsageError("--region: types are the same in all regions; give --available as well");
  },
  async read(account, _, signal) {
    const found = new Map<string, { templates: number; listed: number }>();
    for (const template of await all(account, "/os-templates", signal)) {
      for (const type of list(template.availableMachineTypes).map(record)) {
        const label = text(type.machineTypeLabel);
        if (label === undefined) continue;
        const { templates, listed } = found.get(label) ?? { templates: 0, listed: 0 };
        const runs = type.isAvailable === false ? 0 : 1;
        found.set(label, { templates: templates + runs, listed: listed + 1 });
      }
    }
    return [...found].map(([name, { templates, listed }]) => ({
      name,
      isAvailable: templates > 0,
      templates,
      templatesListed: listed,
    }));
  },
  reference: (item) => text(item.name) ?? "",
  async complete(items, { api }, { available, region }, signal) {
    if (!available) return items;
    const isFree = async (machineType: string) => {
      try {
        const query = { machineType, region };
        const { body } = await api.request({
          method: "GET",
          path: "/machine-availability",
          query,
          answer: Type.Object({ available: Type.Boolean() }),
          retry: "safe",
          signal,
        });
        return body.available;
      } catch (error) {
        // Not every API has it (machines.md section 5.5), and it is only a hint: unknown then.
        if (error instanceof PaperspaceError && !signal.aborted) return null;
        throw error;
      }
    };
    return Promise.all(
      items.map(async (item) => ({ ...item, region, available: await isFree(text(item.name) ?? "") })),
    );
  },
  columns: ({ available, region }) => ({
    TYPE: cell("name"),
    TEMPLATES: ({ templates, templatesListed }) => `${templates}/${templatesListed}`,
    ...(available && {
      [`FREE-IN-${region?.toUpperCase()}`]: ({ available: free }: ListedItem) => yesNo(free) ?? "unknown",
    }),
  }),
});

const machines = listable({
  summary: "machines of the team, also those that no object made",
  usedIn: "adoptId",
  flags: ["region"],
  async read(account, { region }, signal) {
    const found = await all(account, "/machines", signal);
    return found
      .filter((item) => inRegion(item, region))
      .map((item) =>
        only(item, "id", "name", "state", "machineType", "region", "publicIp", "networkId", "dtCreated"),
      );
  },
  columns: () => ({
    ID: cell("id"),
    NAME: cell("name"),
    STATE: cell("state"),
    TYPE: cell("machineType"),
    REGION: cell("region"),
    "PUBLIC-IP": cell("publicIp"),
    AGE: ageOf,
  }),
});

const deployments = listable({
  summary: "deployments of the team, also those that no object made",
  usedIn: "the annotation paperspace.com/adopt",
  async read(account, _, signal) {
    const found = await all(account, "/deployments", signal);
    return found.map((item) => {
      const data = record(record(item.latestSpec).data);
      const { replicas, machineType } = record(data.resources);
      const { id, name, projectId, endpoint, dtCreated } = item;
      const enabled = typeof data.enabled === "boolean" ? data.enabled : undefined;
      const shown = {
        id,
        name,
        projectId,
        endpoint,
        enabled,
        image: data.image,
        machineType,
        replicas,
        dtCreated,
      };
      return only(shown, ...Object.keys(shown));
    });
  },
  columns: () => ({
    ID: cell("id"),
    NAME: cell("name"),
    PROJECT: cell("projectId"),
    ENABLED: ({ enabled }) => yesNo(enabled),
    IMAGE: cell("image"),
    REPLICAS: cell("replicas"),
    AGE: ageOf,
  }),
});

const users = listable({
  summary: "members of the key's team",
  usedIn: "accessors.userIds",
  async read(account, _, signal) {
    const members = await all(account, apiPath`/teams/${account.team}/users`, signal);
    return members.map((member) => {
      const { id, email, firstName, lastName, lastActive } = record(member.user);
      const name = [firstName, lastName].flatMap((part) => text(part) || []).join(" ");
      const role = member.isOwner === true ? "owner" : member.isAdmin === true ? "admin" : "member";
      const confirmed = text(member.dtConfirmed) !== undefined;
      return { ...only({ id, email, lastActive }, "id", "email", "lastActive"), name, role, confirmed };
    });
  },
  searchedText: ({ name, email }) => `${text(email) ?? ""}\n${text(name) ?? ""}`,
  columns: () => ({
    ID: cell("id"),
    EMAIL: cell("email"),
    NAME: cell("name"),
    ROLE: cell("role"),
    CONFIRMED: ({ confirmed }) => yesNo(confirmed),
  }),
});

const networks = listable({
  summary: "private networks",
  usedIn: "networkId",
  flags: ["region"],
  async read(account, { region }, signal) {
    const found = await all(account, "/private-networks", signal);
    return found
      .filter((item) => inRegion(item, region))
      .map((item) => only(item, "id", "name", "region", "network", "netmask", "dtCreated"));
  },
  columns: () => ({
    ID: cell("id"),
    NAME: cell("name"),
    REGION: cell("region"),
    NETWORK: cell("network"),
    NETMASK: cell("netmask"),
    AGE: ageOf,
  }),
});

const scripts = listable({
  summary: "startup scripts (the API never shows their text)",
  usedIn: "startupScriptId",
  async read(account, _, signal) {
    const found = await all(account, "/startup-scripts", signal);
    return found.map((item) =>
      only(item, "id", "name", "description", "isEnabled", "isRunOnce", "assignedMachineIds", "dtCreated"),
    );
  },
  columns: () => ({
    ID: cell("id"),
    NAME: cell("name"),
    ENABLED: ({ isEnabled }) => yesNo(isEnabled),
    "RUN-ONCE": ({ isRunOnce }) => yesNo(isRunOnce),
    MACHINES: ({ assignedMachineIds }) => String(list(assignedMachineIds).length),
    AGE: ageOf,
  }),
});

const projects = listable({
  summary: "projects, which deployments belong to",
  usedIn: "projectId",
  async read(account, _, signal) {
    const found = await all(account, "/projects", signal);
    return found.map((item) => only(item, "id", "name", "repoUrl", "dtCreated"));
  },
  columns: () => ({ ID: cell("id"), NAME: cell("name"), REPOSITORY: cell("repoUrl"), AGE: ageOf }),
});

const registries = listable({
  summary: "container registries; deployments refer to them by name",
  usedIn: "containerRegistry",
  async read(account, _, signal) {
    const found = await all(account, "/container-registries", signal);
    return found.map((item) => only(item, "id", "name", "kind", "url", "namespace", "username", "dtCreated"));
  },
  reference: (item) => text(item.name) ?? "",
  columns: () => ({
    ID: cell("id"),
    NAME: cell("name"),
    KIND: cell("kind"),
    URL: cell("url"),
    NAMESPACE: cell("namespace"),
    USERNAME: cell("username"),
    AGE: ageOf,
  }),
});

export const LISTABLES: Readonly<Record<string, Listable>> = {
  templates,
  types,
  machines,
  deployments,
  users,
  networks,
  scripts,
  projects,
  registries,
};
