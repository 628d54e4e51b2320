/** What comes from the cluster: lines of a watch, kubeconfigs, annotations, flags. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ConfigError, loadConfig } from "../../src/base/config.ts";
import { redact, redactText } from "../../src/base/redact.ts";
import { readConfig } from "../../src/kinds/deployment/stored-config.ts";
import { KubeError } from "../../src/kube/errors.ts";
import { loadKubeconfig } from "../../src/kube/kubeconfig.ts";
import { ANNOTATION, parseAdopt, parseAttempt, parseRecord, requestsIn } from "../../src/reconcile/record.ts";
import { BadLineError, lines, parseEvent } from "../../src/runtime/watch-stream.ts";
import { chunkSizes, chunksOf, hostileText, jsonWith, mutated } from "./inputs.ts";
import { failureOf, must, type Target, target } from "./target.ts";

const EVENT = {
  type: "ADDED",
  object: {
    kind: "PaperspaceMachine",
    metadata: { name: "a", uid: "u", resourceVersion: "7", namespace: "n" },
  },
};
const BOOKMARK = {
  type: "BOOKMARK",
  object: { metadata: { resourceVersion: "9", annotations: { "k8s.io/initial-events-end": "true" } } },
};
const GONE = {
  type: "ERROR",
  object: {
    kind: "Status",
    code: 410,
    reason: "Expired",
    message: "too old",
    details: { retryAfterSeconds: 3 },
  },
};
const stream = [EVENT, BOOKMARK, GONE].map((event) => `${JSON.stringify(event)}\n`);

async function linesOf(chunks: readonly Uint8Array[]): Promise<string[]> {
  async function* given() {
    yield* chunks;
  }
  const found: string[] = [];
  for await (const line of lines(given())) found.push(line);
  return found;
}

const KUBECONFIG = `apiVersion: v1
kind: Config
current-context: a
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443/", certificate-authority-data: QQ==, proxy-url: ""}}]
contexts:
  - name: a
    context: &x {cluster: c, user: u, namespace: n}
  - {name: b, context: *x}
users:
  - name: u
    user: {token: hunter2hunter2, client-certificate-data: QQ==, client-key-data: QQ==}
`;
const kubeconfigs = [
  KUBECONFIG,
  JSON.stringify({ clusters: [], contexts: [{ name: "a" }], users: [], "current-context": "a" }),
];
const RECORD = { id: "ps1", team: "te", name: "box", uid: "u", restart: "now" };
const SPEC = {
  apiVersion: "v1",
  name: "web",
  image: "a:1",
  enabled: true,
  resources: {
    machineType: "C4",
    ports: [80],
    replicas: 1,
    autoscaling: { enabled: true, maxReplicas: 3, metrics: [] },
  },
  env: [{ name: "A", value: "b" }],
  healthChecks: { readiness: { path: "/", port: 80, exec: { command: [] } } },
  integrations: [{ type: "s3", path: "/data", url: "s3://a" }],
  command: ["a"],
};
const names = [
  ...Object.keys(SPEC),
  ...Object.keys(SPEC.resources),
  "path",
  "port",
  "value",
  "type",
  "instanceType",
  "exec",
];

export const CLUSTER_TARGETS: readonly Target[] = [
  target(
    "lines of a watch",
    2_000,
    fc.record({ text: fc.oneof(mutated([stream.join(""), ...stream]), hostileText), sizes: chunkSizes }),
    async ({ text, sizes }) => {
      const bytes = Buffer.from(text);
      const found = await linesOf(chunksOf(bytes, sizes));
      const whole = await linesOf([bytes]);
      must(JSON.stringify(found) === JSON.stringify(whole), "the chunks make a difference");
      for (const line of found) {
        const error = failureOf(
          () => {
            const event = parseEvent(line);
            if (event.type === "BOOKMARK")
              must(typeof event.version === "string", "a bookmark without a version");
            else
              must(typeof event.object.metadata.resourceVersion === "string", "an object without a version");
          },
          BadLineError,
          KubeError,
        );
        must((error?.message.length ?? 0) <= 100_000, "a message without bound");
      }
    },
  ),
  target("kubeconfigs", 400, fc.oneof(mutated(kubeconfigs), hostileText), (text) => {
    const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
    const kubeconfig = join(folder, "config");
    try {
      writeFileSync(kubeconfig, text);
      const error = failureOf(() => {
        const cluster = loadKubeconfig({ kubeconfig });
        must(typeof cluster.server === "string", "a server that is no text");
        must(typeof cluster.namespace === "string", "a namespace that is no text");
      }, KubeError);
      must(!error?.message.includes("hunter2hunter2"), "a message with the token");
    } finally {
      rmSync(folder, { recursive: true });
    }
  }),
  target(
    "annotations of the operator",
    2_000,
    fc.dictionary(
      fc.constantFrom(...Object.values(ANNOTATION)),
      fc.oneof(mutated([JSON.stringify(RECORD), "ps1@u", "true"]), hostileText),
    ),
    (annotations) => {
      const meta = { name: "a", namespace: "n", uid: "u", annotations };
      const record = parseRecord(meta);
      if (record.state === "read") must(typeof record.value.id === "string", "a record without an id");
      parseAttempt(meta);
      requestsIn(meta);
      must((parseAdopt(meta) ?? "x").length > 0, "an empty id to adopt");
    },
  ),
  target(
    "stored configurations",
    2_000,
    fc.oneof(jsonWith(names, [SPEC, SPEC.env, 80, "a", null, true]), mutated([JSON.stringify(SPEC)])),
    (given) => {
      let data = given;
      if (typeof given === "string") failureOf(() => (data = JSON.parse(given)), SyntaxError);
      const read = readConfig(data);
      if (read) JSON.stringify(read);
    },
  ),
  target(
    "what is logged",
    2_000,
    jsonWith(
      ["apiKey", "authorization", "data", "kind", "message"],
      ["Secret", "Bearer abcdefghij", 7, null],
    ),
    (value) => {
      JSON.stringify(redact(value));
      redactText(JSON.stringify(value) ?? "");
    },
  ),
  target(
    "flags and variables of the operator",
    500,
    fc.array(
      fc.oneof(
        mutated([
          "--resync-interval=10m",
          "--watch-namespaces=a,b",
          "--health-address=[::1]:80",
          "--no-leader-elect",
          "--paperspace-api-url=https://a@b/",
        ]),
        hostileText,
      ),
      { maxLength: 4 },
    ),
    (argv) => void failureOf(() => loadConfig(argv, {}, "1"), ConfigError),
  ),
];
