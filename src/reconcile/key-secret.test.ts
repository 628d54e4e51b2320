import { describe, expect, it } from "vitest";
import { CREDENTIALS_LABEL, keyFault, secretFault } from "./key-secret.ts";

const TYPES = [
  "kubernetes.io/service-account-token",
  "kubernetes.io/dockercfg",
  "kubernetes.io/dockerconfigjson",
  "kubernetes.io/basic-auth",
  "kubernetes.io/ssh-auth",
  "kubernetes.io/tls",
  "bootstrap.kubernetes.io/token",
  "helm.sh/release.v1",
];
const metadata = { name: "s" };
const tokenOf = (claims: object) =>
  [{ alg: "RS256" }, claims, "signature"]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");

describe("a Secret holds an API key", () => {
  it.each(["Opaque", undefined])("where its type says nothing else: %s", (type) => {
    expect(secretFault({ metadata, ...(type && { type }) }, { needsLabel: false })).toBeUndefined();
  });

  it.each(TYPES)("not where it is of type %s: what it holds is another system's", (type) => {
    const marked = { ...metadata, labels: { [CREDENTIALS_LABEL]: "true" } };
    expect(secretFault({ metadata: marked, type }, { needsLabel: true })).toContain("type Opaque");
  });

  it("only with the label where that is required: its owner has agreed", () => {
    const faultOf = (labels: Record<string, string>) =>
      secretFault({ metadata: { ...metadata, labels } }, { needsLabel: true });
    for (const labels of [{}, { [CREDENTIALS_LABEL]: "false" }] as Record<string, string>[])
      expect(faultOf(labels)).toMatch(/paperspace.com\/credentials=true/);
    expect(secretFault({ metadata }, { needsLabel: true })).toBe(faultOf({}));
    expect(faultOf({ [CREDENTIALS_LABEL]: "true" })).toBeUndefined();
  });
});

describe("a value is sent as an API key", () => {
  it.each([
    "0123456789abcdef0123456789abcd",
    "psk_live-1.2~3+4/5==",
    tokenOf({ iss: "https://auth.example" }),
  ])("where it can be one: %s", (value) => {
    expect(keyFault(value)).toBeUndefined();
  });

  it.each([
    "-----BEGIN PRIVATE KEY-----\nMIIE",
    '{"auths":{}}',
    "user:password@db",
    "correct horse",
    "x".repeat(1_025),
    "ключ",
    tokenOf({ sub: "system:serviceaccount:kube-system:admin", iss: "kubernetes/serviceaccount" }),
  ])("never where it is something else: %.20s", (value) => {
    const fault = keyFault(value);
    expect(fault).toBeDefined();
    expect(fault).not.toContain(value);
  });
});
