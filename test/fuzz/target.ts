/** What the fuzzer runs: an input and what must hold of every one. */
import fc from "fast-check";

export interface Target {
  readonly name: string;
  /** Runs in CI; by hand it is time that bounds them. */
  readonly runs: number;
  readonly property: fc.IAsyncProperty<[unknown]>;
}

/** `run` throws where what must hold does not. */
export function target<T>(
  name: string,
  runs: number,
  input: fc.Arbitrary<T>,
  run: (input: T) => void | Promise<void>,
): Target {
  const property = fc.asyncProperty(input, async (value) => {
    await run(value);
  });
  return { name, runs, property: property as unknown as fc.IAsyncProperty<[unknown]> };
}

export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** What it throws, which must be one of these. */
export function failureOf(
  run: () => unknown,
  ...allowed: readonly (new (
    ...given: never[]
  ) => Error)[]
): Error | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (allowed.some((type) => error instanceof type)) return error as Error;
    throw error;
  }
}
