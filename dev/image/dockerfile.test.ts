import { expect, test } from "vitest";
import { ignoring, parseDockerfile, words } from "./dockerfile.ts";

test("stages, flags, continued lines and defaults are read as docker reads them", () => {
  const { args, stages } = parseDockerfile(
    [
      "# a comment",
      "ARG BASE=node:24@sha256:abc",
      `FROM \${BASE} AS build`,
      "RUN one \\",
      "# a comment in between",
      " && two",
      "FROM scratch",
      "COPY --from=build --chown=0:0 /a /b ./",
    ].join("\n"),
  );
  expect(args).toEqual({ BASE: "node:24@sha256:abc" });
  expect(stages.map(({ image, name }) => [image, name])).toEqual([
    ["node:24@sha256:abc", "build"],
    ["scratch", "1"],
  ]);
  expect(stages[0]?.instructions).toEqual([{ name: "RUN", flags: {}, text: "one && two" }]);
  expect(stages[1]?.instructions[0]).toEqual({
    name: "COPY",
    flags: { from: "build", chown: "0:0" },
    text: "/a /b ./",
  });
  expect(words('["a", "b c"]')).toEqual(["a", "b c"]);
});

test("an undeclared argument is an error, because docker would put nothing in its place", () => {
  expect(() => parseDockerfile(`FROM \${NOTHING}`)).toThrow("there is no argument NOTHING");
});

test("of a .dockerignore the last line that fits decides, a folder stands for its content, and a star takes dots", () => {
  const ignored = ignoring("*\n!src\n**/*.test.ts\nsrc/plugin\n");
  const kept = ["src", "src/main.ts", "src/a/b.ts", "src/plugins.ts"];
  const out = [".env", ".git/config", "dev/src/a.ts", "src/a/b.test.ts", "src/plugin/main.ts", "a.ts"];
  expect(kept.filter(ignored)).toEqual([]);
  expect(out.filter(ignored)).toEqual(out);
});
