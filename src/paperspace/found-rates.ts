/**
 * What the accounts of teams were found to allow, as text that outlives the process: where it is kept is up to the caller.
 * It is a hint: what cannot be read of it is left out.
 */

/** Requests per second by id of the team. */
export type FoundRates = ReadonlyMap<string, number>;

/** Of more teams nothing is kept: their accounts are found out about again. */
const MOST_TEAMS = 500;

export function writeRates(rates: FoundRates): string | null {
  if (rates.size === 0) return null;
  const kept = [...rates].slice(0, MOST_TEAMS).map(([team, rate]) => [team, Number(rate.toFixed(2))]);
  return JSON.stringify(Object.fromEntries(kept));
}

export function readRates(text: string | undefined): FoundRates {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "{}");
  } catch {
    return new Map();
  }
  if (typeof value !== "object" || value === null) return new Map();
  const isRate = (entry: [string, unknown]): entry is [string, number] =>
    typeof entry[1] === "number" && entry[1] > 0;
  return new Map(Object.entries(value).filter(isRate).slice(0, MOST_TEAMS));
}
