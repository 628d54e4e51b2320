/**
 * What a chart of ours may send to the Prometheus operator (monitoring.coreos.com/v1), written by hand: only the fields
 * that we use, so that any other is refused. Facts are those of its CRDs, as of version 0.87.
 */
import type { Structural } from "./strict.ts";

const text: Structural = { type: "string" };
const texts: Structural = { type: "array", items: text };
const labels: Structural = { type: "object", additionalProperties: text };
const duration: Structural = {
  type: "string",
  minLength: 1,
  pattern: "^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$",
};

const relabelings: Structural = {
  type: "array",
  items: {
    type: "object",
    properties: {
      // The CRD takes two spellings of each action; ours is this one.
      action: { type: "string", enum: ["replace", "keep", "drop", "labelmap", "labeldrop", "labelkeep"] },
      sourceLabels: texts,
      separator: text,
      regex: text,
      replacement: text,
      targetLabel: text,
    },
  },
};

const keyOf: Structural = {
  type: "object",
  required: ["key"],
  properties: { name: text, key: text, optional: { type: "boolean" } },
};

const safeTls: Readonly<Record<string, Structural>> = {
  ca: { type: "object", properties: { secret: keyOf, configMap: keyOf } },
  serverName: text,
  insecureSkipVerify: { type: "boolean" },
};

const endpoint: Structural = {
  type: "object",
  properties: {
    port: text,
    path: text,
    scheme: { type: "string", enum: ["http", "https"] },
    interval: duration,
    scrapeTimeout: duration,
    honorLabels: { type: "boolean" },
    relabelings,
    metricRelabelings: relabelings,
    // The other ways to authorize need a Secret with a token that does not change.
    bearerTokenFile: text,
    tlsConfig: {
      type: "object",
      properties: { caFile: text, ...safeTls },
    },
  },
};

/** It reads no file of Prometheus' own. */
const podEndpoint: Structural = {
  ...endpoint,
  properties: { ...endpoint.properties, tlsConfig: { type: "object", properties: safeTls } },
};

const selector: Structural = {
  type: "object",
  properties: {
    matchLabels: labels,
    matchExpressions: {
      type: "array",
      items: {
        type: "object",
        required: ["key", "operator"],
        properties: {
          key: text,
          operator: { type: "string", enum: ["In", "NotIn", "Exists", "DoesNotExist"] },
          values: texts,
        },
      },
    },
  },
};

const serviceMonitor: Structural = {
  type: "object",
  required: ["endpoints", "selector"],
  properties: {
    endpoints: { type: "array", items: endpoint },
    selector,
    namespaceSelector: { type: "object", properties: { any: { type: "boolean" }, matchNames: texts } },
    jobLabel: text,
    targetLabels: texts,
    podTargetLabels: texts,
    sampleLimit: { type: "integer" },
  },
};

const podMonitor: Structural = {
  type: "object",
  required: ["podMetricsEndpoints", "selector"],
  properties: {
    podMetricsEndpoints: { type: "array", items: podEndpoint },
    selector,
    namespaceSelector: { type: "object", properties: { any: { type: "boolean" }, matchNames: texts } },
    jobLabel: text,
  },
};

const rule: Structural = {
  type: "object",
  required: ["expr"],
  properties: {
    alert: text,
    record: text,
    // The CRD takes a number too, which is never intended.
    expr: { type: "string", minLength: 1 },
    for: duration,
    keep_firing_for: duration,
    labels,
    annotations: labels,
  },
  // Prometheus loads no file with a rule that is both or neither.
  oneOf: [{ required: ["alert"] }, { required: ["record"] }],
};

const prometheusRule: Structural = {
  type: "object",
  properties: {
    groups: {
      type: "array",
      items: {
        type: "object",
        required: ["name"],
        properties: {
          name: { type: "string", minLength: 1 },
          interval: duration,
          labels,
          limit: { type: "integer" },
          rules: { type: "array", items: rule },
        },
      },
    },
  },
};

/** The schema of the spec by kind. */
export const MONITORING: Readonly<Record<string, Structural>> = {
  ServiceMonitor: serviceMonitor,
  PodMonitor: podMonitor,
  PrometheusRule: prometheusRule,
};
