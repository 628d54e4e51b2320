/**
 * The command lines of etcd, the API server and the controller manager, and the files that they read. Starts nothing.
 *
 * All paths are relative to the state folder, which is each program's working directory: socket paths must stay short
 * (108 bytes), whatever TMPDIR is.
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { IMPERSONATOR } from "./kubeconfig.ts";

/**
 * Unix sockets: no port to find free, and no other user of the host can reach the data. They are files of these names;
 * etcd takes none that does not look like a host and a number.
 */
const ETCD = "unix://localhost:1";
const ETCD_PEER = "unix://localhost:2";

export const CERTIFICATE = "certificates/apiserver.crt";
export const AUDIT_LOG = "audit.log";

/** What a namespace, an owner reference, a token and an aggregated role need to work; no workload runs here. */
const CONTROLLERS = [
  "namespace-controller",
  "garbage-collector-controller",
  "serviceaccount-controller",
  "serviceaccount-token-controller",
  "root-ca-certificate-publisher-controller",
  "clusterrole-aggregation-controller",
];

/** Spec and status of our own objects in full, of everything else (Secrets among it) only who did what. */
const AUDIT_POLICY = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: RequestResponse
    resources: [{group: paperspace.com}]
  - level: Metadata
`;

export interface Tokens {
  admin: string;
  controllerManager: string;
  impersonator: string;
}

/** Writes keys, tokens and the audit policy into `dir`; gives the tokens. */
export function writeInputs(dir: string): Tokens {
  const secret = { mode: 0o600 };
  mkdirSync(join(dir, "certificates"), { mode: 0o700 });
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(join(dir, "accounts.key"), privateKey.export({ type: "pkcs8", format: "pem" }), secret);
  writeFileSync(join(dir, "accounts.pub"), publicKey.export({ type: "spki", format: "pem" }), secret);
  writeFileSync(join(dir, "audit.yaml"), AUDIT_POLICY, secret);
  const token = () => randomBytes(24).toString("hex");
  const tokens = { admin: token(), controllerManager: token(), impersonator: token() };
  const rows = [
    `${tokens.admin},admin,admin,system:masters`,
    `${tokens.controllerManager},system:kube-controller-manager,controller-manager`,
    `${tokens.impersonator},${IMPERSONATOR},impersonator`,
  ];
  writeFileSync(join(dir, "tokens.csv"), `${rows.join("\n")}\n`, secret);
  return tokens;
}

export function etcdArguments(): string[] {
  return [
    "--name=local",
    "--data-dir=etcd",
    // Nothing here has to survive a power cut, and most of a test's time would go into fsync.
    "--unsafe-no-fsync",
    `--listen-client-urls=${ETCD}`,
    `--advertise-client-urls=${ETCD}`,
    `--listen-peer-urls=${ETCD_PEER}`,
    `--initial-advertise-peer-urls=${ETCD_PEER}`,
    `--initial-cluster=local=${ETCD_PEER}`,
    "--log-level=warn",
  ];
}

export function apiServerArguments(port: number, audit: boolean): string[] {
  return [
    `--etcd-servers=${ETCD}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    "--advertise-address=127.0.0.1",
    // Endpoints of the `kubernetes` service must not be loopback addresses, and no pod would use them.
    "--endpoint-reconciler-type=none",
    // Without certificates of ours the server makes its own here, once, with their CA in the same file.
    "--cert-dir=certificates",
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    "--service-account-key-file=accounts.pub",
    "--service-account-signing-key-file=accounts.key",
    "--service-cluster-ip-range=10.0.0.0/24",
    "--authorization-mode=RBAC",
    "--token-auth-file=tokens.csv",
    "--profiling=false",
    ...(audit ? ["--audit-policy-file=audit.yaml", `--audit-log-path=${AUDIT_LOG}`] : []),
  ];
}

export function controllerManagerArguments(kubeconfig: string): string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    // It serves nothing that we need, so it gets no port.
    "--secure-port=0",
    "--leader-elect=false",
    `--controllers=${CONTROLLERS.join(",")}`,
    "--use-service-account-credentials",
    "--service-account-private-key-file=accounts.key",
    `--root-ca-file=${CERTIFICATE}`,
    // The default of 20 requests a second makes namespaces of a test run queue up to be deleted.
    "--kube-api-qps=500",
    "--kube-api-burst=1000",
    "--concurrent-namespace-syncs=20",
  ];
}
