/**
 * From `psd/NAME` to the deployment at Paperspace and the account that sees it. Reads one Kubernetes object, with the user's
 * own rights; the requests to Paperspace are in the commands.
 */
import { isForbidden, isNotFound } from "../kube/errors.ts";
import type { Condition, KubeObject } from "../kube/objects.ts";
import { Resource } from "../kube/resource.ts";
import type { Access, OpenedAccount } from "./access.ts";
import { PluginError, UsageError } from "./failure.ts";
import { kindOf, TYPES } from "./kinds.ts";

const DEPLOYMENTS = TYPES.psd;

interface DeploymentObject extends KubeObject {
  spec?: { credentialsSecretRef?: { name: string; key?: string } };
  status?: { id?: string; conditions?: Condition[] };
}

export interface DeploymentTarget {
  readonly namespace: string;
  readonly name: string;
  /** At Paperspace. */
  readonly id: string;
  readonly account: OpenedAccount;
}

const NAME = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;

/** The object's name in an argument. `what`: the noun for the error, of what only deployments have. Throws UsageError. */
export function deploymentName(arg: string | undefined, what: string): string {
  if (arg === undefined) throw new UsageError(`which deployment? Give psd/NAME (kubectl get psd lists them)`);
  const [head = "", ...rest] = arg.split("/");
  const name = rest.length === 0 ? head : rest.join("/");
  const kind = rest.length === 0 ? "psd" : kindOf(head);
  if (kind === undefined)
    throw new UsageError(`${arg}: there is no kind "${head}" with ${what}; give psd/NAME`);
  if (kind !== "psd")
    throw new UsageError(
      `${arg}: ${TYPES[kind].noun}s have no ${what}, only deployments have; give psd/NAME`,
    );
  if (!NAME.test(name)) throw new UsageError(`${arg}: this is no name of an object; give psd/NAME`);
  return name;
}

/** Throws PluginError where the object does not exist, has no deployment yet, or there is no usable key. */
export async function openDeployment(access: Access, name: string): Promise<DeploymentTarget> {
  const namespace = await access.namespace();
  const { spec, status } = await read(access, namespace, name);
  const id = status?.id;
  if (!id) {
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    const why = ready ? `: ${ready.reason}: ${ready.message}` : "; does the operator run?";
    throw new PluginError(`psd/${name} in namespace ${namespace} has no deployment at Paperspace yet${why}`);
  }
  const reference = spec?.credentialsSecretRef;
  const account = await access.open(reference && { ...reference, namedBy: "object" });
  return { namespace, name, id, account };
}

async function read(access: Access, namespace: string, name: string): Promise<DeploymentObject> {
  try {
    const resource = new Resource<DeploymentObject>(await access.connection(), DEPLOYMENTS);
    return await resource.get(namespace, name, { signal: access.signal });
  } catch (error) {
    if (isForbidden(error)) {
      const right = `get ${DEPLOYMENTS.plural}.${DEPLOYMENTS.group}`;
      throw new PluginError(
        `you may not read psd/${name}: ask for the right "${right}" in namespace ${namespace}`,
      );
    }
    if (!isNotFound(error)) throw error;
    // Without the CRD, the API server answers 404 in plain text, without a Status.
    throw new PluginError(
      error.reason === "NotFound"
        ? `there is no ${DEPLOYMENTS.kind} "${name}" in namespace ${namespace}`
        : `this cluster does not know ${DEPLOYMENTS.plural}.${DEPLOYMENTS.group}: install the operator's CRDs`,
    );
  }
}
