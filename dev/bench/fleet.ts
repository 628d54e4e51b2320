/**
 * Fills a stand-in cluster, and the accounts, with machines that are Ready: the operator makes one in each account, the rest
 * are copies of it. So they are what the operator itself would have left, and nothing is to be done about them.
 */
import type { PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import type { MachineRecord } from "../simulator/world/records.ts";
import { numbers, type Rig } from "./rig.ts";
import { STAND_IN_MACHINES, type StandIn } from "./stand-in.ts";

/** As many machines as an account has at most: each page of the simulator costs it a look at all of them. */
export const MACHINES_AN_ACCOUNT = 5_000;

/** Leaves no operator running. */
export async function fillFleet(rig: Rig, count: number): Promise<void> {
  const { accounts, namespace, standIn } = rig;
  if (!standIn) throw new Error("only a stand-in is filled with copies");
  const operator = await rig.start();
  for (const [n, { secret }] of accounts.entries()) {
    const credentialsSecretRef = { name: secret, key: "apiKey" };
    await rig.machines.create(namespace, rig.machine(nameOf(n, 0), { credentialsSecretRef }));
  }
  const over = new AbortController();
  await rig.follow(rig.machines, over.signal).untilReady(accounts.length);
  over.abort();
  await rig.settled(operator);
  await operator.stop();
  const copies = accounts.flatMap((_, account) => {
    const number = Math.floor(count / accounts.length) + (account < count % accounts.length ? 1 : 0);
    return copiesOf(rig, standIn, account, number);
  });
  put(standIn, copies);
}

function nameOf(account: number, n: number): string {
  return `fleet-${account}-${n}`;
}

/** Copies of the account's first machine, which is the first of them; its machines are in the account at once. */
function copiesOf(rig: Rig, standIn: StandIn, account: number, count: number): KubeObject[] {
  const { world } = rig.simulator;
  const name = nameOf(account, 0);
  const first = standIn.kube.storage.get(STAND_IN_MACHINES, rig.namespace, name) as PaperspaceMachine;
  const id = first.status?.id ?? "";
  const record = world.machines.get(id) as MachineRecord;
  const text = JSON.stringify({ ...first, metadata: { ...first.metadata, managedFields: managed(first) } });
  return numbers(count).map((n) => {
    if (n === 0) return JSON.parse(text);
    const own = { name: nameOf(account, n), id: world.id("ps"), uid: world.uuid() };
    const settings = { ...record.settings, name: record.settings.name.replace(name, own.name) };
    const copy = { ...record, id: own.id, settings, seq: world.nextSeq(), pending: new Set<never>() };
    world.machines.set(own.id, copy);
    const replaced = text.replaceAll(id, own.id).replaceAll(first.metadata.uid ?? "", own.uid);
    return JSON.parse(replaced.replaceAll(name, own.name));
  });
}

/** Puts objects into the storage as if each had been written. */
function put({ kube }: StandIn, objects: readonly KubeObject[]): void {
  const { group, plural } = STAND_IN_MACHINES;
  const backup = kube.storage.backup();
  const all = new Map(backup.objects);
  let { version } = backup;
  for (const object of objects) {
    const { namespace, name } = object.metadata;
    const metadata = { ...object.metadata, resourceVersion: String(++version) };
    all.set(`${group}/${plural}/${namespace}/${name}`, {
      of: STAND_IN_MACHINES,
      object: { ...object, metadata },
    });
  }
  kube.storage.restore({ version, objects: all });
}

/** What a real API server would keep beside them, of the user and of the operator: half of what is sent. */
function managed({ metadata, spec, status }: PaperspaceMachine): unknown[] {
  const shared = {
    apiVersion: "paperspace.com/v1alpha1",
    fieldsType: "FieldsV1",
    time: metadata.creationTimestamp,
  };
  return [
    { ...shared, manager: "kubectl-create", operation: "Update", fieldsV1: fieldsOf({ spec }) },
    { ...shared, manager: "paperspace-operator", operation: "Update", fieldsV1: fieldsOf({ metadata }) },
    {
      ...shared,
      manager: "paperspace-operator",
      operation: "Update",
      subresource: "status",
      fieldsV1: fieldsOf({ status }),
    },
  ];
}

function fieldsOf(value: unknown): object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([name, child]) => [`f:${name}`, fieldsOf(child)]));
}
