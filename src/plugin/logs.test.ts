import { describe, expect, it } from "vitest";
import { FakeLog, logStage, printed, time } from "../../test/plugin/log.ts";

const MINUTE = 60_000;

/** Lines at these milliseconds. */
function logOf(...times: number[]): FakeLog {
  const log = new FakeLog();
  for (const at of times) log.add(at);
  return log;
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `line ${from + i}`);
const upTo = (count: number, stepMs: number) => Array.from({ length: count }, (_, i) => i * stepMs);

describe("which lines", () => {
  it("are the newest hundred, oldest first, by one page, and a note says that there are more", async () => {
    const log = logOf(...upTo(300, 1_000));
    const stage = await logStage(log, 300_000);
    expect(await stage.run("logs psd/api")).toBe(0);
    expect(printed(stage)).toEqual(numbers(200, 300));
    expect(stage.err).toBe("note: the newest 100 lines; --tail=-1 shows all there are\n");
    expect(log.asked).toBe(1);
  });

  it("are as many as --tail asks for, over pages, and then no note", async () => {
    for (const [flag, from] of [
      ["--tail 5", 295],
      ["--tail=250", 50],
      ["--tail=0", 300],
      ["--tail=-1", 0],
      ["--tail -1", 0],
      ["--tail=300", 0],
    ] as const) {
      const stage = await logStage(logOf(...upTo(300, 1_000)), 300_000);
      expect(await stage.run(`logs psd/api ${flag}`)).toBe(0);
      expect([printed(stage), stage.err]).toEqual([numbers(from, 300), ""]);
    }
  });

  it("with --since are all since then, and no page is read beyond", async () => {
    const log = logOf(...upTo(600, 1_000));
    const stage = await logStage(log, 600_000);
    expect(await stage.run("logs psd/api --since 5m")).toBe(0);
    expect(printed(stage)).toEqual(numbers(300, 600));
    expect(log.asked).toBe(3);
  });

  it("--since takes a time too, in any zone, and --tail counts within it", async () => {
    const stage = await logStage(logOf(...upTo(20, 1_000)), 20_000);
    expect(await stage.run("logs psd/api --since 2026-01-31T09:00:10+01:00")).toBe(0);
    expect(printed(stage)).toEqual(numbers(10, 20));
    stage.out = "";
    expect(await stage.run("logs psd/api --since 2026-01-31T08:00:10Z --tail 3")).toBe(0);
    expect(printed(stage)).toEqual(numbers(17, 20));
  });

  it("are none where there are none, without an error", async () => {
    const stage = await logStage(new FakeLog(), 0);
    expect(await stage.run("logs psd/api")).toBe(0);
    expect([stage.out, stage.err]).toEqual(["", ""]);
  });
});

describe("how a line looks", () => {
  const log = new FakeLog();
  log.add(0, { instanceId: "i-1", message: "one\n" });
  log.add(1, { instanceId: "i-2", message: "two\nlines\r\n" });
  log.add(2, { message: "nobody's" });
  log.add(3, { instanceId: "i-2", message: null });

  it("has its instance before it where there are several, and its time where that is wanted", async () => {
    const stage = await logStage(log, MINUTE);
    await stage.run("logs psd/api --timestamps");
    expect(printed(stage)).toEqual([
      `[i-1] ${time(0)} one`,
      `[i-2] ${time(1)} two`,
      `[i-2] ${time(1)} lines`,
      `[?] ${time(2)} nobody's`,
      `[i-2] ${time(3)} `,
    ]);
  });

  it("of one instance alone has none, and the API is asked for no others", async () => {
    const stage = await logStage(log, MINUTE);
    await stage.run("logs psd/api --instance i-2");
    expect(printed(stage)).toEqual(["two", "lines", ""]);
    expect(stage.asked.at(-1)?.query).toMatchObject({ instanceId: "i-2", order: "desc" });
  });

  it("cannot steer a terminal, and reaches a pipe as the application wrote it", async () => {
    const wild = new FakeLog();
    wild.add(0, { message: "\x1b]0;evil\x07\x1b[2J\x1b[32mok\x1b[0m\t1%\r2%\x9b3A", instanceId: "i\x1b[2J" });
    wild.add(1, { instanceId: "i-2", message: "" });
    const terminal = await logStage(wild, MINUTE, { terminal: true });
    await terminal.run("logs psd/api");
    expect(terminal.out).toBe("[i] \x1b[32mok\x1b[0m\t1%\x1b[0m\n[i] 2%\n[i-2] \n");
    const pipe = await logStage(wild, MINUTE);
    await pipe.run("logs psd/api");
    expect(pipe.out).toContain("\x1b]0;evil\x07\x1b[2J\x1b[32mok\x1b[0m\t1%\r2%\x9b3A\n");
  });
});

describe("--follow", () => {
  it("goes on every three seconds, prints what is new, and ends with 0 at Ctrl-C", async () => {
    const log = logOf(0, 1_000);
    const stage = await logStage(log, 1_000);
    const run = stage.run("logs psd/api -f");
    await stage.clock.settle();
    expect(printed(stage)).toEqual(numbers(0, 2));
    log.add(2_000);
    await stage.clock.advance(2_999);
    expect(printed(stage)).toEqual(numbers(0, 2));
    await stage.clock.advance(1);
    expect(printed(stage)).toEqual(numbers(0, 3));
    await stage.clock.advance(30_000);
    expect(printed(stage)).toEqual(numbers(0, 3));
    stage.stop.abort(new Error("SIGINT"));
    expect(await run).toBe(0);
    expect([stage.err, stage.clock.pending]).toEqual(["", 0]);
  });

  it("begins with what --tail or --since says, and never shows later what that left out", async () => {
    for (const flag of ["--tail 2", "--since 300ms"]) {
      // All within a second, so that the times alone tell nothing.
      const log = logOf(...upTo(10, 100));
      const stage = await logStage(log, 1_100);
      const run = stage.run(`logs psd/api -f ${flag}`);
      await stage.clock.advance(3_000);
      log.add(1_050);
      await stage.clock.advance(3_000);
      expect(printed(stage)).toEqual(numbers(8, 11));
      stage.stop.abort();
      await run;
    }
  });

  it("shows also the very first lines of a log that was empty", async () => {
    const log = new FakeLog();
    const stage = await logStage(log, 0);
    const run = stage.run("logs psd/api -f");
    await stage.clock.advance(3_000);
    for (let i = 0; i < 200; i++) log.add(1_000);
    await stage.clock.advance(3_000);
    expect(printed(stage)).toEqual(numbers(0, 200));
    stage.stop.abort();
    await run;
  });

  it("begins to name instances once a second one speaks", async () => {
    const log = new FakeLog();
    log.add(0, { instanceId: "i-1" });
    const stage = await logStage(log, 0);
    const run = stage.run("logs psd/api -f");
    await stage.clock.settle();
    log.add(100, { instanceId: "i-2" });
    await stage.clock.advance(3_000);
    expect(printed(stage)).toEqual(["line 0", "[i-2] line 1"]);
    stage.stop.abort();
    await run;
  });

  it("survives reads that fail, says so once, and shows afterwards what it missed, also of a half-read poll", async () => {
    const log = logOf(0);
    const stage = await logStage(log, 0);
    const run = stage.run("logs psd/api -f");
    await stage.clock.settle();
    for (let i = 0; i < 300; i++) log.add(1_000);
    // The first page comes, the second never.
    const before = log.asked;
    log.broken = (nth) => (nth === before + 1 ? undefined : 503);
    await stage.clock.advance(60_000);
    expect(printed(stage)).toEqual(numbers(0, 1));
    expect(stage.err.match(/note: .*503.*; trying again\n/g)).toHaveLength(1);
    log.broken = () => undefined;
    await stage.clock.advance(10_000);
    expect(printed(stage)).toEqual(numbers(0, 301));
    expect(stage.err).toMatch(/note: the log can be read again\n$/);
    stage.stop.abort();
    expect(await run).toBe(0);
  });

  it("ends with an error where asking again cannot help: the deployment is gone, the key is refused", async () => {
    for (const status of [404, 401]) {
      const log = logOf(0);
      const stage = await logStage(log, 0);
      const run = stage.run("logs psd/api -f");
      await stage.clock.settle();
      log.broken = () => status;
      await stage.clock.advance(3_000);
      expect(await run).toBe(1);
      expect(stage.err).toContain(`refused ${status}`);
    }
  });

  it("ends with 0 at Ctrl-C also before the first line has come", async () => {
    const stage = await logStage(logOf(0), 0);
    stage.kube.intercept = () => ({ fail: "hang" });
    const run = stage.run("logs psd/api -f");
    await stage.clock.settle();
    stage.stop.abort(new Error("SIGINT"));
    expect(await run).toBe(0);
    const other = await logStage(logOf(0), 0);
    other.kube.intercept = () => ({ fail: "hang" });
    const plain = other.run("logs psd/api");
    await other.clock.settle();
    other.stop.abort(new Error("SIGINT"));
    expect([await plain, other.err]).toEqual([130, ""]);
  });
});
