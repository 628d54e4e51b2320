/**
 * The sentences with MUST of src/reconcile/kind.ts hold for every kind, whatever it goes through: the whole operator runs
 * over kinds whose roles are checked at each call (test/support/checked-kind.ts).
 */
import { describe, expect, it } from "vitest";
import type { PaperspaceDeployment } from "../../src/kinds/deployment/types.ts";
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { ManagedObject } from "../../src/reconcile/managed.ts";
import { BREACHES, broken } from "../support/broken-kinds.ts";
import { KindContract } from "../support/checked-kind.ts";
import { LIVES, NAME, SUBJECTS, type Subject, underContract } from "../support/contract-subjects.ts";
import { DEPLOYMENT_SCENARIOS } from "../support/scenario/deployments.ts";
import { everyScenario } from "../support/scenario/every-scenario.ts";
import { ALONE, type Scenario, scenariosOf } from "../support/scenario/kind.ts";
import { MACHINE_SCENARIOS } from "../support/scenario/machines.ts";
import { runScenario } from "../support/scenario/run.ts";
import { type ObjectActions, VirtualDriver } from "../support/scenario/virtual-driver.ts";
import { checkTraffic, newWorld } from "../support/scenario-world.ts";
import type { VirtualWorld } from "../support/virtual-world.ts";

const RARE_ELECTIONS = ["--lease-duration=60s", "--renew-deadline=40s", "--retry-period=20s"];
/** Calls of the first process. Odd, and each lives for two longer, so that none dies where the last one did. */
const FIRST_DEATH = 5;
const MINUTE = 60_000;
const RANDOM_MACHINES = 5;
const RANDOM_DEPLOYMENTS = 3;

checkTraffic();

class CheckedDriver<O extends ManagedObject> extends VirtualDriver<O> {
  readonly #contract: KindContract;

  constructor(
    scenario: Pick<Scenario, "seed" | "behaviour">,
    subject: Subject,
    actionsOf: (world: VirtualWorld) => ObjectActions<O>,
  ) {
    const contract = new KindContract();
    super(scenario, actionsOf, underContract(contract, subject));
    this.#contract = contract;
  }

  override check(): void {
    super.check();
    expect([...this.#contract.breaches]).toEqual([]);
  }
}

describe.each(Object.entries(SUBJECTS))("%s keeps its contract", (_, subject) => {
  const contract = new KindContract();
  const lives = Object.entries({ ...LIVES, ...subject.lives });

  it.each(lives)("through %s", async (_life, run) => {
    const world = newWorld(underContract(contract, subject));
    world.start();
    await run(world, subject);
    await world.clock.advance(20 * MINUTE);
    expect([...contract.breaches]).toEqual([]);
  });

  it("in every step that it has and every state of a resolution: none was left out above", () => {
    const expected = ["create", ...subject.steps, "open", "found", "surelyNone"];
    expect([...contract.seen].sort()).toEqual(expected.sort());
  });
});

describe.each(Object.entries(SUBJECTS))("%s keeps its contract", (_, subject) => {
  it("while its process dies again and again, before calls take effect and after", async () => {
    const contract = new KindContract();
    const options = underContract(contract, subject);
    const world = newWorld({ ...options, flags: [...(options.flags ?? []), ...RARE_ELECTIONS] });
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
      scenariosOf(MACHINE_SCENARIOS, ALONE),
      RANDOM_MACHINES,
      (scenario) =>
        new CheckedDriver<PaperspaceMachine>(scenario, SUBJECTS.PaperspaceMachine, (world) => world),
      (driver, scenario) => runScenario(MACHINE_SCENARIOS, driver, scenario),
    );
  }, 60_000);

  it("deployments keep their contract", async () => {
    await everyScenario(
      scenariosOf(DEPLOYMENT_SCENARIOS, ALONE),
      RANDOM_DEPLOYMENTS,
      (scenario) =>
        new CheckedDriver<PaperspaceDeployment>(
          scenario,
          SUBJECTS.PaperspaceDeployment,
          ({ deployments }) => deployments,
        ),
      (driver, scenario) => runScenario(DEPLOYMENT_SCENARIOS, driver, scenario),
    );
  }, 60_000);
});

describe("a kind that breaks a sentence is noticed", () => {
  it.each(Object.entries(BREACHES))("where %s", async (_sentence, breach) => {
    const contract = new KindContract();
    const subject = broken(breach);
    const world = newWorld({
      ...underContract(contract, subject),
      simulation: { vendorOpenapi: false },
    });
    if (breach.isLost)
      world.sim.faults.add({ match: { method: "POST", path: subject.createPath }, do: { cut: "before" } });
    world.start();
    // A broken kind need not become Ready.
    subject.objects(world).apply(NAME);
    await world.clock.advance(2 * MINUTE);
    subject.objects(world).edit(NAME, { spec: { ...subject.changed, powerState: "Stopped" } });
    await world.clock.advance(2 * MINUTE);
    expect([...contract.breaches]).toContainEqual(expect.stringMatching(breach.noted));
  });
});
