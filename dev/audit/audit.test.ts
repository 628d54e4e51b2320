import { expect, it } from "vitest";
import { judgeAudit, judgeSignatures, type Ran } from "./audit.ts";

const ran = (report: unknown, more: Partial<Ran> = {}): Ran => ({
  code: 1,
  stdout: typeof report === "string" ? report : JSON.stringify(report),
  stderr: "",
  ...more,
});

it("is clean where npm knows of nothing", () => {
  expect(judgeAudit(ran({ auditReportVersion: 2, vulnerabilities: {} }, { code: 0 }))).toEqual({
    state: "clean",
  });
  expect(judgeSignatures(ran({ invalid: [], missing: [{ name: "a" }] }))).toEqual({ state: "clean" });
});

it("reports each package with a known vulnerability, and each wrong signature", () => {
  const vulnerabilities = { undici: { name: "undici", severity: "high", range: "<8" } };
  expect(judgeAudit(ran({ vulnerabilities }))).toEqual({ state: "found", findings: ["undici <8: high"] });
  const invalid = [{ name: "pino", version: "10.4.0" }];
  expect(judgeSignatures(ran({ invalid, missing: [] }))).toEqual({
    state: "found",
    findings: ["pino@10.4.0: the signature is not the registry's"],
  });
});

it.each<[string, Ran, string]>([
  [
    "there is no network",
    ran("", { stderr: "npm error code ENOTFOUND\nnpm error" }),
    "npm error code ENOTFOUND",
  ],
  ["the registry has no such address", ran({ message: "405 Method Not Allowed" }), "405 Method Not Allowed"],
  [
    "npm reports an error as JSON",
    ran({ error: { code: "ENOAUDIT", summary: "not supported" } }),
    "not supported",
  ],
  ["it is killed", ran("", { code: undefined }), "no report came"],
  ["it answers with something else", ran("<html>"), "no report came"],
])("is no failure where %s", (_, answer, why) => {
  expect(judgeAudit(answer)).toEqual({ state: "unanswered", why });
  expect(judgeSignatures(answer)).toEqual({ state: "unanswered", why });
});
