/**
 * Mutations that a kind does not live with yet, with what is missing. The test of the lives leaves them out, and
 * docs/fidelity.md marks them.
 */
export const GAPS: Readonly<Record<"machine" | "deployment", Readonly<Record<string, string>>>> = {
  machine: {},
  deployment: {},
};
