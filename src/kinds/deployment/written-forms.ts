/**
 * In which forms an API may write what it was sent, with the same meaning: without letter case and blanks, an image with
 * the registry and the tag that it has by default, a path with or without its slashes. In one direction only: the other
 * way round, it is what another actor sent. Pure.
 */
import type { Leaves } from "./compare.ts";

type Form = (text: string) => string;

const ANY: readonly Form[] = [(text) => text.trim(), (text) => text.toLowerCase()];
const OF_IMAGE: readonly Form[] = [
  (name) => (name.includes("/") ? name : `library/${name}`),
  (name) => (/[:@]/.test(name.slice(name.lastIndexOf("/") + 1)) ? name : `${name}:latest`),
  (name) => (hasRegistry(name) ? name : `docker.io/${name}`),
  (name) => (hasRegistry(name) ? name : `index.docker.io/${name}`),
];
const OF_PATH: readonly Form[] = [
  (path) => (path.startsWith("/") ? path : `/${path}`),
  (path) => (path.endsWith("/") ? path : `${path}/`),
  (path) => path.replace(/^\/(?=.)/, ""),
  (path) => path.replace(/(?<=.)\/$/, ""),
];

function hasRegistry(image: string): boolean {
  const host = image.slice(0, Math.max(image.indexOf("/"), 0));
  return host === "localhost" || /[.:]/.test(host);
}

function inForms(text: string, forms: readonly Form[]): string[] {
  return forms.reduce((all, form) => [...new Set(all.concat(all.map(form)))], [text]);
}

/** Fields that what was sent in this one may be found in: variables and integrations have names that users choose. */
function fieldsOf(field: string): string[] {
  const [, kind = "", name = "", part = ""] =
    /^(env\.)(.+)$/s.exec(field) ?? /^(integrations\.)(.+)(\.[^.]+)$/s.exec(field) ?? [];
  return kind ? inForms(name, ANY).map((form) => `${kind}${form}${part}`) : [field];
}

function isFormOf(field: string, shown: unknown, sent: unknown): boolean {
  if (typeof sent === "string" && typeof shown === "string") {
    const more = field === "image" ? OF_IMAGE : field.endsWith("path") ? OF_PATH : [];
    return inForms(sent, [...ANY, ...more]).includes(shown);
  }
  if (!Array.isArray(sent) || !Array.isArray(shown)) return Object.is(shown, sent);
  return sent.length === shown.length && sent.every((part, at) => isFormOf(field, shown[at], part));
}

/** Whether `shown` has the value that was sent in this field in such a form. */
export function isWrittenIn(shown: Leaves, field: string, sent: unknown): boolean {
  return fieldsOf(field).some((one) => shown.has(one) && isFormOf(field, shown.get(one), sent));
}
