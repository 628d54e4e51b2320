/**
 * A tenant who may edit one namespace tries to reach what is another's: their machine, their key, their Secrets, their money.
 * The operator runs as the chart's account, serves both namespaces, and both have keys of one team, which is the worst case.
 * Each attempt is refused, or harms nobody.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Simulator } from "../../dev/simulator/simulator.ts";
import { DEMO_KEY } from "../../dev/simulator/world/teams.ts";
import { deploymentDefinition } from "../../src/kinds/deployment/types.ts";
import { machineDefinition, type PaperspaceMachine } from "../../src/kinds/machine/types.ts";
import type { KubeConnection } from "../../src/kube/connection.ts";
import { isForbidden, isKube } from "../../src/kube/errors.ts";
import type { KubeObject } from "../../src/kube/objects.ts";
import { configMaps, leases, Resource, secrets } from "../../src/kube/resource.ts";
import { ANNOTATION } from "../../src/reconcile/record.ts";
import { checkConformance, TestEnv } from "../support/cluster.ts";
import { COMPILE_MS } from "../support/helm.ts";
import { InstalledRights } from "../support/installed-rights.ts";
import { deployed, type Manifest, manifest } from "../support/manifest.ts";
import { newSimulator } from "../support/simulator.ts";

const OPERATOR = "r-paperspace-operator";
const KEY = "paperspace-credentials";

const machines = (kube: KubeConnection) =>
  new Resource<PaperspaceMachine>(kube, { ...machineDefinition, namespaced: true });
const policies = (kube: KubeConnection) =>
  new Resource<KubeObject>(kube, {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "validatingadmissionpolicybindings",
    kind: "ValidatingAdmissionPolicyBinding",
    namespaced: false,
  });

let installed: Awaited<ReturnType<typeof InstalledRights.install>>;
let sim: Simulator;
/** The tenant's namespace, and the other one. */
let mine: TestEnv;
let theirs: TestEnv;
let tenant: KubeConnection;
/** The other one's machine. */
let target: PaperspaceMachine;

beforeAll(async () => {
  installed = await InstalledRights.install(2, () => ({
    rbac: { desktopSecrets: true, secretNames: [KEY, "screen"] },
  }));
  const [first = "", second = ""] = installed.served;
  sim = await newSimulator({}, () => {
    mine?.news();
    theirs?.news();
  });
  mine = await TestEnv.open({ sim, namespace: first, key: null });
  theirs = await TestEnv.open({ sim, namespace: second, key: null });
  tenant = await installed.account(first, "alice", "edit");
  await mine.daemon({
    kubeconfig: await installed.operatorKubeconfig(),
    env: { PAPERSPACE_API_KEY: DEMO_KEY },
    flags: [
      `--watch-namespaces=${first},${second}`,
      `--leader-elect-namespace=${installed.namespace}`,
      `--leader-elect-name=${OPERATOR}`,
      // The operator's own key is the other one's alone.
      `--api-key-namespaces=${second}`,
    ],
  });
  await theirs.apply(manifest("theirs"));
  target = await theirs.ready("theirs");
  await installed.granted(() => machines(tenant).get(first, "none"));
}, COMPILE_MS);
beforeEach(({ onTestFailed }) => onTestFailed(() => console.log(mine.report(), theirs.report())));
afterAll(async () => {
  await mine.close();
  await theirs.close();
  await sim.stop();
  await installed.close();
});

const idOf = ({ status }: PaperspaceMachine) => status?.id ?? "";
const create = (object: Manifest) =>
  machines(tenant).create(mine.namespace, object as unknown as PaperspaceMachine);

/** Whatever was tried: the machine is there, is the other one's, and runs. */
async function expectUnharmed(): Promise<void> {
  const now = await theirs.ready("theirs");
  expect(idOf(now)).toBe(idOf(target));
  expect(theirs.machines().map(({ id, state }) => `${id} ${state}`)).toEqual([`${idOf(target)} ready`]);
}

/** The tenant deletes what did not work; the operator lets it go. */
async function discard(name: string): Promise<void> {
  await machines(tenant).delete(mine.namespace, name);
  await mine.gone(name);
}

describe("through the API server", () => {
  test("nothing of the other namespace is read, changed or deleted, nor what the operator has of its own", async () => {
    const other = theirs.namespace;
    const own = installed.namespace;
    const patch = { metadata: { annotations: { [ANNOTATION.paused]: "true" } } };
    const attempts: Record<string, () => Promise<unknown>> = {
      "read the machine": () => machines(tenant).get(other, "theirs"),
      "list machines": () => machines(tenant).list({ namespace: other }),
      "list all machines": () => machines(tenant).list(),
      "change the machine": () => machines(tenant).mergePatch(other, "theirs", patch),
      "delete the machine": () => machines(tenant).delete(other, "theirs"),
      "create one there": () => machines(tenant).create(other, manifest("mine") as PaperspaceMachine),
      "write a status there": () => machines(tenant).patchStatus(other, "theirs", { status: { id: "x" } }),
      "write a status here": () => machines(tenant).patchStatus(mine.namespace, "x", { status: { id: "x" } }),
      "read the key": () => secrets(tenant).get(other, KEY),
      "list Secrets": () => secrets(tenant).list({ namespace: other }),
      "read the operator's Secrets": () => secrets(tenant).list({ namespace: own }),
      "read the id of the cluster": () => configMaps(tenant).get(own, `${OPERATOR}-cluster`),
      "take the lease": () => leases(tenant).mergePatch(own, OPERATOR, { spec: { holderIdentity: "me" } }),
      "remove the guard": () => policies(tenant).delete("", installed.objects.at(-1)?.metadata.name ?? ""),
    };
    for (const [what, attempt] of Object.entries(attempts))
      await expect(attempt(), what).rejects.toSatisfy(isForbidden);
    await expectUnharmed();
  });

  test("a Secret of another namespace cannot even be named", async () => {
    const name = `${theirs.namespace}/${KEY}`;
    const env = [{ name: "A", valueFrom: { secretKeyRef: { name, key: "apiKey" } } }];
    const deployments = new Resource<KubeObject>(tenant, { ...deploymentDefinition, namespaced: true });
    for (const attempt of [
      () => create(manifest("borrowed", { credentialsSecretRef: { name } })),
      () => create(manifest("written", { templateId: "tdesk22u", desktopSecretRef: { name } })),
      () => deployments.create(mine.namespace, deployed("read", { env }) as unknown as KubeObject),
    ])
      await expect(attempt()).rejects.toSatisfy((error) => isKube(error, "KUBE_INVALID"));
  });
});

describe("through the operator", () => {
  test("the operator's own key buys nothing for a namespace that it does not serve", async () => {
    await create(manifest("free"));
    const { message } = await mine.reason("free", "Stalled", "CredentialsInvalid");
    expect(message).toMatch(/^no API key: the Secret "paperspace-credentials" is not in namespace/);
    expect(message).toContain(`create secret generic ${KEY} --from-file=apiKey=/dev/stdin`);
    await discard("free");
    await expectUnharmed();
  });

  describe("with a key of the same team", () => {
    // As the condition says to, so that the key is on no command line; with the line's end that a terminal leaves.
    const typed = `${DEMO_KEY}\n`;
    beforeAll(async () => {
      // By a pipe, as from a password manager: what Node gives a child is a socket, which has no /dev/stdin.
      const line = `cat | kubectl create secret generic ${KEY} --from-file=apiKey=/dev/stdin`;
      expect(await mine.shell(line, typed)).toMatchObject({ code: 0 });
    });

    test("the other one's machine is not adopted by its id, nor on the tenant's own word", async () => {
      const { metadata } = await create(manifest("taken", { adoptId: idOf(target) }));
      await mine.reason("taken", "Stalled", "AlreadyOwned");
      await mine.edit("taken", {
        metadata: { annotations: { [ANNOTATION.adopt]: `${idOf(target)}@${metadata.uid}` } },
      });
      await mine.requestReconcile("taken");
      await mine.reason("taken", "Stalled", "AlreadyOwned");
      await discard("taken");
      await expectUnharmed();
    });

    test("a copied record is not believed: not in a new object, and not at its deletion", async () => {
      const record = theirs.get("theirs")?.metadata.annotations?.[ANNOTATION.record] ?? "";
      expect(record).toContain(idOf(target));
      const annotations = { [ANNOTATION.record]: record, [ANNOTATION.released]: "true" };
      await create(manifest("copied", { powerState: "Stopped" }, { annotations }));
      await mine.reason("copied", "Stalled", "IdentityConflict");
      await discard("copied");
      await expectUnharmed();
    });

    test("a record is not forged on an object that exists", async () => {
      await create(manifest("forged", {}, { annotations: { [ANNOTATION.paused]: "true" } }));
      const { metadata } = await mine.objectsOf.get(mine.namespace, "forged");
      const record = JSON.stringify({ id: idOf(target), team: "te-alpha", name: "", uid: metadata.uid });
      for (const annotation of [ANNOTATION.record, ANNOTATION.createPending])
        await expect(
          machines(tenant).mergePatch(mine.namespace, "forged", {
            metadata: { annotations: { [annotation]: record } },
          }),
        ).rejects.toThrow("is the operator's memory");
      await discard("forged");
      await expectUnharmed();
    });

    test("a Secret that is there is not overwritten, the tenant's own key among them", async () => {
      await create(manifest("screened", { templateId: "tdesk22u", desktopSecretRef: { name: KEY } }));
      const { message } = await mine.reason("screened", "Stalled", "DesktopSecretTaken");
      expect(message).toContain(`the Secret ${KEY} exists and is not this object's`);
      const { data } = await secrets(mine.kube).get(mine.namespace, KEY);
      expect(data).toEqual({ apiKey: Buffer.from(typed).toString("base64") });
      await discard("screened");
      await expectUnharmed();
    });
  });
});

checkConformance();
