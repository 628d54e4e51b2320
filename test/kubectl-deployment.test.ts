/**
 * Deployments as users work with them: kubectl lines on a real API server, and their effects on the account. One
 * operator serves the whole file.
 */
import { test as base, beforeAll, expect } from "vitest";
import { deploymentDefinition, type PaperspaceDeployment } from "../src/kinds/deployment/types.ts";
import { checkConformance, sharedTestEnv, deploymentTest as test } from "./support/cluster.ts";
import { deployed } from "./support/manifest.ts";
import { SCOPED } from "./support/operator-rights.ts";

const PROJECT = "p-alpha";
/** Its instances never come up, and no error reports it. */
const BAD_IMAGE = "ghcr.io/acme/does-not-exist:2";

/** Resyncs are what finds changes made elsewhere. */
const shared = sharedTestEnv<PaperspaceDeployment>({
  kind: deploymentDefinition,
  flags: ["--resync-interval=2s"],
});

function rowOf(table: string, name: string): string[] {
  const [head = "", ...rows] = table.trimEnd().split("\n");
  expect(head).toMatch(/^NAME /);
  return (rows.find((row) => row.startsWith(`${name} `)) ?? "").trim().split(/\s{2,}/);
}

/** The one of this name in the account. */
function inAccount(name: string) {
  return shared()
    .deployments()
    .filter((deployment) => deployment.name === name);
}

/** Its latest configuration in Paperspace. */
function configOf(name: string) {
  return inAccount(name)[0]?.specs.at(-1)?.data;
}

/** Upserts of this name, and deletes of any. */
function writesOf(name: string) {
  const calls = shared().sim.calls.list();
  const isOurs = (body: unknown) => (body as { config?: { name: string } })?.config?.name === name;
  return calls.filter(({ method, body }) => method === "POST" && isOurs(body));
}

function uidOf(name: string): string {
  return shared().get(name)?.metadata.uid ?? "";
}

/** It takes half a minute, so it begins before all others; the last test checks it. */
beforeAll(async () => {
  await shared().apply(deployed("late", { image: BAD_IMAGE, progressDeadlineSeconds: 30 }));
});

base("a table shows what matters, and every name of the kind finds it", async () => {
  const testEnv = shared();
  await testEnv.apply(deployed("model", { replicas: 2 }));
  await testEnv.kubectl("wait --for=condition=Ready psd/model --timeout=60s");
  const table = await testEnv.kubectl("get psd");
  expect(table.split("\n")[0]?.trim().split(/\s+/)).toEqual(
    "NAME READY REPLICAS AVAILABLE TYPE URL AGE".split(" "),
  );
  const url = `https://${inAccount("model")[0]?.endpoint}`;
  expect(rowOf(table, "model").slice(0, 6)).toEqual(["model", "True", "2", "2", "C5", url]);
  const wide = rowOf(await testEnv.kubectl("get psd model -o wide"), "model");
  expect(wide.slice(7)).toEqual(["Available", "nginx:1.27", inAccount("model")[0]?.id]);
  for (const word of ["paperspace", "paperspacedeployments", "paperspacedeployment", "psd"])
    expect(await testEnv.kubectl(`get ${word} -o name`)).toContain(
      "paperspacedeployment.paperspace.com/model\n",
    );
});

base("scale changes the number of instances, and status.replicas follows", async () => {
  const testEnv = shared();
  await testEnv.apply(deployed("scaled"));
  await testEnv.ready("scaled");
  await testEnv.kubectl("scale psd/scaled --replicas=3");
  await testEnv.kubectl("wait --for=condition=Ready psd/scaled --timeout=60s");
  expect(configOf("scaled")?.resources.replicas).toBe(3);
  const scale = JSON.parse(
    await testEnv.kubectl(
      `get --raw /apis/paperspace.com/v1alpha1/namespaces/${testEnv.namespace}/paperspacedeployments/scaled/scale`,
    ),
  );
  expect(scale).toMatchObject({
    spec: { replicas: 3 },
    status: { replicas: 3, selector: `paperspace.com/deployment-uid=${uidOf("scaled")}` },
  });
  await testEnv.kubectl("scale psd/scaled --replicas=0");
  await testEnv.kubectl("wait --for=condition=Ready psd/scaled --timeout=60s");
  // Read again: the watch may be a moment behind kubectl.
  expect((await testEnv.objectsOf.get(testEnv.namespace, "scaled")).status).toMatchObject({
    replicas: 0,
    readyReplicas: 0,
    conditions: expect.arrayContaining([expect.objectContaining({ type: "Ready", reason: "Disabled" })]),
  });
  const runs = inAccount("scaled")[0]?.runs.filter(({ dtFinished }) => !dtFinished);
  expect(runs).toEqual([]);
  expect(inAccount("scaled")).toHaveLength(1);
});

base(
  "wait after an apply is about the spec just applied: it fails for a bad one, and succeeds for the good one after it",
  async () => {
    const testEnv = shared();
    const wait = (timeout: string) =>
      testEnv.shell(`kubectl wait --for=condition=Ready psd/waited --timeout=${timeout}`);
    await testEnv.apply(deployed("waited"));
    expect(await wait("60s")).toMatchObject({ code: 0 });
    await testEnv.apply(deployed("waited", { image: BAD_IMAGE }));
    const [early, tired] = [wait("60s"), await wait("2s")];
    expect(tired).toMatchObject({ code: 1, err: expect.stringContaining("timed out waiting") });
    expect(configOf("waited")?.image).toBe(BAD_IMAGE);
    await testEnv.apply(deployed("waited", { image: "nginx:1.28" }));
    const running = early.then(() => inAccount("waited")[0]?.specs.at(-1));
    expect(await early).toMatchObject({ code: 0 });
    expect(await running).toMatchObject({ data: { image: "nginx:1.28" }, dtHealthy: expect.any(String) });
    expect(inAccount("waited")[0]?.specs.map(({ data }) => data.image)).toEqual([
      "nginx:1.27",
      BAD_IMAGE,
      "nginx:1.28",
    ]);
  },
);

base("describe of one whose Secret is missing names it, and the Secret corrects it", async () => {
  const testEnv = shared();
  const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "tokens", key: "hub" } } }];
  await testEnv.apply(deployed("secretless", { env }));
  await testEnv.reason("secretless", "Stalled", "SecretNotFound");
  await testEnv.eventOf("secretless", "Warning", "SecretNotFound");
  const output = await testEnv.kubectl("describe psd secretless");
  expect(output).toContain('there is no Secret "tokens" in this namespace: make it, or correct the name');
  expect(writesOf("secretless")).toEqual([]);
  await testEnv.kubectl("create secret generic tokens --from-literal=other=1");
  await testEnv.until("the other key is seen", () =>
    testEnv.condition("secretless", "Ready")?.message.includes('has no key "hub"'),
  );
  await testEnv.kubectl(
    "create secret generic tokens --from-literal=hub=hf_123 --dry-run=client -o yaml | kubectl apply -f -",
  );
  await testEnv.kubectl("wait --for=condition=Ready psd/secretless --timeout=60s");
  // In no object, and in no configuration.
  expect(await testEnv.kubectl("get psd secretless -o yaml")).not.toContain("hf_123");
  expect(JSON.stringify(configOf("secretless"))).not.toContain("hf_123");
  expect(configOf("secretless")?.env?.[0]?.value).toMatch(/^secret:/);
});

base(
  "describe of a refused configuration has the API's message, in the conditions and in the Events",
  async () => {
    const testEnv = shared();
    await testEnv.apply(deployed("rejected", { image: "acme/invalid-config:1" }));
    const { message } = await testEnv.reason("rejected", "Stalled", "ConfigurationRejected");
    await testEnv.eventOf("rejected", "Warning", "ConfigurationRejected");
    const output = await testEnv.kubectl("describe psd rejected");
    const words = "Invalid configuration: image acme/invalid-config:1 is not accepted";
    expect(message).toContain(words);
    const conditions = output.slice(output.indexOf("Conditions:"), output.indexOf("\nEvents:"));
    expect(conditions).toContain(words);
    expect(conditions).toContain("Correct the spec");
    expect(output.slice(output.indexOf("\nEvents:"))).toMatch(
      /Warning +ConfigurationRejected .*is not accepted/,
    );
    await testEnv.edit("rejected", { spec: { image: "nginx:1.27" } });
    await testEnv.ready("rejected");
  },
);

base("paused: nothing is sent until the annotation is removed, deletion included", async () => {
  const testEnv = shared();
  await testEnv.apply(deployed("paused", {}, { annotations: { "paperspace.com/paused": "true" } }));
  await testEnv.kubectl("wait --for=condition=Paused psd/paused --timeout=60s");
  expect(writesOf("paused")).toEqual([]);
  await testEnv.kubectl("annotate psd paused paperspace.com/paused-");
  await testEnv.kubectl("wait --for=condition=Ready psd/paused --timeout=60s");
  await testEnv.kubectl("annotate psd paused paperspace.com/paused=true");
  await testEnv.kubectl("scale psd/paused --replicas=2");
  await testEnv.until(
    "the pause is observed",
    () => testEnv.condition("paused", "Paused")?.status === "True",
  );
  await testEnv.kubectl("delete psd paused --wait=false");
  await testEnv.reason("paused", "Stalled", "Paused");
  expect(writesOf("paused")).toHaveLength(1);
  expect(inAccount("paused")).toHaveLength(1);
  await testEnv.kubectl("annotate psd paused paperspace.com/paused-");
  await testEnv.gone("paused");
  expect(inAccount("paused")).toEqual([]);
  expect(writesOf("paused")).toHaveLength(1);
});

base("dry-run reports what would be done, and does nothing of it", async () => {
  const testEnv = shared();
  const dry = { annotations: { "paperspace.com/dry-run": "true" } };
  const plan = (name: string) => testEnv.get(name)?.status?.plan;
  await testEnv.apply(deployed("planned", {}, dry));
  await testEnv.until("the plan is there", () => plan("planned"));
  expect(plan("planned")).toEqual(
    expect.arrayContaining([{ action: "Create" }, { action: "Create", field: "image", to: '"nginx:1.27"' }]),
  );
  expect(writesOf("planned")).toEqual([]);
  await testEnv.kubectl("annotate psd planned paperspace.com/dry-run-");
  await testEnv.ready("planned");
  await testEnv.kubectl("annotate psd planned paperspace.com/dry-run=true");
  await testEnv.kubectl("scale psd/planned --replicas=2");
  await testEnv.until("the plan is of now", () => plan("planned")?.length === 1);
  expect(plan("planned")).toEqual([{ action: "Deploy", field: "replicas", from: "1", to: "2" }]);
  expect(writesOf("planned")).toHaveLength(1);
});

base(
  "a deployment that is there already is left alone, until the line that the message prints is pasted",
  async () => {
    const testEnv = shared();
    const there = testEnv.sim.console.deployments.create(PROJECT, { name: "theirs" }, { settled: true });
    await testEnv.apply(deployed("theirs", { image: "nginx:1.28" }));
    const { message } = await testEnv.reason("theirs", "Stalled", "AlreadyExists");
    expect(writesOf("theirs")).toEqual([]);
    const line = /kubectl annotate .*$/.exec(message)?.[0] ?? "";
    expect(await testEnv.shell(line)).toMatchObject({ code: 0, err: "" });
    const { status } = await testEnv.ready("theirs");
    expect(status?.id).toBe(there.id);
    expect(inAccount("theirs")).toHaveLength(1);
    expect(configOf("theirs")?.image).toBe("nginx:1.28");
  },
);

base("delete deletes the deployment, and Orphan leaves it as it is", async () => {
  const testEnv = shared();
  await testEnv.apply(deployed("deleted"), deployed("orphan", { deletionPolicy: "Orphan" }));
  await Promise.all([testEnv.ready("deleted"), testEnv.ready("orphan")]);
  await testEnv.kubectl("delete psd deleted orphan --timeout=60s");
  expect(inAccount("deleted")).toEqual([]);
  expect(inAccount("orphan")).toHaveLength(1);
  expect(writesOf("orphan")).toHaveLength(1);
});

base("a change made in the console is put back", async () => {
  const testEnv = shared();
  await testEnv.apply(deployed("drift"));
  const { status } = await testEnv.ready("drift");
  testEnv.sim.console.deployments.edit(status?.id ?? "", { image: "busybox" });
  await testEnv.eventOf("drift", "Normal", "DriftCorrected");
  await testEnv.ready("drift");
  expect(configOf("drift")?.image).toBe("nginx:1.27");
});

base(
  "a HorizontalPodAutoscaler may target it, and finds what it needs in the scale subresource",
  async () => {
    const testEnv = shared();
    await testEnv.apply(deployed("autoscaled", { replicas: 2 }));
    await testEnv.ready("autoscaled");
    const target = { type: "Value", value: "10" };
    await testEnv.kubectl("create -f -", {
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "autoscaled" },
      spec: {
        scaleTargetRef: {
          apiVersion: "paperspace.com/v1alpha1",
          kind: "PaperspaceDeployment",
          name: "autoscaled",
        },
        minReplicas: 1,
        maxReplicas: 5,
        metrics: [{ type: "External", external: { metric: { name: "queue" }, target } }],
      },
    });
    expect(await testEnv.kubectl("get hpa autoscaled")).toContain("PaperspaceDeployment/autoscaled");
    await testEnv.kubectl("scale psd/autoscaled --current-replicas=2 --replicas=1");
    await testEnv.until("it is scaled", () => configOf("autoscaled")?.resources.replicas === 1);
    await testEnv.kubectl("wait --for=condition=Ready psd/autoscaled --timeout=60s");
  },
);

test.skipIf(SCOPED)(
  "a deleted namespace deletes its deployments, though its Secrets are deleted at the same time",
  async ({ testEnv }) => {
    await testEnv.daemon();
    await testEnv.kubectl("create secret generic tokens --from-literal=hub=hf_123");
    const env = [{ name: "TOKEN", valueFrom: { secretKeyRef: { name: "tokens", key: "hub" } } }];
    await testEnv.apply(deployed("one", { env }), deployed("two"));
    await Promise.all([testEnv.ready("one"), testEnv.ready("two")]);
    expect([...testEnv.sim.world.secrets.values()]).toHaveLength(1);
    await testEnv.kubectl(`delete namespace ${testEnv.namespace} --timeout=90s`);
    expect(testEnv.get("one")).toBeUndefined();
    expect(testEnv.deployments()).toEqual([]);
    expect([...testEnv.sim.world.secrets.values()]).toEqual([]);
  },
);

base("describe of one that missed its deadline has the messages of its instances", async () => {
  const testEnv = shared();
  await testEnv.reason("late", "Stalled", "ProgressDeadlineExceeded");
  await testEnv.eventOf("late", "Warning", "ProgressDeadlineExceeded");
  const output = await testEnv.kubectl("describe psd late");
  const words = `Back-off pulling image "${BAD_IMAGE}"`;
  const conditions = output.slice(output.indexOf("Conditions:"), output.indexOf("\nEvents:"));
  expect(conditions).toMatch(/Reason: +ProgressDeadlineExceeded/);
  expect(conditions).toContain(words);
  expect(conditions).toContain("kubectl paperspace logs");
  const events = output.slice(output.indexOf("\nEvents:"));
  expect(events).toMatch(/Warning +ProgressDeadlineExceeded /);
  expect(events).toMatch(/Warning +InstanceFailed .*Back-off pulling image/);
  await testEnv.edit("late", { spec: { image: "nginx:1.27" } });
  await testEnv.ready("late");
});

checkConformance();
