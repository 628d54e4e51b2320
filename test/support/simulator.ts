/**
 * The simulators of a suite file: quick, without a budget, and all of them remembered, so that their traffic can be held
 * against the vendor's schema at the end.
 */
import { type Report, VendorSchema } from "../../dev/simulator/conformance.ts";
import { DEFAULT_VENDOR_OPENAPI, type SimulationOptions } from "../../dev/simulator/simulation.ts";
import { type Simulator, startSimulator } from "../../dev/simulator/simulator.ts";

/** A machine is up in 0.7 s then, and gone in as much. */
const SPEED = 100;

let vendorSchema: VendorSchema | undefined;
const simulators: Simulator[] = [];

/** A simulator whose traffic is checked at the end of the file; the simulators of a file share the vendor's schema. */
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
  // How much a team may ask for is not what these suites are about.
  for (const team of sim.world.teams.keys()) sim.console.setBudget(team, null);
  simulators.push(sim);
  return sim;
}

/** What each simulator of this file says about its traffic. */
export function conformanceReports(): Report[] {
  return simulators.map((sim) => sim.conformance.report());
}
