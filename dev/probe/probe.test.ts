import { describe, expect, it } from "vitest";
import { DEPLOYMENT, PROJECT } from "../../test/simulator/deployments.ts";
import { ALPHA, setUp } from "../../test/simulator/simulation.ts";
import { UNKNOWNS } from "../fidelity/unknowns.ts";
import { MUTATIONS } from "../simulator/mutations/catalogue.ts";
import type { Behaviour } from "../simulator/world/behaviour.ts";
import { CHOICES } from "../simulator/world/behaviour.ts";
import { type ProbeResult, probe } from "./probe.ts";
import { QUESTIONS } from "./questions.ts";
import { report } from "./report.ts";

const DAY = 86_400_000;

/** An account with something of each sort, whose names and ids would be noticed. */
async function account(behaviour: Partial<Behaviour> = {}, mutations: readonly string[] = []) {
  const parts = setUp({ behaviour });
  const { clock, sim, ok, create } = parts;
  sim.console.setBudget("te-alpha", null);
  const { data } = await create({ name: "hushed-trainer", networkId: "nalpha0ny2", publicIpType: "static" });
  await create({ name: "hushed-second" });
  const { data: gone } = await create({ name: "hushed-former" });
  await ok("POST", "/shared-drives", {
    name: "hushed-drive",
    size: 50,
    region: "ny2",
    networkId: "nalpha0ny2",
  });
  await ok("POST", "/startup-scripts", { name: "hushed-script", script: "true" });
  const config = { ...DEPLOYMENT, name: "hushed-web", env: [{ name: "TOKEN", value: "hushed-value" }] };
  await ok("POST", "/deployments", { projectId: PROJECT, config });
  await ok("POST", `/projects/${PROJECT}/secrets`, { name: "HUSHED_SECRET", value: "hushed-value" });
  await clock.advance(2 * 60_000);
  await ok("DELETE", `/machines/${gone.id}`);
  await clock.advance(DAY);
  sim.mutations.use(mutations);
  sim.calls.clear();
  return { ...parts, data, gone };
}

async function run(
  parts: Awaited<ReturnType<typeof account>>,
  options: { most?: number } = {},
): Promise<ProbeResult> {
  const { clock, call } = parts;
  let result: ProbeResult | undefined;
  const running = probe({
    clock,
    apiKey: ALPHA,
    send: async (path, key) => {
      const { status, headers, json } = await call("GET", path, undefined, key);
      return { status, headers, json };
    },
    ...options,
  }).then((done) => {
    result = done;
  });
  running.catch(() => {});
  while (!result) {
    await clock.advance(10_000);
    if (clock.pending === 0) await running;
  }
  return result;
}

/** All words of the account that must not leave it. */
function secrets({ sim, data, gone }: Awaited<ReturnType<typeof account>>): string[] {
  const { world } = sim;
  const records = [world.machines, world.events, world.networks, world.drives, world.scripts, world.projects];
  const ids = [...records, world.deployments, world.teams].flatMap((map) => [...map.keys()]);
  const { privateIp, publicIp } = data;
  const users = sim.console
    .team("te-alpha")
    .users.flatMap(({ id, email, lastName }) => [id, email, lastName]);
  const names = ["hushed", "HUSHED", "alpha", ALPHA, "nginx"];
  return [...ids, ...names, ...users, privateIp, publicIp, gone.publicIp].filter((one): one is string =>
    Boolean(one),
  );
}

const PAGE_DATE = "2026-11-27";

describe("the probe", () => {
  it("reads only, answers what reads can, and finds nothing amiss in a simulator that fits its schema", async () => {
    const parts = await account();
    const { answers, misfits, requests } = await run(parts);
    const calls = parts.sim.calls.list();
    expect(calls.filter(({ method }) => method !== "GET")).toEqual([]);
    expect(calls).toHaveLength(requests);
    expect(requests).toBeLessThan(150);
    expect([...misfits]).toEqual([]);
    const open = [...answers].filter(([, answer]) => "missing" in answer).map(([id]) => id);
    // The account has no list of more than a page.
    expect(open).toEqual(["page-size"]);
    expect(answers.get("deleted-readable")).toMatchObject({ text: "404 NOT_FOUND" });
  });

  it("has a question of each unknown that reads can answer, and of no other", () => {
    const byReads = UNKNOWNS.filter(({ byReads }) => byReads).map(({ id }) => id);
    expect(Object.keys(QUESTIONS).sort()).toEqual(byReads.sort());
  });

  const READABLE = [
    "limitOutOfRange",
    "nextPageWhenLast",
    "nameFilter",
    "unknownQuery",
    "trailingSlash",
    "deletedMachines",
    "liveDtDeleted",
    "availabilityEndpoint",
    "accountStandingEndpoint",
    "sessionWithBadKey",
    "osTemplatesAuth",
    "errorField",
  ] as const;
  const values = READABLE.flatMap((name) => CHOICES[name].map((value) => [name, value] as const));

  it.each(values)(
    "finds out that %s is %s, so that the simulator can be set to what is true",
    async (name, value) => {
      const { answers } = await run(await account({ [name]: value }));
      const switches = Object.assign(
        {},
        ...[...answers.values()].map((one) => ("switches" in one ? one.switches : {})),
      );
      expect(switches[name]).toBe(value);
    },
  );

  it("stops at its bound of requests, and still reports", async () => {
    const result = await run(await account(), { most: 12 });
    expect(result.requests).toBe(12);
    expect(report(result, PAGE_DATE)).toContain("12 requests");
  });

  it("waits where it is slowed down, and rejects a key that is not accepted with the remedy", async () => {
    const parts = await account();
    parts.sim.faults.add({ match: { path: "/os-templates", times: 2 }, do: { status: 429 } });
    const { answers } = await run(parts);
    expect(answers.get("machine-types")).toHaveProperty("text");
    parts.sim.console.revokeKey(ALPHA);
    await expect(run(parts)).rejects.toThrow("PAPERSPACE_API_KEY");
  });
});

describe("the report", () => {
  it("has no id, name, address or key of the account, whatever the answers are", async () => {
    for (const mutation of ["", ...MUTATIONS.map(({ name }) => name)]) {
      if (/^items-of|^large/.test(mutation)) continue;
      const parts = await account({}, mutation === "" ? [] : [mutation]);
      const text = report(await run(parts), PAGE_DATE);
      const leaked = secrets(parts).filter((word) => text.includes(word));
      expect(leaked, `${mutation}\n${text}`).toEqual([]);
    }
  }, 120_000);

  it("shows where an answer does not fit, by the names of fields alone", async () => {
    const text = report(await run(await account({}, ["numbers-as-text"])), PAGE_DATE);
    expect(text).toMatch(/GET \/machines: 200: \/items\/\*\/ram must be/);
    const other = report(await run(await account({ trailingSlash: "notFound" })), PAGE_DATE);
    expect(other).toContain("**otherwise**: `trailingSlash` should be `notFound`");
  });
});
