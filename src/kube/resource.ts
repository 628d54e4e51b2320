/**
 * Typed calls on one kind of the Kubernetes API: paths, verbs and content types. What the calls are for, and when
 * to retry them, is decided by the callers.
 */
import type { KubeConnection, KubeRequest } from "./connection.ts";
import { KubeError } from "./errors.ts";
import type { KubeList, KubeObject } from "./objects.ts";

export interface ResourceType {
  /** "" is the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

export interface KubeCallOptions {
  signal?: AbortSignal;
  /** Milliseconds until the call fails with KUBE_TIMEOUT. For a watch: until the answer begins. */
  timeoutMs?: number;
  /** Bytes of the answer past which the call fails with KUBE_TOO_LARGE; absent: as of a KubeRequest. */
  maxBytes?: number;
}

export interface ListQuery {
  /** Absent lists all namespaces. */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  resourceVersionMatch?: "Exact" | "NotOlderThan";
}

export interface WatchQuery extends ListQuery {
  timeoutSeconds?: number;
  allowWatchBookmarks?: boolean;
  sendInitialEvents?: boolean;
}

export interface DeletePreconditions {
  uid?: string;
  resourceVersion?: string;
}

/** All calls throw KubeError; an aborted one throws the reason of its signal. */
export class Resource<T extends KubeObject> {
  readonly type: ResourceType;
  readonly #connection: KubeConnection;
  readonly #root: string;

  constructor(connection: KubeConnection, type: ResourceType) {
    this.type = type;
    this.#connection = connection;
    this.#root = type.group === "" ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
  }

  /** "v1", or "group/version". */
  get apiVersion(): string {
    return this.type.group === "" ? this.type.version : `${this.type.group}/${this.type.version}`;
  }

  async get(namespace: string, name: string, options: KubeCallOptions = {}): Promise<T> {
    return this.#request({ method: "GET", path: this.#path(namespace, name), ...options });
  }

  async list(query: ListQuery = {}, options: KubeCallOptions = {}): Promise<KubeList<T>> {
    const { namespace, ...rest } = query;
    return this.#request({ method: "GET", path: this.#path(namespace), query: { ...rest }, ...options });
  }

  /** Lines of JSON watch events, as bytes cut anywhere. The caller ends the stream by its signal. */
  async watch(query: WatchQuery = {}, options: KubeCallOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    const { namespace, ...rest } = query;
    return this.#connection.stream({
      method: "GET",
      path: this.#path(namespace),
      query: { ...rest, watch: true },
      ...options,
    });
  }

  async create(namespace: string, object: T, options: KubeCallOptions = {}): Promise<T> {
    const body = { apiVersion: this.apiVersion, kind: this.type.kind, ...object };
    return this.#request({ method: "POST", path: this.#path(namespace), body, ...options });
  }

  /** JSON merge patch (RFC 7386). `metadata.resourceVersion` or `uid` inside the patch makes it conditional. */
  async mergePatch(
    namespace: string,
    name: string,
    patch: object,
    options: KubeCallOptions = {},
  ): Promise<T> {
    return this.#patch(this.#path(namespace, name), patch, options);
  }

  /** A merge patch of /status: everything but `status` and the preconditions is ignored by the server. */
  async patchStatus(
    namespace: string,
    name: string,
    patch: object,
    options: KubeCallOptions = {},
  ): Promise<T> {
    return this.#patch(`${this.#path(namespace, name)}/status`, patch, options);
  }

  /** Puts the whole status; `metadata.resourceVersion` of the object is the precondition. */
  async replaceStatus(object: T, options: KubeCallOptions = {}): Promise<T> {
    const { namespace = "", name } = object.metadata;
    const body = { apiVersion: this.apiVersion, kind: this.type.kind, ...object };
    return this.#request({ method: "PUT", path: `${this.#path(namespace, name)}/status`, body, ...options });
  }

  /** Returns once the server has accepted the deletion; finalizers may keep the object for longer. */
  async delete(
    namespace: string,
    name: string,
    preconditions: DeletePreconditions = {},
    options: KubeCallOptions = {},
  ): Promise<void> {
    const body = { apiVersion: "v1", kind: "DeleteOptions", preconditions };
    await this.#request({ method: "DELETE", path: this.#path(namespace, name), body, ...options });
  }

  /** After a 401 that persisted after the connection's own retry. */
  reloadCredentials(): Promise<void> {
    return this.#connection.reloadCredentials();
  }

  #request<R>(request: KubeRequest): Promise<R> {
    return this.#connection.request<R>(request);
  }

  #patch(path: string, patch: object, options: KubeCallOptions): Promise<T> {
    const contentType = "application/merge-patch+json";
    return this.#request({ method: "PATCH", path, body: patch, contentType, ...options });
  }

  #path(namespace: string | undefined, name?: string): string {
    const scope = this.type.namespaced && namespace ? `/namespaces/${segment(namespace)}` : "";
    const item = name === undefined ? "" : `/${segment(name)}`;
    return `${this.#root}${scope}/${this.type.plural}${item}`;
  }
}

/**
 * A name as one segment of a path. The API server decodes a path before it routes: "%2F" separates there, so what is no
 * name of an object is refused here, as by client-go. Throws KUBE_BAD_REQUEST.
 */
function segment(name: string): string {
  if (name !== "" && name !== "." && name !== ".." && !/[/%]/.test(name)) return encodeURIComponent(name);
  throw new KubeError({
    code: "KUBE_BAD_REQUEST",
    message: `${JSON.stringify(name)} is no name of an object`,
  });
}

/** v1 Secret; values of `data` are base64. */
export interface Secret extends KubeObject {
  type?: string;
  data?: Record<string, string>;
  stringData?: Record<string, string>;
  immutable?: boolean;
}

/** v1 ConfigMap; values of `binaryData` are base64. */
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
  immutable?: boolean;
}

export interface Lease extends KubeObject {
  spec?: {
    holderIdentity?: string;
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

/** events.k8s.io/v1 Event. */
export interface KubeEvent extends KubeObject {
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
  action: string;
  reason: string;
  type: "Normal" | "Warning";
  note?: string;
  regarding?: ObjectReference;
}

export interface ObjectReference {
  apiVersion?: string;
  kind?: string;
  name?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
}

export const SECRETS: ResourceType = {
  group: "",
  version: "v1",
  plural: "secrets",
  kind: "Secret",
  namespaced: true,
};

export const CONFIG_MAPS: ResourceType = {
  group: "",
  version: "v1",
  plural: "configmaps",
  kind: "ConfigMap",
  namespaced: true,
};

export const NAMESPACES: ResourceType = {
  group: "",
  version: "v1",
  plural: "namespaces",
  kind: "Namespace",
  namespaced: false,
};

export const LEASES: ResourceType = {
  group: "coordination.k8s.io",
  version: "v1",
  plural: "leases",
  kind: "Lease",
  namespaced: true,
};

export const EVENTS: ResourceType = {
  group: "events.k8s.io",
  version: "v1",
  plural: "events",
  kind: "Event",
  namespaced: true,
};

export const secrets = (connection: KubeConnection) => new Resource<Secret>(connection, SECRETS);
export const configMaps = (connection: KubeConnection) => new Resource<ConfigMap>(connection, CONFIG_MAPS);
export const namespaceResource = (connection: KubeConnection) =>
  new Resource<KubeObject>(connection, NAMESPACES);
export const leases = (connection: KubeConnection) => new Resource<Lease>(connection, LEASES);
export const events = (connection: KubeConnection) => new Resource<KubeEvent>(connection, EVENTS);
