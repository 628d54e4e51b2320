/**
 * YAML for `-o yaml`, of what JSON can hold. Every text that could be read as anything else is written with double quotes,
 * which YAML has from JSON.
 */
import { printableJson } from "../base/plain-text.ts";

/** Lines, each with its line end. */
export function yaml(value: unknown): string {
  return `${block(JSON.parse(JSON.stringify(value)), "")}\n`;
}

function block(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0)
    return value.map((item) => `${indent}- ${block(item, `${indent}  `).trimStart()}`).join("\n");
  if (isMap(value) && Object.keys(value).length > 0)
    return Object.entries(value)
      .map(([key, item]) => `${indent}${text(key)}:${under(item, indent)}`)
      .join("\n");
  return indent + scalar(value);
}

/** What stands behind a key: on its line, or in lines of its own. Lists stand below their key, as in kubectl. */
function under(value: unknown, indent: string): string {
  if (Array.isArray(value) && value.length > 0) return `\n${block(value, indent)}`;
  if (isMap(value) && Object.keys(value).length > 0) return `\n${block(value, `${indent}  `)}`;
  return ` ${scalar(value)}`;
}

function scalar(value: unknown): string {
  if (typeof value === "string") return text(value);
  if (Array.isArray(value)) return "[]";
  return isMap(value) ? "{}" : String(value);
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;

/** Begins with a letter, and has nothing that YAML gives a meaning to. */
const PLAIN = /^[A-Za-z](?:[A-Za-z0-9_./@+-]| (?=[A-Za-z0-9(]))*$/;
/** Of any version of YAML; `E0` is a number to some. */
const RESERVED = /^(?:true|false|null|yes|no|on|off|y|n|e[-+]?\d+)$/i;

function text(value: string): string {
  return PLAIN.test(value) && !RESERVED.test(value) ? value : quoted(value);
}

/** An escape of JSON, with the halves of a character that it has two escapes for. */
const ESCAPED = /\\(?:u(d[89ab]..)\\u(d[c-f]..)|.)/g;

/** JSON, but for a character that JSON escapes in two halves, or half of one: neither is YAML. */
function quoted(value: string): string {
  return printableJson(value.toWellFormed()).replace(ESCAPED, (same, high?: string, low?: string) => {
    if (high === undefined || low === undefined) return same;
    const units = [high, low].map((unit) => Number.parseInt(unit, 16));
    return `\\U${(String.fromCharCode(...units).codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`;
  });
}
