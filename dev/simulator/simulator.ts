/**
 * A Paperspace that listens: the simulation behind two ports, one that looks like the API and one to drive it by.
 */

import { controlServer } from "./http/control.ts";
import { publicServer } from "./http/public.ts";
import { createSimulation, type Simulation, type SimulationOptions } from "./simulation.ts";

export interface SimulatorOptions extends SimulationOptions {
  /** 0, the default, takes a free one. */
  port?: number;
  controlPort?: number;
  /** Default 127.0.0.1: there is nothing here to protect, so nothing to show to others. */
  host?: string;
  log?: (line: string) => void;
}

export interface Simulator extends Simulation {
  /** What to set as base URL in a client: http://127.0.0.1:PORT/v1 */
  readonly url: string;
  readonly controlUrl: string;
  /** Closes both ports at once, whatever hangs, and ends all timers. The state stays readable. */
  stop(): Promise<void>;
}

/** Rejects when a port is taken. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { port = 0, controlPort = 0, host = "127.0.0.1", log = () => {} } = options;
  const { api, ...simulation } = createSimulation(options);
  const servers = [publicServer(api, log), controlServer(simulation)] as const;
  const stop = async () => {
    // First what hangs, or the servers would wait for it.
    api.release();
    await Promise.all(servers.map((server) => server.close()));
    simulation.world.stop();
  };
  try {
    const [address, controlUrl] = await Promise.all([
      servers[0].listen({ port, host }),
      servers[1].listen({ port: controlPort, host }),
    ]);
    log(`simulator at ${address}/v1, control at ${controlUrl}`);
    return { ...simulation, url: `${address}/v1`, controlUrl, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
