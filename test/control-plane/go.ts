/** A `go` that compiles everything into a script which prints the package it was made from. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Writes an executable shell script; returns its path. */
export function script(path: string, body: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  return path;
}

/** Puts a `go` into `dir`; returns a PATH with `dir` first. `body` has the output in $out, the package in $pkg. */
export function fakeGo(
  dir: string,
  body = 'printf "#!/bin/sh\\necho $pkg\\n" > "$out"; chmod +x "$out"',
  version = "go1.99.0",
): string {
  const loop = 'while [ $# -gt 1 ]; do [ "$1" = -o ] && out=$2; shift; done; pkg=$1';
  script(join(dir, "go"), `[ "$1" = env ] && { echo ${version}; exit; }\n${loop}\n${body}`);
  return `${dir}:/usr/bin:/bin`;
}
