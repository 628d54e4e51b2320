/**
 * Whatever Paperspace answers, and in whichever field: status, Events and the log hold plain text of bounded length. The
 * whole operator runs, and what it sent to the API server and to its log is looked through.
 */
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { HOSTILE, HostileAnswers, LONG, oddTexts } from "../support/hostile-text.ts";
import { VirtualWorld } from "../support/virtual-world.ts";

const MINUTE = 60_000;
const TEAM = "te-alpha";

let world: VirtualWorld;
let answers: HostileAnswers;
let log: string[];

function open(): void {
  log = [];
  world = new VirtualWorld({
    flags: ["--leader-elect=false"],
    simulation: { vendorOpenapi: false },
    logLevel: "trace",
    onLog: (line) => log.push(line),
  });
  answers = new HostileAnswers(world.sim);
}

afterEach(() => world.end());

/** A machine that fails to start and is deleted, and a deployment whose second configuration fails. */
async function live(): Promise<void> {
  const { console } = world.sim;
  console.create(TEAM, { machineType: "A4000", region: "ny2" }, "ready");
  console.deployments.create("p-alpha", { name: "other" }, { settled: true });
  console.deployments.setImageFate("model:2", "pull");
  world.start();
  world.apply("box", {
    autoSnapshot: { enabled: true, frequency: "weekly", saveCount: 2 },
    publicIpType: "static",
    startupScriptId: world.script("s"),
  });
  world.deployments.apply("web", { env: [{ name: "MODE", value: "fast" }] });
  await world.clock.advance(8 * MINUTE);
  world.edit("box", { spec: { powerState: "Stopped" } });
  await world.clock.advance(2 * MINUTE);
  console.failNext({ event: "start", error: "the host is on fire" });
  world.edit("box", { spec: { powerState: "Running" } });
  world.deployments.edit("web", { spec: { image: "ghcr.io/acme/model:2" } });
  await world.clock.advance(6 * MINUTE);
  world.delete("box");
  world.deployments.delete("web");
  await world.clock.advance(5 * MINUTE);
}

/** "GET /machines items.name" and so on, of a life with honest answers. */
const places: string[] = [];
/** What a life goes on by: each of them is hostile alone. */
const NEEDED = ["id", "state", "nextPage", "eventId", "machineId", "projectId", "deploymentId", "message"];

beforeAll(async () => {
  open();
  await live();
  places.push(...answers.places);
});

const fieldOf = (place: string) => place.replace(/^.*[ .]/, "");

/** Of all that was sent to the API server, and logged. */
function expectPlain(): void {
  expect(oddTexts(world.kube.calls, log)).toEqual([]);
}

it("the life of a machine and of a deployment meets the fields that a user sees", () => {
  const fields = new Set(places.map(fieldOf));
  const shown = ["id", "name", "state", "os", "error", "stateMessage", "endpoint", "image", "dtCreated"];
  expect([...fields]).toEqual(expect.arrayContaining(shown));
  expectPlain();
});

it.each([
  ["hostile", HOSTILE],
  ["hostile and long", LONG],
])(
  "where every field but those is %s that a life goes on by, cluster and log hold plain text",
  async (_, text) => {
    open();
    answers.text = text;
    answers.isHostile = (place) => !NEEDED.includes(fieldOf(place));
    await live();
    expectPlain();
    expect(JSON.stringify(world.kube.calls)).toContain("touch /tmp/x");
  },
);

it.each(NEEDED)("where %s alone is hostile, cluster and log hold plain text", async (field) => {
  open();
  answers.isHostile = (place) => fieldOf(place) === field;
  await live();
  expectPlain();
});

describe.each([400, 401, 403, 404, 409, 422, 429, 500, 503])(
  "a refusal with %i and hostile texts",
  (status) => {
    it("is reported in plain text", async () => {
      open();
      world.sim.faults.add({
        match: { method: "POST" },
        do: { status, body: { code: `BAD${LONG}`, message: `no: ${LONG}`, details: [LONG] } },
      } as never);
      await live();
      expect(oddTexts(world.kube.calls, log)).toEqual([]);
    });
  },
);
