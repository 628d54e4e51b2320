import { describe, expect, it } from "vitest";
import { KubeError } from "./errors.ts";
import type { KubeList, KubeObject } from "./objects.ts";
import { pages } from "./pages.ts";
import type { KubeCallOptions, ListQuery } from "./resource.ts";

const MIB = 2 ** 20;

/** A server with so many objects of so many bytes each; `limits`: of the pages that were asked for. */
function serverOf(count: number, bytes: number) {
  const limits: number[] = [];
  return {
    limits,
    async list(query: ListQuery, options: KubeCallOptions = {}): Promise<KubeList<KubeObject>> {
      const { limit = count, continue: from = "0" } = query;
      limits.push(limit);
      const size = Math.min(limit, count - Number(from));
      if (size * bytes > (options.maxBytes ?? Number.POSITIVE_INFINITY))
        throw new KubeError({ code: "KUBE_TOO_LARGE", message: "too large" });
      const items = Array.from({ length: size }, (_, i) => ({ metadata: { name: `o${Number(from) + i}` } }));
      const end = Number(from) + size;
      return { metadata: { resourceVersion: "7", ...(end < count && { continue: String(end) }) }, items };
    },
  };
}

async function namesOf(server: ReturnType<typeof serverOf>): Promise<string[]> {
  const names: string[] = [];
  for await (const { items } of pages(server, {})) names.push(...items.map(({ metadata }) => metadata.name));
  return names;
}

describe("a list", () => {
  it("of small objects is read in pages of 500", async () => {
    const server = serverOf(1_001, 1_000);
    expect(await namesOf(server)).toHaveLength(1_001);
    expect(server.limits).toEqual([500, 500, 500]);
  });

  it("of objects as large as they may be is read in ever smaller pages: none fills the memory, and nothing is lost", async () => {
    const server = serverOf(250, 1.3 * MIB);
    const names = await namesOf(server);
    expect(new Set(names).size).toBe(250);
    expect(server.limits.slice(0, 8)).toEqual([500, 250, 125, 62, 31, 15, 7, 7]);
  });

  it("with an object that fits into no page fails, and does not ask for ever", async () => {
    const server = serverOf(3, 20 * MIB);
    await expect(namesOf(server)).rejects.toMatchObject({ code: "KUBE_TOO_LARGE" });
    expect(server.limits.at(-1)).toBe(1);
  });
});
