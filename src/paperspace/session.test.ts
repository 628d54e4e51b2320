import { expect, it } from "vitest";
import { json, ScriptedServer } from "../../test/paperspace/scripted-server.ts";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { readSession } from "./session.ts";
import { Throttle } from "./throttle.ts";
import { Transport } from "./transport.ts";
import { createSockets } from "./wire.ts";

/** What is read of a session that the API answers so. */
async function session(answer: unknown) {
  const server = await ScriptedServer.start();
  server.script = [json(200, answer)];
  const clock = new VirtualClock();
  const sockets = createSockets();
  const throttle = new Throttle(clock, { requestsPerSecond: 1, burst: 5, concurrency: 10 });
  const baseUrl = `${server.origin}/v1`;
  try {
    return await readSession(
      new Transport({ clock, sockets, throttle, baseUrl, apiKey: "key", version: "1" }),
    );
  } finally {
    await sockets.close();
    await server.stop();
  }
}

it("has the team and its quota; what the session lacks, or shows otherwise, limits nothing", async () => {
  const team = (maxMachines: unknown) => session({ team: { id: "te1", maxMachines }, user: {} });
  expect(await team(7)).toEqual({ team: "te1", maxMachines: 7 });
  for (const quota of [undefined, null, "many"])
    expect(await team(quota)).toEqual({ team: "te1", maxMachines: Number.POSITIVE_INFINITY });
});

it("is none where the API answers a bad key with null", async () => {
  expect(await session(null)).toBeUndefined();
});
