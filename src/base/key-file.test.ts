import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { VirtualClock } from "../../test/support/virtual-clock.ts";
import { KeyFile } from "./key-file.ts";

const dir = mkdtempSync(join(tmpdir(), "key-file-"));
afterAll(() => rmSync(dir, { recursive: true }));

const TTL_MS = 30_000;

function setUp(content: string) {
  const path = join(dir, "key");
  writeFileSync(path, content);
  const clock = new VirtualClock();
  return { path, clock, file: new KeyFile(path, clock, TTL_MS) };
}

it("gives the key without the line's end that an editor or a shell leaves behind", async () => {
  expect(await setUp("  k1\r\n").file.key()).toBe("k1");
});

it("is read again after its time, so that a rotated key needs no restart", async () => {
  const { path, clock, file } = setUp("k1");
  await file.key();
  // As kubelet does: the new file takes the place of the old one.
  writeFileSync(`${path}.new`, "k2");
  renameSync(`${path}.new`, path);
  await clock.advance(TTL_MS - 1);
  expect(await file.key()).toBe("k1");
  await clock.advance(1);
  expect(await file.key()).toBe("k2");
});

it.each([
  ["missing", undefined, /ENOENT/],
  ["empty", " \n", /is empty/],
  ["too long to be a key", "x".repeat(4_097), /more than 4096 bytes: it is no API key/],
])("throws where it is %s, and is read again at the next call", async (_, content, why) => {
  const { path, file } = setUp(content ?? "");
  if (content === undefined) rmSync(path);
  await expect(file.key()).rejects.toThrow(why);
  writeFileSync(path, "k1");
  expect(await file.key()).toBe("k1");
});
