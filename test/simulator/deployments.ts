/** What the tests of deployments share: a configuration, and a client that submits it and reads the result. */

import type { Page } from "../../dev/simulator/api/paging.ts";
import type { SimulationOptions } from "../../dev/simulator/simulation.ts";
import type { Behaviour } from "../../dev/simulator/world/behaviour.ts";
import type { ConfigChange } from "../../dev/simulator/world/console-deployments.ts";
import type { DeploymentView, RunView, SpecView } from "../../dev/simulator/world/deployment-records.ts";
import { setUp, setUpConforming } from "./simulation.ts";

/** The initial project of team alpha. */
export const PROJECT = "p-alpha";

export const DEPLOYMENT = {
  apiVersion: "v1",
  name: "web",
  image: "nginx:1.27",
  enabled: true,
  resources: { machineType: "C5", ports: [80], replicas: 2 },
} as const;

/** Time enough for a rollout in which nothing goes wrong. */
export const ROLLOUT_MS = 60_000;

/** `conforming` false: for what is meant to differ from the vendor's document. */
export function setUpDeployments(
  behaviour: Partial<Behaviour> = {},
  options: SimulationOptions = {},
  conforming = true,
) {
  const parts = (conforming ? setUpConforming : setUp)({ behaviour, ...options });
  const { call, ok, clock } = parts;
  const body = (change: object = {}, more: object = {}) => ({
    projectId: PROJECT,
    config: { ...DEPLOYMENT, ...change },
    ...more,
  });

  /** Submits the configuration with changes; the id of the deployment. */
  const apply = async (change: ConfigChange | object = {}, more: object = {}) =>
    (await ok<{ deploymentId: string }>("POST", "/deployments", body(change, more))).deploymentId;
  const submit = (change: object = {}, more: object = {}) => call("POST", "/deployments", body(change, more));
  const get = (id: string) => ok<DeploymentView>("GET", `/deployments/${id}`);
  /** The latest spec, which must be there. */
  const spec = async (id: string) => (await get(id)).latestSpec as SpecView;
  const runs = (id: string) => ok<RunView[]>("GET", `/deployments/${id}/runs`);
  const history = async (id: string) =>
    (await ok<Page<SpecView & { workflowRun: object | null }>>("GET", `/deployments/${id}/history`)).items;
  /** Submits it and waits until it has come to its end. */
  const applied = async (change: object = {}, more: object = {}) => {
    const id = await apply(change, more);
    await clock.advance(ROLLOUT_MS);
    return id;
  };
  return { ...parts, apply, applied, submit, get, spec, runs, history };
}
