/**
 * Types of configuration values: how each is parsed from text and what it allows. Which options exist is in config-options.ts.
 */
import { PERIOD_MS } from "./cost.ts";
import { withoutTrailing } from "./text.ts";

/** Parses text; throws BadValue when it is not allowed. */
export interface ValueType<T> {
  /** What is allowed, for `--help` and for errors: "a duration from 1s to 1h, such as 500ms, 3s, 10m or 1h". */
  readonly allowed: string;
  readonly parse: (text: string) => T;
}

/** The value is not allowed; the message may add the reason. */
export class BadValue extends Error {}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `500ms`, `3s`, `10m`, `1h`, `1h30m`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/(?<![\d.])(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    ms += Number(amount) * (UNIT_MS[unit ?? ""] ?? Number.NaN);
  }
  return ms;
}

/** A duration in milliseconds, both bounds included and written as durations. */
export function duration(min: string, max: string): ValueType<number> {
  const low = parseDuration(min) ?? 0;
  const high = parseDuration(max) ?? Number.POSITIVE_INFINITY;
  return {
    allowed: `a duration from ${min} to ${max}, such as 500ms, 3s, 10m or 1h`,
    parse(text) {
      const ms = parseDuration(text);
      if (ms === undefined || ms < low || ms > high) throw new BadValue();
      return ms;
    },
  };
}

export function integer(min: number, max: number): ValueType<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse(text) {
      const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= min && value <= max)) throw new BadValue();
      return value;
    },
  };
}

export function decimal(min: number, max: number): ValueType<number> {
  return {
    allowed: `a number from ${min} to ${max}`,
    parse(text) {
      const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
      if (!(value >= min && value <= max)) throw new BadValue();
      return value;
    },
  };
}

export const bool: ValueType<boolean> = {
  allowed: "true or false",
  parse(text) {
    if (text !== "true" && text !== "false") throw new BadValue();
    return text === "true";
  },
};

export function oneOf<const T extends string>(...values: readonly T[]): ValueType<T> {
  return {
    allowed: `one of ${values.join(", ")}`,
    parse(text) {
      const found = values.find((value) => value === text);
      if (found === undefined) throw new BadValue();
      return found;
    },
  };
}

export const text: ValueType<string> = {
  allowed: "text that is not empty",
  parse(value) {
    if (value.trim() === "") throw new BadValue();
    return value.trim();
  },
};

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** A Kubernetes object name of one label, which fits namespaces and leases alike. */
export const label: ValueType<string> = {
  allowed: "a Kubernetes name: lower-case letters, digits and dashes, at most 63",
  parse(value) {
    if (!DNS_LABEL.test(value)) throw new BadValue();
    return value;
  },
};

/** An object in a namespace. Its name may have several labels. */
export const objectReference: ValueType<string> = {
  allowed: "a namespace and a name, such as paperspace-operator/prices",
  parse(value) {
    const [namespace = "", name = "", ...more] = value.split("/");
    const isName = name.length <= 253 && name.split(".").every((part) => DNS_LABEL.test(part));
    if (!DNS_LABEL.test(namespace) || !isName || more.length > 0) throw new BadValue();
    return value;
  },
};

/** As src/kube/cluster-id.ts stores it. */
export const shortId: ValueType<string> = {
  allowed: "8 hexadecimal digits in lower case",
  parse(value) {
    if (!/^[0-9a-f]{8}$/.test(value)) throw new BadValue();
    return value;
  },
};

/** Comma-separated namespaces; empty means none. */
export function namespaces(options: { wildcard: boolean }): ValueType<readonly string[]> {
  return {
    allowed: `namespaces separated by commas${options.wildcard ? ", or * for all" : ""}`,
    parse(value) {
      const names = value
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "");
      const bad = names.find((name) => !DNS_LABEL.test(name) && !(options.wildcard && name === "*"));
      if (bad !== undefined) throw new BadValue(`${JSON.stringify(bad)} is no namespace`);
      return [...new Set(names)];
    },
  };
}

const MOST_PRIORITY = 1000;

/** A priority for each of some namespaces; empty means none. */
export const priorities: ValueType<Readonly<Record<string, number>>> = {
  allowed: `namespace=priority, separated by commas, with priorities from 0 to ${MOST_PRIORITY}`,
  parse(value) {
    const entries = value
      .split(",")
      .map((entry) => entry.trim())
      .filter((entry) => entry !== "")
      .map((entry) => {
        const [namespace = "", priority = "", ...more] = entry.split("=");
        const isGood = DNS_LABEL.test(namespace) && /^\d+$/.test(priority) && more.length === 0;
        if (!isGood || Number(priority) > MOST_PRIORITY)
          throw new BadValue(`${JSON.stringify(entry)} is no namespace with its priority`);
        return [namespace, Number(priority)] as const;
      });
    return Object.fromEntries(entries);
  },
};

/** ISO 4217. */
export const currencyCode: ValueType<string> = {
  allowed: "three capital letters, such as USD",
  parse(value) {
    if (!/^[A-Z]{3}$/.test(value)) throw new BadValue();
    return value;
  },
};

export const ratePeriod = oneOf(...(Object.keys(PERIOD_MS) as (keyof typeof PERIOD_MS)[]));

/** Names of kinds. Which kinds exist is in the registry. */
export const kinds: ValueType<readonly string[]> = {
  allowed: "kinds as manifests name them, separated by commas",
  parse(value) {
    const names = value
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== "");
    const bad = names.find((name) => !/^[A-Z][A-Za-z0-9]*$/.test(name));
    if (bad !== undefined) throw new BadValue(`${JSON.stringify(bad)} is no kind`);
    return [...new Set(names)];
  },
};

/** An http(s) URL without credentials, query or fragment; a slash at its end is dropped. */
export const httpUrl: ValueType<string> = {
  allowed: "an http:// or https:// URL without user, query and fragment",
  parse(value) {
    const url = URL.parse(value);
    if (!url || !/^https?:$/.test(url.protocol)) throw new BadValue();
    if (url.username || url.password || url.search || url.hash) throw new BadValue();
    return withoutTrailing(url.href, "/");
  },
};

/** The same, and http:// only where nothing leaves the host: every request has an API key in it. */
export const secureUrl: ValueType<string> = {
  allowed: "an https:// URL without user, query and fragment (http:// for a loopback address only)",
  parse(value) {
    const href = httpUrl.parse(value);
    const { protocol, hostname } = new URL(href);
    if (protocol === "http:" && !isLoopback(hostname))
      throw new BadValue("over http:// API keys would be readable on the way");
    return href;
  },
};

/** As URL spells it: an address in its usual form. RFC 6761: names below localhost are loopback as well. */
function isLoopback(hostname: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|\[::1\]|(.+\.)?localhost)$/.test(hostname);
}

/** A proxy: an http(s) URL that may hold credentials. */
export const proxyUrl: ValueType<string> = {
  allowed: "an http:// or https:// URL",
  parse(value) {
    const url = URL.parse(value.includes("://") ? value : `http://${value}`);
    if (!url || !/^https?:$/.test(url.protocol)) throw new BadValue();
    return url.href;
  },
};

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** host:port, :port or [v6]:port; port 0 takes a free one. */
export const address: ValueType<ListenAddress> = {
  allowed: "host:port, such as 0.0.0.0:8080, [::]:8080 or 127.0.0.1:0",
  parse(value) {
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(value);
    const port = Number(match?.[3]);
    if (!match || port > 65_535) throw new BadValue();
    return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
  },
};
