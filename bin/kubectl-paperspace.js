#!/usr/bin/env node
/**
 * Where kubectl finds the plugin. Plain JavaScript of an old dialect, so that a Node that cannot run the rest can at
 * least say so; everything else begins in src/plugin/main.ts.
 */
const needed = 24;
const major = Number(process.versions.node.split(".")[0]);

if (major < needed) {
  process.stderr.write(
    `error: kubectl paperspace needs Node ${needed} or newer, and this is Node ${process.versions.node}\n`,
  );
  process.exitCode = 1;
} else {
  import("../src/plugin/main.ts");
}
