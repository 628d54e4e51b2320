/**
 * Redacts credentials in everything that is about to be logged, at any depth. It works by the names of fields and by forms
 * that only credentials have; it cannot detect a key in the middle of a sentence.
 */

import { clip, shorten, visible } from "./plain-text.ts";

const REDACTED = "[redacted]";
const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
/** Characters of one text. */
const TEXT_LIMIT = 4_096;

/** Field names without case, dashes and underscores. */
const SECRET_NAMES =
  /^(authorization|proxyauthorization|cookie|setcookie|(paperspace)?apikeys?|xapikey|password|passwd|passphrase|secret(access)?key|clientsecret|accesstoken|refreshtoken|idtoken|bearertoken|token|privatekey|clientkey(data)?|httpproxy|httpsproxy)$/;

/** A copy of `value` without credentials, bounded in depth and length. */
export function redact(value: unknown): unknown {
  return walk(value, 0, false, new Set());
}

/** A text as it is logged: visible, without credentials and of bounded length. */
export function loggedText(text: string): string {
  // Hidden characters could split a credential, and so could the cut.
  return shorten(redactText(visible(text)), TEXT_LIMIT);
}

/** Redacts credentials that are recognizable by their form. */
export function redactText(text: string): string {
  return text
    .replace(/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`)
    .replace(/(\bhttps?:\/\/)[^/\s@"']+@/gi, `$1${REDACTED}@`);
}

function walk(value: unknown, depth: number, inSecret: boolean, path: Set<object>): unknown {
  if (typeof value === "string") return loggedText(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Error) return errorFields(value);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`;
  if (path.has(value)) return "[circular]";
  if (depth >= MAX_DEPTH) return "[deep]";
  path.add(value);
  const result = Array.isArray(value)
    ? value.slice(0, MAX_ITEMS).map((item) => walk(item, depth + 1, inSecret, path))
    : walkObject(value, depth, inSecret, path);
  path.delete(value);
  return result;
}

function walkObject(value: object, depth: number, inSecret: boolean, path: Set<object>): unknown {
  const entries: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value);
  const fields = Object.entries(value);
  const isSecret =
    inSecret || fields.some(([name, kind]) => name === "kind" && /^Secret(List)?$/.test(String(kind)));
  const copy: Record<string, unknown> = {};
  for (const [rawName, field] of entries) {
    const name = clip(String(rawName));
    const plain = name.toLowerCase().replace(/[-_]/g, "");
    // The data of a Secret, whether the object has a kind or is under a field named secret; kubectl keeps a copy.
    const isData =
      isSecret && /^(data|stringdata|kubectl\.kubernetes\.io\/lastappliedconfiguration)$/.test(plain);
    // A boolean or null only shows whether there is a value.
    const hasValue = field !== undefined && field !== null && typeof field !== "boolean";
    if (hasValue && (isData || SECRET_NAMES.test(plain))) copy[name] = REDACTED;
    else copy[name] = walk(field, depth + 1, isSecret || /secret$/.test(plain), path);
  }
  return copy;
}

/** What is logged of an error. Bodies, headers and requests that libraries attach to errors are left out. */
export interface ErrorFields {
  readonly type: string;
  readonly message: string;
  readonly code?: unknown;
  readonly status?: unknown;
  readonly stack?: string | undefined;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

const MESSAGE_LIMIT = 500;
const NAMED_FIELDS = [
  "code",
  "status",
  "statusCode",
  "apiCode",
  "effect",
  "reason",
  "syscall",
  "address",
  "port",
];

/** The loggable part of an error, its causes three deep. */
export function errorFields(error: Error, depth: number = 0): ErrorFields {
  const own = error as unknown as Record<string, unknown>;
  const named: Record<string, unknown> = {};
  for (const name of NAMED_FIELDS) {
    const field = own[name];
    if (typeof field === "string") named[name] = shorten(loggedText(field), MESSAGE_LIMIT);
    else if (typeof field === "number") named[name] = field;
  }
  const inner = (value: unknown) =>
    value instanceof Error && depth < 3 ? errorFields(value, depth + 1) : undefined;
  const causes = error instanceof AggregateError ? error.errors.slice(0, 5).map(inner).filter(Boolean) : [];
  return {
    type: clip(error.name || error.constructor.name),
    message: errorMessage(error),
    ...named,
    stack: frames(error),
    ...(error.cause instanceof Error ? { cause: inner(error.cause) } : {}),
    ...(causes.length > 0 ? { errors: causes } : {}),
  };
}

/** The Kubernetes client's errors carry body and headers inside their message. */
function errorMessage(error: Error): string {
  return shorten(loggedText(error.message.split(/\n?\b(?:Body|Headers): /)[0] ?? ""), MESSAGE_LIMIT);
}

/** The frames only: the head of a stack repeats the message. */
function frames(error: Error): string | undefined {
  const lines = error.stack?.split("\n").filter((line) => /^\s+at /.test(line));
  return lines && lines.length > 0 ? lines.map((line) => visible(line).trim()).join("\n") : undefined;
}
