/**
 * A list read page by page, in pages that fit into memory whatever objects are in it: a tenant's may be a hundred times as
 * large as most.
 */
import { isKube } from "./errors.ts";
import type { KubeList, KubeObject } from "./objects.ts";
import type { KubeCallOptions, ListQuery, Resource } from "./resource.ts";

/** As the kube-apiserver's own chunks. */
const PAGE_SIZE = 500;
/** Bytes of a page: one that has more is read again in halves. One object has at most a tenth of that. */
const PAGE_BYTES = 16 * 1024 * 1024;

/** Throws what a list throws; 410 where the continue token has expired. */
export async function* pages<T extends KubeObject>(
  source: Pick<Resource<T>, "list">,
  query: Omit<ListQuery, "limit" | "continue">,
  options: KubeCallOptions = {},
): AsyncGenerator<KubeList<T>> {
  let limit = PAGE_SIZE;
  for (let next: string | undefined = ""; next !== undefined; ) {
    const part: ListQuery = { ...query, limit, ...(next !== "" && { continue: next }) };
    try {
      const page: KubeList<T> = await source.list(part, { ...options, maxBytes: PAGE_BYTES });
      yield page;
      next = page.metadata.continue || undefined;
    } catch (error) {
      if (!isKube(error, "KUBE_TOO_LARGE") || limit === 1) throw error;
      limit = Math.floor(limit / 2);
    }
  }
}
