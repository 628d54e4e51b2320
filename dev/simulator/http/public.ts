/**
 * The port that looks like Paperspace: moves requests and answers between sockets and the api, and breaks connections
 * when the api requests it. It decides nothing.
 */

import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { type Api, ConnectionCut } from "../api/handle.ts";

/** No bound is documented (errors-and-limits.md section 4: 413 exists). */
const BODY_LIMIT = 1024 * 1024;

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

const NOT_FOUND = { message: "Not found", code: "NOT_FOUND" };

export function publicServer(api: Api, log: (line: string) => void): FastifyInstance {
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    // A stop must not wait for clients that keep their connections open.
    forceCloseConnections: true,
    // A path that cannot even be decoded is one more unknown path.
    frameworkErrors: (_error, _request, reply) => {
      reply.raw.writeHead(404, { "content-type": "application/json" });
      reply.raw.end(JSON.stringify(NOT_FOUND));
    },
  });
  // The api looks at bodies itself: what an empty or a broken one leads to is part of what is simulated.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error: { code?: string; message: string }, request, reply) => {
    if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
      return reply.code(413).send({ message: "Request body is too large", code: "PAYLOAD_TOO_LARGE" });
    }
    // Of a method that the server itself knows and the API does not: one more unknown method.
    if (!METHODS.some((method) => method === request.method)) return reply.code(404).send(NOT_FOUND);
    log(`${request.method} ${request.url}: ${error.message}`);
    return reply.code(500).send({ message: error.message, code: "INTERNAL_SERVER_ERROR" });
  });
  app.route({
    method: [...METHODS],
    url: "/*",
    exposeHeadRoute: false,
    handler: (request, reply) => serve(api, request, reply),
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send(NOT_FOUND));
  return app;
}

async function serve(api: Api, request: FastifyRequest, reply: FastifyReply) {
  const gone = new AbortController();
  reply.raw.once("close", () => gone.abort());
  try {
    const answer = await api.handle(
      {
        method: request.method,
        path: request.raw.url ?? "/",
        headers: {
          authorization: request.headers.authorization,
          "content-type": request.headers["content-type"],
          ...gitHeadersOf(request),
        },
        body: typeof request.body === "string" ? request.body : undefined,
      },
      gone.signal,
    );
    return reply.code(answer.status).headers(answer.headers).send(answer.body);
  } catch (error) {
    if (!(error instanceof ConnectionCut)) throw error;
    reply.hijack();
    breakOff(request, reply, error);
    return reply;
  }
}

/** Where a deployment's configuration comes from (deployments.md section 6.2). */
function gitHeadersOf({ headers }: FastifyRequest): Record<string, string> {
  const given = Object.entries(headers).filter(([name]) => name.startsWith("x-git-"));
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

/** A reset without an answer, or with half of one whose length announces more. */
function breakOff(request: FastifyRequest, reply: FastifyReply, { partial }: ConnectionCut): void {
  const { socket } = request.raw;
  if (!partial) {
    socket.resetAndDestroy();
    return;
  }
  const bytes = Buffer.from(partial.body);
  reply.raw.writeHead(partial.status, { ...partial.headers, "content-length": bytes.length });
  reply.raw.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => socket.destroy());
}
