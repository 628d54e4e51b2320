/**
 * The error catalogue of the API server: one code for each way in which a call can fail. Only this file maps HTTP and Status
 * objects to codes; all other code branches on the code, never on the message text.
 */

/** Code, and what it means to the caller. */
const CATALOGUE = {
  KUBE_BAD_REQUEST: "the request is malformed; sending it again cannot help",
  KUBE_UNAUTHORIZED: "the credentials are missing, wrong or expired",
  KUBE_FORBIDDEN: "RBAC or admission does not allow it",
  KUBE_NOT_FOUND: "no such object, or no such kind (the CRD is not installed)",
  KUBE_ALREADY_EXISTS: "an object of this name exists",
  KUBE_CONFLICT: "the object changed since it was read (resourceVersion or uid)",
  KUBE_GONE: "the resourceVersion or the continue token is too old; list again",
  KUBE_INVALID: "the object breaks the schema or a validation rule",
  KUBE_TOO_MANY: "the API server sheds load; wait retryAfterMs",
  KUBE_SERVER: "the API server failed",
  KUBE_TIMEOUT: "no answer in time; a write may have taken effect all the same",
  KUBE_UNREACHABLE: "no answer at all; a write may have taken effect all the same",
  KUBE_TOO_LARGE: "the answer is larger than the caller takes",
  KUBE_BAD_ANSWER: "the answer is not the JSON of the Kubernetes API",
  KUBE_REFUSED: "another 4xx answer",
  KUBE_CONFIG: "the kubeconfig or the in-cluster configuration cannot be used",
} as const;

export type KubeErrorCode = keyof typeof CATALOGUE;

/** metav1.Status, as far as errors need it. */
export interface StatusBody {
  kind?: string;
  code?: number;
  reason?: string;
  message?: string;
  details?: StatusDetails;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

export interface KubeErrorInit {
  code: KubeErrorCode;
  message: string;
  /** HTTP status; 0 when there was no answer. */
  status?: number;
  /** Status.reason of the API server, e.g. "AlreadyExists"; "" when it gave none. */
  reason?: string;
  retryAfterMs?: number;
  details?: StatusDetails;
  cause?: unknown;
}

export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly code: KubeErrorCode;
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs?: number;
  readonly details?: StatusDetails;

  constructor(init: KubeErrorInit) {
    super(init.message, init.cause === undefined ? undefined : { cause: init.cause });
    this.code = init.code;
    this.status = init.status ?? 0;
    this.reason = init.reason ?? "";
    if (init.retryAfterMs !== undefined) this.retryAfterMs = init.retryAfterMs;
    if (init.details !== undefined) this.details = init.details;
  }

  /** What the code means, for logs and documentation. */
  get meaning(): string {
    return CATALOGUE[this.code];
  }

  /**
   * From an error answer. `body` is the parsed answer, or its text where it was not JSON (proxies answer in HTML).
   * `retryAfterMs` is that of the Retry-After header, which wins over the Status.
   */
  static fromAnswer(status: number, body: unknown, context: string, retryAfterMs?: number): KubeError {
    const answer = isStatus(body) ? body : undefined;
    const reason = answer?.reason ?? "";
    const detail = answer?.message ?? (typeof body === "string" ? body.trim().slice(0, 200) : "");
    const seconds = answer?.details?.retryAfterSeconds;
    const wait = retryAfterMs ?? (seconds === undefined ? undefined : seconds * 1000);
    return new KubeError({
      code: codeOf(status, answer),
      message: `${context}: ${status}${reason ? ` ${reason}` : ""}${detail ? `: ${detail}` : ""}`,
      status,
      reason,
      ...(wait === undefined ? {} : { retryAfterMs: wait }),
      ...(answer?.details ? { details: answer.details } : {}),
    });
  }
}

function isStatus(body: unknown): body is StatusBody {
  return typeof body === "object" && body !== null && (body as StatusBody).kind === "Status";
}

function codeOf(status: number, answer: StatusBody | undefined): KubeErrorCode {
  switch (status) {
    case 400:
      return "KUBE_BAD_REQUEST";
    case 401:
      return "KUBE_UNAUTHORIZED";
    case 403:
      return "KUBE_FORBIDDEN";
    case 404:
      return "KUBE_NOT_FOUND";
    case 409:
      return answer?.reason === "AlreadyExists" ? "KUBE_ALREADY_EXISTS" : "KUBE_CONFLICT";
    case 410:
      return "KUBE_GONE";
    case 422:
      // A patch meant for another UID: the server reports an immutable field, but it is a lost race.
      return answer?.details?.causes?.some((cause) => cause.field === "metadata.uid")
        ? "KUBE_CONFLICT"
        : "KUBE_INVALID";
    case 429:
      return "KUBE_TOO_MANY";
    case 408:
    case 504:
      return "KUBE_TIMEOUT";
  }
  if (status >= 500) return "KUBE_SERVER";
  return status >= 400 ? "KUBE_REFUSED" : "KUBE_BAD_ANSWER";
}

/** True when `error` is a KubeError of one of these codes. */
export function isKube(error: unknown, ...codes: KubeErrorCode[]): error is KubeError {
  return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code));
}

export const isConflict = (error: unknown): error is KubeError => isKube(error, "KUBE_CONFLICT");
export const isNotFound = (error: unknown): error is KubeError => isKube(error, "KUBE_NOT_FOUND");
export const isAlreadyExists = (error: unknown): error is KubeError => isKube(error, "KUBE_ALREADY_EXISTS");
export const isGone = (error: unknown): error is KubeError => isKube(error, "KUBE_GONE");
export const isUnauthorized = (error: unknown): error is KubeError => isKube(error, "KUBE_UNAUTHORIZED");
export const isForbidden = (error: unknown): error is KubeError => isKube(error, "KUBE_FORBIDDEN");
export const isInvalid = (error: unknown): error is KubeError => isKube(error, "KUBE_INVALID");

/** Failures that pass by themselves: the same call may succeed a moment later. */
export const isTransient = (error: unknown): error is KubeError =>
  isKube(error, "KUBE_TOO_MANY", "KUBE_SERVER", "KUBE_TIMEOUT", "KUBE_UNREACHABLE", "KUBE_BAD_ANSWER");
