/** Many deployments at once, within the rate limit of the cloud. */
import type { PaperspaceDeployment } from "../../../src/kinds/deployment/types.ts";
import { all, LIMITED, numbers } from "../rig.ts";
import type { Scenario } from "../scenario.ts";
import { createsOf } from "./bulk.ts";

export const deployments: Scenario = {
  name: "deployments",
  summary: "Deployments created at once, at 10 requests a second, burst 20, 80 ms a request",
  unit: "deployments",
  sizes: [500],
  small: 3,
  async run(bench, size) {
    await using rig = await bench.open({ budget: LIMITED });
    const operator = await rig.start();
    const followed = rig.follow(rig.deployments);
    const spent = await rig.spent(async () => {
      await all(numbers(size), (n) =>
        rig.deployments.create(rig.namespace, deployment(`web-${n}`, projectOf(rig))),
      );
      await followed.untilReady(size);
    });
    return createsOf(rig, operator, spent, size);
  },
};

function projectOf({ accounts }: { accounts: readonly { project: string }[] }): string {
  return accounts[0]?.project ?? "";
}

function deployment(name: string, projectId: string): PaperspaceDeployment {
  const spec = { projectId, name, image: "nginx:1.27", machineType: "C5", ports: [80] };
  return { metadata: { name }, spec } as unknown as PaperspaceDeployment;
}
