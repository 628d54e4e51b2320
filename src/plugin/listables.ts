/**
 * What `list` can show: for each family of the API, how it is read to its end, and its columns. Answers are read leniently,
 * and only what is named here is shown (other-resources.md); how it is printed is in list.ts.
 */
import { Type } from "typebox";
import { PaperspaceError } from "../paperspace/errors.ts";
import { apiPath } from "../paperspace/transport.ts";
import type { Opened } from "./access.ts";
import { UsageError } from "./failure.ts";
import type { FlagName, Flags } from "./flags.ts";
import { age } from "./table.ts";

/** One thing that is listed, with the API's own names. */
export type Item = Readonly<Record<string, unknown>>;

export interface Family {
  readonly about: string;
  /** The field of a spec that takes what `-o name` prints. */
  readonly usedIn: string;
  /** Beyond --name, --secret and --output. */
  readonly flags: readonly FlagName[];
  /** Throws UsageError before anything is asked. */
  readonly check?: (flags: Flags) => void;
  /** All pages. --name is applied by `list`. */
  readonly read: (account: Opened, flags: Flags, signal: AbortSignal) => Promise<Item[]>;
  /** Where --name looks. */
  readonly names: (item: Item) => string;
  /** What a spec takes. */
  readonly reference: (item: Item) => string;
  /** Headers and cells; `now` in milliseconds since the epoch. */
  readonly columns: (
    flags: Flags,
  ) => Readonly<Record<string, (item: Item, now: number) => string | undefined>>;
  /** Asks about what is shown, once it is known what that is. */
  readonly complete?: (items: Item[], account: Opened, flags: Flags, signal: AbortSignal) => Promise<Item[]>;
}

const anything = Type.Record(Type.String(), Type.Unknown());

const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
const yesNo = (value: unknown): string | undefined =>
  typeof value === "boolean" ? (value ? "true" : "false") : undefined;
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const record = (value: unknown): Item =>
  typeof value === "object" && value !== null ? (value as Item) : Object.freeze({});
const cell = (field: string) => (item: Item) => text(item[field]);
const ageOf = (item: Item, now: number) => age(item.dtCreated, now);

/** dtDeleted may be null, absent or an empty object: only a string is a date. */
const isAlive = ({ dtDeleted }: Item): boolean => typeof dtDeleted !== "string";

async function all({ api }: Opened, path: string, signal: AbortSignal): Promise<Item[]> {
  const items: Item[] = [];
  for await (const page of api.pages({ path, item: anything, signal })) items.push(...page.items);
  return items.filter(isAlive);
}

/** The named fields of an item, absent ones as null: what this family shows does not depend on the API's mood. */
function only(item: Item, ...fields: string[]): Item {
  return Object.fromEntries(fields.map((field) => [field, item[field] ?? null]));
}

/** Networks are known with both spellings, ny2 and East Coast (NY2) (observed-in-the-field 12). */
function inRegion(item: Item, region: string | undefined): boolean {
  if (region === undefined) return true;
  const code = (name: string) => (/\(([^)]+)\)\s*$/.exec(name)?.[1] ?? name).trim().toLowerCase();
  return code(text(item.region) ?? "") === code(region);
}

const family = (more: Partial<Family> & Pick<Family, "about" | "usedIn" | "read" | "columns">): Family => ({
  flags: [],
  names: (item) => text(item.name) ?? "",
  reference: (item) => text(item.id) ?? "",
  ...more,
});

const templates = family({
  about: "disk images: the vendor's and the team's own",
  usedIn: "templateId",
  async read(account, _, signal) {
    const [vendor, custom] = await Promise.all([
      all(account, "/os-templates", signal),
      all(account, "/custom-templates", signal),
    ]);
    const shown = (kind: string) => (item: Item) => ({
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

const types = family({
  about: "machine types, and how many of the vendor's templates run on each",
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
        // Not every API has it (machines.md section 5.5), and it is a hint: nobody knows then.
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
      [`FREE-IN-${region?.toUpperCase()}`]: ({ available: free }: Item) => yesNo(free) ?? "unknown",
    }),
  }),
});

const users = family({
  about: "members of the key's team",
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
  names: ({ name, email }) => `${text(email) ?? ""}\n${text(name) ?? ""}`,
  columns: () => ({
    ID: cell("id"),
    EMAIL: cell("email"),
    NAME: cell("name"),
    ROLE: cell("role"),
    CONFIRMED: ({ confirmed }) => yesNo(confirmed),
  }),
});

const networks = family({
  about: "private networks",
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

const scripts = family({
  about: "startup scripts (the API never shows their text)",
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

const projects = family({
  about: "projects, which deployments belong to",
  usedIn: "projectId",
  async read(account, _, signal) {
    const found = await all(account, "/projects", signal);
    return found.map((item) => only(item, "id", "name", "repoUrl", "dtCreated"));
  },
  columns: () => ({ ID: cell("id"), NAME: cell("name"), REPOSITORY: cell("repoUrl"), AGE: ageOf }),
});

const registries = family({
  about: "container registries; deployments refer to them by name",
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

export const FAMILIES: Readonly<Record<string, Family>> = {
  templates,
  types,
  users,
  networks,
  scripts,
  projects,
  registries,
};
