/**
 * The scene `capacity`: no A100 is free, machines of three namespaces wait for one, and then one after the other becomes free.
 */
import { DEMO_KEY } from "../simulator/world/teams.ts";
import type { Scene } from "./scene.ts";

const NAMESPACES = ["research", "serving", "training"];
const TYPE = "A100-80G";
const REGION = "ny2";
/** That have nothing else to take. */
const IN_QUEUE = 3;

export const CAPACITY_SCENE: Scene = {
  title: `paperspace-operator: no ${TYPE} is free, and machines of three namespaces want one`,
  manifests: "dev/demo/capacity/",
  async prepare({ simulator, kubectl }, narrator) {
    simulator.world.setCapacity(TYPE, REGION, 0);
    await narrator.step(`Namespaces ${NAMESPACES.join(", ")}, with Secrets`, async () => {
      for (const namespace of NAMESPACES) {
        await kubectl("create", "namespace", namespace);
        const secret = ["create", "secret", "generic", "paperspace-credentials"];
        await kubectl("-n", namespace, ...secret, `--from-literal=apiKey=${DEMO_KEY}`);
      }
    });
  },
  meanwhile({ simulator: { world } }, { machines }, terminal) {
    const free = world.capacity[`${REGION}/${TYPE}`] ?? 0;
    const taken = [...world.machines.values()].filter(({ machineType }) => machineType === TYPE).length;
    const inQueue = machines.filter(({ status }) => status?.capacity?.position !== undefined).length;
    if (free === IN_QUEUE || taken < free || inQueue < IN_QUEUE - free) return;
    world.setCapacity(TYPE, REGION, free + 1);
    terminal.print("", terminal.style("cyan", `  An ${TYPE} has become free in ${REGION}.`));
  },
  suggestions: ({ simulator }) => [
    {
      what: "Declare one more machine, which has to wait.",
      commands: ["sed s/pretrain/another/ dev/demo/capacity/training.yaml | kubectl apply -f -"],
    },
    { what: "See who waits for what.", commands: ["npx node bin/kubectl-paperspace.js capacity --watch"] },
    {
      what: `Let one more ${TYPE} be free: it is noticed within seconds at first, and within five minutes later.`,
      commands: [
        `curl -X PUT ${simulator.controlUrl}/capacity -H 'content-type: application/json' -d '${JSON.stringify({ machineType: TYPE, region: REGION, machines: IN_QUEUE + 1 })}'`,
      ],
    },
  ],
};
