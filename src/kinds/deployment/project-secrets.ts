/**
 * The names of the project secrets that objects put into Paperspace. A name has a mark of its object, so that it shows
 * whose secret it is, also in a configuration that another actor sent. Pure; values are in references.ts.
 */
import { hash } from "node:crypto";
import { secretValue } from "./config.ts";

/** A project secret of this operator. */
export interface PlacedSecret {
  projectId: string;
  name: string;
}

/** Longest part of the names of a Secret and its key that goes into the name of a project secret. */
const READABLE = 60;
const NAME = /^(k8s_\w*_([0-9a-f]{12}))_[0-9a-f]{20}$/;

/**
 * Letters, digits and underscores, a letter first, 128 at most (other-resources.md, secrets). `digest`: 20 hexadecimal
 * digits that depend on the value.
 */
export function projectSecretName(
  uid: string,
  source: { name: string; key: string },
  digest: string,
): string {
  const readable = `${source.name}_${source.key}`.replace(/[^A-Za-z0-9]+/g, "_").slice(0, READABLE);
  return `k8s_${readable}_${ownerMark(uid)}_${digest}`;
}

/** The same for all project secrets of one object: they are recognised by it. */
export function ownerMark(uid: string): string {
  return hash("sha256", uid).slice(0, 12);
}

/** Whether the object of this UID put a project secret there. */
export function isSecretOf(uid: string): (projectSecret: string) => boolean {
  const mark = ownerMark(uid);
  return (projectSecret) => ownerMarkIn(projectSecret) === mark;
}

/** The mark in the name of a project secret; undefined for one that no object of this operator put there. */
export function ownerMarkIn(projectSecret: string): string | undefined {
  return NAME.exec(projectSecret)?.[2];
}

/** What the names of all values of one key have in common; undefined for one that no object of this operator put there. */
export function stemOf(projectSecret: string): string | undefined {
  return NAME.exec(projectSecret)?.[1];
}

const PREFIX = secretValue("");

/** The project secrets that a configuration names, whoever put them there. `leaves`: its parts. */
export function secretsNamedIn(leaves: ReadonlyMap<string, unknown>): string[] {
  return [...leaves.values()].flatMap((value) => secretNamed(value) ?? []);
}

/** The project secret that a value of a configuration names. */
export function secretNamed(value: unknown): string | undefined {
  return typeof value === "string" && value.startsWith(PREFIX) ? value.slice(PREFIX.length) : undefined;
}
