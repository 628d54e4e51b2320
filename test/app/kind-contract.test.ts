/**
 * The sentences with MUST of src/reconcile/kind.ts hold for every kind, whatever it goes through: the whole operator runs
 * over kinds whose roles are checked at each call (test/support/checked-kind.ts).
 */
import { describe, expect, it } from "vitest";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { KindContract } from "../support/checked-kind.ts";
import { LIVES, SUBJECTS, type Subject } from "../support/contract-subjects.ts";
import { type Scenario, ScenarioRun, scenarios } from "../support/scenario.ts";
import {
  type DeploymentScenario,
  DeploymentScenarioRun,
  deploymentScenarios,
} from "../support/scenario-deployments.ts";
import { everyScenario } from "../support/scenario-runs.ts";
import { checkTraffic, newWorld, running } from "../support/scenario-world.ts";
import { type ObjectActions, VirtualDriver } from "../support/virtual-driver.ts";
import type { VirtualWorld, WorldOptions } from "../support/virtual-world.ts";

const ONE_WORKER = ["--concurrency=1"];
const RARE_ELECTIONS = ["--lease-duration=60s", "--renew-deadline=40s", "--retry-period=20s"];
/** Calls of the first process. Odd, and each lives for two longer, so that none dies where the last one did. */
const FIRST_DEATH = 5;
const RANDOM_MACHINES = 8;
const RANDOM_DEPLOYMENTS = 4;

checkTraffic();

/** A world that serves this kind under its contract. */
function underContract(contract: KindContract, { registration, traits }: Subject): WorldOptions {
  return {
    kinds: [contract.check(registration, traits)],
    onSending: (method, path) => contract.sending(method, path),
  };
}

class CheckedDriver<O extends ManagedObject> extends VirtualDriver<O> {
  readonly #contract: KindContract;

  constructor(
    scenario: Pick<Scenario, "seed" | "behaviour">,
    subject: Subject,
    actionsOf: (world: VirtualWorld) => ObjectActions<O>,
  ) {
    const contract = new KindContract();
    super(scenario, actionsOf, { flags: ONE_WORKER, ...underContract(contract, subject) });
    this.#contract = contract;
  }

  override check(): void {
    super.check();
    expect([...this.#contract.breaches]).toEqual([]);
  }
}

/**
 * Not checked until it is one write: `strayed` in deployment/steps.ts deletes, in the pass of an upsert, what the upsert has
 * made in place of a deployment that is gone.
 */
function isAnsweredWithOwn({ behaviour }: DeploymentScenario): boolean {
  return behaviour.unknownDeploymentId !== "byName";
}

describe.each(Object.entries(SUBJECTS))("%s keeps its contract", (_, subject) => {
  const contract = new KindContract();
  const lives = Object.entries({ ...LIVES, ...subject.lives });

  it.each(lives)("through %s", async (_life, run) => {
    const world = running(ONE_WORKER, underContract(contract, subject));
    await run(world, subject);
    await world.clock.advance(20 * 60_000);
    expect([...contract.breaches]).toEqual([]);
  });

  it("in every step that it has, and in every verdict on a create: none was left out above", () => {
    const expected = ["create", ...subject.steps, "open", "found", "surelyNone"];
    expect([...contract.seen].sort()).toEqual(expected.sort());
  });
});

describe.each(Object.entries(SUBJECTS))("%s keeps its contract", (_, subject) => {
  it("while its process dies again and again, before calls take effect and after", async () => {
    const contract = new KindContract();
    const world = newWorld({
      flags: [...ONE_WORKER, ...RARE_ELECTIONS],
      ...underContract(contract, subject),
    });
    let deaths = 0;
    const launch = () => {
      const process = world.start();
      let left = FIRST_DEATH + 2 * deaths;
      process.edge.onPass = (call) => {
        if (call.includes("/leases") || call.includes("GET") || --left !== 0) return;
        deaths++;
        process.kill();
        launch();
      };
    };
    launch();
    await LIVES["a create, a change and a deletion"]?.(world, subject);
    expect(deaths).toBeGreaterThan(3);
    expect([...contract.breaches]).toEqual([]);
  });
});

describe("whatever happens in random scenarios", () => {
  it("machines keep their contract", async () => {
    await everyScenario(
      scenarios,
      RANDOM_MACHINES,
      (scenario) =>
        new CheckedDriver<PaperspaceMachine>(scenario, SUBJECTS.PaperspaceMachine, (world) => world),
      (driver, scenario) => new ScenarioRun(driver, scenario).run(),
    );
  }, 60_000);

  it("deployments keep their contract", async () => {
    await everyScenario(
      deploymentScenarios.filter(isAnsweredWithOwn),
      RANDOM_DEPLOYMENTS,
      (scenario) =>
        new CheckedDriver<PaperspaceDeployment>(
          scenario,
          SUBJECTS.PaperspaceDeployment,
          ({ deployments }) => deployments,
        ),
      (driver, scenario) => new DeploymentScenarioRun(driver, scenario).run(),
    );
  }, 60_000);
});
