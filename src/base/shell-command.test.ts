import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { shellCommand, shellWord } from "./shell-command.ts";

const HOSTILE = [
  "x; touch /tmp/x",
  "$(id)",
  "`id`",
  "a b",
  "'",
  '"',
  "~",
  "-n",
  "a\nb",
  "<a",
  "a|b",
  "",
  "*",
  "!!",
  "\u202ea",
];

it("holds a value that has the form of what it stands for", () => {
  const command = shellCommand`kubectl -n ${{ namespace: "team-a" }} get psm ${{ name: "a.b-1" }} ${{ uid: "0b7e-3d" }}`;
  expect(command).toBe("kubectl -n team-a get psm a.b-1 0b7e-3d");
  expect(shellCommand`x=${{ id: "ps_1.a" }}@${{ key: "apiKey" }}`).toBe("x=ps_1.a@apiKey");
});

it.each(HOSTILE)("holds a quoted placeholder in place of %j", (text) => {
  for (const kind of ["name", "namespace", "key", "id", "uid"] as const)
    expect(shellWord({ [kind]: text })).toBe(`'<${kind}>'`);
});

it("is to a shell what it is to the reader: as many words, and nothing runs", () => {
  const words = HOSTILE.map((id) => shellWord({ id }));
  const printed = execFileSync("sh", ["-c", `printf '%s\n' ${words.join(" ")}`], { encoding: "utf8" });
  expect(printed).toBe("<id>\n".repeat(HOSTILE.length));
});
