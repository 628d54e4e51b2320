/**
 * The simulators of a suite file: quick, without a budget, and all of them kept until their traffic has been checked
 * against the vendor's schema.
 */
import { type Report, VendorSchema } from "../../dev/simulator/conformance.ts";
import { DEFAULT_VENDOR_OPENAPI, type SimulationOptions } from "../../dev/simulator/simulation.ts";
import { type Simulator, startSimulator } from "../../dev/simulator/simulator.ts";

/** A machine is up in 0.7 s then, and gone in as much. */
const SPEED = 100;

let vendorSchema: VendorSchema | undefined;
const simulators: Simulator[] = [];

/** A simulator whose traffic is checked at the end of the file; all of them share the vendor's schema. */
export async function newSimulator(
  options: SimulationOptions = {},
  onCall: () => void = () => {},
): Promise<Simulator> {
  vendorSchema ??= VendorSchema.load(DEFAULT_VENDOR_OPENAPI);
  const sim = await startSimulator({
    speed: SPEED,
    vendorOpenapi: vendorSchema ?? false,
    onCall,
    ...options,
  });
  // The request budget of a team is not what these suites are about.
  for (const team of sim.world.teams.keys()) sim.console.setBudget(team, null);
  simulators.push(sim);
  return sim;
}

/** The report of each simulator since the last call about its traffic. */
export function conformanceReports(): Report[] {
  return simulators.splice(0).map((sim) => sim.conformance.report());
}

/**
 * Simulators of the files before this one are no longer of interest: the files of a worker share this module, and not
 * each of them has its traffic checked. To be called while a file is collected, which starts none itself.
 */
export function forgetSimulators(): void {
  simulators.length = 0;
}
