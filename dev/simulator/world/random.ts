/**
 * Chance from a seed: ids, addresses and jitter. The same seed and the same calls give the same world.
 */

export type Random = () => number;

/** Numbers in [0, 1) by mulberry32: short, good enough for ids, and the same on every machine. */
export function seeded(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/** An id such as `psx81kq02m`: a prefix of machines.md section 1 and nine characters. */
export function makeId(random: Random, prefix: string): string {
  let id = prefix;
  for (let i = 0; i < 9; i++) id += LETTERS[Math.floor(random() * LETTERS.length)];
  return id;
}

/** An id such as deployments have (deployments.md section 1: uuids). */
export function makeUuid(random: Random): string {
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => Math.floor(random() * 16).toString(16)).join("");
  return `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
}

/** A whole number in [from, to]. */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random() * (to - from + 1));
}
