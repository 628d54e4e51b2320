/**
 * The error codes of the API and their statuses. Nothing about bodies or HTTP lives here: the api folder writes those.
 */

/** Code to status, from errors-and-limits.md section 3. */
export const STATUS_OF_CODE = {
  BAD_REQUEST: 400,
  PARSE_ERROR: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  METHOD_NOT_SUPPORTED: 405,
  TIMEOUT: 408,
  CONFLICT: 409,
  PRECONDITION_FAILED: 412,
  PAYLOAD_TOO_LARGE: 413,
  TOO_MANY_REQUESTS: 429,
  CLIENT_CLOSED_REQUEST: 499,
  INTERNAL_SERVER_ERROR: 500,
} as const;

export type ErrorCode = keyof typeof STATUS_OF_CODE;

/** One fault of a refused request. */
export interface Issue {
  path: string;
  message: string;
}

/** A call the API refuses. Thrown by world and api, turned into an error body in one place. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly issues: readonly Issue[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    issues: readonly Issue[] = [],
    headers: Record<string, string> = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.code = code;
    this.issues = issues;
    this.headers = headers;
  }

  get status(): number {
    return STATUS_OF_CODE[this.code];
  }
}

/** The live answer to unknown ids, paths and methods alike (errors-and-limits.md section 3). */
export const notFound = (message = "Not found") => new ApiError("NOT_FOUND", message);

/** The live answer to a missing and to a wrong key (errors-and-limits.md section 1). */
export const unauthorized = () =>
  new ApiError("UNAUTHORIZED", "You must be logged in to access this method.");
