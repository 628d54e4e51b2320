#!/usr/bin/env node
/** Where kubectl asks for completions of `kubectl paperspace`, whatever the shell (kubectl 1.26 and newer). */
process.argv.splice(2, 0, "__complete");
import("./kubectl-paperspace.js");
