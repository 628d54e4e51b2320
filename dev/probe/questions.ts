/**
 * The unknowns of dev/fidelity/unknowns.ts that reads can answer: how each is answered. Reads go by the client; nothing
 * here writes, and no answer holds an id, a name or an address.
 */

import { type Answer, fieldsOf, kindOf, missing, type Unanswered, words } from "./answers.ts";
import { fieldNames, isJson, type Json, type ProbeClient, pageIn, type Reply } from "./client.ts";

/** What was read once, for all questions. */
export interface Account {
  client: ProbeClient;
  teamId: string | undefined;
  machines: Json[];
  events: Json[];
  templates: Json[];
  networks: Json[];
  drives: Json[];
  customTemplates: Json[];
  /** Each as GET by id shows it, beside how its list does. */
  deployments: { listed: Json; read: Json }[];
  now: number;
}

type Question = (account: Account) => Answer | Unanswered | Promise<Answer | Unanswered>;

const GIB = 1024 ** 3;
const GB = 1000 ** 3;
/** Given to no machine; the form is that of an id. */
const NO_MACHINE = "ps000000000";
const WRONG_KEY = "not-a-key";

export const QUESTIONS: Readonly<Record<string, Question>> = {
  "page-size": async ({ client }) => {
    for (const path of ["/machine-events", "/os-templates", "/machines"]) {
      const { items, hasMore } = pageIn(await client.get(path));
      if (hasMore) return { text: `${items.length}`, switches: { defaultPageSize: items.length } };
    }
    return missing("a list with more items than a page");
  },
  "limit-out-of-range": async ({ client }) => {
    const replies = [await client.get("/machines?limit=0"), await client.get("/machines?limit=121")];
    if (replies.some((reply) => !reply)) return missing("requests");
    const isRefused = replies.every((reply) => (reply?.status ?? 0) >= 400);
    return {
      text: `0: ${statusOf(replies[0])}; 121: ${statusOf(replies[1])}`,
      switches: { limitOutOfRange: isRefused ? "error" : "clamp" },
    };
  },
  "next-page-when-last": async ({ client }) => {
    const page = pageIn(await client.get("/os-templates?limit=120"));
    if (page.hasMore) return missing("a list that ends within a page");
    const kind = kindOf(page.nextPage);
    const values = { missing: "absent", null: "null", '""': "empty" } as const;
    const value = values[kind as keyof typeof values];
    return { text: kind, ...(value && { switches: { nextPageWhenLast: value } }) };
  },
  "name-filter": ({ client, templates }) => nameFilter(client, templates),
  "unknown-query": async ({ client }) => {
    const reply = await client.get("/machines?limit=1&colour=red");
    if (!reply) return missing("requests");
    return { text: statusOf(reply), switches: { unknownQuery: reply.status === 200 ? "ignore" : "error" } };
  },
  order: async ({ client }) => {
    const read = async () =>
      pageIn(await client.get("/machines?limit=120&orderBy=dtCreated&order=asc")).items;
    const [first, second] = [await read(), await read()];
    if (first.length < 2) return missing("two machines");
    const dates = fieldsOf(first, "dtCreated").map((date) => Date.parse(String(date)));
    const isAscending = dates.every((date, i) => i === 0 || date >= (dates[i - 1] ?? date));
    const isStable = String(fieldsOf(first, "id")) === String(fieldsOf(second, "id"));
    return {
      text: `${isAscending ? "ascending" : "not ascending"}, ${isStable ? "the same" : "not the same"} twice`,
    };
  },
  "trailing-slash": async ({ client }) => {
    const reply = await client.get("/machines/?limit=1");
    if (!reply) return missing("requests");
    return { text: statusOf(reply), switches: { trailingSlash: reply.status === 200 ? "same" : "notFound" } };
  },
  "deleted-listed": async (account) => {
    if (account.machines.some(isDeleted)) return { text: "yes", switches: { listDeleted: true } };
    if (lostMachines(account).length === 0) return missing("a machine that was deleted");
    return { text: "no: events name machines that no list has", switches: { listDeleted: false } };
  },
  "deleted-readable": async (account) => {
    const [id] = lostMachines(account);
    const reply =
      id === undefined ? undefined : await account.client.get(`/machines/${encodeURIComponent(id)}`);
    if (!reply) return missing("a machine that was deleted, and whose events are kept");
    const isShown = reply.status === 200;
    return { text: statusOf(reply), switches: { deletedMachines: isShown ? "dtDeleted" : "notFound" } };
  },
  "event-names": ({ events }) => wordsOf(events, "name", "an event"),
  "event-states": ({ events }) => wordsOf(events, "state", "an event"),
  "event-retention": ({ events, now }) => {
    const dates = fieldsOf(events, "dtCreated").map((date) => Date.parse(String(date)));
    const oldest = Math.min(...dates.filter((date) => !Number.isNaN(date)));
    if (!Number.isFinite(oldest)) return missing("an event");
    return { text: `the oldest that was read is ${Math.floor((now - oldest) / 86_400_000)} days old` };
  },
  "machine-states": ({ machines }) => wordsOf(machines, "state", "a machine"),
  "disk-sizes": ({ machines }) => {
    const sizes = fieldsOf(machines, "storageTotal").filter((size) => typeof size === "number");
    if (sizes.length === 0) return missing("a machine with a size");
    const unit = (size: number) =>
      size % GIB === 0 ? `${size / GIB} GiB` : size % GB === 0 ? `${size / GB} GB` : "neither GB nor GiB";
    return { text: words(sizes.map(unit)) };
  },
  regions: ({ machines, networks }) =>
    wordsOf([...machines, ...networks], "region", "a machine or a network"),
  "machine-types": ({ templates }) => {
    const labels = templates.flatMap(({ availableMachineTypes: types }) =>
      (Array.isArray(types) ? types : []).filter(isJson).map(({ machineTypeLabel }) => machineTypeLabel),
    );
    return labels.length === 0
      ? missing("a template")
      : { text: words([...new Set(labels)]).replaceAll(" (1)", "") };
  },
  accelerators: ({ machines }) => {
    if (machines.length === 0) return missing("a machine");
    const form = (value: unknown) => {
      const [first] = Array.isArray(value) ? value : [value];
      return isJson(first) ? `fields ${fieldNames(first)}` : kindOf(value);
    };
    return { text: [...new Set(fieldsOf(machines, "accelerators").map(form))].sort().join("; ") };
  },
  "live-dt-deleted": ({ networks, drives, customTemplates }) => {
    const kinds = fieldsOf([...networks, ...drives, ...customTemplates], "dtDeleted").map(kindOf);
    if (kinds.length === 0) return missing("a network, a drive or a template");
    const values = { null: "null", missing: "absent", "{}": "object" } as const;
    const [kind] = new Set(kinds);
    const value = values[kind as keyof typeof values];
    return { text: [...new Set(kinds)].join("; "), ...(value && { switches: { liveDtDeleted: value } }) };
  },
  availability: async ({ client }) => {
    const reply = await client.get("/machine-availability?machineType=A4000&region=ny2");
    if (!reply) return missing("requests");
    const isThere = reply.status === 200;
    return { text: statusOf(reply), switches: { availabilityEndpoint: isThere ? "present" : "absent" } };
  },
  "account-standing": async ({ client }) => {
    const reply = await client.get("/billing/account-standing");
    if (!reply) return missing("requests");
    const isThere = reply.status === 200;
    return { text: statusOf(reply), switches: { accountStandingEndpoint: isThere ? "present" : "absent" } };
  },
  "session-with-bad-key": async ({ client }) => {
    const reply = await client.get("/auth/session", WRONG_KEY);
    if (!reply) return missing("requests");
    const text = reply.status === 200 ? `200 with ${kindOf(reply.json)}` : statusOf(reply);
    return { text, switches: { sessionWithBadKey: reply.status === 200 ? "null" : "unauthorized" } };
  },
  "templates-without-key": async ({ client }) => {
    const reply = await client.get("/os-templates?limit=1", null);
    if (!reply) return missing("requests");
    return {
      text: statusOf(reply),
      switches: { osTemplatesAuth: reply.status === 200 ? "open" : "required" },
    };
  },
  "unknown-path": async ({ client }) => {
    const replies = [await client.get("/no-such-path"), await client.get(`/machines/${NO_MACHINE}`)];
    return { text: `path: ${statusOf(replies[0])}; id: ${statusOf(replies[1])}` };
  },
  "error-body": async ({ client }) => {
    const reply = await client.get("/machines?limit=many");
    if (!reply || reply.status < 400 || !isJson(reply.json)) return missing("an error of validation");
    const fields = Object.keys(reply.json);
    const extra = (["details", "issues"] as const).find((name) => fields.includes(name));
    return { text: fields.join(", "), switches: { errorField: extra ?? "none" } };
  },
  "rate-limit-headers": ({ client }) => {
    const names = [...client.headerNames].filter((name) => /rate|limit|retry/.test(name)).sort();
    return { text: names.join(", ") || "none" };
  },
  document: ({ client }) => document(client),
  "stored-form": ({ deployments }) => {
    const forms = deployments.map(({ read }) => {
      const data = dataOf(read);
      if (!isJson(data)) return kindOf(data);
      const { apiVersion, resources, healthchecks } = data;
      const has = isJson(resources) ? resources : {};
      const parts = [
        typeof apiVersion === "string"
          ? words([apiVersion]).replace(" (1)", "")
          : `apiVersion ${kindOf(apiVersion)}`,
        `port ${kindOf(data.port)}`,
        `ports ${kindOf(has.ports)}`,
        ...(healthchecks === undefined ? [] : ["healthchecks"]),
      ];
      return parts.join(", ");
    });
    return forms.length === 0 ? missing("a deployment") : { text: [...new Set(forms)].sort().join("; ") };
  },
  "latest-spec-in-lists": ({ deployments }) => {
    const shown = deployments.map(
      ({ listed }) => `latestSpec ${kindOf(listed.latestSpec)}, data ${kindOf(dataOf(listed))}`,
    );
    return shown.length === 0 ? missing("a deployment") : { text: [...new Set(shown)].sort().join("; ") };
  },
  "instance-states": async ({ client, deployments }) => {
    const states: unknown[] = [];
    for (const { read } of deployments.slice(0, 10)) {
      const reply = await client.get(`/deployments/${encodeURIComponent(String(read.id))}/runs?limit=10`);
      for (const run of Array.isArray(reply?.json) ? reply.json.filter(isJson) : [])
        if (Array.isArray(run.instances)) states.push(...fieldsOf(run.instances.filter(isJson), "state"));
    }
    return states.length === 0 ? missing("an instance of a deployment") : { text: words(states) };
  },
  "metric-values": async ({ client, deployments }) => {
    const forms: string[] = [];
    for (const { read } of deployments.slice(0, 3)) {
      const id = encodeURIComponent(String(read.id));
      forms.push(metricForm(await client.get(`/deployments/${id}/metrics?metric=cpu`)));
    }
    return forms.length === 0 ? missing("a deployment") : { text: [...new Set(forms)].sort().join("; ") };
  },
};

/** Machines that events name and no list has: they were deleted. */
function lostMachines({ machines, events }: Account): string[] {
  const listed = new Set(fieldsOf(machines, "id"));
  const named = fieldsOf(events, "machineId").filter((id) => typeof id === "string");
  return [...new Set(named)].filter((id) => !listed.has(id));
}

const isDeleted = ({ dtDeleted }: Json) => typeof dtDeleted === "string";

/** Status and code, the only words of an error that are shown. */
function statusOf(reply: Reply | undefined): string {
  if (!reply) return "not asked";
  const { status, json } = reply;
  const code = isJson(json) && status >= 400 ? words([json.code]).replace(" (1)", "") : undefined;
  return code === undefined ? `${status}` : `${status} ${code}`;
}

function wordsOf(items: readonly Json[], field: string, what: string): Answer | Unanswered {
  return items.length === 0 ? missing(what) : { text: words(fieldsOf(items, field)) };
}

/** By the vendor's own templates, which every account has. */
async function nameFilter(client: ProbeClient, templates: readonly Json[]): Promise<Answer | Unanswered> {
  const name = fieldsOf(templates, "name").find((one) => typeof one === "string" && one.length > 6);
  if (typeof name !== "string") return missing("a template");
  const finds = async (text: string) =>
    fieldsOf(await client.list(`/os-templates?name=${encodeURIComponent(text)}`, 1), "name").includes(name);
  const [exact, prefix, middle, otherCase] = [
    await finds(name),
    await finds(name.slice(0, -2)),
    await finds(name.slice(1, -1)),
    await finds(name.toUpperCase() === name ? name.toLowerCase() : name.toUpperCase()),
  ];
  if (!exact) return { text: "the whole name is not found" };
  const value = middle ? "contains" : prefix ? "prefix" : "exact";
  return {
    text: `${value}; letter case ${otherCase ? "does not matter" : "matters"}`,
    switches: { nameFilter: value },
  };
}

async function document(client: ProbeClient): Promise<Answer | Unanswered> {
  const { OPERATIONS } = await import("../simulator/api/operations.ts");
  const reply = await client.get("/openapi.json", null);
  if (reply?.status !== 200 || !isJson(reply.json) || !isJson(reply.json.paths))
    return { text: `not served: ${statusOf(reply)}` };
  const known = new Set(OPERATIONS.map(({ path }) => path.replace(/:\w+/g, "{}")));
  const others = Object.keys(reply.json.paths).filter((path) => !known.has(path.replace(/\{\w+\}/g, "{}")));
  const shown = others.filter((path) => /^[/a-zA-Z{}-]{1,80}$/.test(path)).sort();
  return {
    text: shown.length === 0 ? "served, with no path that we lack" : `served; we lack ${shown.join(", ")}`,
  };
}

const dataOf = ({ latestSpec }: Json): unknown => (isJson(latestSpec) ? latestSpec.data : undefined);

function metricForm(reply: Reply | undefined): string {
  if (reply?.status !== 200) return statusOf(reply);
  const [series] = Array.isArray(reply.json) ? reply.json : [reply.json];
  if (!isJson(series)) return kindOf(reply.json);
  const values = Object.values(series).find((part) => Array.isArray(part) && part.length > 0);
  const [point] = Array.isArray(values) ? values : [];
  const value = isJson(point) ? point.value : undefined;
  const isNumber = typeof value === "string" && value !== "" && Number.isFinite(Number(value));
  return `${fieldNames(series)}, value ${isNumber ? "a number as text" : kindOf(value)}`;
}
