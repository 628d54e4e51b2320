/**
 * From the bytes of a watch to its events. Applying them to the store is up to the reflector.
 */
import { KubeError } from "../kube/errors.ts";
import type { KubeObject } from "../kube/objects.ts";

export type WatchEvent<T> =
  | { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: T }
  | { readonly type: "BOOKMARK"; readonly version: string; readonly initialEventsEnd: boolean };

/** A line that is not a watch event. The rest of the stream cannot be trusted. */
export class BadLineError extends Error {
  override readonly name = "BadLineError";
}

const INITIAL_EVENTS_END = "k8s.io/initial-events-end";
const NEWLINE = 0x0a;
/** Ten times what etcd stores of an object by default. */
const LINE_BYTES = 16 * 1024 * 1024;

/**
 * Cuts a byte stream into lines, without their newline. It cuts bytes, not text, since a chunk may end inside a
 * character. What follows the last newline is dropped: the stream broke there, and the server will send it again. Throws
 * BadLineError at a line that is larger than any object.
 */
export async function* lines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  // A large object spans many chunks: they are joined once, at its end.
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      parts.push(chunk.subarray(start, end));
      const line = decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
      parts = [];
      bytes = 0;
      start = end + 1;
      if (line.trim() !== "") yield line;
    }
    if (start === chunk.length) continue;
    parts.push(chunk.subarray(start));
    bytes += chunk.length - start;
    if (bytes > LINE_BYTES) throw new BadLineError(`a line of more than ${LINE_BYTES} bytes`);
  }
}

/** Throws BadLineError, or the KubeError that an ERROR event carries. */
export function parseEvent<T extends KubeObject>(line: string): WatchEvent<T> {
  const { type, object } = parse(line);
  const metadata = (object as Partial<KubeObject> | undefined)?.metadata;
  switch (type) {
    case "ERROR": {
      const code = (object as { code?: unknown } | undefined)?.code;
      throw KubeError.fromAnswer(typeof code === "number" ? code : 500, object, "watch");
    }
    case "BOOKMARK":
      if (!metadata?.resourceVersion) break;
      return {
        type,
        version: metadata.resourceVersion,
        initialEventsEnd: metadata.annotations?.[INITIAL_EVENTS_END] === "true",
      };
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
      if (!metadata?.name || !metadata.uid || !metadata.resourceVersion) break;
      return { type, object: object as T };
  }
  throw new BadLineError(`not a watch event: ${line.slice(0, 80)}`);
}

function parse(line: string): { type?: unknown; object?: unknown } {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // Thrown below, together with JSON that is not an object.
  }
  throw new BadLineError(`not a watch event: ${line.slice(0, 80)}`);
}
