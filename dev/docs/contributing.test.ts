/** CONTRIBUTING.md is true: the files of its map exist, so that a reader finds a part by its name. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const page = readFileSync(root("CONTRIBUTING.md"), "utf8");
const files = ["src", "test", "dev"].flatMap((folder) =>
  readdirSync(root(folder), { recursive: true, encoding: "utf8" }).map((file) => `${folder}/${file}`),
);

const named = [...page.matchAll(/`([\w./-]+\.ts|(?:src|dev|test)\/[\w./-]*)`/g)].map(([, path = ""]) => path);

it("names files and folders that exist", () => {
  expect(named.length).toBeGreaterThan(40);
  const names = new Set(files.map((file) => basename(file)));
  // A path may begin below src, as it does in the text; a bare name is looked for everywhere.
  const exists = (path: string) =>
    path.includes("/") ? existsSync(root(path)) || existsSync(root(`src/${path}`)) : names.has(path);
  expect(named.filter((path) => !exists(path))).toEqual([]);
});
