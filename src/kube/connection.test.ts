import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { connect, type KubeConnection } from "./connection.ts";
import { KubeError } from "./errors.ts";

// Real sockets on localhost, since sockets are what this module is about; time is virtual all the same.

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

type Answer = (request: IncomingMessage & { text: string }, response: ServerResponse) => void;

async function server(answer: Answer) {
  const requests: string[] = [];
  let sockets = 0;
  const http = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    requests.push(`${request.method} ${request.url} ${request.headers.authorization ?? "-"}`);
    answer(Object.assign(request, { text }), response);
  });
  http.on("connection", () => sockets++);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    http.closeAllConnections();
    http.close();
  });
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return { url, requests, sockets: () => sockets };
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "kube-connection-"));
  cleanups.push(() => rm(path, { recursive: true }));
  return path;
}

/** JSON is YAML. */
async function kubeconfig(url: string, user: object, more: object = {}): Promise<string> {
  const path = join(await folder(), "config");
  await writeFile(
    path,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: url, "insecure-skip-tls-verify": true } }],
      users: [{ name: "u", user }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u", namespace: "team" } }],
      "current-context": "x",
      ...more,
    }),
  );
  return path;
}

async function open(
  url: string,
  user: object = { token: "t1" },
  clock = new VirtualClock(),
): Promise<KubeConnection> {
  const connection = await connect({ kubeconfig: await kubeconfig(url, user), clock });
  cleanups.push(() => connection.close());
  return connection;
}

const json = (response: ServerResponse, body: unknown, status = 200, headers = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));

const failure = async (promise: Promise<unknown>): Promise<KubeError> => {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KubeError);
  return error as KubeError;
};

test("requests share their connections, and send query, body, content type and credentials", async () => {
  const seen: string[] = [];
  const { url, requests, sockets } = await server((request, response) => {
    seen.push(`${request.headers["content-type"] ?? ""} ${request.headers["user-agent"]} ${request.text}`);
    json(response, { kind: "Thing" });
  });
  const connection = await open(`${url}/clusters/one/`);
  expect([connection.server, connection.namespace]).toEqual([`${url}/clusters/one`, "team"]);
  for (let i = 0; i < 20; i++) await connection.request({ method: "GET", path: "/api/v1/x", query: { i } });
  const patch = {
    method: "PATCH",
    path: "/y",
    body: { a: null },
    contentType: "application/merge-patch+json",
  };
  expect(await connection.request({ ...patch, query: { gone: undefined, yes: true } })).toEqual({
    kind: "Thing",
  });
  expect(requests.at(19)).toBe("GET /clusters/one/api/v1/x?i=19 Bearer t1");
  expect(requests.at(20)).toBe("PATCH /clusters/one/y?yes=true Bearer t1");
  expect(seen.at(20)).toBe('application/merge-patch+json paperspace-operator {"a":null}');
  // The pool may open a second one while the first is between two answers, but never one for each request.
  expect(sockets()).toBeLessThanOrEqual(2);
});

test("what is done as another user is requested in that name, so that the server checks their rights", async () => {
  const seen: unknown[] = [];
  const { url } = await server((request, response) => {
    seen.push(request.headers["impersonate-user"]);
    json(response, {});
  });
  for (const as of [undefined, "ada@example.com"]) {
    const connection = await connect({
      kubeconfig: await kubeconfig(url, { token: "t1" }),
      clock: new VirtualClock(),
      ...(as !== undefined && { as }),
    });
    cleanups.push(() => connection.close());
    await connection.request({ method: "GET", path: "/api" });
  }
  expect(seen).toEqual([undefined, "ada@example.com"]);
});

test("a Status becomes a KubeError with code, reason and details; Retry-After is kept", async () => {
  const status = {
    kind: "Status",
    code: 409,
    reason: "AlreadyExists",
    message: 'x "a" exists',
    details: { name: "a" },
  };
  const { url } = await server((request, response) => {
    if (request.url === "/exists") json(response, status, 409);
    else if (request.url === "/busy")
      json(response, { kind: "Status", message: "slow" }, 429, { "retry-after": "7" });
    else if (request.url === "/proxy") response.writeHead(502).end("<html>Bad Gateway</html>");
    else response.writeHead(200).end("<html>Please log in</html>");
  });
  const connection = await open(url);
  const get = (path: string) => failure(connection.request({ method: "GET", path }));
  expect(await get("/exists")).toMatchObject({
    code: "KUBE_ALREADY_EXISTS",
    status: 409,
    reason: "AlreadyExists",
    message: 'GET /exists: 409 AlreadyExists: x "a" exists',
    details: { name: "a" },
  });
  expect(await get("/busy")).toMatchObject({ code: "KUBE_TOO_MANY", retryAfterMs: 7_000 });
  expect(await get("/proxy")).toMatchObject({ code: "KUBE_SERVER", status: 502 });
  expect(await get("/login")).toMatchObject({ code: "KUBE_BAD_ANSWER", status: 200 });
  expect(await failure(connection.stream({ method: "GET", path: "/busy" }))).toMatchObject({
    code: "KUBE_TOO_MANY",
  });
});

test("no server, and a connection that breaks before or inside the answer, are KUBE_UNREACHABLE", async () => {
  const { url } = await server((request, response) => {
    if (request.url === "/half") response.writeHead(200, { "content-length": "100" }).write("{");
    setImmediate(() => response.destroy());
  });
  const connection = await open(url);
  for (const path of ["/reset", "/half"]) {
    expect(await failure(connection.request({ method: "GET", path }))).toMatchObject({
      code: "KUBE_UNREACHABLE",
      status: 0,
    });
  }
  const refusing = await open("http://127.0.0.1:1");
  expect(await failure(refusing.request({ method: "GET", path: "/" }))).toMatchObject({
    code: "KUBE_UNREACHABLE",
  });
});

test("a call times out by the clock, after 30 s by default; an abort throws the caller's reason", async () => {
  const clock = new VirtualClock();
  let arrived = () => {};
  const { url } = await server(() => arrived());
  const connection = await open(url, {}, clock);
  /** Resolves once the server has the request, which it never answers. */
  const arrival = () => new Promise<void>((resolve) => (arrived = resolve));
  for (const timeoutMs of [undefined, 500]) {
    const received = arrival();
    const limit = timeoutMs === undefined ? {} : { timeoutMs };
    const pending = failure(connection.request({ method: "GET", path: "/", ...limit }));
    await received;
    await clock.advance(timeoutMs ?? 30_000);
    expect(await pending).toMatchObject({ code: "KUBE_TIMEOUT", status: 0 });
  }
  const controller = new AbortController();
  const received = arrival();
  const stream = connection.stream({ method: "GET", path: "/", signal: controller.signal });
  const aborted = expect(stream).rejects.toThrow("lost interest");
  await received;
  controller.abort(new Error("lost interest"));
  await aborted;
  expect(clock.pending).toBe(0);
});

test("a stream outlives the timeout, passes bytes on as they arrive, throws when it breaks and ends with the signal", async () => {
  const clock = new VirtualClock();
  const open_: ServerResponse[] = [];
  const { url } = await server((_request, response) => {
    response.writeHead(200).write("one\n");
    open_.push(response);
  });
  const connection = await open(url, {}, clock);
  const bytes = async (iterator: AsyncIterator<Uint8Array>) =>
    Buffer.from((await iterator.next()).value).toString();
  const broken = (await connection.stream({ method: "GET", path: "/" }))[Symbol.asyncIterator]();
  expect(await bytes(broken)).toBe("one\n");
  await clock.advance(600_000);
  open_[0]?.write("two\n");
  expect(await bytes(broken)).toBe("two\n");
  open_[0]?.destroy();
  expect(await failure(broken.next())).toMatchObject({ code: "KUBE_UNREACHABLE" });

  const controller = new AbortController();
  const stopped = (await connection.stream({ method: "GET", path: "/", signal: controller.signal }))[
    Symbol.asyncIterator
  ]();
  expect(await bytes(stopped)).toBe("one\n");
  controller.abort(new Error("stop"));
  await expect(stopped.next()).rejects.toThrow("stop");

  const ended = (await connection.stream({ method: "GET", path: "/" }))[Symbol.asyncIterator]();
  expect(await bytes(ended)).toBe("one\n");
  open_[2]?.end();
  expect(await ended.next()).toEqual({ done: true, value: undefined });
});

test("a 401 reloads the kubeconfig and retries once; a persistent one is an error, without repeated reloads", async () => {
  const clock = new VirtualClock();
  let valid = "Bearer t1";
  const { url, requests } = await server((request, response) =>
    request.headers.authorization === valid ? json(response, {}) : json(response, { kind: "Status" }, 401),
  );
  const path = await kubeconfig(url, { token: "t1" });
  const connection = await connect({ kubeconfig: path, clock });
  cleanups.push(() => connection.close());
  const get = () => connection.request({ method: "GET", path: "/" });
  await get();
  valid = "Bearer t2";
  await writeFile(path, (await readFile(path, "utf8")).replace("t1", "t2"));
  await Promise.all([get(), get(), get()]);
  expect(requests.slice(-3)).toEqual(["GET / Bearer t2", "GET / Bearer t2", "GET / Bearer t2"]);
  valid = "Bearer t3";
  requests.length = 0;
  await clock.advance(10_000);
  expect(await failure(get())).toMatchObject({ code: "KUBE_UNAUTHORIZED" });
  expect(await failure(get())).toMatchObject({ code: "KUBE_UNAUTHORIZED" });
  // Sent twice, reloaded; then once, since the last reload was a moment ago.
  expect(requests).toHaveLength(3);
});

test("an exec plugin runs once, and again after a 401", async () => {
  const path = join(await folder(), "plugin");
  const count = `${path}.count`;
  const status = '{"kind":"ExecCredential","status":{"token":"exec-\'$(wc -l < "$0.count" | tr -d " ")\'"}}';
  await writeFile(path, `#!/bin/sh\necho >> "$0.count"\necho '${status}'\n`);
  await chmod(path, 0o755);
  await writeFile(count, "");
  let valid = "Bearer exec-1";
  const { url } = await server((request, response) =>
    request.headers.authorization === valid ? json(response, {}) : json(response, { kind: "Status" }, 401),
  );
  const connection = await open(url, {
    exec: { apiVersion: "client.authentication.k8s.io/v1", command: path },
  });
  for (let i = 0; i < 3; i++) await connection.request({ method: "GET", path: "/" });
  valid = "Bearer exec-2";
  for (let i = 0; i < 3; i++) await connection.request({ method: "GET", path: "/" });
});

test("what an exec plugin printed is in no error: it may be a token", async () => {
  const command = join(await folder(), "plugin");
  await writeFile(command, "#!/bin/sh\necho s3cret\n", { mode: 0o755 });
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command };
  const { message } = await failure(open("https://127.0.0.1:1", { exec }));
  expect(message).toContain("the exec plugin printed no JSON");
  expect(message).not.toContain("s3cret");
});

test("basic auth and impersonation of a kubeconfig are sent", async () => {
  const { url, requests } = await server((request, response) =>
    json(response, request.headers["impersonate-user"] ?? ""),
  );
  const connection = await open(url, { username: "u", password: "p", as: "jane" });
  expect(await connection.request({ method: "GET", path: "/" })).toBe("jane");
  expect(requests).toEqual([`GET / Basic ${Buffer.from("u:p").toString("base64")}`]);
});

test("the error of a wrong configuration names the flag or variable", async () => {
  const clock = new VirtualClock();
  const config = await kubeconfig("https://127.0.0.1:1", { token: "t" });
  const configError = async (options: { kubeconfig?: string; context?: string }) => {
    const error = await failure(connect({ clock, ...options }));
    expect(error.code).toBe("KUBE_CONFIG");
    return error.message;
  };
  expect(await configError({ kubeconfig: "/does/not/exist" })).toContain("--kubeconfig /does/not/exist");
  expect(await configError({ kubeconfig: config, context: "y" })).toBe(
    `--context y is not in --kubeconfig ${config}; it has: x`,
  );
  const orphan = await kubeconfig("https://127.0.0.1:1", {}, { users: [] });
  expect(await configError({ kubeconfig: orphan })).toContain('names the user "u"');
  vi.stubEnv("KUBECONFIG", "/does/not/exist");
  expect(await configError({})).toContain("KUBECONFIG");
  vi.stubEnv("KUBECONFIG", "");
  vi.stubEnv("HOME", await folder());
  expect(await configError({})).toMatch(/--kubeconfig.*KUBECONFIG.*pod/);
});

test("an answer of more bytes than are taken is not read to its end, an error neither: no answer fills memory", async () => {
  const { url } = await server(({ url: path }, response) => {
    response.writeHead(path === "/refused" ? 500 : 200);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(64 * 1024)));
    };
    response.on("drain", more);
    more();
  });
  const connection = await open(url);
  expect(
    await failure(connection.request({ method: "GET", path: "/endless", maxBytes: 100_000 })),
  ).toMatchObject({ code: "KUBE_TOO_LARGE", message: "GET /endless: more than 100000 bytes" });
  for (const path of ["/endless", "/refused"])
    expect(await failure(connection.request({ method: "GET", path }))).toMatchObject({
      code: "KUBE_TOO_LARGE",
      message: `GET ${path}: more than 16777216 bytes`,
    });
});
