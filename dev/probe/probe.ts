/**
 * A run of the probe: reads the account once, then answers the unknowns. The result has no ids, names or addresses, so
 * that it can be shown to others.
 */

import { UNKNOWNS } from "../fidelity/unknowns.ts";
import type { Answer, Unanswered } from "./answers.ts";
import { type ClientOptions, isJson, type Json, ProbeClient, pageIn } from "./client.ts";
import { type Account, QUESTIONS } from "./questions.ts";

export interface ProbeResult {
  requests: number;
  /** `GET /machines: 200`, and how often. */
  read: ReadonlyMap<string, number>;
  misfits: ReadonlyMap<string, number>;
  /** By the id of the unknown. */
  answers: ReadonlyMap<string, Answer | Unanswered>;
}

/** Lists that no question needs, read so that their answers are held against the schema. */
const OTHERS = [
  "/public-ips",
  "/snapshots",
  "/startup-scripts",
  "/container-registries",
  "/storage-providers",
  "/storage-providers/utilization",
  "/datasets",
  "/models",
];
/** Projects, and deployments of each, that are read. */
const MOST_PROJECTS = 10;
const MOST_DEPLOYMENTS = 10;

/** Rejects where the key is not accepted: then nothing can be learnt. */
export async function probe(options: ClientOptions): Promise<ProbeResult> {
  const client = new ProbeClient(options);
  const account = await readAccount(client, options.clock.now());
  const answers = new Map<string, Answer | Unanswered>();
  for (const { id, byReads } of UNKNOWNS) {
    const question = QUESTIONS[id];
    if (byReads && question) answers.set(id, await question(account));
  }
  return { requests: client.requests, read: client.read, misfits: client.misfits, answers };
}

async function readAccount(client: ProbeClient, now: number): Promise<Account> {
  const session = (await client.get("/auth/session"))?.json;
  if (!isJson(session))
    throw new Error("the API does not accept the key: set PAPERSPACE_API_KEY to one that is valid");
  const teamId = isJson(session.team) && typeof session.team.id === "string" ? session.team.id : undefined;
  const account: Account = {
    client,
    teamId,
    machines: await client.list("/machines?orderBy=dtCreated&order=asc"),
    events: await client.list("/machine-events"),
    templates: await client.list("/os-templates"),
    networks: await client.list("/private-networks", 1),
    drives: await client.list("/shared-drives", 1),
    customTemplates: await client.list("/custom-templates", 1),
    deployments: await readDeployments(client),
    now,
  };
  for (const path of OTHERS) await client.get(path);
  if (teamId !== undefined)
    for (const part of ["users", "secrets"]) await client.get(`/teams/${encodeURIComponent(teamId)}/${part}`);
  const [machine] = account.machines;
  if (machine)
    for (const part of ["", "/accessors"])
      await client.get(`/machines/${encodeURIComponent(String(machine.id))}${part}`);
  return account;
}

async function readDeployments(client: ProbeClient): Promise<Account["deployments"]> {
  const listed: Json[] = [];
  for (const project of (await client.list("/projects", 1)).slice(0, MOST_PROJECTS)) {
    const path = `/projects/${encodeURIComponent(String(project.id))}`;
    for (const part of ["secrets", "tags", "collaborators"]) await client.get(`${path}/${part}?limit=5`);
    listed.push(...pageIn(await client.get(`${path}/deployments?limit=${MOST_DEPLOYMENTS}`)).items);
  }
  const deployments: Account["deployments"] = [];
  for (const one of listed.slice(0, MOST_DEPLOYMENTS)) {
    const path = `/deployments/${encodeURIComponent(String(one.id))}`;
    const read = (await client.get(path))?.json;
    await client.get(`${path}/history?limit=5`);
    if (isJson(read)) deployments.push({ listed: one, read });
  }
  return deployments;
}
