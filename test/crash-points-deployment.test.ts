/**
 * The operator of a deployment is killed (SIGKILL) around the writes where it could be lost or made twice, and where its
 * configuration could be sent twice: then there is exactly one, with just the configurations that were asked for. Every
 * moment of all lives is played in virtual time by test/app/crash*.test.ts; here are real processes.
 */
import { describe, expect } from "vitest";
import type { PaperspaceDeployment } from "../src/kinds/deployment/types.ts";
import { checkConformance, type Place, deploymentTest as test } from "./support/cluster.ts";
import { deathsOf, live, told } from "./support/life.ts";
import { deployed } from "./support/manifest.ts";

const NAME = "mortal";
const GOOD = "nginx:1.27";
/** Paperspace calls it a fatal error at once. */
const BAD = "acme/invalid-config:2";

/** Every one that was ever made, with the images it was to run, oldest first. */
function images(place: Place<PaperspaceDeployment>): string[][] {
  return place.everDeployed().map(({ specs }) => specs.map(({ data }) => data.image));
}

/** An upsert that has not been seen for so long is sent again: what comes after a death is soon here then. */
const SOON = { flags: ["--resend-after=5s"] };

describe.concurrent("exactly one deployment, then none", () => {
  for (const death of deathsOf(["sends the create", "saves the id"]))
    test(`killed ${told(death)}`, async ({ place }) => {
      const first = await live(place, death);
      await place.apply(deployed(NAME));
      await first.dead();
      const second = await live(place);
      const { status } = await place.ready(NAME);
      expect(images(place)).toEqual([[GOOD]]);
      expect(place.everDeployed().map(({ id }) => id)).toEqual([status?.id]);
      await place.objectsOf.delete(place.namespace, NAME);
      await place.gone(NAME);
      expect(place.deployments()).toEqual([]);
      expect(images(place)).toEqual([[GOOD]]);
      await second.daemon.kill();
      second.proxy.close();
    });
});

describe.concurrent("going back is sent once", () => {
  for (const death of deathsOf(["sends the configuration"]))
    test(`killed ${told(death)}`, async ({ place }) => {
      const first = await live(place);
      await place.apply(deployed(NAME, { rollback: "OnFailure" }));
      await place.ready(NAME);
      const isBad = () => images(place)[0]?.at(-1) === BAD;
      // The first configuration that is sent is the bad one: what comes after it is the way back.
      place.sim.console.deployments.hold(place.deployments()[0]?.id ?? "", "unapplied");
      await place.edit(NAME, { spec: { image: BAD } });
      await place.until("the bad one is there", isBad);
      first.doom(death);
      place.sim.console.deployments.hold(place.deployments()[0]?.id ?? "", null);
      await first.dead();
      const second = await live(place, undefined, SOON);
      const { message } = await place.reason(NAME, "Stalled", "RolledBack");
      expect(message).toContain(`image ${BAD} is not accepted`);
      expect(images(place)).toEqual([[GOOD, BAD, GOOD]]);
      expect(place.condition(NAME, "Healthy")).toMatchObject({ status: "True", reason: "RolledBack" });
      await place.edit(NAME, { spec: { image: "nginx:1.28" } });
      await place.ready(NAME);
      expect(images(place)).toEqual([[GOOD, BAD, GOOD, "nginx:1.28"]]);
      await second.daemon.kill();
      second.proxy.close();
    });
});

checkConformance();
