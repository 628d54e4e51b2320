/**
 * Whether two names that Paperspace uses for a region, a machine type and the like mean the same. Nothing here depends
 * on a kind.
 */
import { codeInBrackets } from "../paperspace/region.ts";

/** "East Coast (NY2)" and "ny2" are one region (observed-in-the-field.md 12). */
export function sameRegion(a: string, b: string): boolean {
  return regionCode(a) === regionCode(b);
}

export function regionCode(region: string): string {
  return codeInBrackets(region).toLowerCase();
}

/** Letter case differs between the vendor's own pages (machines.md section 9, rows 9 and 22). */
export function sameLabel(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
