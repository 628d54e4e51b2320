/**
 * Who gets the metrics where they are secure: the accounts that the API server knows by a token and lets get the path, by the chart's
 * own roles, against the real API server. Only the server of the metrics runs, with the operator's account.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "undici";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { startMetricsServer } from "../../src/base/health.ts";
import type { RunningServer } from "../../src/base/http-server.ts";
import { createRegistry } from "../../src/base/metrics.ts";
import { ScrapeAccess } from "../../src/kube/scrape-access.ts";
import { FIRST } from "../support/certificates.ts";
import { COMPILE_MS } from "../support/helm.ts";
import { InstalledRights } from "../support/installed-rights.ts";
import { createAll } from "../support/operator-rights.ts";

let installed: InstalledRights;
let server: RunningServer;
let scrapes = 0;
const directory = mkdtempSync(join(tmpdir(), "metrics-"));
const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
const apiGroup = "rbac.authorization.k8s.io";

/** A token of a new ServiceAccount, which has this ClusterRole. */
async function tokenOf(name: string, role?: string): Promise<string> {
  const { admin, namespace } = installed;
  const metadata = { name, namespace };
  await createAll(admin, [
    { apiVersion: "v1", kind: "ServiceAccount", metadata },
    ...(role === undefined
      ? []
      : [
          {
            apiVersion: `${apiGroup}/v1`,
            kind: "ClusterRoleBinding",
            metadata: { name: `${namespace}-${name}` },
            roleRef: { apiGroup, kind: "ClusterRole", name: role },
            subjects: [{ kind: "ServiceAccount", ...metadata }],
          },
        ]),
  ] as never);
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const body = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} };
  const { status } = await admin.request<{ status: { token: string } }>({ method: "POST", path, body });
  return status.token;
}

async function scrape(token?: string): Promise<{ status: number; text: string }> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { statusCode, body } = await dispatcher.request({
    origin: `https://127.0.0.1:${server.port}`,
    path: "/metrics",
    method: "GET",
    headers,
  });
  return { status: statusCode, text: await body.text() };
}

beforeAll(async () => {
  installed = await InstalledRights.install(0, () => ({
    metrics: { secure: { enabled: true, tlsSecret: "metrics-tls" } },
  }));
  writeFileSync(join(directory, "tls.crt"), FIRST.cert);
  writeFileSync(join(directory, "tls.key"), FIRST.key);
  const access = new ScrapeAccess({ connection: await installed.operator(), clock: systemClock });
  server = await startMetricsServer({
    address: { host: "127.0.0.1", port: 0 },
    registry: createRegistry({ version: "1.2.3", processMetrics: false }),
    tls: { directory, clock: systemClock },
    // As if from an address each: one that was refused waits for its next review.
    authorize: (authorization) => access.decide(authorization, `10.0.0.${++scrapes}`),
  });
}, COMPILE_MS);
afterAll(async () => {
  await server?.stop();
  await dispatcher.close();
  await installed?.close();
  rmSync(directory, { recursive: true });
});

test("an account with the chart's role for readers gets them", async () => {
  const reader = installed.objects.find(({ metadata }) => metadata.name.endsWith("-metrics-reader"));
  const token = await tokenOf("prometheus", reader?.metadata.name);
  await expect.poll(async () => (await scrape(token)).status, { timeout: 60_000, interval: 200 }).toBe(200);
  expect((await scrape(token)).text).toContain("paperspace_operator_build_info");
});

test("an account without it does not, and neither does who brings no token or a wrong one", async () => {
  const token = await tokenOf("stranger");
  expect(await scrape(token)).toMatchObject({ status: 403 });
  expect(await scrape()).toMatchObject({ status: 401 });
  expect(await scrape("rubbish")).toMatchObject({ status: 401 });
  expect(await scrape(`${token.slice(0, -4)}AAAA`)).toMatchObject({ status: 401 });
});
