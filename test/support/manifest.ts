/** Objects as a user would write them: only what is needed, the API server defaults the rest. */
import type { ObjectMeta } from "../../src/kube/objects.ts";

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: Partial<ObjectMeta> & { name: string };
  spec: Record<string, unknown>;
}

/** Undefined takes a field away. */
export function manifest(
  name: string,
  spec: Record<string, unknown> = {},
  metadata: Partial<ObjectMeta> = {},
): Manifest {
  return {
    apiVersion: "paperspace.com/v1alpha1",
    kind: "PaperspaceMachine",
    metadata: { name, ...metadata },
    spec: JSON.parse(
      JSON.stringify({ machineType: "A4000", region: "ny2", templateId: "t0nspur5", diskSize: 50, ...spec }),
    ),
  };
}

/** A PaperspaceDeployment of the project that the simulator's team begins with. Undefined takes a field away. */
export function deployed(
  name: string,
  spec: Record<string, unknown> = {},
  metadata: Partial<ObjectMeta> = {},
): Manifest {
  const needed = { projectId: "p-alpha", image: "nginx:1.27", machineType: "C5", ports: [80] };
  return {
    apiVersion: "paperspace.com/v1alpha1",
    kind: "PaperspaceDeployment",
    metadata: { name, ...metadata },
    spec: JSON.parse(JSON.stringify({ ...needed, ...spec })),
  };
}
