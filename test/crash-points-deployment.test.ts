/**
 * The operator of a deployment is killed (SIGKILL) around the writes where it could be lost or made twice, and where
 * its configuration could be sent twice: then there is exactly one, with just the configurations that were requested.
 * Every moment is covered in virtual time by test/app/crash*.test.ts; here are real processes.
 */
import { describe, expect } from "vitest";
import type { PaperspaceDeployment } from "../src/kinds/deployment/types.ts";
import { checkConformance, type TestEnv, deploymentTest as test } from "./support/cluster.ts";
import { deathsOf, describeDeath, live } from "./support/life.ts";
import { deployed } from "./support/manifest.ts";

const NAME = "mortal";
const GOOD = "nginx:1.27";
/** Paperspace reports a fatal error at once. */
const BAD = "acme/invalid-config:2";

/** Every one that was ever made, with the images it was to run, oldest first. */
function images(testEnv: TestEnv<PaperspaceDeployment>): string[][] {
  return testEnv.everDeployed().map(({ specs }) => specs.map(({ data }) => data.image));
}

/** An upsert that has not been seen for so long is sent again: so that what follows a crash happens soon. */
const SOON = { flags: ["--resend-after=5s"] };

describe.concurrent("exactly one deployment, then none", () => {
  for (const death of deathsOf(["sends the create", "saves the id"]))
    test(`killed ${describeDeath(death)}`, async ({ testEnv }) => {
      const first = await live(testEnv, death);
      await testEnv.apply(deployed(NAME));
      await first.dead();
      const second = await live(testEnv);
      const { status } = await testEnv.ready(NAME);
      expect(images(testEnv)).toEqual([[GOOD]]);
      expect(testEnv.everDeployed().map(({ id }) => id)).toEqual([status?.id]);
      await testEnv.objectsOf.delete(testEnv.namespace, NAME);
      await testEnv.gone(NAME);
      expect(testEnv.deployments()).toEqual([]);
      expect(images(testEnv)).toEqual([[GOOD]]);
      await second.daemon.kill();
      second.proxy.close();
    });
});

describe.concurrent("going back is sent once", () => {
  for (const death of deathsOf(["sends the configuration"]))
    test(`killed ${describeDeath(death)}`, async ({ testEnv }) => {
      const first = await live(testEnv);
      await testEnv.apply(deployed(NAME, { rollback: "OnFailure" }));
      await testEnv.ready(NAME);
      const isBad = () => images(testEnv)[0]?.at(-1) === BAD;
      // The first configuration that is sent is the bad one: what comes after it is the way back.
      testEnv.sim.console.deployments.hold(testEnv.deployments()[0]?.id ?? "", "unapplied");
      await testEnv.edit(NAME, { spec: { image: BAD } });
      await testEnv.until("the bad one is there", isBad);
      first.doom(death);
      testEnv.sim.console.deployments.hold(testEnv.deployments()[0]?.id ?? "", null);
      await first.dead();
      const second = await live(testEnv, undefined, SOON);
      const { message } = await testEnv.reason(NAME, "Stalled", "RolledBack");
      expect(message).toContain(`image ${BAD} is not accepted`);
      expect(images(testEnv)).toEqual([[GOOD, BAD, GOOD]]);
      expect(testEnv.condition(NAME, "Healthy")).toMatchObject({ status: "True", reason: "RolledBack" });
      await testEnv.edit(NAME, { spec: { image: "nginx:1.28" } });
      await testEnv.ready(NAME);
      expect(images(testEnv)).toEqual([[GOOD, BAD, GOOD, "nginx:1.28"]]);
      await second.daemon.kill();
      second.proxy.close();
    });
});

checkConformance();
