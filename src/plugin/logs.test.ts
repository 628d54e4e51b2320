import { describe, expect, it } from "vitest";
import { FakeLog, pluginWithLog, printed, time } from "../../test/plugin/log.ts";
import { ID } from "../../test/plugin/plugin-env.ts";

const MINUTE = 60_000;

/** Lines at these milliseconds. */
function logOf(...times: number[]): FakeLog {
  const log = new FakeLog();
  for (const at of times) log.add(at);
  return log;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
const upTo = (count: number, stepMs: number) => Array.from({ length: count }, (_, i) => i * stepMs);

describe("a large log", () => {
  const KIB = 1024;
  /** So many lines of 128 KiB: 120 of them are a page of more than 15 MiB. */
  function large(count: number): FakeLog {
    const log = new FakeLog();
    for (let i = 0; i < count; i++) log.add(i * 1_000, { message: `line ${i} ${"x".repeat(128 * KIB)}` });
    return log;
  }
  const firsts = (plugin: { out: string }) =>
    plugin.out.split("\n").map((line) => line.split(" ").slice(0, 2).join(" "));

  it("is printed whole though its pages are of 16 MiB, and each page before the next one is read", async () => {
    const log = large(260);
    const printedBefore: number[] = [];
    const plugin = await pluginWithLog(log, 260_000);
    const { handle } = plugin;
    plugin.handle = (request) => {
      if (request.query.after !== undefined) printedBefore.push(plugin.out.length);
      return handle(request);
    };
    expect(await plugin.run("logs psd/api --tail=-1")).toBe(0);
    expect(firsts(plugin).slice(0, -1)).toEqual(numbers(0, 260));
    expect(printedBefore).toHaveLength(2);
    expect(printedBefore.every((length, i) => length > (printedBefore[i - 1] ?? 0))).toBe(true);
  });

  it("ends in its ten newest lines, and goes on with new ones, once each", async () => {
    const log = large(130);
    const plugin = await pluginWithLog(log, 130_000);
    const run = plugin.run("logs psd/api --tail 10 -f");
    await plugin.clock.advance(1_000);
    expect(firsts(plugin).slice(0, -1)).toEqual(numbers(120, 130));
    log.add(131_000);
    await plugin.clock.advance(10_000);
    expect(firsts(plugin).slice(0, -1)).toEqual(numbers(120, 131));
    plugin.stop.abort();
    expect(await run).toBe(0);
  });

  it("is followed from its beginning to what comes, without a gap", async () => {
    const log = logOf(...upTo(300, 1_000));
    const plugin = await pluginWithLog(log, 300_000);
    const run = plugin.run("logs psd/api --tail=-1 -f");
    await plugin.clock.advance(1_000);
    log.add(300_500);
    await plugin.clock.advance(10_000);
    expect(printed(plugin)).toEqual(numbers(0, 301));
    plugin.stop.abort();
    expect(await run).toBe(0);
  });

  it("has no bound of pages, since the user stops it", async () => {
    const PAGES = 501;
    const plugin = await pluginWithLog(new FakeLog(), PAGES * 1_000);
    plugin.handle = ({ path, query }) => {
      if (path !== `/deployments/${ID}/logs`) return undefined;
      const nth = Number(query.after ?? 0);
      const items = [{ id: `l${nth}`, message: `line ${nth}`, dtCreated: time(nth * 1_000) }];
      const hasMore = nth + 1 < PAGES;
      return { body: { hasMore, items, ...(hasMore && { nextPage: `${nth + 1}` }) } };
    };
    expect(await plugin.runThrough("logs psd/api --tail=-1", 600_000)).toBe(0);
    expect(printed(plugin)).toEqual(numbers(0, PAGES));
  });
});

describe("which lines", () => {
  it("with --since-time are those since a time, and with --since beside it none", async () => {
    const plugin = await pluginWithLog(logOf(...upTo(20, 1_000)), 20_000);
    expect(await plugin.run("logs psd/api --since-time 2026-01-31T08:00:15Z")).toBe(0);
    expect(printed(plugin)).toEqual(numbers(15, 20));
    expect(await plugin.run("logs psd/api --since-time 2026-01-31T08:00:15Z --since 5m")).toBe(2);
    expect(plugin.err).toContain("--since and --since-time: give one of them");
  });

  it("are the newest hundred, oldest first, by one page, with a note that there are more", async () => {
    const log = logOf(...upTo(300, 1_000));
    const plugin = await pluginWithLog(log, 300_000);
    expect(await plugin.run("logs psd/api")).toBe(0);
    expect(printed(plugin)).toEqual(numbers(200, 300));
    expect(plugin.err).toBe("note: the newest 100 lines; --tail=-1 shows all there are\n");
    expect(log.requests).toBe(1);
  });

  it("are as many as --tail requests, over pages, without a note", async () => {
    for (const [flag, from] of [
      ["--tail 5", 295],
      ["--tail=250", 50],
      ["--tail=0", 300],
      ["--tail=-1", 0],
      ["--tail -1", 0],
      ["--tail=300", 0],
    ] as const) {
      const plugin = await pluginWithLog(logOf(...upTo(300, 1_000)), 300_000);
      expect(await plugin.run(`logs psd/api ${flag}`)).toBe(0);
      expect([printed(plugin), plugin.err]).toEqual([numbers(from, 300), ""]);
    }
  });

  it("with --since are all since then, and no further page is read", async () => {
    const log = logOf(...upTo(600, 1_000));
    const plugin = await pluginWithLog(log, 600_000);
    expect(await plugin.run("logs psd/api --since 5m")).toBe(0);
    expect(printed(plugin)).toEqual(numbers(300, 600));
    expect(log.requests).toBe(3);
  });

  it("--since accepts a time too, in any zone, and --tail counts within it", async () => {
    const plugin = await pluginWithLog(logOf(...upTo(20, 1_000)), 20_000);
    expect(await plugin.run("logs psd/api --since 2026-01-31T09:00:10+01:00")).toBe(0);
    expect(printed(plugin)).toEqual(numbers(10, 20));
    plugin.out = "";
    expect(await plugin.run("logs psd/api --since 2026-01-31T08:00:10Z --tail 3")).toBe(0);
    expect(printed(plugin)).toEqual(numbers(17, 20));
  });

  it("are none where there are none, without an error", async () => {
    const plugin = await pluginWithLog(new FakeLog(), 0);
    expect(await plugin.run("logs psd/api")).toBe(0);
    expect([plugin.out, plugin.err]).toEqual(["", ""]);
  });
});

describe("how a line looks", () => {
  const log = new FakeLog();
  log.add(0, { instanceId: "i-1", message: "one\n" });
  log.add(1, { instanceId: "i-2", message: "two\nlines\r\n" });
  log.add(2, { message: "nobody's" });
  log.add(3, { instanceId: "i-2", message: null });

  it("is prefixed with its instance where there are several, and with its time on request", async () => {
    const plugin = await pluginWithLog(log, MINUTE);
    await plugin.run("logs psd/api --timestamps");
    expect(printed(plugin)).toEqual([
      `[i-1] ${time(0)} one`,
      `[i-2] ${time(1)} two`,
      `[i-2] ${time(1)} lines`,
      `[?] ${time(2)} nobody's`,
      `[i-2] ${time(3)} `,
    ]);
  });

  it("of a single requested instance has no prefix, and only that instance is read", async () => {
    const plugin = await pluginWithLog(log, MINUTE);
    await plugin.run("logs psd/api --instance i-2");
    expect(printed(plugin)).toEqual(["two", "lines", ""]);
    expect(plugin.requests.at(-1)?.query).toMatchObject({ instanceId: "i-2", order: "desc" });
  });

  it("has no control sequences on a terminal, and reaches a pipe as the application wrote it", async () => {
    const wild = new FakeLog();
    wild.add(0, { message: "\x1b]0;evil\x07\x1b[2J\x1b[32mok\x1b[0m\t1%\r2%\x9b3A", instanceId: "i\x1b[2J" });
    wild.add(1, { instanceId: "i-2", message: "" });
    const terminal = await pluginWithLog(wild, MINUTE, { terminal: true });
    await terminal.run("logs psd/api");
    expect(terminal.out).toBe("[i] \x1b[32mok\x1b[0m\t1%\x1b[0m\n[i] 2%\n[i-2] \n");
    const pipe = await pluginWithLog(wild, MINUTE);
    await pipe.run("logs psd/api");
    expect(pipe.out).toContain("\x1b]0;evil\x07\x1b[2J\x1b[32mok\x1b[0m\t1%\r2%\x9b3A\n");
  });
});

describe("--follow", () => {
  it("goes on every three seconds, prints what is new, and ends with 0 at Ctrl-C", async () => {
    const log = logOf(0, 1_000);
    const plugin = await pluginWithLog(log, 1_000);
    const run = plugin.run("logs psd/api -f");
    await plugin.clock.settle();
    expect(printed(plugin)).toEqual(numbers(0, 2));
    log.add(2_000);
    await plugin.clock.advance(2_999);
    expect(printed(plugin)).toEqual(numbers(0, 2));
    await plugin.clock.advance(1);
    expect(printed(plugin)).toEqual(numbers(0, 3));
    await plugin.clock.advance(30_000);
    expect(printed(plugin)).toEqual(numbers(0, 3));
    plugin.stop.abort(new Error("SIGINT"));
    expect(await run).toBe(0);
    expect([plugin.err, plugin.clock.pending]).toEqual(["", 0]);
  });

  it("starts as --tail or --since select, and never shows later what they left out", async () => {
    for (const flag of ["--tail 2", "--since 300ms"]) {
      // All within a second, so that times alone do not distinguish them.
      const log = logOf(...upTo(10, 100));
      const plugin = await pluginWithLog(log, 1_100);
      const run = plugin.run(`logs psd/api -f ${flag}`);
      await plugin.clock.advance(3_000);
      log.add(1_050);
      await plugin.clock.advance(3_000);
      expect(printed(plugin)).toEqual(numbers(8, 11));
      plugin.stop.abort();
      await run;
    }
  });

  it("shows also the very first lines of a log that was empty", async () => {
    const log = new FakeLog();
    const plugin = await pluginWithLog(log, 0);
    const run = plugin.run("logs psd/api -f");
    await plugin.clock.advance(3_000);
    for (let i = 0; i < 200; i++) log.add(1_000);
    await plugin.clock.advance(3_000);
    expect(printed(plugin)).toEqual(numbers(0, 200));
    plugin.stop.abort();
    await run;
  });

  it("prefixes instances once a second one logs", async () => {
    const log = new FakeLog();
    log.add(0, { instanceId: "i-1" });
    const plugin = await pluginWithLog(log, 0);
    const run = plugin.run("logs psd/api -f");
    await plugin.clock.settle();
    log.add(100, { instanceId: "i-2" });
    await plugin.clock.advance(3_000);
    expect(printed(plugin)).toEqual(["line 0", "[i-2] line 1"]);
    plugin.stop.abort();
    await run;
  });

  it("survives failing reads, reports them once, and shows the missed lines afterwards, also of a half-read poll", async () => {
    const log = logOf(0);
    const plugin = await pluginWithLog(log, 0);
    const run = plugin.run("logs psd/api -f");
    await plugin.clock.settle();
    for (let i = 0; i < 300; i++) log.add(1_000);
    // The first page is answered, the second never.
    const before = log.requests;
    log.failure = (nth) => (nth === before + 1 ? undefined : 503);
    await plugin.clock.advance(60_000);
    expect(printed(plugin)).toEqual(numbers(0, 1));
    expect(plugin.err.match(/note: .*503.*; trying again\n/g)).toHaveLength(1);
    log.failure = () => undefined;
    await plugin.clock.advance(10_000);
    expect(printed(plugin)).toEqual(numbers(0, 301));
    expect(plugin.err).toMatch(/note: the log can be read again\n$/);
    plugin.stop.abort();
    expect(await run).toBe(0);
  });

  it("ends with an error where a retry cannot help: the deployment is gone, the key is refused", async () => {
    for (const status of [404, 401]) {
      const log = logOf(0);
      const plugin = await pluginWithLog(log, 0);
      const run = plugin.run("logs psd/api -f");
      await plugin.clock.settle();
      log.failure = () => status;
      await plugin.clock.advance(3_000);
      expect(await run).toBe(1);
      expect(plugin.err).toContain(`refused ${status}`);
    }
  });

  it("ends with 0 at Ctrl-C also before the first line", async () => {
    const plugin = await pluginWithLog(logOf(0), 0);
    plugin.kube.intercept = () => ({ fail: "hang" });
    const run = plugin.run("logs psd/api -f");
    await plugin.clock.settle();
    plugin.stop.abort(new Error("SIGINT"));
    expect(await run).toBe(0);
    const other = await pluginWithLog(logOf(0), 0);
    other.kube.intercept = () => ({ fail: "hang" });
    const plain = other.run("logs psd/api");
    await other.clock.settle();
    other.stop.abort(new Error("SIGINT"));
    expect([await plain, other.err]).toEqual([130, ""]);
  });
});
